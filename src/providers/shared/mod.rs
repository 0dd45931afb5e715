//! What vendors share between them, so that none imports another.

#[cfg(any(feature = "ses", feature = "sns"))]
pub(in crate::providers) mod aws;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod batch;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod envelope;
#[cfg(any(feature = "fcm", feature = "gmail"))]
pub(in crate::providers) mod google;
pub(in crate::providers) mod inbound;
#[cfg(feature = "ses")]
pub(in crate::providers) mod join;
pub(in crate::providers) mod mail;
pub(in crate::providers) mod merge;
#[cfg(feature = "mime")]
pub(in crate::providers) mod mime;
pub(in crate::providers) mod options;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod parcels;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod plan;
pub(in crate::providers) mod settings;
