//! What vendors share between them, so that none imports another.

#[cfg(any(feature = "ses", feature = "sns"))]
pub(in crate::providers) mod aws;
#[cfg(feature = "ses")]
pub(in crate::providers) mod join;
#[cfg(feature = "mime")]
pub(in crate::providers) mod mime;
pub(in crate::providers) mod options;
pub(in crate::providers) mod settings;
