//! The same writes in SQL by hand, on the same tables: what a careful user would write who has only this one case.

use sqlx::types::Uuid;
use tidings::{MessageId, Timestamp};

pub(crate) mod postgres;
pub(crate) mod sqlite;

const DETAILS: &str = r#"{"to":["ada@example.org"]}"#;
const HASHES: &[u8] = &[7; 8];
const WORKER: &str = "by hand";

fn now_micros() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// Ids are made by the client, in the order of time.
fn fresh_id() -> Uuid {
    MessageId::new(Timestamp::from_micros(now_micros())).as_uuid()
}
