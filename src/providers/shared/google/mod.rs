//! What the vendors of Google share: service accounts and access tokens.

mod account;
mod token;

pub use account::ServiceAccount;

pub(in crate::providers) use token::AccessTokens;
#[cfg(feature = "gmail")]
pub(in crate::providers) use token::RefreshedTokens;

/// Where Google exchanges what one has for access tokens.
pub(in crate::providers) const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
