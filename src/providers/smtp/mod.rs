//! smtp.
