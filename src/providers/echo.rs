//! Tokens that vendors hand back with events: which delivery it was, signed.
//!
//! A token is opaque to the vendor, shorter than 100 characters, and fit for a
//! URL. It says nothing about the recipient. Who does not hold the key cannot
//! make one, so an event is never written to a message it does not belong to.

use std::{fmt, sync::Arc};

use aws_lc_rs::{constant_time, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::{
    id::{DeliveryId, MessageId},
    secret::Credential,
    webhook::Correlation,
};

/// Separates these keys from whatever else is derived from the same secret.
const LABEL: &[u8] = b"tidings echo token 1";
/// Message id, recipient, generation.
const BODY: usize = 16 + 4 + 4;
/// HMAC-SHA256, cut to 128 bits (RFC 2104 section 5).
const TAG: usize = 16;
/// Stands for "named by address"; no message has as many recipients.
const BY_ADDRESS: u32 = u32::MAX;

/// What a token says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Echo {
    pub(crate) message: MessageId,
    /// The recipient's index; `None` if the vendor's event names it by address.
    pub(crate) recipient: Option<u32>,
    pub(crate) generation: u32,
}

impl Echo {
    /// How an event with this token finds its delivery; `address` is whom the
    /// event names.
    pub(crate) fn correlation(&self, address: Option<&str>) -> Option<Correlation> {
        match (self.recipient, address) {
            (Some(recipient), _) => {
                Some(Correlation::Delivery(DeliveryId { message: self.message, recipient }))
            }
            (None, Some(address)) => {
                Some(Correlation::Message { id: self.message, recipient: Arc::from(address) })
            }
            (None, None) => None,
        }
    }

    fn bytes(&self) -> [u8; BODY] {
        let mut bytes = [0; BODY];
        bytes[..16].copy_from_slice(self.message.as_uuid().as_bytes());
        bytes[16..20].copy_from_slice(&self.recipient.unwrap_or(BY_ADDRESS).to_be_bytes());
        bytes[20..].copy_from_slice(&self.generation.to_be_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (recipient, generation) = rest.split_first_chunk::<4>()?;
        let recipient = u32::from_be_bytes(*recipient);
        Some(Self {
            message: MessageId::from_uuid(Uuid::from_bytes(*id)),
            recipient: (recipient != BY_ADDRESS).then_some(recipient),
            generation: u32::from_be_bytes(generation.try_into().ok()?),
        })
    }
}

/// Signs and opens tokens.
#[derive(Clone)]
pub(crate) struct EchoKey(hmac::Key);

impl EchoKey {
    /// A key made of `secret`, from which the secret cannot be told.
    pub(crate) fn derive(secret: &SecretString) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        Self(hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&root, LABEL).as_ref()))
    }

    /// Of the explicit secret, or of the credential if that never changes.
    /// Without either no token is sent, and events are found by the vendor's id.
    pub(crate) fn choose(explicit: Option<&SecretString>, credential: Option<&Credential>) -> Option<Self> {
        explicit.or_else(|| credential?.as_fixed()).map(Self::derive)
    }

    /// The token of `echo`: 54 characters.
    pub(crate) fn sign(&self, echo: &Echo) -> String {
        let body = echo.bytes();
        let mut token = [0; BODY + TAG];
        token[..BODY].copy_from_slice(&body);
        token[BODY..].copy_from_slice(&hmac::sign(&self.0, &body).as_ref()[..TAG]);
        BASE64.encode(token)
    }

    /// What `token` says, if it was signed by this key.
    pub(crate) fn open(&self, token: &str) -> Option<Echo> {
        let bytes = BASE64.decode(token).ok()?;
        let (body, tag) = bytes.split_at_checked(BODY)?;
        let good = hmac::sign(&self.0, body);
        constant_time::verify_slices_are_equal(&good.as_ref()[..TAG], tag).ok()?;
        Echo::read(body)
    }
}

impl fmt::Debug for EchoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EchoKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn key(secret: &str) -> EchoKey {
        EchoKey::derive(&SecretString::from(secret))
    }

    #[test]
    fn tokens_say_what_they_were_given_and_are_short() {
        let message = MessageId::new(Timestamp::from_secs(7));
        for (recipient, generation) in [(Some(0), 0), (Some(999), 3), (None, u32::MAX)] {
            let echo = Echo { message, recipient, generation };
            let token = key("SG.a").sign(&echo);
            assert_eq!(token.len(), 54);
            assert_eq!(key("SG.a").open(&token), Some(echo));
        }
    }

    #[test]
    fn a_token_of_another_key_or_with_one_changed_bit_says_nothing() {
        let echo = Echo { message: MessageId::new(Timestamp::default()), recipient: Some(1), generation: 0 };
        let token = key("SG.a").sign(&echo);
        assert_eq!(key("SG.b").open(&token), None);
        let bytes = BASE64.decode(&token).expect("own token");
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key("SG.a").open(&BASE64.encode(changed)), None, "bit {bit}");
        }
        for nonsense in ["", "%", "AAAA", &token[..53], &format!("{token}AAAA")] {
            assert_eq!(key("SG.a").open(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_token_without_recipient_needs_an_address() {
        let message = MessageId::new(Timestamp::default());
        let echo = Echo { message, recipient: None, generation: 0 };
        let by_address = Correlation::Message { id: message, recipient: "a@x.org".into() };
        assert_eq!(echo.correlation(Some("a@x.org")), Some(by_address));
        assert_eq!(echo.correlation(None), None);
    }
}
