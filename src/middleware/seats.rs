//! So many calls of one provider instance at once, and no waiting for a free one.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::{Layer, wraps_vendor};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result, Retry},
    message::Message,
    provider::{Capabilities, Outgoing, Provider, Receipt, Route},
    time::Monotonic,
};

/// Nobody is told to come back sooner.
const SOONEST: Duration = Duration::from_millis(20);
/// Nobody is told to come back later: calls may become faster.
const LATEST: Duration = Duration::from_secs(30);

/// The layer: who finds no seat free is told when to come back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seats(Vec<(Arc<str>, Arc<Mutex<Room>>)>);

/// The seats of one instance.
#[derive(Debug)]
struct Room {
    most: usize,
    taken: usize,
    /// How long a call takes, of late.
    spell: Duration,
    /// The moment that was told last.
    told: Monotonic,
}

impl Seats {
    /// So many seats for each instance named.
    pub(crate) fn new<'a>(limits: impl IntoIterator<Item = &'a (Arc<str>, usize)>) -> Self {
        let room = |most: usize| Room {
            most: most.max(1),
            taken: 0,
            spell: Duration::ZERO,
            told: Monotonic::default(),
        };
        let rooms =
            limits.into_iter().map(|(name, most)| (Arc::clone(name), Arc::new(Mutex::new(room(*most)))));
        Self(rooms.collect())
    }
}

impl Room {
    /// Takes a seat, or says when to come back.
    fn take(&mut self, now: Monotonic) -> std::result::Result<(), Duration> {
        if self.taken < self.most {
            self.taken += 1;
            return Ok(());
        }
        // A little too soon, for many: a seat that waits for somebody is worse than somebody who asks twice.
        let seats = u32::try_from(self.most).unwrap_or(u32::MAX).saturating_mul(2);
        self.told = (self.told.max(now) + self.spell / seats).min(now + LATEST);
        Err(self.told.since(now).max(SOONEST))
    }

    fn leave(&mut self, spell: Duration) {
        self.taken = self.taken.saturating_sub(1);
        self.spell = (self.spell * 7 + spell) / 8;
    }
}

impl<M: Message> Layer<M> for Seats {
    fn wrap(&self, inner: Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>> {
        match self.0.iter().find(|(name, _)| **name == *inner.name()) {
            Some((_, room)) => Arc::new(Seated { inner, room: Arc::clone(room) }),
            None => inner,
        }
    }
}

#[derive(Debug)]
struct Seated<M: Message> {
    inner: Arc<dyn Provider<M>>,
    room: Arc<Mutex<Room>>,
}

wraps_vendor!(Seated);

/// A seat; free again when it is dropped.
struct Seat<'a> {
    room: &'a Mutex<Room>,
    cx: &'a CallContext,
    since: Monotonic,
}

fn lock(room: &Mutex<Room>) -> MutexGuard<'_, Room> {
    room.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<M: Message> Seated<M> {
    fn seat<'a>(&'a self, cx: &'a CallContext) -> Result<Seat<'a>> {
        let now = cx.clock().monotonic();
        let mut room = lock(&self.room);
        match room.take(now) {
            Ok(()) => Ok(Seat { room: &self.room, cx, since: now }),
            Err(wait) => {
                let text =
                    format!("all {} calls that the provider may have at once are under way", room.most);
                let error = Error::new(ErrorKind::RateLimited, text).with_provider(self.inner.name());
                Err(error.with_retry(Retry::After(wait)))
            }
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let spell = self.cx.clock().monotonic().since(self.since);
        lock(self.room).leave(spell);
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<M: Message> Provider<M> for Seated<M> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
        let _seat = self.seat(cx)?;
        self.inner.send(cx, item).await
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, M>]) -> Vec<Result<Receipt>> {
        match self.seat(cx) {
            Ok(_seat) => self.inner.send_batch(cx, items).await,
            Err(error) => items.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    fn as_route(&self) -> Option<&dyn Route<M>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_start(Duration::from_millis(millis))
    }

    #[test]
    fn who_finds_no_seat_is_told_a_moment_of_their_own() {
        let spell = Duration::from_secs(1);
        let mut room = Room { most: 5, taken: 0, spell, told: Monotonic::default() };
        assert!((0..5).all(|_| room.take(at(0)).is_ok()));
        let waits: Vec<_> = (0..3).filter_map(|_| room.take(at(1_000)).err()).collect();
        assert_eq!(waits, [100, 200, 300].map(Duration::from_millis));
        for _ in 0..10_000 {
            let _ = room.take(at(1_000));
        }
        assert_eq!(room.take(at(1_000)), Err(LATEST));
        room.leave(spell);
        assert_eq!(room.take(at(1_000)), Ok(()));
    }
}
