//! Secrets appear in nothing that is printed: canaries stand in every place of
//! every configuration where a secret may, and all that comes out is searched.

#![cfg(all(feature = "testing", feature = "full"))]

mod canaries;
mod chats;
mod clouds;
mod configurations;
mod sends;
#[path = "../support/mod.rs"]
mod support;
