//! For tests: providers that record or fail on cue, a clock that waits for
//! you, and the suite that holds a provider to its contract.
//!
//! - [`Recorder`] takes every message and is asked afterwards what it took.
//! - [`Scripted`] plays a vendor's faults by a [`Script`]; [`ScriptedHttp`] those of an HTTP server.
//! - [`ManualClock`] moves when it is told to.
//! - [`conformance`] and [`provider_conformance!`](crate::provider_conformance)
//!   are for those who write a provider; [`storage`] and
//!   [`storage_conformance!`](crate::storage_conformance) for those who write a store.
//!
//! Nothing here is global: tests that run in parallel do not see each other.
//!
//! ```
//! use tidings::{Channel, Messenger, Sms};
//! use tidings::testing::{Recorder, to};
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let recorder = Recorder::new();
//! let messenger = Messenger::builder().all_others(recorder.clone()).build()?;
//! let sms = Sms::builder().from("Inn").to("+15005550006").body("Your table is ready.").build()?;
//! messenger.send(sms).await?;
//!
//! recorder.assert_sent(to("+15005550006").channel(Channel::Sms).body_contains("ready"));
//! recorder.assert_none_sent(to("+15005550007"));
//! # Ok::<(), tidings::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    error::{Error, Result},
    message::Message,
};

mod clock;
pub mod conformance;
mod http;
mod matcher;
mod recorder;
mod script;
mod scripted;
pub mod storage;

pub use clock::ManualClock;
pub use http::{HttpStep, RecordedRequest, ScriptedHttp, answer};
pub use matcher::{Matcher, any, to};
pub use recorder::{Recorded, Recorder};
pub use script::{Script, Step};
pub use scripted::{Call, Scripted};

/// A failed assertion in another test's thread leaves good lists behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Refuses options that are addressed to `vendor`, which has none.
fn no_options<M: Message>(message: &M, vendor: &str, name: &str) -> Result<()> {
    match message.options().iter().find(|option| *option.vendor == *vendor) {
        Some(option) => {
            let why = format!("{vendor} knows no options; {:?} cannot be applied", option.name);
            Err(Error::invalid("options", why).with_provider(name))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
