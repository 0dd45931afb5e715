//! What vendors share between them, so that none imports another.

#[cfg(feature = "http-client")]
pub(in crate::providers) mod batch;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod envelope;
pub(in crate::providers) mod inbound;
pub(in crate::providers) mod mail;
pub(in crate::providers) mod merge;
pub(in crate::providers) mod options;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod parcels;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod plan;
pub(in crate::providers) mod settings;
