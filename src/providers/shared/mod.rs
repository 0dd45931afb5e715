//! What vendors share between them, so that none imports another.

#[cfg(feature = "http-client")]
pub(in crate::providers) mod collapse;
#[cfg(feature = "http-client")]
pub(in crate::providers) mod jws;
pub(in crate::providers) mod options;
pub(in crate::providers) mod settings;
