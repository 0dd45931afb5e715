//! The crash suite: faults that strike real processes, and what the outbox promises whatever happens.
//!
//! ```sh
//! cargo test --features full,testing --test crash                                # minutes
//! TIDINGS_CRASH=long cargo test --release --features full,testing --test crash   # the full numbers
//! ```
//!
//! Words after `--` choose cases by a part of their names; `--list` names them. With `TIDINGS_CRASH_FAULTS=off` nothing
//! strikes, and every case must complain of just that. It starts a Postgres server of its own, and this program again
//! and again as the processes that it kills. Last it prints a table and the bars.

mod cases;
mod child;
mod fact;
mod fleet;
mod flow;
mod judge;
mod judge_tests;
mod log;
mod messages;
mod orders;
mod process;
mod report;
mod sink;
mod stage;

use std::process::ExitCode;

use tidings::{Clock as _, SystemClock};

use cases::Case;
use report::{Finding, table};
use stage::Stage;

fn main() -> ExitCode {
    if let Ok(orders) = std::env::var(process::ORDERS) {
        child::follow(&serde_json::from_str(&orders).expect("orders"));
        return ExitCode::SUCCESS;
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let chosen = chosen(&words);
    if words.iter().any(|word| word == "--list") {
        chosen.iter().for_each(|case| println!("{}: test", case.name));
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(run(chosen))
}

/// The cases whose names hold one of the words; all, if there is none.
fn chosen(words: &[String]) -> Vec<Case> {
    let exact = words.iter().any(|word| word == "--exact");
    let names: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let wanted = |case: &Case| {
        let is = |name: &&String| if exact { case.name == **name } else { case.name.contains(name.as_str()) };
        names.is_empty() || names.iter().any(is)
    };
    cases::all().into_iter().filter(wanted).collect()
}

async fn run(cases: Vec<Case>) -> ExitCode {
    judge_tests::run();
    let stage = Stage::of_environment();
    let (mut rows, mut bars, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for case in &cases {
        let begun = SystemClock.monotonic();
        let Finding { rows: more, bars: more_bars, complaints } = cases::judged(case, &stage).await;
        let took = SystemClock.monotonic().since(begun).as_secs_f64();
        println!(
            "test {} ... {} ({took:.1} s)",
            case.name,
            if complaints.is_empty() { "ok" } else { "FAILED" }
        );
        complaints.iter().for_each(|complaint| println!("    {complaint}"));
        failed.extend((!complaints.is_empty()).then_some(case.name.as_str()));
        rows.extend(more);
        bars.extend(more_bars);
    }
    stage.end().await;
    println!("\n{} of {} cases failed {failed:?}\n\n{}", failed.len(), cases.len(), table(&rows));
    bars.iter().for_each(|(name, value)| println!("bar {name} {value}"));
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
