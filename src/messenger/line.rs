//! The way of queued messages to their vendors: the same as that of `send`, but nothing on it waits.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    Inner, Messenger,
    audience::Audience,
    channels::{Channels, Routed, Slot, Stack, some_vendor_admits},
};
use crate::{
    context::CallContext,
    error::{Certainty, Error, ErrorKind, Result},
    event::{Event, EventKind},
    id::{Fingerprint, MessageId, TenantId},
    message::{AnyMessage, Channel, Message, Payload, Priority, on_any},
    middleware::AnyLayer,
    provider::{Outcome, Outgoing, Provider, Receipt, Trail},
    route::holds,
    storage::{Leased, Messages, Suppression},
    time::Monotonic,
};

/// For so long a look at the suppression list holds; a message that waited longer is looked up again.
const LOOK_HOLDS: Duration = Duration::from_secs(1);

/// The way that a worker's messages go.
pub(crate) struct Line {
    inner: Arc<Inner>,
    channels: Channels,
    stack: Stack,
}

/// A leased message, read as far as it can be without its files.
#[derive(Debug)]
pub(crate) struct Ready {
    /// Its lease, without the payload's bytes unless they are still needed.
    pub(crate) leased: Leased,
    pub(crate) channel: Channel,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// Its files are kept apart: it is read when it is sent, so that none waits in memory.
    Apart,
    /// Nobody of its recipients was on a list at this moment: it is read when its turn comes.
    Folded(Monotonic),
    /// Reading failed for good.
    Unreadable(Error),
    /// The message for those who are pending.
    Whole(Box<AnyMessage>, Barred),
}

/// Who of a message's recipients must not be written to.
#[derive(Debug)]
enum Barred {
    /// As of this moment; none if the list is empty.
    Known(Vec<Option<Suppression>>, Monotonic),
    /// Not looked up, or in vain.
    Unknown,
}

/// How the way ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With an outcome for each recipient that was pending.
    Answered(Vec<Outcome>),
    /// Its time had passed.
    Expired,
    /// With an error that speaks for everyone who was pending.
    Failed(Error),
    /// The only instance that may be asked is not there any more.
    Gone(Arc<str>),
    /// It cannot be read.
    Unreadable(Error),
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("channels", &self.channels).finish_non_exhaustive()
    }
}

impl Messenger {
    /// The way of queued messages, with the worker's own layers around each vendor.
    pub(crate) fn line(&self, outer: Vec<Arc<dyn AnyLayer>>) -> Line {
        let stack = self.inner.stack.for_queue(outer);
        let channels = self.inner.bare.layered(&stack);
        Line { inner: Arc::clone(&self.inner), channels, stack }
    }
}

impl Line {
    pub(crate) fn messages(&self) -> &Arc<dyn Messages> {
        &self.inner.messages
    }

    /// The messenger's own context, without deadline.
    pub(crate) fn cx(&self) -> &CallContext {
        &self.inner.cx
    }

    /// The channels that it has providers for.
    pub(crate) fn channels(&self) -> Vec<Channel> {
        self.channels.configured()
    }

    /// Reads what was claimed together by a claim that was `asked` then, and looks all recipients up at once of
    /// whom the store does not know that they are on no list.
    pub(crate) async fn ready(&self, leased: Vec<Leased>, asked: Monotonic) -> Vec<Ready> {
        let is_known = |leased: &Leased| leased.unsuppressed && !self.inner.list_apart;
        let ready = |leased: Leased| {
            if is_known(&leased) { Ready::folded(leased, asked) } else { Ready::read(leased) }
        };
        let mut all: Vec<Ready> = leased.into_iter().map(ready).collect();
        for ((tenant, channel), places) in groups(&all) {
            let lists: Vec<usize> = places.iter().map(|place| all[*place].recipients()).collect();
            let found = {
                let addresses: Vec<&str> = places.iter().flat_map(|place| all[*place].addresses()).collect();
                self.inner.suppressions.suppressed(&tenant, channel, &addresses).await
            };
            // In vain is not lost: each is looked up again when it is sent.
            let Ok(found) = found else { continue };
            let now = self.inner.cx.clock().monotonic();
            let mut found = found.into_iter();
            for (place, recipients) in places.into_iter().zip(lists) {
                all[place].look(found.by_ref().take(recipients).collect(), now);
            }
        }
        all
    }

    /// Delivers: one attempt, noted in `trail`.
    pub(crate) async fn deliver(&self, ready: &Ready, cx: &CallContext, trail: &Trail) -> Ended {
        if ready.leased.terms.expires.is_some_and(|expires| expires <= cx.clock().now()) {
            return Ended::Expired;
        }
        match &ready.content {
            // Boxed: few messages are large, and the others should not carry this along.
            Content::Apart | Content::Folded(_) => Box::pin(self.fetch_and_send(ready, cx, trail)).await,
            Content::Unreadable(error) => Ended::Unreadable(error.clone()),
            Content::Whole(message, barred) => {
                on_any!(&**message, message => self.send(message, ready, barred, cx, trail).await)
            }
        }
    }

