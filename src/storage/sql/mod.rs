//! What the stores over SQL share: how values become columns and back, and words of their constructors.

mod codec;
mod dialect;
mod rates;
mod shared;
mod statements;

#[cfg(feature = "sqlite")]
pub(in crate::storage) use codec::index_in_details;
pub(in crate::storage) use codec::{
    HistoryRow, RecordRow, blobs_from, blobs_text, channel_from, details, events_from, history_rows,
    pending_from, pending_text, priority_code, priority_from, recipient_hash, recipient_hashes, record_from,
    unreadable,
};
#[cfg(feature = "postgres")]
pub(in crate::storage) use rates::Taken;
pub(in crate::storage) use rates::{row_of, take};

pub use dialect::{Dialect, DialectKind};
pub use shared::{Migration, TimeSource};
pub use statements::{Param, Statement};
pub(crate) use statements::{enqueueing, known};
