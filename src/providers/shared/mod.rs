//! What vendors share between them, so that none imports another.

pub(in crate::providers) mod answers;
#[cfg(feature = "dkim")]
pub mod dkim;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod multipart;
pub(in crate::providers) mod options;
pub(in crate::providers) mod settings;
