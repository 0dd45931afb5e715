//! What vendors share between them, so that none imports another.

#[cfg(feature = "mime")]
pub(in crate::providers) mod mime;
pub(in crate::providers) mod options;
pub(in crate::providers) mod settings;
