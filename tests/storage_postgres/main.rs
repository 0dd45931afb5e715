//! The store in Postgres, against real servers: tests/run starts them.
#![cfg(feature = "postgres")]

#[path = "../support/postgres.rs"]
mod postgres;

mod bell;
mod contract;
mod faults;
mod gather;
mod helpers;
mod many;
mod migrations;
mod order;
mod plans;
