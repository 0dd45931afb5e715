//! Postgres is killed (`-m immediate`) and comes back, while messages flow.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use tidings::{ErrorKind, Messenger};

use crate::{
    fact::{Fact, Job, Work},
    fleet::Fleet,
    judge::judge,
    messages,
    process::Process,
    report::{Finding, Row},
    sink::Sink,
    stage::{Kind, Stage},
};

const WORK: Work = Work::new(16, Duration::from_secs(3));

/// So slow that there is always something open.
const LATENCY: Duration = Duration::from_millis(100);

/// Nothing is lost, and messages are sent again within five seconds.
pub(crate) async fn restarted(stage: Stage, kind: Kind) -> Finding {
    let restarts = stage.pick(20, 3);
    let place = stage.place(kind).await;
    let mut fleet = Fleet::new(stage.sink(LATENCY), place, WORK);
    let producer = Producer::start(messages::desk(&fleet.place).await);
    let workers: Vec<Process> = (0..4).map(|_| fleet.start(Job::Work)).collect();
    let mut back = Vec::new();
    for _ in 0..restarts {
        tokio::time::sleep(Duration::from_millis(stage.random(200..800).into())).await;
        fleet.sink.wait(Duration::from_secs(20), some_open).await.expect("messages flow");
        if stage.faults {
            stage.postgres().await.restart().await;
            fleet.sink.note(0, Fact::Restarted);
            back.push(sends_again(&fleet.sink).await);
        }
    }
    let total = producer.stop().await;
    fleet.all_taken(0..total, Duration::from_secs(30)).await;
    let stats = fleet.idle(Duration::from_secs(30)).await;
    let mut ends = Vec::new();
    for worker in workers {
        ends.push(worker.end(WORK.grace * 2).await);
    }

    let verdict = fleet.sink.see(|log| judge(log, 0..total));
    let mut times: Vec<Duration> = back.iter().flatten().copied().collect();
    times.sort_unstable();
    let takeover = times.last().map(|most| (times[times.len() / 2], *most));
    let row = Row { takeover, ..Row::of("Postgres restarted", kind.word(), &verdict) };
    let mut finding = Finding::of(row.note(format!("{total} messages")), &verdict, restarts);
    let in_time = |time: &Option<Duration>| time.is_some_and(|time| time <= Duration::from_secs(5));
    finding.demand(back.iter().all(in_time), || format!("sending again took {back:?}"));
    finding.demand(stats.depths.iter().all(|depth| depth.count == 0), || format!("left: {:?}", stats.depths));
    let peaceful = ends.iter().all(|end| end.is_some_and(|status| status.success()));
    finding.demand(peaceful, || format!("workers did not live through it: {ends:?}"));
    finding
}

fn some_open(log: &crate::log::Log) -> Option<()> {
    (1..=4).any(|who| log.held_by(who) > 0).then_some(())
}

/// How long after the server is up a result is durable again.
async fn sends_again(sink: &Sink) -> Option<Duration> {
    let (up, before) = (sink.elapsed(), sink.see(|log| log.entries().len()));
    let settled = sink.wait(Duration::from_secs(20), |log| {
        let settled = |fact: &Fact| matches!(fact, Fact::Settled(ids) if !ids.is_empty());
        log.entries()[before..].iter().find(|entry| settled(&entry.fact)).map(|entry| entry.at)
    });
    Some(settled.await?.saturating_sub(up))
}

/// Enqueues some messages after the others, each until it is durable, whatever happens to the database.
struct Producer {
    stop: Arc<AtomicBool>,
    enqueued: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl Producer {
    fn start(desk: Messenger) -> Self {
        let (stop, enqueued) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let task = tokio::spawn(produce(desk, stop.clone(), enqueued.clone()));
        Self { stop, enqueued, task }
    }

    /// Ends it; how many it enqueued.
    async fn stop(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("no panic");
        self.enqueued.load(Ordering::Relaxed)
    }
}

async fn produce(desk: Messenger, stop: Arc<AtomicBool>, enqueued: Arc<AtomicU32>) {
    while !stop.load(Ordering::Relaxed) {
        let number = enqueued.load(Ordering::Relaxed);
        // Their keys make them one message each, however often they have to be said.
        let answers = desk.enqueue_many((number..number + 5).map(messages::draft)).await;
        match answers.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(_) => enqueued.store(number + 5, Ordering::Relaxed),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Storage, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
