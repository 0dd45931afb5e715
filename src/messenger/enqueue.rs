//! The way into the queue: admit, keep the files apart, record.

use std::{
    collections::HashSet,
    future::IntoFuture,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use bytes::Bytes;
use futures_core::Stream;

use super::{
    Inner, Messenger,
    channels::{Routed, some_vendor_admits},
    dispatch::{Admitted, admit, record_of},
    draft::Draft,
    options::{Options, option_methods, queue_option_methods},
    request::Boxed,
};
use crate::{
    error::{Error, ErrorKind, Result},
    event::OnUnknown,
    id::{Fingerprint, TenantId},
    message::{AnyMessage, Channel, Payload, Priority, on_any},
    storage::{Enqueued, Entry, Record},
    time::Timestamp,
};

/// How many messages of a stream become durable together, if nothing else is said.
const BATCH: usize = 1_000;

/// A message about to be enqueued: set options, then await it.
///
/// ```
/// # async fn f(messenger: tidings::Messenger, sms: tidings::Sms) -> tidings::Result<()> {
/// let queued = messenger.enqueue(sms).key("order-17").ordering_key("customer-4").await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "nothing is enqueued until the request is awaited"]
pub struct EnqueueRequest {
    pub(super) messenger: Messenger,
    pub(super) message: AnyMessage,
    pub(super) options: Options,
}

impl EnqueueRequest {
    queue_option_methods!(options);

    option_methods!(options);
}

impl IntoFuture for EnqueueRequest {
    type Output = Result<Enqueued>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { messenger, message, options } = self;
        Box::pin(async move {
            let mut answers = enqueue_all(&messenger, vec![Draft { message, options }]).await;
            answers.pop().unwrap_or_else(|| Err(unanswered()))
        })
    }
}

/// Several messages about to be enqueued together. Awaited, it gives one answer for each, in their order.
#[derive(Debug)]
#[must_use = "nothing is enqueued until the request is awaited"]
pub struct EnqueueManyRequest {
    pub(super) messenger: Messenger,
    pub(super) drafts: Vec<Draft>,
}

impl IntoFuture for EnqueueManyRequest {
    type Output = Vec<Result<Enqueued>>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { enqueue_all(&self.messenger, self.drafts).await })
    }
}

/// A stream of messages about to be enqueued, batch by batch.
#[must_use = "nothing is enqueued until the request is awaited"]
#[derive(Debug)]
pub struct EnqueueStreamRequest<S> {
    pub(super) messenger: Messenger,
    pub(super) stream: S,
    batch: usize,
}

impl<S> EnqueueStreamRequest<S> {
    pub(super) fn new(messenger: Messenger, stream: S) -> Self {
        Self { messenger, stream, batch: BATCH }
    }

    /// How many become durable together, and are in memory at once: 1,000 if not set.
    pub fn batch(mut self, messages: usize) -> Self {
        self.batch = messages.max(1);
        self
    }
}

impl<S> IntoFuture for EnqueueStreamRequest<S>
where
    S: Stream<Item: Into<Draft>> + Send + 'static,
{
    type Output = Result<StreamReport>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.drain())
    }
}

impl<S: Stream<Item: Into<Draft>>> EnqueueStreamRequest<S> {
    async fn drain(self) -> Result<StreamReport> {
        let Self { messenger, stream, batch } = self;
        let mut stream = pin!(stream);
        let mut report = StreamReport::default();
        loop {
            let drafts = next_batch(stream.as_mut(), batch).await;
            if drafts.is_empty() {
                return Ok(report);
            }
            let answers = enqueue_all(&messenger, drafts).await;
            answers.into_iter().try_for_each(|answer| report.count(answer))?;
        }
    }
}

/// The next messages, `most` of them unless the stream ends.
async fn next_batch<S: Stream<Item: Into<Draft>>>(mut stream: Pin<&mut S>, most: usize) -> Vec<Draft> {
    let mut drafts = Vec::new();
    while drafts.len() < most {
        let next = std::future::poll_fn(|task| match stream.as_mut().poll_next(task) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(next) => Poll::Ready(next.map(Into::into)),
        });
        match next.await {
            Some(draft) => drafts.push(draft),
            None => break,
        }
    }
    drafts
}

/// What became of a stream of messages.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct StreamReport {
    /// How many were enqueued.
    pub enqueued: u64,
    /// How many were there already, by their key.
    pub known: u64,
    /// How many were refused.
    pub refused: u64,
    /// The first hundred refusals, each with the message's place in the stream, from zero.
    pub refusals: Vec<(u64, Error)>,
}

impl StreamReport {
    /// How many refusals are kept: enough to see what is wrong, and no memory's burden.
    const KEPT: usize = 100;

    /// Counts an answer.
    ///
    /// # Errors
    /// If the store failed: then the rest would fail as well.
    fn count(&mut self, answer: Result<Enqueued>) -> Result<()> {
        let place = self.enqueued + self.known + self.refused;
        match answer {
            Ok(Enqueued { fresh: true, .. }) => self.enqueued += 1,
            Ok(_) => self.known += 1,
            Err(error) if error.kind() == ErrorKind::Storage => {
                return Err(error.with_context("enqueued before", place.to_string()));
            }
            Err(error) => {
                self.refused += 1;
                if self.refusals.len() < Self::KEPT {
                    self.refusals.push((place, error));
                }
            }
        }
        Ok(())
    }
}

