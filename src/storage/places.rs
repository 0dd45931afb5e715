//! What is asked of rate limits, window by window: one rule for every store of the crate.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::RateAsk;
use crate::error::{Error, Result};

/// A window is named by its key and its length, so that a limit may change while places are taken.
pub(in crate::storage) type Name = (Arc<str>, Duration);

/// What is asked of one window.
pub(in crate::storage) struct Place {
    pub(in crate::storage) limit: u32,
    pub(in crate::storage) permits: u32,
}

/// What is asked of each window; those who ask twice for one are added up.
pub(in crate::storage) fn places(asks: &[RateAsk]) -> Result<BTreeMap<Name, Place>> {
    let mut places: BTreeMap<Name, Place> = BTreeMap::new();
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