    async fn fetch_and_send(&self, ready: &Ready, cx: &CallContext, trail: &Trail) -> Ended {
        match self.fetched(&ready.leased.payload).await {
            Ok(Ok(message)) => {
                let message = cut(message, ready.leased.pending.as_deref());
                on_any!(&message, message => self.send(message, ready, &Barred::Unknown, cx, trail).await)
            }
            Ok(Err(unreadable)) => Ended::Unreadable(unreadable),
            Err(error) => Ended::Failed(error),
        }
    }

    /// The message with its files; the inner error is one for good.
    async fn fetched(&self, payload: &Payload) -> Result<Result<AnyMessage>> {
        let mut contents: Vec<Bytes> = Vec::with_capacity(payload.blobs.len());
        for hash in &payload.blobs {
            match self.inner.blobs.blob(*hash).await? {
                Some(content) => contents.push(content),
                None => return Ok(Err(missing(*hash))),
            }
        }
        Ok(payload.decode_with(contents))
    }

    async fn send<M: Routed>(
        &self,
        message: &M,
        ready: &Ready,
        barred: &Barred,
        cx: &CallContext,
        trail: &Trail,
    ) -> Ended {
        let leased = &ready.leased;
        if let Some(pinned) = leased.pinned.as_ref() {
            match self.is_there(message, &leased.tenant, pinned).await {
                Ok(true) => {}
                Ok(false) => return Ended::Gone(Arc::clone(pinned)),
                Err(error) => return Ended::Failed(error),
            }
        }
        match self.answer(message, leased, barred, cx, trail).await {
            Ok(receipt) => Ended::Answered(receipt.outcomes),
            Err(error) => Ended::Failed(error),
        }
    }

    async fn answer<M: Routed>(
        &self,
        message: &M,
        leased: &Leased,
        barred: &Barred,
        cx: &CallContext,
        trail: &Trail,
    ) -> Result<Receipt> {
        let provider = self.provider(message, &leased.tenant).await?;
        let barred = self.barred(message, leased, barred, cx).await?;
        let mut buffer = uuid::Uuid::encode_buffer();
        let key = match &leased.key {
            Some(key) => &**key,
            None => leased.lease.id.as_uuid().hyphenated().encode_lower(&mut buffer),
        };
        let item = outgoing(message, leased, key, trail);
        let audience = Audience::new(&item, barred, cx);
        audience.admit()?;
        let receipt = provider.send(cx, audience.cut(item)).await?;
        Ok(audience.complete(receipt))
    }

    /// The provider for this message, with its layers, if one of its vendors can send it.
    async fn provider<M: Routed>(&self, message: &M, tenant: &TenantId) -> Result<Arc<dyn Provider<M>>> {
        let chosen = self.channels.choose(tenant, message).await?;
        let bare = M::slot(&self.inner.bare).as_ref();
        match bare {
            Some(Slot::Fixed(bare)) => some_vendor_admits(bare, message)?,
            _ => some_vendor_admits(&chosen.provider, message)?,
        }
        Ok(chosen.layered(&self.stack))
    }

    async fn is_there<M: Routed>(&self, message: &M, tenant: &TenantId, name: &str) -> Result<bool> {
        Ok(holds(&self.inner.bare.choose(tenant, message).await?.provider, name))
    }

    /// Admission binds here: a person may have withdrawn since the message was enqueued.
    async fn barred<M: Routed>(
        &self,
        message: &M,
        leased: &Leased,
        barred: &Barred,
        cx: &CallContext,
    ) -> Result<Vec<Option<Suppression>>> {
        match barred {
            Barred::Known(barred, at) if cx.clock().monotonic().since(*at) < LOOK_HOLDS => Ok(barred.clone()),
            _ => self.inner.barred(&leased.tenant, message).await,
        }
    }
}

impl Ready {
    /// Not read yet, if nothing of it is needed before its turn.
    fn folded(leased: Leased, asked: Monotonic) -> Self {
        match leased.payload.channel().filter(|_| leased.payload.blobs.is_empty()) {
            Some(channel) => Self { leased, channel, content: Content::Folded(asked) },
            None => {
                let mut ready = Self::read(leased);
                ready.look(Vec::new(), asked);
                ready
            }
        }
    }

    fn read(mut leased: Leased) -> Self {
        let channel = leased.payload.channel();
        let content = content(&mut leased);
        let known = match &content {
            Content::Whole(message, _) => Some(message.channel()),
            _ => channel,
        };
        // Of an unreadable message the channel only says where it is counted.
        Self { leased, channel: known.unwrap_or(Channel::Email), content }
    }

