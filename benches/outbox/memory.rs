//! What a million messages need of memory, enqueued from a stream and delivered, in a process of its own.

use std::{
    pin::Pin,
    process::Command,
    task::{Context, Poll},
};

use futures_core::Stream;
use tidings::{Email, storage::SqliteStore};

use crate::{measure, message, ours, sqlite::Folder};

/// Says to a process that it is the one which is measured, and on which file it works.
pub(crate) const VARIABLE: &str = "TIDINGS_BENCH_MEMORY_FILE";

struct Emails {
    email: Email,
    left: usize,
}

impl Stream for Emails {
    type Item = Email;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Email>> {
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        Poll::Ready(more.then(|| self.email.clone()))
    }
}

pub(crate) async fn bench() -> Vec<f64> {
    let folder = Folder::new("memory");
    let mut command = Command::new(std::env::current_exe().expect("a program"));
    let child = command.env(VARIABLE, folder.file("memory.db")).output().expect("it runs");
    let text = String::from_utf8_lossy(&child.stdout);
    print!("{text}");
    eprint!("{}", String::from_utf8_lossy(&child.stderr));
    let peak = text.lines().find_map(|line| line.strip_prefix("peak ")?.split(' ').next()?.parse().ok());
    vec![peak.expect("a number")]
}

/// The work of the process that is measured.
pub(crate) async fn serve(path: &str) {
    let count = measure::size("TIDINGS_BENCH_MEMORY", 1_000_000);
    let store = SqliteStore::open(path).await.expect("a file");
    let messenger = ours::messenger(store.clone());
    let before = measure::now();
    let enqueue = async {
        let stream = Emails { email: message::email(), left: count };
        let report = messenger.enqueue_stream(stream).await.expect("enqueued");
        assert_eq!(report.enqueued, count as u64);
    };
    enqueue.await;
    let (enqueue, half) = (measure::now() - before, peak_mib());
    let before = measure::now();
    assert_eq!(ours::drain(&messenger).await, count);
    let deliver = measure::now() - before;
    store.close().await;
    println!(
        "memory: {count} enqueued from a stream in {enqueue:.0} s (peak {half:.1} MiB), delivered in {deliver:.0} s"
    );
    println!("peak {:.1} MiB", peak_mib());
}

/// The most that this process ever had in memory.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib / 1_024.0
}
