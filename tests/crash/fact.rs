//! What the processes of the suite say to each other, one JSON line each, and what is written down of it.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use tidings::MessageId;

/// One thing that happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Fact {
    /// Of what a process has now these must not begin yet: they wait there ahead of their time.
    Ahead(Vec<MessageId>),
    /// A process reached a point where it is to be struck, and waits there. Said with a call, answered by [`Told::Go`].
    At(Point),
    /// A process asks the store to let these begin.
    Beginning(Vec<MessageId>),
    /// A transaction of this number begins, and will be committed, rolled back or cut off.
    Begun(u32),
    /// A process ended in peace.
    Bye,
    /// A process asks for messages. What it gets is said when it knows: one that dies before may have got any.
    Claiming,
    /// A process has these messages now.
    Claimed(Vec<MessageId>),
    /// A stopped process goes on. Noted by the parent.
    Continued,
    /// These numbers are durable, as their producer was told.
    Enqueued(Vec<u32>),
    /// An error reached a caller that should see none.
    Fault(String),
    /// A message was handed over to the vendor. Said with a call, answered by [`Told::Verdict`].
    Handed(Hand),
    /// A process began.
    Hello,
    /// A process was killed, and is dead. Noted by the parent.
    Killed,
    /// The store knows that these may have begun.
    MayBegin(Vec<MessageId>),
    /// Something else that a case wants to know.
    Noted(String, i64),
    /// The database was killed, and is back. Noted by the parent, as of no process.
    Restarted,
    /// These leases were not the process's own any more when it wrote its results.
    Refused(Vec<MessageId>),
    /// The results of these messages are durable.
    Settled(Vec<MessageId>),
    /// The attempts of these messages were counted durably.
    Started(Vec<MessageId>),
    /// A process was stopped. Noted by the parent.
    Stopped,
    /// A process was asked to end. Noted by the parent.
    Terminated,
}

/// A message at the vendor's door.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hand {
    /// Which of the suite's messages it is.
    pub(crate) number: u32,
    /// Its id.
    pub(crate) id: MessageId,
    /// The idempotency key that it carries.
    pub(crate) key: String,
    /// Its `Message-ID`.
    pub(crate) message_id: String,
    /// The attempt, as its worker counts.
    pub(crate) attempt: u32,
    /// What time its worker's clock shows, in microseconds since 1970.
    pub(crate) clock: i64,
    /// What time the provider was told it is.
    pub(crate) told: i64,
    /// True if the vendor took it; noted by the parent.
    pub(crate) took: bool,
}

/// A line from a child to the parent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Counts questions, from one; zero is none.
    pub(crate) call: u64,
    /// What happened.
    pub(crate) fact: Fact,
}

/// A line from the parent to a child.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Told {
    /// From now on, wait for a blow at the so-and-so-many-th pass of this point.
    Arm { point: Point, pass: u32 },
    /// The one who waits at a point may go on.
    Go { call: u64 },
    /// What the vendor says to a hand-over.
    Verdict { call: u64, took: bool },
}

impl Told {
    pub(crate) fn call(&self) -> u64 {
        match self {
            Self::Arm { .. } => 0,
            Self::Go { call } | Self::Verdict { call, .. } => *call,
        }
    }
}

/// The moments at which a process is struck, by the suite's own store and provider around the real ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) enum Point {
    /// The store knows that more may begin, but the worker does not.
    AfterMark,
    /// The result is durable, but the worker does not know.
    AfterSettle,
    /// The attempt was counted, and nothing handed over yet.
    AfterStart,
    /// The worker is about to say that more may begin.
    BeforeMark,
    /// The worker is about to write the result.
    BeforeSettle,
    /// The worker is about to count the attempt.
    BeforeStart,
    /// Messages are leased, but the worker does not know.
    Claimed,
    /// The application's transaction is durable, but it does not know.
    Committed,
    /// A message is durable, but its producer does not know.
    Enqueued,
    /// The vendor took it, but the worker does not know.
    Handed,
    /// The worker checked its lease and called the provider, who has said nothing yet; its thread is blocked.
    Handing,
    /// A message was enqueued in a transaction of the application's, which is not committed yet.
    InTransaction,
}

/// What a child is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// Where the parent listens.
    pub(crate) sink: PathBuf,
    /// The child's number; no two have the same.
    pub(crate) who: u32,
    /// The store.
    pub(crate) place: Place,
    /// What it does.
    pub(crate) job: Job,
    /// How it works.
    pub(crate) work: Work,
    /// Where to wait for a blow: at the so-and-so-many-th pass of a point.
    pub(crate) point: Option<(Point, u32)>,
    /// By how many seconds its clock is wrong.
    pub(crate) clock_off: i64,
}

/// Where the messages are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Place {
    /// In the memory of each process: it forgets, and the suite must notice.
    Memory,
    /// In Postgres.
    Postgres(String),
    /// In a file.
    Sqlite(PathBuf),
}

/// What a child does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Job {
    /// Works with a file as an application would: this many tasks, so many turns each, the numbers of its
    /// messages from `first` on.
    Busy { tasks: u32, turns: u32, first: u32 },
    /// Claims until there is nothing left, with this many tasks, and settles nothing.
    Claim { tasks: usize },
    /// Enqueues these numbers, `batch` at a time, and works.
    Flow { numbers: Vec<u32>, batch: usize },
    /// Begins transactions as one should not, and counts how often it meets a lock.
    Naive,
    /// Takes these orders in transactions of its own, those of odd numbers in vain, and works.
    Transact { numbers: Vec<u32> },
    /// Works.
    Work,
}

/// How a worker works.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Work {
    /// How many attempts at a time.
    pub(crate) concurrency: usize,
    /// How long its leases hold.
    pub(crate) lease: Duration,
    /// How long an attempt may take.
    pub(crate) attempt: Duration,
    /// How long it may take to end.
    pub(crate) grace: Duration,
    /// How long its breaker stays open.
    pub(crate) cooldown: Duration,
}

impl Work {
    /// So many attempts at a time, each as long at most as its lease, and the rest as it usually is.
    pub(crate) const fn new(concurrency: usize, lease: Duration) -> Self {
        let (grace, cooldown) = (Duration::from_secs(5), Duration::from_secs(30));
        Self { concurrency, lease, attempt: lease, grace, cooldown }
    }

    /// The same with a limit for each attempt.
    pub(crate) const fn attempt(mut self, limit: Duration) -> Self {
        self.attempt = limit;
        self
    }
}
