//! The preview provider.
