//! What is sent, and the vendor that does nothing.

use async_trait::async_trait;
use tidings::{CallContext, Capabilities, Email, Features, Outgoing, Provider, Receipt, Result, Vendor};

/// The octets of a message as it is stored.
pub(crate) const OCTETS: usize = 1_024;

/// The name of the vendor that does nothing.
pub(crate) const VENDOR: &str = "nothing";

/// Takes everything at once and remembers nothing.
#[derive(Clone, Debug)]
pub(crate) struct Nothing;

impl Vendor for Nothing {
    fn name(&self) -> &str {
        VENDOR
    }
}

#[async_trait]
impl Provider<Email> for Nothing {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new(VENDOR, Features::ALL)
    }

    async fn send(&self, _: &CallContext, item: Outgoing<'_, Email>) -> Result<Receipt> {
        Ok(Receipt::accepted(item.message().to.len(), None))
    }
}

/// A message whose stored form has [`OCTETS`] octets, as good as exactly.
pub(crate) fn email() -> Email {
    let email = |text: &str| {
        let builder = Email::builder().from("Shop <shop@example.org>").to("ada@example.org");
        builder.subject("Your order 1815 is on its way").text(text).build().expect("valid")
    };
    let bare = stored(&email("x")).len();
    email(&"x".repeat(OCTETS + 1 - bare))
}

/// The bytes that are stored of it.
pub(crate) fn stored(email: &Email) -> Vec<u8> {
    let payload = tidings::message::Payload::encode(&email.clone().into()).expect("JSON");
    payload.bytes.to_vec()
}
