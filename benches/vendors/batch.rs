//! 10,000 messages as a batch over 10,000 single sends, through SendGrid and Postmark.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tidings::{
    Email, Messenger,
    http::{HttpRequest, HttpResponse, HttpTransport},
    providers::{postmark::PostmarkConfig, sendgrid::SendGridConfig},
};

use crate::{
    measure::{per_item, ratio, runtime, side_by_side},
    sink::{Sink, answer},
};

const MESSAGES: usize = 10_000;
const WIDTH: usize = 64;
const ROUNDS: usize = 9;

/// What all readers get: thousands of messages share it by reference.
fn shared() -> Email {
    let text =
        "Hello,\n\nour warehouse has moved, and from now on orders leave on the same day.\n".repeat(12);
    let html = "<p>Hello,</p><p>our warehouse has moved, and from now on orders leave on the same day.</p>"
        .repeat(12);
    let email = Email::builder().from("Shop <shop@example.org>").to("nobody@example.org").subject("We moved");
    email.text(text).html(html).build().expect("valid")
}

fn email(shared: &Email, index: usize) -> Email {
    let mut email = shared.clone();
    email.to = vec![format!("user{index}@example.org").parse().expect("an address")];
    email
}

fn emails() -> Vec<Email> {
    let shared = shared();
    (0..MESSAGES).map(|index| email(&shared, index)).collect()
}

/// A messenger of one vendor, over this transport or the usual one.
type Vendor = (&'static str, fn(&str, Option<Counting>) -> Messenger);

const VENDORS: [Vendor; 2] = [
    ("SendGrid", |base, http| {
        let vendor = SendGridConfig::new("SG.0123456789").base_url(base).build();
        built(Messenger::builder().email(vendor), http)
    }),
    ("Postmark", |base, http| {
        let vendor = PostmarkConfig::new("0123456789").base_url(base).build();
        built(Messenger::builder().email(vendor), http)
    }),
];

fn built(builder: tidings::messenger::MessengerBuilder, http: Option<Counting>) -> Messenger {
    match http {
        Some(http) => builder.http(http).build().expect("valid"),
        None => builder.build().expect("valid"),
    }
}

/// Counts requests and answers them itself.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicUsize>);

#[async_trait]
impl HttpTransport for Counting {
    async fn send(&self, request: HttpRequest, _: Option<Duration>) -> tidings::Result<HttpResponse> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let (status, body) = answer(request.uri().path(), request.body());
        let answer = http::Response::builder().status(status).header("x-message-id", "14c5d75ce93");
        Ok(answer.body(body.into()).expect("an answer"))
    }
}

/// Requests of a batch over those of single sends, of the worse vendor.
pub(crate) fn requests() -> f64 {
    let runtime = runtime();
    let of = |(name, messenger): &Vendor| {
        let count = Counting::default();
        let messenger = messenger("https://api.example.org", Some(count.clone()));
        let sent = runtime.block_on(async { messenger.send_batch(emails()).await });
        assert!(sent.len() == MESSAGES && sent.iter().all(|sent| sent.is_ok()), "{name} lost some");
        let requests = count.0.swap(0, Ordering::Relaxed);
        println!("{name}: {requests} requests for {MESSAGES} messages in a batch, {MESSAGES} one by one");
        requests as f64 / MESSAGES as f64
    };
    VENDORS.iter().map(of).fold(0.0, f64::max)
}

/// CPU time of a batch over that of single sends, of the worse vendor.
pub(crate) fn cpu() -> f64 {
    let runtime = runtime();
    let sink = Sink::start();
    let of = |(name, messenger): &Vendor| {
        let messenger = messenger(&sink.base, None);
        let batch = || {
            per_item(MESSAGES, || {
                let sent = runtime.block_on(async { messenger.send_batch(emails()).await });
                assert!(
                    sent.iter().all(|sent| sent.is_ok()),
                    "{name}: {:?}",
                    sent.iter().find(|s| s.is_err())
                );
            })
        };
        let single = || {
            let (messenger, shared) = (messenger.clone(), Arc::new(shared()));
            per_item(MESSAGES, || {
                runtime.block_on(side_by_side(MESSAGES, WIDTH, move |index| {
                    let (messenger, shared) = (messenger.clone(), Arc::clone(&shared));
                    async move {
                        messenger.send(email(&shared, index)).await.expect("the sink takes everything");
                    }
                }));
            })
        };
        ratio(
            &format!("{name}, a batch (here: tidings) over single sends (here: by hand)"),
            ROUNDS,
            batch,
            single,
        )
    };
    VENDORS.iter().map(of).fold(0.0, f64::max)
}
