//! What vendors share between them, so that none imports another.

pub(in crate::providers) mod options;
pub(in crate::providers) mod settings;
#[cfg(any(feature = "meta", feature = "twilio", feature = "vonage"))]
pub(in crate::providers) mod signed;
