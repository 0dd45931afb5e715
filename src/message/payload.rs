//! The form in which a message is kept: a header and bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::AnyMessage;
use crate::error::{Error, ErrorKind, Result};

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
}

impl Payload {
    /// The version that this crate writes, and the newest that it reads.
    pub const VERSION: u16 = 1;
    const JSON: &str = "json";

    /// Writes a message.
    ///
    /// # Errors
    /// Of kind `internal`, if it cannot be written as JSON.
    pub fn encode(message: &AnyMessage) -> Result<Self> {
        let bytes = serde_json::to_vec(message).map_err(|e| {
            Error::new(ErrorKind::Internal, "the message cannot be written as JSON").with_source(e)
        })?;
        Ok(Self { version: Self::VERSION, codec: Self::JSON.into(), key_id: None, bytes: bytes.into() })
    }

    /// Reads a message.
    ///
    /// # Errors
    /// Of kind `storage`, if version, codec or key are not known here, or the
    /// bytes are no message.
    pub fn decode(&self) -> Result<AnyMessage> {
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
        serde_json::from_slice(&self.bytes)
            .map_err(|e| Error::new(ErrorKind::Storage, "the payload is no message").with_source(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_newer_is_refused() {
        let payload = Payload { version: 2, codec: "json".into(), key_id: None, bytes: Bytes::new() };
        assert!(payload.decode().expect_err("newer").to_string().contains("version 2"));
    }
}
