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

mod plain;
mod prices;
mod segments;

pub use prices::PriceList;
pub use segments::{SmsEncoding, SmsLength};

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
    /// The most segments that it may be cut into; see [`Builder::max_segments`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_segments: Option<u32>,
    /// Wishes that only one vendor understands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<VendorOption>,
}

impl Sms {
    /// Starts a text message.
    pub fn builder() -> Builder<Self> {
        Builder::new(Self {
            from: None,
            to: PhoneNumber::placeholder(),
            body: "".into(),
            media: Vec::new(),
            max_segments: None,
            options: Vec::new(),
        })
    }

    /// How long it is: alphabet, units, segments. Words that go with media (MMS) are
    /// measured as well, but carriers neither cut nor bill them so.
    ///
    /// ```
    /// use tidings::{Sms, message::SmsEncoding};
    ///
    /// let sms = Sms::builder().to("+15005550006").body("Don’t wait…").build()?;
    /// assert_eq!(sms.length().encoding, SmsEncoding::Ucs2);
    /// assert_eq!(sms.transliterated().length().encoding, SmsEncoding::Gsm7);
    /// # Ok::<(), tidings::Error>(())
    /// ```
    pub fn length(&self) -> SmsLength {
        SmsLength::of(&self.body)
    }

    /// The alphabet in which it travels.
    pub fn encoding(&self) -> SmsEncoding {
        self.length().encoding
    }

    /// How many segments it is cut into, which is what vendors bill.
    pub fn segments(&self) -> u32 {
        self.length().segments
    }

    /// The same with curly quotes, dashes, dots and odd spaces replaced by plain ones, if
    /// all of it then fits the seven-bit alphabet; else as it is. Letters are never changed.
    #[must_use]
    pub fn transliterated(mut self) -> Self {
        if let Some(plain) = plain::plain(&self.body) {
            self.body = plain.into();
        }
        self
    }

    /// The fault of a text that is cut into more segments than it may be.
    fn too_long(&self) -> Option<Error> {
        let most = self.max_segments.filter(|_| self.media.is_empty())?;
        let length = self.length();
        if length.segments <= most {
            return None;
        }
        let mut why =
            format!("takes {} segments in {}, more than the {most}", length.segments, length.encoding);
        why.push_str(" that max_segments allows");
        if let Some(c) = length.unfit {
            let plain = self.clone().transliterated().segments();
            why.push_str(&format!(" ({c:?} is not in GSM-7"));
            why.push_str(&if plain < length.segments {
                format!("; transliterated it takes {plain})")
            } else {
                ")".to_owned()
            });
        }
        Some(Error::invalid("body", why))
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

    /// Refuses the message if its words are cut into more segments than this. The limit
    /// goes with the message and is looked at again before it is sent; messages with
    /// media are not cut.
    pub fn max_segments(self, most: u32) -> Self {
        self.with(|sms| sms.max_segments = Some(most))
    }

    /// Replaces curly quotes and the like when the message is built; see [`Sms::transliterated`].
    pub fn transliterated(self) -> Self {
        self.at_last(Sms::transliterated)
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
        if self.body.is_empty() && self.media.is_empty() {
            return vec![Error::invalid("body", "a text message needs words or media")];
        }
        self.too_long().into_iter().collect()
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
    use crate::error::ErrorKind;

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
    fn more_segments_than_allowed_are_refused_with_limit_value_and_a_way_out() {
        let sms = |body: &str| Sms::builder().to("+15005550006").body(body).max_segments(1);
        assert!(sms(&"a".repeat(160)).build().is_ok());
        let error = sms(&"a".repeat(161)).build().expect_err("two segments");
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidMessage, Some("body")));
        assert_eq!(error.message(), "takes 2 segments in GSM-7, more than the 1 that max_segments allows");
        let curly = format!("{}…", "a".repeat(100));
        let error = sms(&curly).build().expect_err("two segments");
        let words = "takes 2 segments in UCS-2, more than the 1 that max_segments allows \
                     ('…' is not in GSM-7; transliterated it takes 1)";
        assert_eq!(error.message(), words);
        // Whatever the order in which the builder is told.
        let plain = Sms::builder().transliterated().to("+15005550006").max_segments(1).body(curly);
        assert!(plain.build().expect("fits").body.ends_with("a..."));
    }

    #[test]
    fn the_limit_is_looked_at_again_and_does_not_count_for_media() {
        let mut sms = Sms::builder().to("+15005550006").body("Hi").max_segments(1).build().expect("valid");
        sms.body = "a".repeat(161).into();
        assert_eq!(sms.validate().expect_err("two segments").field(), Some("body"));
        sms.media.push(Media::image("https://x.org/a.png").expect("valid"));
        assert!(sms.validate().is_ok());
    }

    #[test]
    fn a_name_as_sender_is_a_need() {
        let sms = Sms::builder().from("Shop").to("+15005550006").body("hi").build().expect("valid");
        assert_eq!(sms.needs(), Features::ALPHANUMERIC_SENDER);
    }
}
