//! Files, pictures, sounds, places.

use std::{fmt, str::FromStr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Features;
use crate::{
    address::{WebUrl, is_hostile, parsed_text},
    error::{Error, Result},
};

/// The name of a file, and never a path.
///
/// 1 to 255 octets, no `/`, `\`, control characters or bidirectional marks; not `.` or `..`.
///
/// ```
/// use tidings::message::FileName;
///
/// assert!("invoice 2026.pdf".parse::<FileName>().is_ok());
/// assert!("../../etc/passwd".parse::<FileName>().is_err());
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FileName(Arc<str>);

parsed_text!(FileName, shown: str::to_owned);

impl FromStr for FileName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let wrong = |why| Err(Error::invalid("file name", why));
        if name.is_empty() || name.len() > 255 {
            return wrong("a file name has 1 to 255 octets");
        }
        if matches!(name.trim(), "" | "." | "..") || name.contains(['/', '\\']) {
            return wrong("give the file's name alone, such as invoice.pdf, not a path");
        }
        if name.chars().any(is_hostile) {
            return wrong("a file name takes no line breaks, controls or bidirectional marks");
        }
        Ok(Self(name.into()))
    }
}

/// A media type such as `image/png` (RFC 6838), with its parameters if any.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ContentType(Arc<str>);

parsed_text!(ContentType, shown: str::to_owned);

impl FromStr for ContentType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let token = |part: &str| {
            (1..=127).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
        };
        let essence = text.split(';').next().unwrap_or_default().trim_end();
        let fits = essence.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub))
            && text.len() <= 255
            && text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(Error::invalid("content type", "expected a media type, such as image/png"))
        }
    }
}

/// The bytes of a file with its name and type.
#[derive(Clone, Eq, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// Its name, as the reader sees it.
    pub name: FileName,
    /// Its media type.
    pub content_type: ContentType,
    /// Its bytes.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub content: Bytes,
}

impl File {
    /// A file of these bytes.
    ///
    /// # Errors
    /// If the name is a path or holds hostile characters, or the type is none.
    pub fn new(name: &str, content_type: &str, content: impl Into<Bytes>) -> Result<Self> {
        Ok(Self { name: name.parse()?, content_type: content_type.parse()?, content: content.into() })
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({}, {}, {} bytes)", self.name, self.content_type, self.content.len())
    }
}

fn to_base64<S: Serializer>(content: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64.encode(content))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64.decode(text).map(Bytes::from).map_err(de::Error::custom)
}

/// A file that goes with an email: beside the text, or inside the HTML.
///
/// ```
/// use tidings::Attachment;
///
/// let invoice = Attachment::new("invoice.pdf", "application/pdf", &b"%PDF"[..])?;
/// let logo = Attachment::inline("logo", "logo.png", "image/png", &b"PNG"[..])?;
/// assert_eq!(logo.content_id.as_deref(), Some("logo")); // <img src="cid:logo">
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Attachment {
    /// The file.
    #[serde(flatten)]
    pub file: File,
    /// For an inline image: the name by which the HTML says `cid:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_id: Option<Arc<str>>,
}

impl Attachment {
    /// A file beside the text.
    ///
    /// # Errors
    /// If the name is a path or holds hostile characters, or the type is none.
    pub fn new(name: &str, content_type: &str, content: impl Into<Bytes>) -> Result<Self> {
        Ok(Self { file: File::new(name, content_type, content)?, content_id: None })
    }

    /// A picture that the HTML shows by `<img src="cid:…">`.
    ///
    /// # Errors
    /// As for [`new`](Self::new), or if the content id has other characters than `A-Z a-z 0-9 . _ - @`.
    pub fn inline(id: &str, name: &str, content_type: &str, content: impl Into<Bytes>) -> Result<Self> {
        let attachment = Self { content_id: Some(id.into()), ..Self::new(name, content_type, content)? };
        attachment.check().map(|()| attachment)
    }

    /// The rule of content ids, for attachments read from elsewhere.
    pub(super) fn check(&self) -> Result<()> {
        let good = |id: &str| {
            (1..=127).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@".contains(&b))
        };
        match &self.content_id {
            Some(id) if !good(id) => {
                Err(Error::invalid("content_id", "1 to 127 characters of A-Z a-z 0-9 . _ - @"))
            }
            _ => Ok(()),
        }
    }
}

