//! The script finds what differs between two stores.

use std::panic::AssertUnwindSafe;

use super::{
    super::{model, run},
    Arc, Clock, Harness, Memory,
    broken::{BrokenHarness, Flaw},
};
use crate::{storage::Store, testing::ManualClock, time::Timestamp};

/// The seeds that are tried until one of them tells the two apart.
const SEEDS: std::ops::Range<u64> = 0..10;

fn compare(flaw: Option<Flaw>, seed: u64) -> std::thread::Result<()> {
    let work = async {
        let clock = ManualClock::at(Timestamp::from_secs(1_767_225_600));
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let left: Arc<dyn Store> = Arc::new(Memory.open(Arc::clone(&shared)).await);
        let right: Arc<dyn Store> = match flaw {
            Some(flaw) => Arc::new(BrokenHarness(flaw).open(shared).await),
            None => Arc::new(Memory.open(shared).await),
        };
        model::compare(left, right, &clock, seed, 300).await;
    };
    std::panic::catch_unwind(AssertUnwindSafe(|| run(work)))
}

#[test]
fn equal_stores_are_equal() {
    for seed in SEEDS {
        assert!(compare(None, seed).is_ok(), "seed {seed}");
    }
}

#[test]
fn flaws_are_found() {
    let flaws = [
        Flaw::ActsIgnoreFilters,
        Flaw::AnyTenantCancels,
        Flaw::ClaimsIgnoreLimits,
        Flaw::DeadLettersAreDropped,
        Flaw::DelaysAreForgotten,
        Flaw::FingerprintsAreIgnored,
        Flaw::FiltersAreIgnored,
        Flaw::KeysAreForgotten,
        Flaw::LaterIsReturned,
        Flaw::LeasesAreShort,
        Flaw::LossesAreForgiven,
        Flaw::MarksAreForgotten,
        Flaw::MarksAreOfAll,
        Flaw::NextDueIsNotSaid,
        Flaw::NoLeft,
        Flaw::NoMarks,
        Flaw::NoOrder,
        Flaw::NoPause,
        Flaw::NoPrune,
        Flaw::PruneIgnoresLimits,
        Flaw::RenewsNothing,
        Flaw::ReturnedIsLater,
        Flaw::SinceIsNow,
        Flaw::StaleIsForgiven,
        Flaw::StartsAreForgotten,
        Flaw::SuspectsWithOthers,
        Flaw::TheFirstSuppressionStays,
        Flaw::TwiceIsTwice,
        Flaw::UncountedIsCounted,
        Flaw::UnsuppressesAll,
        Flaw::WishesAreForgotten,
    ];
    let missed: Vec<_> = flaws
        .into_iter()
        .filter(|flaw| SEEDS.into_iter().all(|seed| compare(Some(*flaw), seed).is_ok()))
        .collect();
    assert!(missed.is_empty(), "the script does not find {missed:?}");
}
