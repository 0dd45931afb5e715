//! What vendors share between them, so that none imports another.

#[cfg(feature = "dkim")]
pub mod dkim;
pub(in crate::providers) mod options;
pub(in crate::providers) mod settings;
