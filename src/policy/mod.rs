//! What may be sent: pure functions over data that answer with a reason.

mod compliance;
mod filter;
mod unsubscribe;
mod visible;

pub use self::{
    compliance::{Breach, Compliance, Rule},
    filter::{BlockedHosts, ContentFilter, FileTypes},
    unsubscribe::{OptOut, UnsubscribeLinks},
};

pub(crate) use self::filter::refusal;
