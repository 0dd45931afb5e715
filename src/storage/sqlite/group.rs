//! Groups: what waits to be written is written together, and answered when it is durable.

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::{
    enqueue::Enqueue,
    lease::{Renew, Start},
    settle::Settle,
    tx::{Tx, internal},
};
use crate::error::Result;

/// Something that several callers ask for at once and that is done in one go.
#[async_trait]
pub(super) trait Op: Send + Sync + Sized + 'static {
    type Item: Send + Sync + 'static;
    type Answer: Send + 'static;

    /// Does it for all items; one answer for each, in order. May be called again after a rollback.
    async fn run(tx: &mut Tx<'_>, items: &[&Self::Item]) -> Result<Vec<Result<Self::Answer>>>;

    /// Where its items wait.
    fn pile(group: &mut Group) -> &mut Pile<Self>;
}

/// Something that each caller has done for itself.
#[async_trait]
pub(super) trait Work: Send + Sync + 'static {
    type Answer: Send + 'static;

    /// Does it. May be called again after a rollback.
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Answer>;

    /// About how many rows it changes.
    fn weight(&self) -> usize {
        1
    }

    /// What to do if the caller is gone when it is answered.
    fn unheard(_: Self::Answer) -> Option<Box<dyn Join>> {
        None
    }
}

/// What comes to the writer.
pub(super) trait Join: Send {
    fn weight(&self) -> usize;
    fn join(self: Box<Self>, group: &mut Group);
}

/// A part of a group.
#[async_trait]
pub(super) trait Job: Send {
    /// Does it and keeps the answers.
    async fn run(&mut self, tx: &mut Tx<'_>) -> Result<()>;
    /// The parts that can be done alone.
    fn parts(self: Box<Self>) -> Vec<Box<dyn Job>>;
    /// Answers those who asked; with what must be done if they are gone.
    fn answer(self: Box<Self>, outcome: Result<()>) -> Option<Box<dyn Join>>;
    /// True if nobody waits for it any more.
    fn is_unwanted(&self) -> bool;
}

/// All that is written in one transaction.
#[derive(Default)]
pub(super) struct Group {
    pub(super) settles: Pile<Settle>,
    pub(super) starts: Pile<Start>,
    pub(super) renews: Pile<Renew>,
    pub(super) enqueues: Pile<Enqueue>,
    singles: Vec<Box<dyn Job>>,
}

impl Group {
    /// Its parts. What frees and adds work goes before what takes it.
    pub(super) fn jobs(self) -> Vec<Box<dyn Job>> {
        let mut jobs: Vec<Box<dyn Job>> = Vec::new();
        self.settles.into_job(&mut jobs);
        self.starts.into_job(&mut jobs);
        self.renews.into_job(&mut jobs);
        self.enqueues.into_job(&mut jobs);
        jobs.extend(self.singles);
        jobs
    }
}

/// One caller's wish for an [`Op`].
pub(super) struct Ask<O: Op> {
    pub(super) items: Vec<O::Item>,
    pub(super) to: oneshot::Sender<Result<Vec<Result<O::Answer>>>>,
}

impl<O: Op> Join for Ask<O> {
    fn weight(&self) -> usize {
        self.items.len()
    }

    fn join(self: Box<Self>, group: &mut Group) {
        O::pile(group).asks.push(*self);
    }
}

/// The wishes of several callers for the same [`Op`].
pub(super) struct Pile<O: Op> {
    asks: Vec<Ask<O>>,
    answers: Vec<Result<O::Answer>>,
}

impl<O: Op> Default for Pile<O> {
    fn default() -> Self {
        Self { asks: Vec::new(), answers: Vec::new() }
    }
}

impl<O: Op> Pile<O> {
    fn into_job(self, jobs: &mut Vec<Box<dyn Job>>) {
        if !self.asks.is_empty() {
            jobs.push(Box::new(self));
        }
    }
}

#[async_trait]
impl<O: Op> Job for Pile<O> {
    async fn run(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let items: Vec<&O::Item> = self.asks.iter().flat_map(|ask| &ask.items).collect();
        let answers = O::run(tx, &items).await?;
        if answers.len() != items.len() {
            return Err(internal("the store gave not as many answers as it was asked for"));
        }
        self.answers = answers;
        Ok(())
    }

    fn parts(self: Box<Self>) -> Vec<Box<dyn Job>> {
        let alone = |ask| Box::new(Self { asks: vec![ask], answers: Vec::new() }) as Box<dyn Job>;
        self.asks.into_iter().map(alone).collect()
    }

    fn answer(self: Box<Self>, outcome: Result<()>) -> Option<Box<dyn Join>> {
        let mut answers = self.answers.into_iter();
        for Ask { items, to } in self.asks {
            let answer = outcome.clone().map(|()| answers.by_ref().take(items.len()).collect());
            // Nobody is left to be told: what was done is as durable.
            let _ = to.send(answer);
        }
        None
    }

    /// These change what is asked for by name: they are done, whoever still waits.
    fn is_unwanted(&self) -> bool {
        false
    }
}

/// One caller's [`Work`].
pub(super) struct Single<W: Work> {
    pub(super) work: W,
    pub(super) done: Option<W::Answer>,
    pub(super) to: oneshot::Sender<Result<W::Answer>>,
}

impl<W: Work> Join for Single<W> {
    fn weight(&self) -> usize {
        self.work.weight()
    }

    fn join(self: Box<Self>, group: &mut Group) {
        group.singles.push(self);
    }
}

#[async_trait]
impl<W: Work> Job for Single<W> {
    async fn run(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        self.done = Some(self.work.run(tx).await?);
        Ok(())
    }

    fn parts(self: Box<Self>) -> Vec<Box<dyn Job>> {
        vec![self]
    }

    fn answer(self: Box<Self>, outcome: Result<()>) -> Option<Box<dyn Join>> {
        let Self { done, to, .. } = *self;
        let answer = outcome.and_then(|()| done.ok_or_else(|| internal("the store gave no answer")));
        to.send(answer).err()?.ok().and_then(W::unheard)
    }

    fn is_unwanted(&self) -> bool {
        self.to.is_closed()
    }
}
