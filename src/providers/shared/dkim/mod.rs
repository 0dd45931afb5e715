//! DKIM: a domain signs its mail ([RFC 6376](https://www.rfc-editor.org/rfc/rfc6376)), by RSA-SHA256 or by
//! Ed25519 ([RFC 8463](https://www.rfc-editor.org/rfc/rfc8463)).
//!
//! ```
//! use tidings::providers::dkim::{DkimKey, sign};
//!
//! # let secret = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
//! let key = DkimKey::new("example.org", "tidings2026", secret)?;
//! println!("{} TXT \"{}\"", key.record_name(), key.record());
//! let mail = b"From: shop@example.org\r\nSubject: Hello\r\n\r\nHello.\r\n";
//! let header = sign(mail, &[key], tidings::Timestamp::from_secs(1_790_000_000))?;
//! assert!(header.starts_with("DKIM-Signature: v=1; a=ed25519-sha256;"));
//! # Ok::<(), tidings::Error>(())
//! ```
//!
//! # What is signed
//!
//! The whole body, and of the header: From, To, Cc, Subject, Date, Message-ID, MIME-Version, Content-Type,
//! Reply-To, Sender, In-Reply-To, References, List-Unsubscribe and List-Unsubscribe-Post (RFC 8058 section 4 wants
//! the last two signed), each as often as it stands there. From is named once more than it stands there, so that
//! nobody can add a second. Bcc is never named. Both are canonicalized as `relaxed`.
//!
//! The domain of the signature is the caller's choice. DMARC counts it only if it is the sender's domain or one
//! above it ([RFC 7489](https://www.rfc-editor.org/rfc/rfc7489) section 3.1.1).
//!
//! # Which library
//!
//! Keys, hashes and signatures are those of aws-lc-rs. `mail-auth` 0.15 was looked at: with aws-lc-rs it brings a DNS
//! resolver and 45 crates, without that it signs by the crate `rsa`, which has an open advisory
//! (RUSTSEC-2023-0071), and it asks the system for the time. What is left to do here is canonicalization.
//! The referees are dkimpy, which verifies mail as it arrived, and the example of RFC 8463.

mod canonical;
mod key;
mod sign;
#[cfg(test)]
mod tests;

pub use key::DkimKey;
pub use sign::sign;
