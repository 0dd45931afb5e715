//! Counters of rate limits.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    error::Result,
    storage::{
        RateAsk, SharedLimits,
        places::{Name, places},
    },
    time::Monotonic,
    window::Window,
};

/// Keys that have been idle are dropped when there are more than this many.
const KEYS: usize = 10_000;

#[derive(Default)]
pub(super) struct Limits(Mutex<HashMap<Name, Window>>);

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").finish_non_exhaustive()
    }
}

impl Limits {
    fn take(&self, asks: &[RateAsk], now: Monotonic) -> Result<Option<Duration>> {
        let places = places(asks)?;
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() > KEYS {
            windows.retain(|_, window| !window.is_idle(now));
        }
        let mut wait = None;
        for ((key, period), place) in &places {
            let window = windows.entry((Arc::clone(key), *period));
            let window = window.or_insert_with(|| Window::new(place.limit, *period));
            window.limit_to(place.limit);
            wait = wait.max(window.wait(now, place.permits));
        }
        if wait.is_none() {
            for (name, place) in places {
                windows.entry(name).and_modify(|window| window.take(now, place.permits));
            }
        }
        Ok(wait)
    }
}

#[async_trait]
impl SharedLimits for MemoryStore {
    async fn take(&self, asks: &[RateAsk]) -> Result<Option<Duration>> {
        self.limits.take(asks, self.clock.monotonic())
    }
}
