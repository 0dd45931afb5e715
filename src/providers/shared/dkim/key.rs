//! Private keys, however they are written.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    digest,
    encoding::AsDer as _,
    rand::SystemRandom,
    signature::{self, Ed25519KeyPair, KeyPair as _, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::error::{Error, ErrorKind, Result};

/// What every good key looks like.
const EXPECTED: &str = "a DKIM key is PEM (-----BEGIN PRIVATE KEY----- or -----BEGIN RSA PRIVATE KEY-----, not encrypted) \
                        or, for Ed25519, 32 octets in base64; RSA keys have 2048 to 8192 bits";

/// A key by which a domain signs its mail, and the name under which its public half is published.
#[derive(Clone)]
pub struct DkimKey {
    pub(super) domain: Arc<str>,
    pub(super) selector: Arc<str>,
    pair: Arc<Pair>,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl DkimKey {
    /// The key of `domain` that is published at `selector._domainkey.domain`.
    ///
    /// `secret` is PEM as OpenSSL writes it (PKCS#8, or PKCS#1 for RSA), or the 32 octets of an Ed25519 key in base64.
    /// Line breaks may be written as `\n`.
    ///
    /// # Errors
    /// Of kind `config`, without the key.
    pub fn new(
        domain: impl Into<Arc<str>>,
        selector: impl Into<Arc<str>>,
        secret: impl AsRef<str>,
    ) -> Result<Self> {
        let (domain, selector) = (domain.into(), selector.into());
        for (option, name) in [("domain", &domain), ("selector", &selector)] {
            if !is_domain(name) {
                let text = format!(
                    "the DKIM {option} is made of letters, digits, hyphens and dots (a domain in its ASCII form)"
                );
                return Err(Error::config(text));
            }
        }
        Ok(Self { domain, selector, pair: Arc::new(Pair::read(secret.as_ref())?) })
    }

    /// Several keys of one domain, for instance one of RSA and one of Ed25519: as many selectors, separated by
    /// commas, as there are PEM blocks in `secret`, in the same order.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and if the numbers differ.
    pub fn several(domain: &str, selectors: &str, secret: &str) -> Result<Vec<Self>> {
        let selectors: Vec<&str> = selectors.split(',').map(str::trim).collect();
        let blocks = blocks(secret);
        if selectors.len() != blocks.len() {
            let text = format!("{} DKIM selectors for {} keys: give as many", selectors.len(), blocks.len());
            return Err(Error::config(text));
        }
        selectors
            .into_iter()
            .zip(blocks)
            .map(|(selector, block)| Self::new(domain, selector, block))
            .collect()
    }

    /// The name of the TXT record by which receivers find the public half.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The text of that record. Longer ones are cut into strings of at most 255 octets by most DNS servers
    /// themselves.
    pub fn record(&self) -> String {
        match &*self.pair {
            Pair::Ed25519(pair) => {
                format!("v=DKIM1; k=ed25519; p={}", BASE64.encode(pair.public_key().as_ref()))
            }
            Pair::Rsa(pair) => {
                // A key that was read can be written.
                let der =
                    pair.public_key().as_der().map(|der| BASE64.encode(der.as_ref())).unwrap_or_default();
                format!("v=DKIM1; k=rsa; p={der}")
            }
        }
    }

    /// The value of the tag `a=`.
    pub(super) fn algorithm(&self) -> &'static str {
        match &*self.pair {
            Pair::Ed25519(_) => "ed25519-sha256",
            Pair::Rsa(_) => "rsa-sha256",
        }
    }

    pub(super) fn sign(&self, text: &[u8]) -> Result<Vec<u8>> {
        match &*self.pair {
            // RFC 8463 section 3: PureEdDSA over the SHA-256.
            Pair::Ed25519(pair) => {
                Ok(pair.sign(digest::digest(&digest::SHA256, text).as_ref()).as_ref().to_vec())
            }
            Pair::Rsa(pair) => {
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signed)
                    .map_err(|_| Error::new(ErrorKind::Internal, "the DKIM key does not sign"))?;
                Ok(signed)
            }
        }
    }
}

impl Pair {
    fn read(secret: &str) -> Result<Self> {
        let wrong = || Error::config(EXPECTED);
        let lines = secret.replace("\\n", "\n");
        let base64: String = lines.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        let octets = BASE64.decode(base64).map_err(|_| wrong())?;
        if octets.len() == 32 {
            return Ed25519KeyPair::from_seed_unchecked(&octets).map(Self::Ed25519).map_err(|_| wrong());
        }
        // OpenSSL writes Ed25519 keys without their public half.
        let ed25519 = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&octets).map(Self::Ed25519);
        let rsa = || RsaKeyPair::from_pkcs8(&octets).or_else(|_| RsaKeyPair::from_der(&octets));
        ed25519.or_else(|_| rsa().map(Self::Rsa)).map_err(|_| wrong())
    }
}

/// Each PEM block; a text without any is one key.
fn blocks(secret: &str) -> Vec<&str> {
    let starts: Vec<usize> = secret.match_indices("-----BEGIN").map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([secret.len()]);
    match starts.len() {
        0 | 1 => vec![secret],
        _ => starts.iter().zip(ends).map(|(start, end)| &secret[*start..end]).collect(),
    }
}

/// As many labels as need be of at most 63 letters, digits, hyphens and underscores (RFC 6376 section 3.1).
fn is_domain(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(label)
}

impl fmt::Debug for DkimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DkimKey({}, {})", self.record_name(), self.algorithm())
    }
}
