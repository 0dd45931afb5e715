//! `messenger.send` through SendGrid over a loop of reqwest.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tidings::{Defaults, Email, Messenger, providers::sendgrid::SendGridConfig};

use crate::{
    measure::{per_item, ratio, runtime, side_by_side},
    sinks::Sink,
};

const MESSAGES: usize = 4_000;
const WIDTH: usize = 64;
const SUBJECT: &str = "Your order A-10023 is on its way";
const TEXT: &str =
    "Hello Ada,\n\nyour order left our warehouse today and will be with you within three days.\n";
const HTML: &str =
    "<p>Hello Ada,</p><p>your order left our warehouse today and will be with you within three days.</p>";

pub(crate) fn bench() -> f64 {
    let sink = Sink::start("http");
    let base = format!("http://127.0.0.1:{}", sink.port);
    let runtime = runtime();
    let messenger = messenger(&base);
    let by_hand = Arc::new(ByHand::new(&base));
    let ours = || {
        let messenger = messenger.clone();
        per_item(MESSAGES, || {
            runtime.block_on(side_by_side(MESSAGES, WIDTH, move |index| {
                let messenger = messenger.clone();
                async move {
                    messenger.send(email(index)).await.expect("the sink takes everything");
                }
            }));
        })
    };
    let theirs = || {
        let by_hand = Arc::clone(&by_hand);
        per_item(MESSAGES, || {
            runtime.block_on(side_by_side(MESSAGES, WIDTH, move |index| {
                let by_hand = Arc::clone(&by_hand);
                async move { by_hand.send(index).await }
            }));
        })
    };
    ratio("http through SendGrid, 64 at once", 21, ours, theirs)
}

fn messenger(base: &str) -> Messenger {
    let vendor = SendGridConfig::new("SG.0123456789").base_url(base).build();
    let defaults = Defaults::new().email("Shop <shop@example.org>");
    Messenger::builder().email(vendor).defaults(defaults).build().expect("valid")
}

fn email(index: usize) -> Email {
    Email::builder()
        .to(format!("user{index}@example.org"))
        .subject(SUBJECT)
        .text(TEXT)
        .html(HTML)
        .build()
        .expect("valid")
}

/// What a careful application would write without the crate: time-outs, a cap on the answer, the vendor's id.
struct ByHand {
    client: reqwest::Client,
    url: String,
}

#[derive(Serialize)]
struct Mail<'a> {
    personalizations: [Personalization<'a>; 1],
    from: Address<'a>,
    subject: &'a str,
    content: [Content<'a>; 2],
    headers: Headers<'a>,
}

#[derive(Serialize)]
struct Personalization<'a> {
    to: [Address<'a>; 1],
    custom_args: Args<'a>,
}

#[derive(Serialize)]
struct Args<'a> {
    tidings: &'a str,
}

#[derive(Serialize)]
struct Address<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct Content<'a> {
    r#type: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct Headers<'a> {
    #[serde(rename = "Message-ID")]
    message_id: &'a str,
}

impl ByHand {
    fn new(base: &str) -> Self {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(30))
            .build()
            .expect("a client");
        Self { client, url: format!("{base}/v3/mail/send") }
    }

    async fn send(&self, index: usize) {
        let to = format!("user{index}@example.org");
        // As long as what the provider writes there; making it up costs nothing here.
        let mail = Mail {
            personalizations: [Personalization {
                to: [Address { email: &to, name: None }],
                custom_args: Args {
                    tidings: "0199f5a8-0000-7000-8000-000000000000.0.0.0123456789abcdef0123456789abcdef",
                },
            }],
            from: Address { email: "shop@example.org", name: Some("Shop") },
            subject: SUBJECT,
            content: [
                Content { r#type: "text/plain", value: TEXT },
                Content { r#type: "text/html", value: HTML },
            ],
            headers: Headers { message_id: "<0199f5a8-0000-7000-8000-000000000000.0@example.org>" },
        };
        let request = self
            .client
            .post(&self.url)
            .header("Content-Type", "application/json")
            .bearer_auth("SG.0123456789")
            .body(serde_json::to_vec(&mail).expect("plain data"));
        let mut answer = request.send().await.expect("the sink takes everything");
        let mut read = 0;
        while let Some(chunk) = answer.chunk().await.expect("a body") {
            read += chunk.len();
            assert!(read <= 64 * 1024, "a body longer than 64 KiB");
        }
        assert_eq!(answer.status().as_u16(), 202);
        std::hint::black_box(answer.headers().get("x-message-id").cloned());
    }
}
