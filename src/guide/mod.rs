//! Prose: how the crate thinks, and how to extend it.

#[doc = include_str!("capabilities.md")]
pub mod capabilities {}

#[doc = include_str!("concepts.md")]
pub mod concepts {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("http.md")]
pub mod http {}

#[doc = include_str!("layer.md")]
pub mod layer {}

#[doc = include_str!("outbox.md")]
pub mod outbox {}

#[doc = include_str!("provider.md")]
pub mod provider {}

#[doc = include_str!("storage.md")]
pub mod storage {}
