//! SMS, and MMS where there is media.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Builder, Channel, Content, Features, Media, MediaKind, MediaSource, Message, Need, Recipient,
    VendorOption, sealed,
};
use crate::{
    address::{PhoneNumber, SmsSender},
    error::Error,
};

/// A text message to one telephone.
///
/// ```
/// use tidings::Sms;
///
/// let sms = Sms::builder().to("+15005550006").body("Your table is ready.").build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sms {
    /// Who writes; the messenger's default sender if empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<SmsSender>,
    /// Whom it is written to.
    pub to: PhoneNumber,
    /// The words.
    #[serde(default)]
    pub body: Arc<str>,
    /// Pictures and the like (MMS).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
    /// Wishes that only one vendor understands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<VendorOption>,
}

impl Sms {
    /// Starts a text message.
    pub fn builder() -> Builder<Self> {
        let to = PhoneNumber::placeholder();
        Builder::new(Self { from: None, to, body: "".into(), media: Vec::new(), options: Vec::new() })
    }
}

impl Builder<Sms> {
    /// Who writes: a number, a short code, or a name.
    pub fn from<V: TryInto<SmsSender, Error: Into<Error>>>(self, from: V) -> Self {
        self.parsed("from", from, |sms, from| sms.from = Some(from))
    }

    /// Whom it is written to.
    pub fn to<V: TryInto<PhoneNumber, Error: Into<Error>>>(self, to: V) -> Self {
        self.addressed("to", to, |sms, to| sms.to = to)
    }

    /// The words.
    pub fn body(self, body: impl Into<Arc<str>>) -> Self {
        self.with(|sms| sms.body = body.into())
    }

    /// The parts that a template rendered to.
    pub fn content(self, content: &Content) -> Self {
        self.with(|sms| sms.body = content.short().cloned().unwrap_or_else(|| Arc::clone(&sms.body)))
    }

    /// Adds a picture or the like.
    pub fn media(self, media: Media) -> Self {
        self.with(|sms| sms.media.push(media))
    }
}

/// True if any of `media` is of this kind; shared by all channels' tables of needs.
pub(super) fn has(media: &[Media], kind: MediaKind) -> bool {
    media.iter().any(|m| m.kind == kind)
}

/// True if the bytes of any of `media` are handed over.
pub(super) fn uploads(media: &[Media]) -> bool {
    media.iter().any(|m| matches!(m.source, MediaSource::File(_)))
}

impl sealed::Sealed for Sms {
    const NEEDS: &'static [Need<Self>] = &[
        (Features::ALPHANUMERIC_SENDER, "from", |m| matches!(m.from, Some(SmsSender::Alphanumeric(_)))),
        (Features::AUDIO, "media", |m| has(&m.media, MediaKind::Audio)),
        (Features::FILE, "media", |m| has(&m.media, MediaKind::File)),
        (Features::IMAGE, "media", |m| has(&m.media, MediaKind::Image)),
        (Features::MEDIA_UPLOAD, "media", |m| uploads(&m.media)),
        (Features::VIDEO, "media", |m| has(&m.media, MediaKind::Video)),
    ];

    fn faults(&self) -> Vec<Error> {
        let empty = self.body.is_empty() && self.media.is_empty();
        empty.then(|| Error::invalid("body", "a text message needs words or media")).into_iter().collect()
    }

    fn options_mut(&mut self) -> &mut Vec<VendorOption> {
        &mut self.options
    }
}

impl Message for Sms {
    const CHANNEL: Channel = Channel::Sms;

    fn recipient(&self, index: usize) -> Option<Recipient<'_>> {
        (index == 0).then_some(Recipient::Phone(&self.to))
    }

    fn sender(&self) -> Option<&str> {
        self.from.as_ref().map(SmsSender::as_str)
    }

    fn size(&self) -> usize {
        self.body.len() + self.media.iter().map(Media::size).sum::<usize>()
    }

    fn options(&self) -> &[VendorOption] {
        &self.options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let error = Sms::builder().body("hi").build().expect_err("no recipient");
        assert_eq!(error.field(), Some("to"));
        let error = Sms::builder().to("12").body("hi").build().expect_err("bad number");
        assert_eq!(error.field(), Some("to"), "{error}");
        let error = Sms::builder().to("+15005550006").build().expect_err("no words");
        assert_eq!(error.field(), Some("body"));
    }

    #[test]
    fn a_name_as_sender_is_a_need() {
        let sms = Sms::builder().from("Shop").to("+15005550006").body("hi").build().expect("valid");
        assert_eq!(sms.needs(), Features::ALPHANUMERIC_SENDER);
    }
}
