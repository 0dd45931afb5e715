//! What `send` and `send_batch` return: requests to be awaited.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
};

use super::{
    Messenger,
    dispatch::{dispatch, dispatch_batch},
    options::{Options, option_methods},
    sent::Sent,
};
use crate::{
    error::Result,
    message::{AnyMessage, Priority, on_any},
    provider::OnUnknown,
    time::Timestamp,
};

/// A future that can be spawned, joined and timed out.
pub(super) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// One message about to be sent: set options, then await it.
///
/// ```
/// # async fn f(messenger: tidings::Messenger, sms: tidings::Sms) -> tidings::Result<()> {
/// let sent = messenger.send(sms).key("order-17").category("receipt").await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "nothing is sent until the request is awaited"]
pub struct SendRequest {
    pub(super) messenger: Messenger,
    pub(super) message: AnyMessage,
    pub(super) options: Options,
}

impl SendRequest {
    /// The idempotency key: every attempt carries it to vendors that know such
    /// keys. The message's id if not set.
    pub fn key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.options.key = Some(key.into());
        self
    }

    option_methods!(options);
}

impl IntoFuture for SendRequest {
    type Output = Result<Sent>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { messenger, message, options } = self;
        on_any!(message, message => Box::pin(dispatch(messenger, Box::new(message), Box::new(options))))
    }
}

/// Several messages about to be sent, of any channels: set options, then await it.
///
/// The answers come in the order of the messages, one for each.
#[derive(Debug)]
#[must_use = "nothing is sent until the request is awaited"]
pub struct BatchRequest {
    pub(super) messenger: Messenger,
    pub(super) messages: Vec<AnyMessage>,
    pub(super) options: Options,
}

impl BatchRequest {
    option_methods!(options);
}

impl IntoFuture for BatchRequest {
    type Output = Vec<Result<Sent>>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(dispatch_batch(self.messenger, self.messages, self.options))
    }
}
