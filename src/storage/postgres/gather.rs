//! Single messages of many callers, written together: those that come while a write is under way wait for its end and
//! go with the next. Who comes when nothing is under way waits for nothing.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::oneshot;

use super::{Inner, enqueue};
use crate::{
    error::{Error, ErrorKind, Result, Retry},
    storage::{Enqueued, Entry},
};

/// Calls with more messages than this go by themselves.
pub(super) const SMALL: usize = 100;

/// How often a call is handed in again whose writer vanished with its runtime.
const ATTEMPTS: usize = 3;

type Answers = Result<Vec<Result<Enqueued>>>;

/// Calls that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Gather(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    calls: Vec<Call>,
    /// Someone writes, and looks for more when he is done.
    writing: bool,
}

#[derive(Debug)]
struct Call {
    entries: Arc<Vec<Entry>>,
    to: oneshot::Sender<Answers>,
}

impl Gather {
    /// Hands in a call; true if the caller must see to it that someone writes.
    fn add(&self, call: Call) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.calls.push(call);
        !std::mem::replace(&mut waiting.writing, true)
    }

    /// The calls of the next write; none if there are none, and then nobody writes any more.
    fn next(&self) -> Vec<Call> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = 0;
        let fits = waiting.calls.iter().take_while(|call| {
            rows += call.entries.len();
            rows <= enqueue::ROWS
        });
        let count = fits.count();
        waiting.writing = count > 0;
        waiting.calls.drain(..count).collect()
    }

    /// The writer is gone: those who wait are told so by the loss of their calls, and hand them in again.
    fn abandon(&self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.writing = false;
        waiting.calls.clear();
    }
}

/// Enqueues by the next write.
pub(super) async fn enqueue(inner: &Arc<Inner>, entries: Vec<Entry>) -> Answers {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let entries = Arc::new(entries);
    for _ in 0..ATTEMPTS {
        let (to, answer) = oneshot::channel();
        if inner.gather.add(Call { entries: Arc::clone(&entries), to }) {
            // A task of its own, so that a caller who goes away takes nobody else's message with him.
            tokio::spawn(write(Writer { inner: Arc::downgrade(inner), done: false }));
        }
        if let Ok(answers) = answer.await {
            return answers;
        }
    }
    Err(Error::new(
        ErrorKind::Storage,
        "the runtime ended in which new messages were written; enqueue them again",
    ))
}

/// Whoever writes; says so if it goes before its work is done.
struct Writer {
    inner: Weak<Inner>,
    done: bool,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.upgrade().filter(|_| !self.done) {
            inner.gather.abandon();
        }
    }
}

async fn write(mut writer: Writer) {
    while let Some(inner) = writer.inner.upgrade() {
        let calls = inner.gather.next();
        if calls.is_empty() {
            // From here on the next caller starts a writer of his own.
            writer.done = true;
            return;
        }
        write_together(&inner, calls).await;
    }
}

async fn write_together(inner: &Inner, calls: Vec<Call>) {
    let entries: Vec<&Entry> = calls.iter().flat_map(|call| call.entries.iter()).collect();
    match enqueue::enqueue(inner.desk(), &entries).await {
        Ok(answers) => share_out(calls, answers),
        // One of them has what Postgres cannot hold: that is no fault of the others.
        Err(error) if calls.len() > 1 && error.retry() == Retry::Never => write_each(inner, calls).await,
        Err(error) => calls.into_iter().for_each(|call| call.answer(Err(error.clone()))),
    }
}

fn share_out(calls: Vec<Call>, answers: Vec<Result<Enqueued>>) {
    let mut answers = answers.into_iter();
    for call in calls {
        let own = answers.by_ref().take(call.entries.len()).collect();
        call.answer(Ok(own));
    }
}

async fn write_each(inner: &Inner, calls: Vec<Call>) {
    for call in calls {
        let entries: Vec<&Entry> = call.entries.iter().collect();
        let answers = enqueue::enqueue(inner.desk(), &entries).await;
        call.answer(answers);
    }
}

impl Call {
    fn answer(self, answers: Answers) {
        // Who went away does not want it.
        let _ = self.to.send(answers);
    }
}
