//! The provider of the suite: hands messages over to the parent, as a vendor's would to the vendor.

use std::sync::Arc;

use async_trait::async_trait;
use tidings::{
    CallContext, Capabilities, Clock, Email, Error, ErrorKind, Features, Outgoing, Provider, Receipt, Result,
    Vendor,
};

use super::line::Mouth;
use crate::fact::{Hand, Point};

/// Hands over to the parent.
#[derive(Debug)]
pub(crate) struct SinkVendor {
    pub(crate) mouth: Arc<Mouth>,
    /// The clock of its machine.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Vendor for SinkVendor {
    fn name(&self) -> &str {
        "sink"
    }
}

#[async_trait]
impl Provider<Email> for SinkVendor {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("sink", Features::ALL)
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Email>) -> Result<Receipt> {
        let subject = &item.message().subject;
        let (number, poison) = subject.split_once(' ').unwrap_or((subject, ""));
        let number =
            number.parse().map_err(|_| Error::invalid("subject", "expected the message's number"))?;
        let (id, key, message_id) = (item.id(), item.key().to_owned(), item.message_id());
        self.mouth.pass_blocked(Point::Handing);
        let (clock, told) = (self.clock.now().as_micros(), cx.clock().now().as_micros());
        let hand = Hand { number, id, key, message_id, attempt: item.attempt(), clock, told, took: false };
        act_on(poison).await;
        if !self.mouth.hand(hand).await {
            return Err(Error::new(ErrorKind::Unavailable, "the vendor is down"));
        }
        self.mouth.pass(Point::Handed).await;
        Ok(Receipt::accepted(item.message().recipients().count(), None))
    }
}

/// What a poisoned message does to its provider.
async fn act_on(poison: &str) {
    match poison {
        "aborts" => std::process::abort(),
        "hangs" => std::future::pending().await,
        "panics" => panic!("a poisoned message"),
        _ => {}
    }
}
