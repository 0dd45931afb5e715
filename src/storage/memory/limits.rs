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
    error::{Error, Result},
    storage::{RateAsk, SharedLimits},
    time::Monotonic,
    window::Window,
};

/// Keys that have been idle are dropped when there are more than this many.
const KEYS: usize = 10_000;

/// A window is named by its key and its length, so that a limit may change while places are taken.
type Name = (Arc<str>, Duration);

#[derive(Default)]
pub(super) struct Limits(Mutex<HashMap<Name, Window>>);

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").finish_non_exhaustive()
    }
}

/// One place in one window.
struct Place {
    limit: u32,
    permits: u32,
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

/// What is asked of each window; those who ask twice for one are added up.
fn places(asks: &[RateAsk]) -> Result<HashMap<Name, Place>> {
    let mut places: HashMap<Name, Place> = HashMap::new();
    for ask in asks {
        for (limit, period) in &ask.windows {
            let name = (Arc::clone(&ask.key), *period);
            let place = places.entry(name).or_insert(Place { limit: *limit, permits: 0 });
            place.limit = place.limit.min(*limit);
            place.permits = place.permits.saturating_add(ask.permits);
        }
    }
    match places.values().find(|place| place.permits > place.limit) {
        None => Ok(places),
        Some(Place { limit, permits }) => Err(Error::config(format!(
            "{permits} places are asked for at once, and a window never holds more than {limit}; ask for fewer"
        ))),
    }
}

#[async_trait]
impl SharedLimits for MemoryStore {
    async fn take(&self, asks: &[RateAsk]) -> Result<Option<Duration>> {
        self.limits.take(asks, self.clock.monotonic())
    }
}
