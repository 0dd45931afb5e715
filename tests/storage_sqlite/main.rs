//! The store in a SQLite file, by what only it promises; what all stores promise is in `contract`.
#![allow(clippy::disallowed_methods, reason = "other processes and busy files take the machine's time")]
#![cfg(all(feature = "sqlite", feature = "testing"))]

mod busy;
mod contract;
mod faults;
mod groups;
mod lives;
mod migrations;
mod news;
mod opening;
mod order;
mod support;
