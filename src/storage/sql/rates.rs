//! Counters of rate limits as rows: one for each key, with all its windows.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::unreadable;
use crate::{
    error::{Error, Result},
    storage::RateAsk,
    time::{Monotonic, Timestamp},
    window::Window,
};

/// The entries of a key's windows, by their lengths in microseconds.
type State = BTreeMap<u64, Vec<[u64; 3]>>;

/// What several callers ask for together.
#[derive(Debug)]
pub(in crate::storage) struct Wish {
    /// Limit and places, by key and length.
    windows: BTreeMap<(String, Duration), (u32, u32)>,
}

impl Wish {
    /// Asks for one window are added up; the smallest limit counts.
    ///
    /// # Errors
    /// If a window never holds as much.
    pub(in crate::storage) fn new(asks: &[RateAsk]) -> Result<Self> {
        let mut windows = BTreeMap::new();
        for ask in asks {
            for (limit, period) in &ask.windows {
                let (least, places) =
                    windows.entry((ask.key.to_string(), *period)).or_insert((*limit, 0_u32));
                *least = (*least).min(*limit);
                *places = places.saturating_add(ask.permits);
            }
        }
        match windows.values().find(|(limit, places)| places > limit) {
            None => Ok(Self { windows }),
            Some((limit, places)) => Err(Error::config(format!(
                "{places} places are asked for at once, and a window never holds more than {limit}; ask for fewer"
            ))),
        }
    }

    /// The keys whose rows must be read, and locked until they are written.
    pub(in crate::storage) fn keys(&self) -> BTreeSet<&str> {
        self.windows.keys().map(|(key, _)| key.as_str()).collect()
    }

    /// Takes all places, and gives the rows to write; or none, and says how long to wait.
    pub(in crate::storage) fn take(&self, rows: &BTreeMap<String, String>, now: Timestamp) -> Result<Taken> {
        let now = Monotonic::from_start(Duration::from_micros(u64::try_from(now.as_micros()).unwrap_or(0)));
        let mut states = rows.iter().map(|(key, text)| Ok((key.clone(), state_from(text)?)));
        let mut states: BTreeMap<String, State> = states.by_ref().collect::<Result<_>>()?;
        let mut wait = None;
        for ((key, period), (limit, places)) in &self.windows {
            let entries = states.entry(key.clone()).or_default().entry(micros(*period)).or_default();
            let mut window = Window::restore(*limit, *period, entries);
            wait = wait.max(window.wait(now, *places));
            window.take(now, *places);
            *entries = window.entries().collect();
        }
        match wait {
            Some(wait) => Ok(Taken::Wait(wait)),
            None => Ok(Taken::All(states.iter().map(|(key, state)| (key.clone(), text(state))).collect())),
        }
    }
}

/// What became of a wish.
#[derive(Debug)]
pub(in crate::storage) enum Taken {
    /// All places were taken: the rows to be written.
    All(Vec<(String, String)>),
    /// None was: not before this much time has passed.
    Wait(Duration),
}

fn micros(period: Duration) -> u64 {
    u64::try_from(period.as_micros()).unwrap_or(u64::MAX)
}

fn state_from(text: &str) -> Result<State> {
    serde_json::from_str(text).map_err(|e| unreadable("state", e))
}

fn text(state: &State) -> String {
    // Numbers only: nothing of that can fail.
    serde_json::to_string(state).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_period_holds_more_than_the_limit_whatever_is_read_back() {
        let ask = RateAsk::new("k", 2, vec![(5, Duration::from_secs(1))]);
        let wish = Wish::new(&[ask]).unwrap();
        let mut rows = BTreeMap::new();
        for expected in [true, true, false] {
            match wish.take(&rows, Timestamp::from_secs(9)).unwrap() {
                Taken::All(written) => {
                    assert!(expected);
                    rows = written.into_iter().collect();
                }
                Taken::Wait(wait) => assert_eq!((expected, wait), (false, Duration::from_secs(1))),
            }
        }
        let later = Timestamp::from_secs(10);
        assert!(matches!(wish.take(&rows, later).unwrap(), Taken::All(_)));
    }

    #[test]
    fn what_never_fits_is_refused() {
        let asks = [RateAsk::new("k", 3, vec![(5, Duration::from_secs(1))]); 1];
        let twice = [asks[0].clone(), asks[0].clone()];
        assert!(Wish::new(&asks).is_ok());
        assert!(Wish::new(&twice).unwrap_err().to_string().contains("never holds more than 5"));
    }
}
