//! Encryption for one browser: RFC 8291 over RFC 8188, by the primitives of aws-lc-rs.
//!
//! The crate `web-push-native` does the same, but brings 51 crates (a second P-256, AES-GCM and two
//! generations of HKDF and SHA-2) where the weight allows 45; this brings none.

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree},
    error::Unspecified,
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
    rand,
};

use crate::{
    address::WebSubscription,
    error::{Error, ErrorKind, Result},
};

/// A push service need not take more (RFC 8030 section 7.2, RFC 8291 section 4).
pub(super) const MAX_BODY: usize = 4_096;
/// Salt, record size, length of the key, key.
const HEADER: usize = 16 + 4 + 1 + 65;
/// The delimiter behind the text, and the tag.
const OVERHEAD: usize = 1 + 16;
/// The most octets of text that fit.
pub(super) const MAX_PLAIN: usize = MAX_BODY - HEADER - OVERHEAD;
/// Marks the last record, and there is but one (RFC 8188 section 2).
const LAST: u8 = 2;

/// `plain` for this browser alone, by a key and a salt that are used once.
pub(super) fn encrypted(plain: &[u8], browser: &WebSubscription) -> Result<Vec<u8>> {
    let no_chance = |_| Error::new(ErrorKind::Internal, "this machine gives no random numbers");
    let mut salt = [0; 16];
    rand::fill(&mut salt).map_err(no_chance)?;
    let own = PrivateKey::generate(&ECDH_P256).map_err(no_chance)?;
    sealed(plain, browser, &own, salt).map_err(|_| {
        let why = "the browser's key p256dh is no point of P-256";
        Error::new(ErrorKind::InvalidRecipient, why).with_field("to.subscription.keys.p256dh")
    })
}

fn sealed(
    plain: &[u8],
    browser: &WebSubscription,
    own: &PrivateKey,
    salt: [u8; 16],
) -> Result<Vec<u8>, Unspecified> {
    let public = own.compute_public_key()?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, browser.p256dh());
    let shared = agree(own, theirs, Unspecified, |secret| keyed(secret, browser, public.as_ref()))?;
    let prk = Salt::new(HKDF_SHA256, &salt).extract(&shared);
    let nonce = Nonce::assume_unique_for_key(expanded(&prk, &[b"Content-Encoding: nonce\0"])?);
    let key = UnboundKey::from(prk.expand(&[b"Content-Encoding: aes128gcm\0"], &AES_128_GCM)?);
    let mut record = Vec::with_capacity(plain.len() + OVERHEAD);
    record.extend_from_slice(plain);
    record.push(LAST);
    LessSafeKey::new(key).seal_in_place_append_tag(nonce, Aad::empty(), &mut record)?;
    let mut body = header(&salt, public.as_ref());
    body.append(&mut record);
    Ok(body)
}

/// RFC 8291 section 3.4.
fn keyed(secret: &[u8], browser: &WebSubscription, public: &[u8]) -> Result<[u8; 32], Unspecified> {
    let prk = Salt::new(HKDF_SHA256, browser.auth()).extract(secret);
    expanded(&prk, &[b"WebPush: info\0", browser.p256dh(), public])
}

/// RFC 8188 section 2.1.
fn header(salt: &[u8; 16], public: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(MAX_BODY);
    header.extend_from_slice(salt);
    // One record, which is shorter than that: `MAX_BODY` fits a `u32`.
    header.extend_from_slice(&(MAX_BODY as u32).to_be_bytes());
    header.push(65);
    header.extend_from_slice(public);
    header
}

fn expanded<const N: usize>(prk: &Prk, info: &[&[u8]]) -> Result<[u8; N], Unspecified> {
    let mut octets = [0; N];
    prk.expand(info, Length(N))?.fill(&mut octets)?;
    Ok(octets)
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    const UA_PUBLIC: &str =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    fn octets(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).expect("base64url")
    }

    // RFC 8291 section 5 and appendix A.
    #[test]
    fn the_example_of_the_rfc_comes_out() {
        let browser = WebSubscription::new("https://push.example.net/", UA_PUBLIC, AUTH).expect("valid");
        let own = octets("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let own = PrivateKey::from_private_key(&ECDH_P256, &own).expect("a key");
        let salt = octets("DGv6ra1nlYgDCS1FRnbzlw").try_into().expect("16 octets");
        let body =
            sealed(b"When I grow up, I want to be a watermelon", &browser, &own, salt).expect("sealed");
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmY\
                        WAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexS\
                        gSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(body), expected);
    }

    #[test]
    fn the_longest_text_fills_the_body() {
        let browser = WebSubscription::new("https://push.example.net/", UA_PUBLIC, AUTH).expect("valid");
        assert_eq!(MAX_PLAIN, 3_993);
        let body = encrypted(&[b'x'; MAX_PLAIN], &browser).expect("sealed");
        assert_eq!(body.len(), MAX_BODY);
        assert_ne!(encrypted(b"x", &browser).expect("sealed")[..16], body[..16], "no salt is used twice");
    }

    #[test]
    fn a_key_that_is_no_point_is_the_recipients_fault() {
        let mut point = octets(UA_PUBLIC);
        point[64] ^= 1;
        let wrong = URL_SAFE_NO_PAD.encode(point);
        let browser = WebSubscription::new("https://push.example.net/", &wrong, AUTH).expect("well formed");
        let error = encrypted(b"x", &browser).expect_err("not on the curve");
        assert_eq!(
            (error.kind(), error.field()),
            (ErrorKind::InvalidRecipient, Some("to.subscription.keys.p256dh"))
        );
    }
}
