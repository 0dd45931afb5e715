//! What vendors share between them, so that none imports another.

#[cfg(any(feature = "twilio", feature = "vonage"))]
pub(in crate::providers) mod callback;
pub(in crate::providers) mod options;
pub(in crate::providers) mod settings;
#[cfg(any(feature = "meta", feature = "twilio", feature = "vonage"))]
pub(in crate::providers) mod signed;
