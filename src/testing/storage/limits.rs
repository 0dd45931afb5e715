//! Rules of rate limits that workers share.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{Harness, trial::Trial};
use crate::{
    storage::{Messages, RateAsk, SharedLimits},
    time::Clock,
};

const MINUTE: Duration = Duration::from_secs(60);

fn ask(key: &str, permits: u32, limit: u32) -> RateAsk {
    RateAsk::new(key, permits, vec![(limit, MINUTE)])
}

async fn take<S: Messages + SharedLimits>(trial: &Trial<S>, asks: &[RateAsk]) -> Option<Duration> {
    trial.good(trial.store.take(asks).await)
}

/// So many and no more.
pub async fn a_window_holds_its_limit_and_no_more<H: Harness<Store: SharedLimits>>(harness: &H) {
    let trial =
        Trial::of(harness, "`take` gives as many places as the limit, then says how long to wait.").await;
    for place in 1..=5 {
        trial.equal(&format!("place {place}"), take(&trial, &[ask("k", 1, 5)]).await, None);
    }
    for _ in 0..2 {
        let wait = take(&trial, &[ask("k", 1, 5)]).await;
        trial.holds(wait.is_some_and(|wait| !wait.is_zero()), || format!("a sixth place: {wait:?}"));
    }
    trial.equal("no place", take(&trial, &[ask("k", 0, 5)]).await, None);
}

/// Who waits as long as it was told gets a place.
pub async fn a_wait_is_long_enough_and_ends<H: Harness<Store: SharedLimits>>(harness: &H) {
    let trial =
        Trial::of(harness, "After the wait that `take` answered there is a place, and before it none.").await;
    take(&trial, &[ask("k", 5, 5)]).await;
    trial.clock.advance(Duration::from_secs(20));
    let wait = take(&trial, &[ask("k", 2, 5)]).await.unwrap_or_default();
    let least = MINUTE - Duration::from_secs(20);
    // A store may count places that are close together as taken at the latest of them.
    trial
        .holds(wait >= least && wait <= least + MINUTE / 64, || format!("a wait of {wait:?}, not {least:?}"));
    trial.clock.advance(wait - Duration::from_millis(1));
    let early = take(&trial, &[ask("k", 2, 5)]).await;
    trial.holds(early.is_some_and(|wait| wait <= MINUTE / 64), || format!("a millisecond before: {early:?}"));
    trial.clock.advance(early.unwrap_or_default());
    trial.equal("after the wait", take(&trial, &[ask("k", 2, 5)]).await, None);
}

/// In no period, wherever it begins.
pub async fn no_period_holds_more_than_the_limit<H: Harness<Store: SharedLimits>>(harness: &H) {
    let trial = Trial::of(harness, "No period ever holds more than its limit, wherever it begins.").await;
    let limit = 20;
    let mut random = fastrand::Rng::with_seed(7);
    let mut taken: Vec<crate::Timestamp> = Vec::new();
    for _ in 0..600 {
        trial.clock.advance(Duration::from_millis(random.u64(0..2_500)));
        let permits = random.u32(1..4);
        if take(&trial, &[ask("k", permits, limit)]).await.is_none() {
            taken.extend((0..permits).map(|_| trial.clock.now()));
        }
    }
    for (index, begin) in taken.iter().enumerate() {
        let within = taken[index..].iter().take_while(|at| at.since(*begin) < MINUTE).count();
        trial.holds(within <= limit as usize, || format!("{within} places within a minute from {begin}"));
    }
    let minutes = trial.clock.now().since(super::trial::START).as_secs() / 60;
    let possible = (minutes * u64::from(limit)) as usize;
    trial.holds(taken.len() * 10 > possible * 8, || {
        format!("only {} of {possible} places given", taken.len())
    });
}

