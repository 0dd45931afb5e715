//! Calls that come back from a vendor: verified first, then read.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::{
    address::{ChatId, PhoneNumber},
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::EventKind,
    http::HttpResponse,
    id::{DeliveryId, MessageId},
    message::{Channel, Location},
    provider::Vendor,
    time::Timestamp,
};

/// A vendor's call as it came in.
#[derive(Clone)]
#[non_exhaustive]
pub struct RawRequest {
    /// The method.
    pub method: Method,
    /// The URL that the vendor was told to call, with the query that it did
    /// call. From configuration: never made of the Host header, which anybody can set.
    pub url: Arc<str>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub body: Bytes,
    /// When it came in.
    pub received: Timestamp,
}

impl RawRequest {
    /// A call of `method` to the configured `url`.
    pub fn new(
        method: Method,
        url: impl Into<Arc<str>>,
        headers: HeaderMap,
        body: impl Into<Bytes>,
        received: Timestamp,
    ) -> Self {
        Self { method, url: url.into(), headers, body: body.into(), received }
    }

    /// The text of a header that occurs once.
    ///
    /// # Errors
    /// Of kind `auth` if it is missing, occurs twice, or is no text.
    pub fn header(&self, name: &'static str) -> Result<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(Error::new(
                ErrorKind::Auth,
                format!("the webhook needs the header {name}, once, as text"),
            )),
        }
    }
}

impl fmt::Debug for RawRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawRequest({} of {} bytes at {})", self.method, self.body.len(), self.received)
    }
}

/// A call whose signature a vendor's folder has found good.
#[derive(Clone, Debug)]
pub struct Verified {
    request: RawRequest,
}

impl Verified {
    /// Says that `request` is from the vendor. Only for implementations of
    /// [`Webhook::verify`], after they have checked the signature.
    pub fn trust(request: &RawRequest) -> Self {
        Self { request: request.clone() }
    }

    /// The request.
    pub fn request(&self) -> &RawRequest {
        &self.request
    }
}

/// A vendor that calls back.
///
/// # Contract
/// - `verify` compares in constant time, checks the age of what carries a time,
///   and answers every fault with kind `auth`.
/// - `parse` takes what it knows and skips what it does not; one bad entry does not lose the others.
/// - Neither panics on any input.
#[async_trait]
pub trait Webhook: Vendor {
    /// Checks that the vendor made this call.
    ///
    /// # Errors
    /// Of kind `auth` if it did not, or if that cannot be told.
    async fn verify(&self, cx: &CallContext, request: &RawRequest) -> Result<Verified>;

    /// Reads what the call says.
    ///
    /// # Errors
    /// Of kind `protocol` if the body cannot be read at all.
    fn parse(&self, verified: &Verified) -> Result<Vec<Inbound>>;

    /// What the vendor is to be answered. Most want status 200 and nothing else; some ask for an
    /// echo before they call at all, or for an acknowledgement in the body.
    fn answer(&self, verified: &Verified) -> HttpResponse {
        let _ = verified;
        HttpResponse::default()
    }
}

/// What a vendor told us.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Inbound {
    /// Somebody wrote in a chat, or pressed a button there.
    Chat(ChatReply),
    /// Something happened to a delivery.
    Event(VendorEvent),
    /// Somebody wrote to us.
    Reply(Reply),
}

/// How a vendor's event finds its delivery.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Correlation {
    /// The vendor echoed what we gave it.
    Delivery(DeliveryId),
    /// The vendor echoed the message, and names the recipient by address.
    Message {
        /// The message.
        id: MessageId,
        /// The recipient's address as the vendor writes it.
        recipient: Arc<str>,
    },
    /// By the vendor's id of the message, and the recipient's address if the id stands for several.
    VendorId {
        /// The vendor's id.
        id: Arc<str>,
        /// The recipient's address as the vendor writes it.
        recipient: Option<Arc<str>>,
    },
}

