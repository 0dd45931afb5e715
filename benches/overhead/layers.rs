//! A whole send over a provider that does nothing.

use async_trait::async_trait;
use tidings::{
    CallContext, Capabilities, Email, Features, Messenger, Outgoing, Provider, Receipt, Result, Vendor,
};

use crate::measure::{median, per_item, runtime};

const MESSAGES: usize = 20_000;

#[derive(Debug)]
struct Nothing;

impl Vendor for Nothing {
    fn name(&self) -> &str {
        "nothing"
    }
}

#[async_trait]
impl Provider<Email> for Nothing {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("nothing", Features::ALL)
    }

    async fn send(&self, _: &CallContext, item: Outgoing<'_, Email>) -> Result<Receipt> {
        Ok(Receipt::accepted(item.message().to.len(), None))
    }
}

pub(crate) fn bench() -> f64 {
    let runtime = runtime();
    let messenger = Messenger::builder().email(Nothing).build().expect("valid");
    let email =
        Email::builder().from("a@example.org").to("b@example.org").text("Hello").build().expect("valid");
    let round = || {
        let emails: Vec<Email> = (0..MESSAGES).map(|_| email.clone()).collect();
        per_item(MESSAGES, || {
            runtime.block_on(async {
                for email in emails {
                    messenger.send(email).await.expect("nothing fails");
                }
            });
        })
    };
    round();
    let micros = median((0..15).map(|_| round()).collect());
    let one = email.clone();
    let counted = allocation_counter::measure(|| {
        runtime.block_on(async { messenger.send(one).await }).expect("nothing fails");
    });
    println!(
        "layers: {micros:.3} us a send with admission, all layers and both records; {} allocations of {} bytes",
        counted.count_total, counted.bytes_total
    );
    micros
}
