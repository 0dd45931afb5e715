//! Processes: this very program, told by a variable what to do, and the blows that it receives.

use std::{
    os::unix::process::ExitStatusExt as _,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::{
    fact::{Fact, Orders},
    sink::Sink,
};

/// Where a child finds its orders.
pub(crate) const ORDERS: &str = "TIDINGS_CRASH_ORDERS";

/// A child. One that is dropped is killed.
pub(crate) struct Process {
    pub(crate) who: u32,
    child: Child,
    sink: Sink,
}

impl Process {
    /// Starts a child with these orders.
    pub(crate) fn start(sink: &Sink, orders: &Orders) -> Self {
        let program = std::env::current_exe().expect("this program's path");
        let orders_text = serde_json::to_string(orders).expect("plain data");
        let mut command = Command::new(program);
        command.env(ORDERS, orders_text).stdin(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().expect("this program starts");
        Self { who: orders.who, child, sink: sink.clone() }
    }

    /// `kill -9`. When this ends the process is dead, and all that it said is in the log. True if it had messages.
    pub(crate) async fn kill(mut self) -> bool {
        let at = self.sink.elapsed();
        self.signal(Signal::KILL);
        let status = self.ended(Duration::from_secs(20)).await.expect("nothing survives kill -9");
        assert_eq!(status.signal(), Some(9), "process {} ended before the blow: {status}", self.who);
        self.sink.wait_gone(self.who).await;
        let held = self.sink.see(|log| log.held_by(self.who));
        self.sink.note_at(at, self.who, Fact::Killed);
        held > 0
    }

    /// Notes that it died by itself.
    pub(crate) async fn bury(self) {
        self.sink.wait_gone(self.who).await;
        self.sink.note(self.who, Fact::Killed);
    }

    /// `kill -STOP`: it runs no more, and does not know.
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
        self.sink.note(self.who, Fact::Stopped);
    }

    /// `kill -CONT`: it runs again, as if no time had passed.
    pub(crate) fn go_on(&self) {
        self.sink.note(self.who, Fact::Continued);
        self.signal(Signal::CONT);
    }

    /// `kill -TERM`: it is asked to end.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
        self.sink.note(self.who, Fact::Terminated);
    }

    /// Asks it to end, and waits until it has; its status, if it ended in time.
    pub(crate) async fn end(mut self, limit: Duration) -> Option<ExitStatus> {
        self.signal(Signal::TERM);
        self.ended(limit).await
    }

    /// Waits until it has ended by itself; `None` when time is up.
    pub(crate) async fn ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        let status = tokio::time::timeout(limit, self.child.wait()).await.ok()?;
        Some(status.expect("our own child"))
    }

    /// True if it has not ended.
    pub(crate) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        let pid = pid.expect("a child that was not waited for has a process id");
        kill_process(pid, signal).expect("our own child");
    }
}
