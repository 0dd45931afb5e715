//! Small calls of many callers, done together: those that come while one is under way wait for its end and go with the
//! next. Who comes when nothing is under way waits for nothing.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::oneshot;

use super::Inner;
use crate::error::{Error, ErrorKind, Result, Retry};

/// Calls with more rows than this go by themselves.
pub(super) const SMALL: usize = 100;

/// Rows of one statement.
const ROWS: usize = 1_000;

/// How often a call is handed in again whose task vanished with its runtime.
const ATTEMPTS: usize = 3;

/// What several callers can ask for together.
pub(super) trait Together: Send + Sync + Sized + 'static {
    /// What one row is answered.
    type Answer: Send;

    /// Those that wait.
    fn gather(inner: &Inner) -> &Gather<Self>;

    /// Does it for all rows; one answer for each.
    fn run(inner: &Inner, rows: &[&Self]) -> impl Future<Output = Result<Vec<Self::Answer>>> + Send;
}

type Answers<T> = Result<Vec<<T as Together>::Answer>>;

/// Calls that wait for their turn.
pub(super) struct Gather<T: Together>(Mutex<Waiting<T>>);

struct Waiting<T: Together> {
    calls: Vec<Call<T>>,
    /// A call is under way, and whoever does it looks for more when he is done.
    busy: bool,
    /// Someone does his own rows meanwhile.
    alone: bool,
}

struct Call<T: Together> {
    rows: Arc<Vec<T>>,
    to: oneshot::Sender<Answers<T>>,
}

impl<T: Together> Default for Gather<T> {
    fn default() -> Self {
        Self(Mutex::new(Waiting { calls: Vec::new(), busy: false, alone: false }))
    }
}

impl<T: Together> Gather<T> {
    /// How a caller gets his rows done.
    fn enter(&self, rows: &Arc<Vec<T>>) -> Way<T> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.busy && !std::mem::replace(&mut waiting.alone, true) {
            return Way::Alone;
        }
        let (to, answer) = oneshot::channel();
        waiting.calls.push(Call { rows: Arc::clone(rows), to });
        let is_first = !std::mem::replace(&mut waiting.busy, true);
        Way::Together { answer, is_first }
    }

    fn leave(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).alone = false;
    }

    /// The calls that go next; none if there are none, and then nobody is busy any more.
    fn next(&self) -> Vec<Call<T>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = 0;
        let fits = waiting.calls.iter().take_while(|call| {
            rows += call.rows.len();
            rows <= ROWS
        });
        let count = fits.count();
        waiting.busy = count > 0;
        waiting.calls.drain(..count).collect()
    }

    /// Whoever was busy is gone: those who wait are told so by the loss of their calls, and hand them in again.
    fn abandon(&self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.busy = false;
        waiting.calls.clear();
    }
}

/// Does it at once if nothing is under way, else with the next call.
pub(super) async fn ask<T: Together>(inner: &Arc<Inner>, rows: Vec<T>) -> Answers<T> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Arc::new(rows);
    for _ in 0..ATTEMPTS {
        match T::gather(inner).enter(&rows) {
            Way::Alone => {
                let _turn = Turn(T::gather(inner));
                return T::run(inner, &rows.iter().collect::<Vec<_>>()).await;
            }
            Way::Together { answer, is_first } => {
                if is_first {
                    // A task of its own, so that a caller who goes away takes nobody else's call with him.
                    tokio::spawn(work(Hand::<T> {
                        inner: Arc::downgrade(inner),
                        done: false,
                        gather: T::gather,
                    }));
                }
                if let Ok(answers) = answer.await {
                    return answers;
                }
            }
        }
    }
    Err(Error::new(ErrorKind::Storage, "the runtime ended in which this was done; do it again"))
}

/// How a caller gets his rows done.
enum Way<T: Together> {
    /// By himself. Nobody waits for him: he may be stopped in the middle for as long as he likes.
    Alone,
    /// With others; the first of them sees to it that someone does it.
    Together { answer: oneshot::Receiver<Answers<T>>, is_first: bool },
}

/// A caller who does his own rows, until he is done or goes away.
struct Turn<'a, T: Together>(&'a Gather<T>);

impl<T: Together> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Whoever is busy; says so if it goes before its work is done.
struct Hand<T: Together> {
    inner: Weak<Inner>,
    done: bool,
    gather: fn(&Inner) -> &Gather<T>,
}

impl<T: Together> Drop for Hand<T> {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.upgrade().filter(|_| !self.done) {
            (self.gather)(&inner).abandon();
        }
    }
}

async fn work<T: Together>(mut hand: Hand<T>) {
    while let Some(inner) = hand.inner.upgrade() {
        let calls = T::gather(&inner).next();
        if calls.is_empty() {
            // From here on the next caller is on his own, or starts another.
            hand.done = true;
            return;
        }
        run_together(&inner, calls).await;
        // Those who were answered come again at once, if they do: they go together then.
        tokio::task::yield_now().await;
    }
}

async fn run_together<T: Together>(inner: &Inner, calls: Vec<Call<T>>) {
    let rows: Vec<&T> = calls.iter().flat_map(|call| call.rows.iter()).collect();
    match T::run(inner, &rows).await {
        Ok(answers) => share_out(calls, answers),
        // One of them has what Postgres cannot hold: that is no fault of the others.
        Err(error) if calls.len() > 1 && error.retry() == Retry::Never => run_each(inner, calls).await,
        Err(error) => calls.into_iter().for_each(|call| call.answer(Err(error.clone()))),
    }
}

fn share_out<T: Together>(calls: Vec<Call<T>>, answers: Vec<T::Answer>) {
    let mut answers = answers.into_iter();
    for call in calls {
        let own = answers.by_ref().take(call.rows.len()).collect();
        call.answer(Ok(own));
    }
}

async fn run_each<T: Together>(inner: &Inner, calls: Vec<Call<T>>) {
    for call in calls {
        let rows: Vec<&T> = call.rows.iter().collect();
        let answers = T::run(inner, &rows).await;
        call.answer(answers);
    }
}

impl<T: Together> Call<T> {
    fn answer(self, answers: Answers<T>) {
        // Who went away does not want it.
        let _ = self.to.send(answers);
    }
}
