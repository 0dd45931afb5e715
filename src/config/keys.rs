//! What encrypts the secrets of stored configurations.

use std::{fmt, sync::Arc};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::error::{Error, Result};

/// The keys of an application, by their ids: AES-256-GCM with a fresh nonce for each secret.
///
/// The first encrypts; the others only open what was encrypted before. To rotate, make the new key the first and put
/// every configuration again.
#[derive(Clone)]
pub struct ConfigKeys(Arc<[(String, Arc<LessSafeKey>)]>);

impl ConfigKeys {
    /// A key of 32 octets, under an id that is stored beside what it encrypts.
    ///
    /// # Errors
    /// Of kind `config` if the id is empty.
    pub fn new(id: impl Into<String>, key: [u8; 32]) -> Result<Self> {
        Ok(Self(Arc::new([named(id.into(), key)?])))
    }

    /// The same with an older key, which opens and does not encrypt.
    ///
    /// # Errors
    /// Of kind `config` if the id is empty or another key has it.
    pub fn and_older(self, id: impl Into<String>, key: [u8; 32]) -> Result<Self> {
        let id = id.into();
        if self.0.iter().any(|(known, _)| *known == id) {
            return Err(Error::config(format!("two keys have the id {id:?}")));
        }
        let older = named(id, key)?;
        Ok(Self(self.0.iter().cloned().chain([older]).collect()))
    }

    /// The id of the key, and nonce and ciphertext.
    pub(super) fn seal(&self, place: &str, secret: &[u8]) -> Result<(String, Vec<u8>)> {
        let (id, key) = &self.0[0]; // every constructor puts one there
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| Error::config("the system gives no random numbers"))?;
        let mut text = secret.to_vec();
        let sealed = key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place.as_bytes()),
            &mut text,
        );
        sealed.map_err(|_| Error::config("the secrets of a configuration cannot be encrypted"))?;
        Ok((id.clone(), [&nonce[..], &text].concat()))
    }

    pub(super) fn open(&self, id: &str, place: &str, mut sealed: Vec<u8>) -> Result<Vec<u8>> {
        let wrong = || Error::config("a stored secret was changed, or belongs to another place or key");
        let (_, key) = self.0.iter().find(|(known, _)| known == id).ok_or_else(|| {
            let known: Vec<&str> = self.0.iter().map(|(known, _)| known.as_str()).collect();
            Error::config(format!("a secret is encrypted by the key {id:?}; given are {}", known.join(", ")))
        })?;
        let (nonce, text) = sealed.split_at_mut_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let open = key.open_in_place(nonce, Aad::from(place.as_bytes()), text).map_err(|_| wrong())?;
        Ok(open.to_vec())
    }
}

fn named(id: String, key: [u8; 32]) -> Result<(String, Arc<LessSafeKey>)> {
    if id.is_empty() {
        return Err(Error::config("a key for configurations has an empty id; try the year"));
    }
    // 32 octets are what the cipher takes.
    let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| Error::config("the key is not 32 octets"))?;
    Ok((id, Arc::new(LessSafeKey::new(key))))
}

impl fmt::Debug for ConfigKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}
