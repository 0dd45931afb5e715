//! The form in which a message is kept: a header and bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{AnyMessage, Channel};
use crate::{
    error::{Error, ErrorKind, Result},
    id::Fingerprint,
};

/// A message as it is stored.
///
/// Every version that was ever written stays readable; `tests/payloads` keeps
/// a fixture of each.
///
/// ```
/// use tidings::{Sms, message::Payload};
///
/// let sms = Sms::builder().to("+15005550006").body("Hi").build()?;
/// let payload = Payload::encode(&sms.clone().into())?;
/// assert_eq!(payload.decode()?, sms.into());
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Payload {
    /// The version of the format.
    pub version: u16,
    /// How `bytes` are written; `json`.
    pub codec: String,
    /// The key by which `bytes` are encrypted, if they are.
    pub key_id: Option<String>,
    /// The message.
    pub bytes: Bytes,
    /// The hashes of its files' contents where those are kept apart, in the order of
    /// [`AnyMessage::files`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<Fingerprint>,
}

impl Payload {
    /// The newest version that this crate reads. It writes 2 for messages whose files are kept
    /// apart, else 1.
    pub const VERSION: u16 = 2;
    const JSON: &str = "json";
    /// Files of fewer octets stay in the message: to keep them apart would cost more than it saves.
    const APART: usize = 1_024;

    /// Writes a message, whole.
    ///
    /// # Errors
    /// Of kind `internal`, if it cannot be written as JSON.
    pub fn encode(message: &AnyMessage) -> Result<Self> {
        let bytes = serde_json::to_vec(message).map_err(|e| {
            Error::new(ErrorKind::Internal, "the message cannot be written as JSON").with_source(e)
        })?;
        let (codec, bytes) = (Self::JSON.into(), bytes.into());
        Ok(Self { version: 1, codec, key_id: None, bytes, blobs: Vec::new() })
    }

    /// Writes a message with its files apart if they are large; with their contents, by hash.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_apart(message: &AnyMessage) -> Result<(Self, Vec<(Fingerprint, Bytes)>)> {
        if message.files().map(|file| file.content.len()).sum::<usize>() < Self::APART {
            return Ok((Self::encode(message)?, Vec::new()));
        }
        let mut light = message.clone();
        let taken = light.files_mut().into_iter().map(|file| std::mem::take(&mut file.content));
        let blobs: Vec<_> = taken.map(|content| (Fingerprint::of(&content), content)).collect();
        let mut payload = Self::encode(&light)?;
        payload.version = 2;
        payload.blobs = blobs.iter().map(|(hash, _)| *hash).collect();
        Ok((payload, blobs))
    }

    /// The channel of the message; `None` if only reading all of it would tell.
    pub fn channel(&self) -> Option<Channel> {
        // The tag is written first.
        let rest = self.bytes.strip_prefix(b"{\"channel\":\"")?;
        let word = rest.split(|byte| *byte == b'"').next()?;
        Channel::ALL.into_iter().find(|channel| channel.as_str().as_bytes() == word)
    }

    /// Reads a message that is whole.
    ///
    /// # Errors
    /// Of kind `storage`, if version, codec or key are not known here, the bytes are no message,
    /// or its files are kept apart.
    pub fn decode(&self) -> Result<AnyMessage> {
        self.decode_with(Vec::new())
    }

    /// Reads a message whose files are kept apart, with their contents in the order of [`blobs`](Self::blobs).
    ///
    /// # Errors
    /// As [`decode`](Self::decode), and if there are not as many contents as files.
    pub fn decode_with(&self, contents: Vec<Bytes>) -> Result<AnyMessage> {
        let unreadable = |what: String| Err(Error::new(ErrorKind::Storage, what));
        if self.version == 0 || self.version > Self::VERSION {
            return unreadable(format!("payload version {} is newer than {}", self.version, Self::VERSION));
        }
        if self.codec != Self::JSON || self.key_id.is_some() {
            return unreadable(format!(
                "codec {:?} or its encryption is not known here; known: json",
                self.codec
            ));
        }
        let mut message = self
            .read()
            .map_err(|e| Error::new(ErrorKind::Storage, "the payload is no message").with_source(e))?;
        if self.blobs.is_empty() && contents.is_empty() {
            return Ok(message);
        }
        let files = message.files_mut();
        if files.len() != self.blobs.len() || files.len() != contents.len() {
            return unreadable(format!(
                "the message has {} files and {} contents were given; read them from the blob store",
                files.len(),
                contents.len()
            ));
        }
        files.into_iter().zip(contents).for_each(|(file, content)| file.content = content);
        Ok(message)
    }

    /// To read the tag and then the rest, serde keeps all of the message twice; where the channel is
    /// known already that is spared.
    fn read(&self) -> serde_json::Result<AnyMessage> {
        match self.channel() {
            Some(Channel::Chat) => serde_json::from_slice(&self.bytes).map(AnyMessage::Chat),
            Some(Channel::Email) => serde_json::from_slice(&self.bytes).map(AnyMessage::Email),
            Some(Channel::Push) => serde_json::from_slice(&self.bytes).map(AnyMessage::Push),
            Some(Channel::Sms) => serde_json::from_slice(&self.bytes).map(AnyMessage::Sms),
            Some(Channel::WhatsApp) => serde_json::from_slice(&self.bytes).map(AnyMessage::WhatsApp),
            None => serde_json::from_slice(&self.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Sms, WhatsApp};

    #[test]
    fn the_channel_is_known_without_reading_all() {
        let to = "+15005550006";
        let sms = Sms::builder().to(to).body("Hi").build().expect("valid");
        let template = crate::message::WhatsAppTemplate::new("hello", "en");
        let whatsapp = WhatsApp::builder().to(to).template(template).build().expect("valid");
        for message in [AnyMessage::from(sms), whatsapp.into()] {
            let payload = Payload::encode(&message).expect("JSON");
            assert_eq!(payload.channel(), Some(message.channel()));
        }
    }

    #[test]
    fn what_is_newer_is_refused() {
        let payload = Payload {
            version: 3,
            codec: "json".into(),
            key_id: None,
            bytes: Bytes::new(),
            blobs: Vec::new(),
        };
        assert!(payload.decode().expect_err("newer").to_string().contains("version 3"));
    }
}
