//! Tokens signed as JSON Web Signatures (RFC 7515).

use std::fmt;

use aws_lc_rs::{
    agreement::{ECDH_P256, PrivateKey},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};

/// A private key of P-256, which signs as `ES256` (RFC 7518 section 3.4).
pub(crate) struct Es256Key(EcdsaKeyPair);

impl Es256Key {
    /// The key of a PEM text: PKCS#8, as Apple's `.p8` files are, or SEC 1, as OpenSSL writes it.
    pub(crate) fn from_pem(text: &str) -> Option<Self> {
        let der = ["PRIVATE KEY", "EC PRIVATE KEY"].iter().find_map(|label| der_of_pem(label, text))?;
        EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).ok().map(Self)
    }

    /// The key of its 32 octets.
    pub(crate) fn from_octets(octets: &[u8]) -> Option<Self> {
        let private = PrivateKey::from_private_key(&ECDH_P256, octets).ok()?;
        let public = private.compute_public_key().ok()?;
        let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
        EcdsaKeyPair::from_private_key_and_public_key(signing, octets, public.as_ref()).ok().map(Self)
    }

    /// The public half: an uncompressed point.
    pub(crate) fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// The compact form of `claims`, signed.
    pub(crate) fn token(&self, header: &impl Serialize, claims: &impl Serialize) -> Result<String> {
        let mut token = unsigned(header, claims)?;
        let signature = self
            .0
            .sign(&SystemRandom::new(), token.as_bytes())
            .map_err(|_| Error::config("the key cannot sign (ES256)"))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

impl fmt::Debug for Es256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Es256Key")
    }
}

/// What is signed: header and claims.
pub(crate) fn unsigned(header: &impl Serialize, claims: &impl Serialize) -> Result<String> {
    Ok(format!("{}.{}", encoded(header)?, encoded(claims)?))
}

fn encoded(part: &impl Serialize) -> Result<String> {
    let json = serde_json::to_vec(part)
        .map_err(|e| Error::new(ErrorKind::Internal, "the token cannot be written").with_source(e))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// The first part of this label in a PEM text (RFC 7468).
pub(crate) fn der_of_pem(label: &str, text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (base64, _) = rest.split_once(&format!("-----END {label}-----"))?;
    // Environment variables often carry line breaks as a backslash and an n.
    let compact: String = base64.replace("\\n", "").split_whitespace().collect();
    STANDARD.decode(compact).ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::AsDer,
        signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
    };
    use serde_json::json;

    use super::*;

    fn is_signed(key: &Es256Key) {
        let token = key.token(&json!({"alg": "ES256"}), &json!({"iss": "me"})).expect("signed");
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        assert_eq!(signed, "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJtZSJ9");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public());
        public.verify(signed.as_bytes(), &signature).expect("the key's own signature");
    }

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    }

    #[test]
    fn keys_of_every_form_sign() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let pkcs8 = pem("PRIVATE KEY", pair.to_pkcs8v1().expect("PKCS#8").as_ref());
        is_signed(&Es256Key::from_pem(&pkcs8).expect("PKCS#8"));
        is_signed(&Es256Key::from_pem(&pkcs8.replace('\n', "\\n")).expect("as in an environment variable"));
        let sec1 = pair.private_key().as_der().expect("SEC 1");
        is_signed(&Es256Key::from_pem(&pem("EC PRIVATE KEY", sec1.as_ref())).expect("SEC 1"));
        is_signed(&Es256Key::from_octets(&[7; 32]).expect("a number below the order"));
    }

    #[test]
    fn what_is_no_key_is_none() {
        let bad =
            [String::new(), "SECRET".to_owned(), pem("PRIVATE KEY", b"SECRET"), pem("PUBLIC KEY", b"x")];
        assert!(bad.iter().all(|text| Es256Key::from_pem(text).is_none()));
        let octets: [&[u8]; 4] = [&[], &[0; 32], &[255; 32], &[7; 31]];
        assert!(octets.iter().all(|octets| Es256Key::from_octets(octets).is_none()));
    }
}
