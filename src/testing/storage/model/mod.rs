//! Drives two stores with the same random script: they must answer the same at every step.
//!
//! What the contract leaves open is not compared: tokens, ids of acts, whether what a paused tenant has waiting
//! is called paused, and how close to each other places of a rate limit are told apart.

use std::{fmt, sync::Arc};

use self::{script::Script, view::View};
use crate::{storage::Store, testing::ManualClock};

mod brief;
mod read;
mod script;
mod step;
mod view;

/// How many steps a failure tells about.
const TAIL: usize = 12;

/// Drives both stores, which must be empty and judge by `clock`, through `steps` random steps.
/// The same seed makes the same script.
///
/// # Panics
/// If their answers differ: with the seed, the step, the answers and the steps before.
pub async fn compare(
    left: Arc<dyn Store>,
    right: Arc<dyn Store>,
    clock: &ManualClock,
    seed: u64,
    steps: usize,
) {
    let mut twins = Twins { left, right, clock: clock.clone(), script: Script::new(seed), trail: Vec::new() };
    for _ in 0..steps {
        let step = twins.script.next_step(clock);
        twins.trail.push(step.to_string());
        twins.take(step).await;
        twins.look_at_some().await;
    }
    twins.look_at_all().await;
}

struct Twins {
    left: Arc<dyn Store>,
    right: Arc<dyn Store>,
    clock: ManualClock,
    script: Script,
    trail: Vec<String>,
}

impl Twins {
    /// Both answers to the same call, which must be equal.
    fn same<T: PartialEq + fmt::Debug>(&self, what: &str, left: T, right: T) {
        if left != right {
            self.differ(what, &left, &right);
        }
    }

    fn differ(&self, what: &str, left: &dyn fmt::Debug, right: &dyn fmt::Debug) -> ! {
        let number = self.trail.len();
        let tail = &self.trail[number.saturating_sub(TAIL)..];
        panic!(
            "two stores differ at step {number} of seed {}: {what}\n  left:  {left:?}\n  right: {right:?}\n\
             the last steps:\n  {}",
            self.script.seed(),
            tail.join("\n  ")
        );
    }

    fn view(&self) -> View<'_> {
        View::new(&self.script)
    }
}
