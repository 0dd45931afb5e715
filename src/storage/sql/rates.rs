//! Windows of rate limits as texts, and what becomes of them when places are taken.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::unreadable;
use crate::{
    error::Result,
    storage::places::{Name, Place},
    time::{Monotonic, Timestamp},
    window::Window,
};

/// A window with its new places.
#[derive(Debug)]
pub(in crate::storage) struct Taken {
    pub(in crate::storage) name: Name,
    /// When it holds nothing any more.
    pub(in crate::storage) idle_at: Timestamp,
    pub(in crate::storage) state: String,
}

/// The name of a window's row.
pub(in crate::storage) fn row_of((key, period): &Name) -> String {
    format!("{}:{key}", period.as_micros())
}

/// Takes places at `now`, given the states of the windows: all of them, or none and says how long to wait.
pub(in crate::storage) fn take(
    places: &BTreeMap<Name, Place>,
    states: &HashMap<Name, String>,
    now: Timestamp,
) -> Result<std::result::Result<Vec<Taken>, Duration>> {
    let mut windows = Vec::with_capacity(places.len());
    for (name, place) in places {
        windows.push((name, place, window(states.get(name).map(String::as_str), place.limit, name.1)?));
    }
    // A clock that went back must not forget what was taken.
    let newest =
        windows.iter().filter_map(|(.., window)| window.entries().last().map(|(_, last, _)| last)).max();
    let now = monotonic(now.as_micros()).max(newest.unwrap_or_default());
    let wait = windows.iter_mut().filter_map(|(_, place, window)| window.wait(now, place.permits)).max();
    if let Some(wait) = wait {
        return Ok(Err(wait));
    }
    Ok(Ok(windows.into_iter().map(|(name, place, window)| taken(name, place, window, now)).collect()))
}

fn taken(name: &Name, place: &Place, mut window: Window, now: Monotonic) -> Taken {
    window.take(now, place.permits);
    let entries: Vec<(i64, i64, u32)> =
        window.entries().map(|(first, last, count)| (micros(first), micros(last), count)).collect();
    let idle_at = Timestamp::from_micros(micros(now + name.1));
    // Numbers only: nothing of that can fail.
    Taken { name: name.clone(), idle_at, state: serde_json::to_string(&entries).unwrap_or_default() }
}

fn window(state: Option<&str>, limit: u32, period: Duration) -> Result<Window> {
    let entries: Vec<(i64, i64, u32)> = match state {
        None => Vec::new(),
        Some(state) => serde_json::from_str(state).map_err(|e| unreadable("state", e))?,
    };
    let entries = entries.into_iter().map(|(first, last, count)| (monotonic(first), monotonic(last), count));
    Ok(Window::new(limit, period).with_entries(entries))
}

/// The store's clock as one that only counts; before 1970 it stands still.
fn monotonic(micros: i64) -> Monotonic {
    Monotonic::from_start(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}

fn micros(at: Monotonic) -> i64 {
    i64::try_from(at.since(Monotonic::default()).as_micros()).unwrap_or(i64::MAX)
}
