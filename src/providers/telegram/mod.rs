//! telegram.
