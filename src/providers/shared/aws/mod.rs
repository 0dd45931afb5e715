//! What the vendors of Amazon Web Services share: keys and where they come from, signed calls, errors that
//! every service answers with, and the signed messages of Amazon SNS.

mod client;
mod errors;
mod keys;
mod notification;
mod settings;

pub use keys::AwsKeys;

pub(in crate::providers) use client::Client;
pub(in crate::providers) use errors::{Refusal, judged, tag};
pub(in crate::providers) use notification::{Inbox, Notification};
pub(in crate::providers) use settings::{Access, endpoint_of, needed_region};

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