/// All asks or none.
pub async fn all_asks_are_met_or_none<H: Harness<Store: SharedLimits>>(harness: &H) {
    let trial = Trial::of(harness, "`take` takes the places of all asks, or none of them.").await;
    take(&trial, &[ask("full", 2, 2)]).await;
    for _ in 0..3 {
        let wait = take(&trial, &[ask("free", 1, 2), ask("full", 1, 2)]).await;
        trial.holds(wait.is_some(), || "a place in a full window".into());
    }
    trial.equal("two places in the free one", take(&trial, &[ask("free", 2, 2)]).await, None);
    let wait = take(&trial, &[ask("free", 1, 2)]).await;
    trial.holds(wait.is_some(), || "a third place in the free one".into());
}

/// All windows of an ask hold at once.
pub async fn all_windows_of_an_ask_hold<H: Harness<Store: SharedLimits>>(harness: &H) {
    let trial = Trial::of(harness, "All windows of an ask hold at once.").await;
    let both = RateAsk::new("k", 1, vec![(2, Duration::from_secs(1)), (3, MINUTE)]);
    let mut given = 0;
    for _ in 0..10 {
        for _ in 0..3 {
            given += u32::from(take(&trial, std::slice::from_ref(&both)).await.is_none());
        }
        trial.holds(given <= 3, || format!("{given} places within a minute"));
        trial.clock.advance(Duration::from_millis(1_100));
    }
    trial.equal("how many places are given", given, 3);
}

/// Asks of one key in one call add up.
pub async fn asks_of_one_key_add_up<H: Harness<Store: SharedLimits>>(harness: &H) {
    let trial =
        Trial::of(harness, "Asks of one key and period count in one window, also within one call.").await;
    trial.equal("two and two", take(&trial, &[ask("k", 2, 5), ask("k", 2, 5)]).await, None);
    let wait = take(&trial, &[ask("k", 1, 5), ask("k", 1, 5)]).await;
    trial.holds(wait.is_some(), || "six places in a window of five".into());
    trial.equal("the fifth", take(&trial, &[ask("k", 1, 5)]).await, None);
}

/// Keys are apart.
pub async fn keys_of_limits_are_apart<H: Harness<Store: SharedLimits>>(harness: &H) {
    let trial = Trial::of(harness, "Each key has windows of its own.").await;
    for key in ["a", "b", "A", "a "] {
        trial.equal(key, take(&trial, &[ask(key, 1, 1)]).await, None);
    }
}

/// What can never fit is an error.
pub async fn more_than_a_window_holds_is_an_error<H: Harness<Store: SharedLimits>>(harness: &H) {
    let trial =
        Trial::of(harness, "To ask for more places than a window has is a `config` error, not a wait.").await;
    let answer = trial.store.take(&[ask("k", 6, 5)]).await;
    trial.refused("six of five", answer, crate::ErrorKind::Config);
    trial.equal("five of five", take(&trial, &[ask("k", 5, 5)]).await, None);
}

/// A limit that changed counts what was taken before.
pub async fn a_new_limit_counts_what_was_taken<H: Harness<Store: SharedLimits>>(harness: &H) {
    let trial =
        Trial::of(harness, "Asks of one key and period count in one window, also if their limits differ.")
            .await;
    trial.equal("five of ten", take(&trial, &[ask("k", 5, 10)]).await, None);
    let wait = take(&trial, &[ask("k", 1, 5)]).await;
    trial.holds(wait.is_some(), || "a sixth place of five".into());
    trial.equal("the sixth of ten", take(&trial, &[ask("k", 1, 10)]).await, None);
}

/// Nor do callers at the same moment exceed it.
pub async fn callers_at_once_never_exceed_a_limit<H: Harness<Store: SharedLimits>>(harness: &H) {
    let trial =
        Trial::of(harness, "No window holds more than its limit, whoever asks at the same moment.").await;
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let store = Arc::clone(&trial.store);
        tasks.spawn(async move { store.take(&[ask("k", 1, 20), ask("other", 1, 1_000)]).await });
    }
    let answers = tasks.join_all().await;
    let given = answers.into_iter().filter(|answer| trial.good(answer.clone()).is_none()).count();
    trial.equal("how many of 64 get one of 20 places", given, 20);
}
