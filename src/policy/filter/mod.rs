//! What may not be said or attached, whoever says it: filters that look at a message before it is recorded.
//!
//! A filter is configured by [`MessengerBuilder::content_filter`](crate::MessengerBuilder::content_filter) and asked at
//! admission, with defaults and means to unsubscribe filled in: on every way that a message is sent, enqueued or
//! prepared. It fails closed: whatever error it answers, the message is refused.
//!
//! Filters are pure, so that admission is: one that asks a server is no filter of this kind.

mod files;
mod hosts;

use std::fmt::Debug;

pub use self::{files::FileTypes, hosts::BlockedHosts};
use crate::{
    error::{Error, ErrorKind, Result},
    id::TenantId,
    message::AnyMessage,
};

/// Looks at messages before they are recorded.
///
/// # Contract
/// - Pure and quick: no I/O, and the same answer for the same message.
/// - An error refuses the message; its text is for logs and names what was found, in few words.
///
/// ```
/// use tidings::{AnyMessage, Error, ErrorKind, Messenger, Result, Sms, TenantId, policy::ContentFilter, providers::preview::Preview};
///
/// #[derive(Debug)]
/// struct NoShouting;
///
/// impl ContentFilter for NoShouting {
///     fn name(&self) -> &str {
///         "no-shouting"
///     }
///
///     fn inspect(&self, _: &TenantId, message: &AnyMessage) -> Result<()> {
///         match message {
///             AnyMessage::Sms(sms) if sms.body.contains("!!!") => Err(Error::invalid("body", "three exclamation marks")),
///             _ => Ok(()),
///         }
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let messenger = Messenger::builder().sms(Preview::silent()).content_filter(NoShouting).build()?;
/// let error = messenger.send(Sms::builder().to("+15005550006").body("Buy!!!").build()?).await.unwrap_err();
/// assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, Some("content_filter")));
/// # Ok::<(), Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ContentFilter: Debug + Send + Sync + 'static {
    /// What the error calls it.
    fn name(&self) -> &str;

    /// Refuses what may not be sent.
    ///
    /// # Errors
    /// If the message may not be sent, or the filter cannot tell.
    fn inspect(&self, tenant: &TenantId, message: &AnyMessage) -> Result<()>;
}

/// The refusal of a message, for whatever reason the filter gives.
pub(crate) fn refusal(filter: &dyn ContentFilter, why: Error) -> Error {
    let text = format!("the content filter {} refuses it: {}", filter.name(), why.message());
    let refused = Error::new(ErrorKind::Refused, text).with_code("content_filter");
    match why.field().map(str::to_owned) {
        Some(field) => refused.with_field(field).with_source(why),
        None => refused.with_source(why),
    }
}