    /// Reads it, if that was put off: its turn has come.
    pub(crate) fn unfold(&mut self) {
        if let Content::Folded(asked) = self.content {
            self.content = content(&mut self.leased);
            self.look(Vec::new(), asked);
        }
    }

    pub(crate) fn id(&self) -> MessageId {
        self.leased.lease.id
    }

    /// How an attempt ended that did not end by itself: for each recipient what its events tell.
    pub(crate) fn as_far_as(&self, events: &[Event], error: Error) -> Ended {
        let recipients = self.recipients();
        if recipients == 0 || events.is_empty() {
            return Ended::Failed(error);
        }
        let pending = self.leased.pending.as_deref();
        let index =
            |position| pending.and_then(|all| all.get(position as usize).copied()).unwrap_or(position);
        // Recipients are counted by u32 in every delivery id.
        let positions = 0..u32::try_from(recipients).unwrap_or(u32::MAX);
        Ended::Answered(positions.map(|position| told(index(position), events, &error)).collect())
    }

    fn message(&self) -> Option<&AnyMessage> {
        match &self.content {
            Content::Whole(message, _) => Some(message),
            _ => None,
        }
    }

    fn is_to_be_looked_up(&self) -> bool {
        matches!(&self.content, Content::Whole(_, Barred::Unknown))
    }

    fn recipients(&self) -> usize {
        self.message().map_or(0, AnyMessage::recipient_count)
    }

    fn addresses(&self) -> impl Iterator<Item = &str> {
        let message = self.message();
        (0..self.recipients()).filter_map(move |index| Some(message?.recipient(index)?.as_str()))
    }

    fn look(&mut self, found: Vec<Option<Suppression>>, now: Monotonic) {
        if let Content::Whole(_, barred) = &mut self.content {
            let none = found.iter().all(Option::is_none);
            *barred = Barred::Known(if none { Vec::new() } else { found }, now);
        }
    }
}

fn content(leased: &mut Leased) -> Content {
    if !leased.payload.blobs.is_empty() {
        return Content::Apart;
    }
    match leased.payload.decode() {
        Ok(message) => {
            // Only the message is needed from here on.
            leased.payload.bytes = Bytes::new();
            Content::Whole(Box::new(cut(message, leased.pending.as_deref())), Barred::Unknown)
        }
        Err(error) => Content::Unreadable(error),
    }
}

/// What the events tell of one recipient.
fn told(recipient: u32, events: &[Event], error: &Error) -> Outcome {
    let of = |kind| events.iter().find(|event| event.recipient == Some(recipient) && event.kind == kind);
    if let Some(event) = of(EventKind::Accepted) {
        let (vendor_id, provider) = (event.vendor_id.clone(), event.provider.clone());
        return Outcome::Accepted { vendor_id, provider, cost: event.cost() };
    }
    match of(EventKind::Unknown) {
        Some(event) => {
            let error = error.clone().with_certainty(Certainty::Unknown);
            let named = event.provider.iter().cloned().fold(error, Error::with_provider);
            Outcome::Unknown(named)
        }
        None => Outcome::Refused(error.clone().with_certainty(Certainty::NotSent)),
    }
}

/// The places of those that are to be looked up, by tenant and channel.
fn groups(all: &[Ready]) -> HashMap<(TenantId, Channel), Vec<usize>> {
    let mut groups: HashMap<(TenantId, Channel), Vec<usize>> = HashMap::new();
    for (place, ready) in all.iter().enumerate().filter(|(_, ready)| ready.is_to_be_looked_up()) {
        groups.entry((ready.leased.tenant.clone(), ready.channel)).or_default().push(place);
    }
    groups
}

fn cut(message: AnyMessage, pending: Option<&[u32]>) -> AnyMessage {
    match pending {
        Some(pending) => on_any!(message, message => message.only(pending).into()),
        None => message,
    }
}

fn outgoing<'a, M: Message>(
    message: &'a M,
    leased: &'a Leased,
    key: &'a str,
    trail: &'a Trail,
) -> Outgoing<'a, M> {
    let item = Outgoing::new(message, leased.lease.id, &leased.tenant, key)
        .with_generation(leased.generation)
        .with_attempt(leased.attempts.saturating_add(1))
        .with_on_unknown(leased.terms.on_unknown)
        .with_pinned(leased.pinned.as_deref())
        .with_ahead(leased.terms.priority == Priority::High || leased.excused > 0)
        .with_trail(trail);
    match &leased.pending {
        Some(pending) => item.cut(message, pending),
        None => item,
    }
}

fn missing(hash: Fingerprint) -> Error {
    let text = format!("the file {hash} of the message is not in the blob store any more");
    Error::new(ErrorKind::Storage, text)
}
