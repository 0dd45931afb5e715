//! What may be sent: pure functions over data that answer with a reason.

mod compliance;
mod unsubscribe;
mod visible;

pub use self::{
    compliance::{Breach, Compliance, Rule},
    unsubscribe::{OptOut, UnsubscribeLinks},
};
