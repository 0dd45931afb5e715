//! The figures.

use std::process::{Command, Stdio};

use crate::{
    clients::{Lettre, Ours, lettre, send_all_by_lettre},
    measure::{cpu_per_item, rate, ratio, runtime},
    sink::{Sink, VARIABLE},
};

/// Who waits for a session beside those who have one: theirs are the envelopes
/// that go out behind another's content.
const QUEUE: usize = 2;
const SESSIONS: usize = 64;
/// The port of the sink, for the child whose memory is measured.
const PORT: &str = "TIDINGS_BENCH_SMTP_PORT";

/// Messages a second on one session, one after the other.
pub(crate) fn one_session() -> Option<f64> {
    let (sink, runtime) = (Sink::start("near"), runtime());
    let (ours, theirs) = (Ours::new(sink.port, 1), pool(&runtime, sink.port, 1));
    let ours = || rate(2_000, || runtime.block_on(ours.clone().send_all(2_000, 1)));
    let by_lettre = || rate(40, || runtime.block_on(send_all_by_lettre(theirs.clone(), 40, 1)));
    let ratio = ratio("one session", "messages a second", 3, ours, by_lettre);
    let _inside = runtime.enter();
    drop(theirs);
    Some(ratio)
}

/// Messages a second over eight sessions with a server that is 20 ms away.
pub(crate) fn far_away() -> Option<f64> {
    let (sink, runtime) = (Sink::start("far"), runtime());
    let (ours, theirs) = (Ours::new(sink.port, 8), pool(&runtime, sink.port, 8));
    let ours = || rate(800, || runtime.block_on(ours.clone().send_all(800, 8 * QUEUE)));
    let by_lettre = || rate(160, || runtime.block_on(send_all_by_lettre(theirs.clone(), 160, 8)));
    let ratio = ratio("20 ms, 8 sessions", "messages a second", 3, ours, by_lettre);
    let _inside = runtime.enter();
    drop(theirs);
    Some(ratio)
}

/// CPU for each message over 64 sessions.
pub(crate) fn cpu() -> Option<f64> {
    let (sink, runtime) = (Sink::start("near"), runtime());
    let (ours, theirs) = (Ours::new(sink.port, SESSIONS), pool(&runtime, sink.port, SESSIONS));
    let count = 2_000;
    let ours = || cpu_per_item(count, || runtime.block_on(ours.clone().send_all(count, SESSIONS * QUEUE)));
    let by_lettre =
        || cpu_per_item(count, || runtime.block_on(send_all_by_lettre(theirs.clone(), count, SESSIONS)));
    let ratio = ratio("64 sessions", "us of CPU a message", 9, ours, by_lettre);
    let _inside = runtime.enter();
    drop(theirs);
    Some(ratio)
}

fn pool(runtime: &tokio::runtime::Runtime, port: u16, sessions: usize) -> Lettre {
    let _inside = runtime.enter();
    lettre(port, sessions)
}

/// The most memory that a process has had which sent 2,000 messages over 64 sessions.
pub(crate) fn memory() -> Option<f64> {
    let sink = Sink::start("near");
    let mut child = Command::new(std::env::current_exe().expect("this benchmark"));
    child.env(VARIABLE, "memory").env(PORT, sink.port.to_string());
    let out = child.output().expect("a child").stdout;
    let kib: f64 = String::from_utf8_lossy(&out).trim().parse().expect("a number");
    println!("memory: {kib} KiB at most, for 2,000 messages over 64 sessions");
    Some(kib / 1024.0)
}

/// In the child: sends, and prints how much memory that took at most, in KiB.
pub(crate) fn send_and_tell_memory() {
    let port = std::env::var(PORT).expect("set by the parent").parse().expect("a port");
    runtime().block_on(Ours::new(port, SESSIONS).send_all(2_000, SESSIONS * QUEUE));
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    println!("{}", peak.trim().trim_end_matches("kB").trim());
}

/// Messages a second over 64 sessions, over those of Postfix's own load generator.
pub(crate) fn smtp_source() -> Option<f64> {
    let program = ["/usr/sbin/smtp-source", "/usr/bin/smtp-source", "/usr/local/sbin/smtp-source"];
    let program = program.into_iter().find(|path| std::path::Path::new(path).exists())?;
    let (sink, runtime) = (Sink::start("near"), runtime());
    let sessions = Ours::new(sink.port, SESSIONS);
    let count = 10_000;
    let ours = || rate(count, || runtime.block_on(sessions.clone().send_all(count, SESSIONS * QUEUE)));
    let theirs = || rate(count, || run(program, count, sink.port));
    Some(ratio("smtp-source, 64 sessions", "messages a second", 5, ours, theirs))
}

/// `-d` keeps its sessions as well; its message is as long as ours.
fn run(program: &str, count: usize, port: u16) {
    let mut source = Command::new(program);
    source.args(["-d", "-s", &SESSIONS.to_string(), "-m", &count.to_string(), "-l", "5120"]);
    source.args(["-f", "shop@example.org", "-t", "user@example.org", &format!("inet:127.0.0.1:{port}")]);
    let status = source.stdin(Stdio::null()).status().expect("smtp-source runs");
    assert!(status.success(), "smtp-source: {status}");
}
