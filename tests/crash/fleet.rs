//! Several processes on one store.

use std::{ops::Range, time::Duration};

use tidings::{
    MessageId,
    storage::{Filter, Page, QueueState, QueueStats, Scope},
};

use crate::{
    fact::{Job, Orders, Place, Point, Work},
    log::Log,
    messages,
    process::Process,
    sink::Sink,
};

/// Starts processes on one store, with one vendor.
pub(crate) struct Fleet {
    pub(crate) sink: Sink,
    pub(crate) place: Place,
    pub(crate) work: Work,
    started: u32,
}

impl Fleet {
    /// No process yet.
    pub(crate) fn new(sink: Sink, place: Place, work: Work) -> Self {
        Self { sink, place, work, started: 0 }
    }

    /// The orders of the next process.
    pub(crate) fn orders(&mut self, job: Job) -> Orders {
        self.started += 1;
        let (sink, who, place, work) = (self.sink.path(), self.started, self.place.clone(), self.work);
        Orders { sink, who, place, job, work, point: None, clock_off: 0 }
    }

    /// Starts a process.
    pub(crate) fn start(&mut self, job: Job) -> Process {
        let orders = self.orders(job);
        self.start_with(&orders)
    }

    /// Starts a process with a point at which it waits for a blow.
    pub(crate) fn start_to(&mut self, job: Job, point: Point, pass: u32) -> Process {
        let mut orders = self.orders(job);
        orders.point = Some((point, pass));
        self.start_with(&orders)
    }

    /// Starts a process with these orders.
    pub(crate) fn start_with(&self, orders: &Orders) -> Process {
        Process::start(&self.sink, orders)
    }

    /// Waits until all of these are durable.
    pub(crate) async fn all_enqueued(&self, numbers: Range<u32>, limit: Duration) -> bool {
        let all = |log: &Log| numbers.clone().all(|number| log.is_enqueued(number)).then_some(());
        self.sink.wait(limit, all).await.is_some()
    }

    /// Waits until the vendor took all of these.
    pub(crate) async fn all_taken(&self, numbers: Range<u32>, limit: Duration) -> bool {
        let count = numbers.len();
        let all = self.sink.wait(limit, |log| (log.taken() >= count).then_some(()));
        all.await.is_some()
    }

    /// The dead letters: which numbers, and their ids.
    pub(crate) async fn dead(&self) -> Vec<(u32, MessageId)> {
        let store = messages::open(&self.place).await;
        let filter = Filter::new().state(QueueState::Dead);
        let dead = store.list(&Scope::All, &filter, Page::first(10_000)).await.expect("the store answers");
        let records = dead.iter().map(|tracked| &tracked.record);
        records.map(|record| (messages::number_of(record).expect("one of ours"), record.id)).collect()
    }

    /// Waits until nothing happened for two seconds: whoever was at it has done all that it was told to do.
    pub(crate) async fn quiet(&self, limit: Duration) {
        let until = tokio::time::Instant::now() + limit;
        let mut before = usize::MAX;
        while tokio::time::Instant::now() < until {
            let now = self.sink.see(Log::steps);
            if std::mem::replace(&mut before, now) == now {
                return;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }

    /// Waits until a lease is over that nobody has recovered.
    pub(crate) async fn expired(&self, limit: Duration) {
        let store = messages::open(&self.place).await;
        let until = tokio::time::Instant::now() + limit;
        loop {
            let stats = store.stats(&Scope::All).await.expect("the store answers");
            if stats.oldest_expired_lease.is_some() || tokio::time::Instant::now() > until {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until nothing waits or is at work; the queue's numbers then, or when time is up.
    pub(crate) async fn idle(&self, limit: Duration) -> QueueStats {
        let store = messages::open(&self.place).await;
        let until = tokio::time::Instant::now() + limit;
        loop {
            let stats = store.stats(&Scope::All).await.expect("the store answers");
            let busy = [QueueState::Leased, QueueState::Ready, QueueState::Suspect];
            let left: u64 = busy.into_iter().map(|state| stats.depth(state)).sum();
            if left == 0 || tokio::time::Instant::now() > until {
                return stats;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
