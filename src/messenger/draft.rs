//! A message with the caller's options: what `enqueue` takes.

use std::sync::Arc;

use super::options::{Options, option_methods, queue_option_methods};
use crate::{
    event::OnUnknown,
    message::{AnyMessage, Chat, Email, Priority, Push, Sms, WhatsApp},
    time::Timestamp,
};

/// A message and how to treat it, for lists and streams in which each has options of its own.
///
/// Every message is one without options.
///
/// ```
/// use tidings::{Draft, Sms};
///
/// let sms = Sms::builder().to("+15005550006").body("Order 17 arrives today.").build()?;
/// let draft = Draft::new(sms).key("order-17").category("order-update");
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a draft is only a value: enqueue it"]
pub struct Draft {
    pub(crate) message: AnyMessage,
    pub(crate) options: Options,
}

impl Draft {
    /// A message without options.
    pub fn new(message: impl Into<AnyMessage>) -> Self {
        Self { message: message.into(), options: Options::default() }
    }

    queue_option_methods!(options);

    option_methods!(options);
}

macro_rules! from_messages {
    ($($message:ident),*) => {$(
        impl From<$message> for Draft {
            fn from(message: $message) -> Self {
                Self::new(message)
            }
        }
    )*};
}

from_messages!(AnyMessage, Chat, Email, Push, Sms, WhatsApp);
