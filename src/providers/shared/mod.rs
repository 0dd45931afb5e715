//! What vendors share between them, so that none imports another.

pub(in crate::providers) mod answers;
#[cfg(any(feature = "ses", feature = "sns"))]
pub(in crate::providers) mod aws;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod batch;
#[cfg(any(feature = "twilio", feature = "vonage"))]
pub(in crate::providers) mod callback;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod collapse;
#[cfg(feature = "dkim")]
pub mod dkim;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod envelope;
#[cfg(any(feature = "fcm", feature = "gmail"))]
pub(in crate::providers) mod google;
pub(in crate::providers) mod inbound;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod jws;
pub(in crate::providers) mod mail;
pub(in crate::providers) mod merge;
#[cfg(feature = "mime")]
pub(in crate::providers) mod mime;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod multipart;
pub(in crate::providers) mod options;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod parcels;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod plan;
pub(in crate::providers) mod settings;
#[cfg(any(feature = "meta", feature = "twilio", feature = "vonage"))]
pub(in crate::providers) mod signed;