/// Enqueues messages in one transaction; one answer for each, in their order.
pub(super) async fn enqueue_all(messenger: &Messenger, drafts: Vec<Draft>) -> Vec<Result<Enqueued>> {
    let inner = &messenger.inner;
    let mut answers: Vec<Result<Enqueued>> = Vec::with_capacity(drafts.len());
    let mut waiting = Vec::with_capacity(drafts.len());
    for (place, draft) in drafts.into_iter().enumerate() {
        // Whoever is not refused below is answered by the store.
        answers.push(Err(unanswered()));
        match candidate(messenger, draft).await {
            Ok(candidate) => waiting.push((place, candidate)),
            Err(error) => answers[place] = Err(error),
        }
    }
    if inner.list_apart {
        refuse_barred(messenger, &mut waiting, &mut answers).await;
    }
    let (mut places, mut entries) = (Vec::with_capacity(waiting.len()), Vec::with_capacity(waiting.len()));
    for (place, Candidate { entry, files }) in waiting {
        match keep(inner, files).await {
            Ok(()) => {
                places.push(place);
                entries.push(entry);
            }
            Err(error) => answers[place] = Err(error),
        }
    }
    for (place, answer) in places.into_iter().zip(stored(inner, entries).await) {
        answers[place] = answer;
    }
    answers
}

async fn stored(inner: &Inner, entries: Vec<Entry>) -> Vec<Result<Enqueued>> {
    let count = entries.len();
    if count == 0 {
        return Vec::new();
    }
    match inner.messages.enqueue(entries).await {
        Ok(answers) => answers,
        Err(error) => (0..count).map(|_| Err(error.clone())).collect(),
    }
}

fn unanswered() -> Error {
    Error::new(ErrorKind::Internal, "the store gave no answer for this message")
}

/// A message admitted for the queue, whose recipients were not looked up yet.
struct Candidate {
    entry: Entry,
    files: Files,
}

async fn candidate(messenger: &Messenger, draft: Draft) -> Result<Candidate> {
    let Messenger { inner, tenant } = messenger;
    let Draft { message, options } = draft;
    let (mut entry, files) = on_any!(message, message => {
        let fingerprint = fingerprint(&options, &message)?;
        let admitted = admit(inner, tenant, Box::new(message), &options)?;
        deliverable(inner, tenant, &*admitted.message).await?;
        entry(tenant, admitted, &options, fingerprint)?
    });
    // A list that is apart is asked before.
    entry.unless_suppressed = !inner.list_apart;
    Ok(Candidate { entry, files })
}

async fn keep(inner: &Inner, files: Files) -> Result<()> {
    for (hash, content) in files {
        inner.blobs.put_blob(hash, content).await?;
    }
    Ok(())
}

/// Takes out the messages that nobody may receive: one look for all of a channel.
async fn refuse_barred(
    messenger: &Messenger,
    waiting: &mut Vec<(usize, Candidate)>,
    answers: &mut [Result<Enqueued>],
) {
    for channel in Channel::ALL {
        let records: Vec<(usize, &Record)> = waiting
            .iter()
            .map(|(place, candidate)| (*place, &candidate.entry.record))
            .filter(|(_, record)| record.channel == channel)
            .collect();
        if records.is_empty() {
            continue;
        }
        let looked_up: Vec<&Record> = records.iter().map(|(_, record)| *record).collect();
        let barred = messenger.inner.barred_from(&messenger.tenant, channel, &looked_up).await;
        let mut refused = HashSet::new();
        for ((place, _), barred) in records.iter().zip(barred) {
            if let Err(error) = barred {
                answers[*place] = Err(error);
                refused.insert(*place);
            }
        }
        waiting.retain(|(place, _)| !refused.contains(place));
    }
}

/// Fails early for what would fail for good at delivery: nobody can send it, or nobody may receive it.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(super) async fn early<M: Routed>(inner: &Inner, tenant: &TenantId, message: &M) -> Result<()> {
    deliverable(inner, tenant, message).await?;
    crate::storage::Suppression::admit(&inner.barred(tenant, message).await?)
}

async fn deliverable<M: Routed>(inner: &Inner, tenant: &TenantId, message: &M) -> Result<()> {
    let chosen = inner.channels.choose(tenant, message).await?;
    some_vendor_admits(&chosen.provider, message)
}

/// The hash of what the caller said, for messages with a key.
pub(super) fn fingerprint<M: Routed>(options: &Options, message: &M) -> Result<Option<Fingerprint>> {
    let content = || Ok(Fingerprint::of(&Payload::encode(&message.clone().into())?.bytes));
    options.key.as_ref().map(|_| content()).transpose()
}

pub(super) type Files = Vec<(Fingerprint, Bytes)>;

pub(super) fn entry<M: Routed>(
    tenant: &TenantId,
    admitted: Admitted<M>,
    options: &Options,
    fingerprint: Option<Fingerprint>,
) -> Result<(Entry, Files)> {
    let record = record_of(tenant, &admitted, options);
    let (payload, files) = Payload::encode_apart(&(*admitted.message).into())?;
    let entry = Entry::new(record, payload).with_terms(options.terms());
    Ok((fingerprint.into_iter().fold(entry, Entry::with_fingerprint), files))
}