/// What kind of thing a piece of media is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaKind {
    /// Sound or voice.
    Audio,
    /// Any file.
    File,
    /// A picture.
    Image,
    /// Moving pictures.
    Video,
}

impl MediaKind {
    /// The feature that a provider must offer for this kind.
    pub const fn feature(self) -> Features {
        match self {
            Self::Audio => Features::AUDIO,
            Self::File => Features::FILE,
            Self::Image => Features::IMAGE,
            Self::Video => Features::VIDEO,
        }
    }
}

/// Where the vendor gets a piece of media from.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaSource {
    /// We hand over the bytes.
    File(File),
    /// The vendor fetches it.
    Url(WebUrl),
}

/// A picture, film, sound or file that goes with a message.
///
/// ```
/// use tidings::Media;
///
/// let photo = Media::image("https://example.org/room.jpg")?.with_caption("Your room");
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Where it comes from.
    pub source: MediaSource,
    /// A line of text under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<Arc<str>>,
}

impl Media {
    /// Media that the vendor fetches from `url`.
    ///
    /// # Errors
    /// If `url` is no absolute web link.
    pub fn url(kind: MediaKind, url: &str) -> Result<Self> {
        Ok(Self { kind, source: MediaSource::Url(url.parse()?), caption: None })
    }

    /// Media whose bytes we hand over.
    pub fn file(kind: MediaKind, file: File) -> Self {
        Self { kind, source: MediaSource::File(file), caption: None }
    }

    /// A picture behind a link.
    ///
    /// # Errors
    /// If `url` is no absolute web link.
    pub fn image(url: &str) -> Result<Self> {
        Self::url(MediaKind::Image, url)
    }

    /// Adds a line of text under it.
    #[must_use]
    pub fn with_caption(mut self, caption: impl Into<Arc<str>>) -> Self {
        self.caption = Some(caption.into());
        self
    }

    pub(super) fn size(&self) -> usize {
        match &self.source {
            MediaSource::File(file) => file.content.len(),
            MediaSource::Url(url) => url.as_str().len(),
        }
    }
}

/// A point on the map, in degrees (WGS 84).
///
/// ```
/// use tidings::Location;
///
/// let inn = Location::new(47.07, 15.44)?.with_name("The Inn");
/// assert!(Location::new(91.0, 0.0).is_err());
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Location {
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
    /// What is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// Its postal address, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Arc<str>>,
}

impl Location {
    /// A point.
    ///
    /// # Errors
    /// If a degree is out of range or not a number.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self> {
        let location = Self { latitude, longitude, name: None, address: None };
        location.check().map(|()| location)
    }

    /// Says what is there.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Says its postal address.
    #[must_use]
    pub fn with_address(mut self, address: impl Into<Arc<str>>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// The rule of degrees, for locations read from elsewhere.
    pub(super) fn check(&self) -> Result<()> {
        let fits = (-90.0..=90.0).contains(&self.latitude) && (-180.0..=180.0).contains(&self.longitude);
        if fits {
            Ok(())
        } else {
            Err(Error::invalid("location", "latitude is -90 to 90, longitude -180 to 180 degrees"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_tricks_are_no_file_names() {
        for bad in ["", ".", "..", "../x", "a/b", "a\\b", "C:\\x", "a\0", "a\r\nb", "cod\u{202e}fdp.exe"] {
            assert!(bad.parse::<FileName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn content_types() {
        assert!("text/calendar; method=REQUEST".parse::<ContentType>().is_ok());
        for bad in ["", "png", "image/", "image/png\r\nX: y", "a b/c"] {
            assert!(bad.parse::<ContentType>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn files_survive_json() {
        let attachment = Attachment::inline("logo", "l.png", "image/png", vec![0, 255, 10]).expect("valid");
        let json = serde_json::to_string(&attachment).expect("plain data");
        assert_eq!(serde_json::from_str::<Attachment>(&json).expect("own output"), attachment);
        assert!(json.contains("\"AP8K\""), "{json}");
    }

    #[test]
    fn not_a_number_is_nowhere() {
        assert!(Location::new(f64::NAN, 0.0).is_err() && Location::new(0.0, -180.5).is_err());
    }
}