/// Something that happened to a delivery, as a vendor tells it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VendorEvent {
    /// Which delivery.
    pub correlation: Correlation,
    /// Which replay of it, where the vendor echoed that; otherwise the one that its id belongs to.
    pub generation: Option<u32>,
    /// What happened.
    pub kind: EventKind,
    /// When, by the vendor's clock or that of receipt.
    pub at: Timestamp,
    /// The vendor's id of this event; stable when the vendor repeats it.
    pub source: Arc<str>,
    /// The vendor's id of the message.
    pub vendor_id: Option<Arc<str>>,
    /// The vendor's code.
    pub code: Option<Arc<str>>,
    /// Why, in the vendor's words.
    pub text: Option<Arc<str>>,
}

impl VendorEvent {
    /// An event without details.
    pub fn new(
        correlation: Correlation,
        kind: EventKind,
        at: Timestamp,
        source: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            correlation,
            generation: None,
            kind,
            at,
            source: source.into(),
            vendor_id: None,
            code: None,
            text: None,
        }
    }
}

/// A message that somebody wrote to us.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reply {
    /// The channel.
    pub channel: Channel,
    /// Who wrote.
    pub from: PhoneNumber,
    /// The number of ours that they wrote to, as the vendor names it.
    pub to: Arc<str>,
    /// The words.
    pub text: Arc<str>,
    /// Links to pictures and the like, or the vendor's ids of them, as the vendor gives them.
    pub media: Vec<Arc<str>>,
    /// What the button or row answers with that was chosen; its label is in `text`.
    pub choice: Option<Arc<str>>,
    /// The point on the map that was sent.
    pub location: Option<Location>,
    /// The name that the writer gave himself.
    pub profile: Option<Arc<str>>,
    /// The vendor's id of the message that this one answers, often one of ours.
    pub reply_to: Option<Arc<str>>,
    /// The vendor's id of the message.
    pub vendor_id: Arc<str>,
    /// When it came in.
    pub at: Timestamp,
}

impl Reply {
    /// A message of words.
    pub fn new(
        channel: Channel,
        from: PhoneNumber,
        to: impl Into<Arc<str>>,
        text: impl Into<Arc<str>>,
        vendor_id: impl Into<Arc<str>>,
        at: Timestamp,
    ) -> Self {
        Self {
            channel,
            from,
            to: to.into(),
            text: text.into(),
            media: Vec::new(),
            choice: None,
            location: None,
            profile: None,
            reply_to: None,
            vendor_id: vendor_id.into(),
            at,
        }
    }
}

/// What somebody wrote in a chat, or which button they pressed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChatReply {
    /// The chat.
    pub chat: ChatId,
    /// The vendor's id of who wrote.
    pub from: Arc<str>,
    /// The words, marked up as the vendor does.
    pub text: Arc<str>,
    /// What the pressed button stands for, if one was pressed.
    pub answer: Option<Arc<str>>,
    /// Links to media, or the vendor's ids of them where it gives no links.
    pub media: Vec<Arc<str>>,
    /// The vendor's id of the thread within the chat.
    pub thread: Option<Arc<str>>,
    /// The vendor's id of the message that this one answers.
    pub reply_to: Option<Arc<str>>,
    /// The vendor's id of the message, written as receipts write it; of a pressed button the message above it.
    pub vendor_id: Arc<str>,
    /// The vendor's id of this call's news; stable when the vendor repeats it.
    pub source: Arc<str>,
    /// When, by the vendor's clock or that of receipt.
    pub at: Timestamp,
}

impl ChatReply {
    /// Words without media, to no message in particular.
    pub fn new(
        chat: ChatId,
        from: impl Into<Arc<str>>,
        text: impl Into<Arc<str>>,
        vendor_id: impl Into<Arc<str>>,
        source: impl Into<Arc<str>>,
        at: Timestamp,
    ) -> Self {
        Self {
            chat,
            from: from.into(),
            text: text.into(),
            answer: None,
            media: Vec::new(),
            thread: None,
            reply_to: None,
            vendor_id: vendor_id.into(),
            source: source.into(),
            at,
        }
    }
}
