//! The one path of every send: admit, record, deliver, record.

use std::sync::Arc;

use tracing::Instrument as _;

use super::{
    Inner, Messenger,
    audience::Audience,
    channels::{Chosen, Routed, some_vendor_admits},
    flight::Flight,
    options::Options,
    sent::{Sent, judged},
};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::{Event, EventKind},
    id::{MessageId, TenantId},
    message::{AnyMessage, Channel, Chat, Email, Message, Push, Sms, WhatsApp},
    provider::{Outcome, Outgoing, Provider, Receipt},
    storage::{RecipientText, Record, Suppression},
    time::Timestamp,
};

/// A message that was admitted, with the id that it keeps.
pub(super) struct Admitted<M: Message> {
    pub(super) id: MessageId,
    pub(super) at: Timestamp,
    /// Boxed: a message is large, and futures that hold one by value are copied with it.
    pub(super) message: Box<M>,
    pub(super) key: Arc<str>,
}

/// Admission: pure but for the clock. Defaults are filled in, everything is checked.
pub(super) fn admit<M: Routed>(
    inner: &Inner,
    tenant: &TenantId,
    mut message: Box<M>,
    options: &Options,
) -> Result<Admitted<M>> {
    let at = inner.cx.clock().now();
    options.admit(at)?;
    message.fill(tenant, &inner.defaults);
    message.comply(tenant, options.category.as_deref(), &inner.law)?;
    message.validate()?;
    message.complete()?;
    inner.law.inspect(tenant, &*message)?;
    let id = inner.ids.next(at);
    let key = options.key.clone().unwrap_or_else(|| id.to_shared());
    Ok(Admitted { id, at, message, key })
}

/// Sends one message.
pub(super) async fn dispatch<M: Routed>(
    messenger: Messenger,
    message: Box<M>,
    options: Box<Options>,
) -> Result<Sent> {
    let Messenger { inner, tenant } = &messenger;
    let admitted = admit(inner, tenant, message, &options)?;
    options.admit_now(admitted.at)?;
    let span = tracing::info_span!("tidings.send", channel = M::CHANNEL.as_str(), message = %admitted.id, tenant = %tenant);
    // An instrumented future costs more than the comparison.
    if span.is_disabled() {
        return deliver(inner, tenant, &admitted, &options).await;
    }
    Box::pin(deliver(inner, tenant, &admitted, &options).instrument(span)).await
}

async fn deliver<M: Routed>(
    inner: &Inner,
    tenant: &TenantId,
    admitted: &Admitted<M>,
    options: &Options,
) -> Result<Sent> {
    let chosen = inner.channels.choose(tenant, &*admitted.message).await?;
    some_vendor_admits(&chosen.provider, &*admitted.message)?;
    let barred = inner.barred(tenant, &*admitted.message).await?;
    let provider = chosen.layered(&inner.stack);
    inner.messages.record(vec![inner.begun(tenant, admitted, options)]).await?;
    let mut flight = inner.flight(tenant, admitted);
    let cx = inner.bounded();
    let item = outgoing(admitted, tenant, options, &flight);
    let audience = Audience::new(&item, barred, &cx);
    let answer = match audience.admit() {
        Ok(()) => {
            let late = |error| Err(flight.late(error));
            inner.within(&cx, provider.send(&cx, audience.cut(item)), late).await
        }
        Err(error) => Err(error),
    };
    let answer = judged(answer.map(|receipt| audience.complete(receipt)));
    let events = flight.land(&answer);
    let recorded = inner.note(tenant, events).await;
    sent(admitted, answer, recorded)
}

fn outgoing<'a, M: Message>(
    admitted: &'a Admitted<M>,
    tenant: &'a TenantId,
    options: &Options,
    flight: &'a Flight,
) -> Outgoing<'a, M> {
    Outgoing::new(&*admitted.message, admitted.id, tenant, &admitted.key)
        .with_on_unknown(options.on_unknown.unwrap_or_default())
        .with_trail(flight.trail())
}

fn sent<M: Message>(admitted: &Admitted<M>, answer: Result<Vec<Outcome>>, recorded: bool) -> Result<Sent> {
    match answer {
        Ok(outcomes) => Ok(Sent { id: admitted.id, channel: M::CHANNEL, outcomes, recorded }),
        Err(error) => Err(error.with_message_id(admitted.id)),
    }
}

impl Inner {
    /// What `work` gives, or what `late` makes of a time-out.
    async fn within<T>(
        &self,
        cx: &CallContext,
        work: impl Future<Output = T>,
        late: impl FnOnce(Error) -> T,
    ) -> T {
        // Our own layers keep the deadline themselves; only others' could outlast it.
        let Some(deadline) = cx.deadline().filter(|_| self.stack.has_layers_of_others()) else {
            return work.await;
        };
        cx.until(deadline, work).await.unwrap_or_else(late)
    }

    fn flight<M: Message>(&self, tenant: &TenantId, admitted: &Admitted<M>) -> Flight {
        let recipients = admitted.message.recipient_count();
        Flight::new(
            admitted.id,
            recipients,
            Arc::clone(&self.messages),
            self.cx.shared_clock(),
            tenant.clone(),
        )
    }

    /// The context of one send, with its deadline.
    fn bounded(&self) -> CallContext {
        self.cx.clone().with_deadline(self.cx.clock().monotonic() + self.total)
    }

    /// The record of a message that is sent at once, with its first event.
    fn begun<M: Message>(
        &self,
        tenant: &TenantId,
        admitted: &Admitted<M>,
        options: &Options,
    ) -> (Record, Vec<Event>) {
        // With room for what most deliveries add: one outcome each.
        let mut events = Vec::with_capacity(1 + admitted.message.recipient_count());
        events.push(Event::new(admitted.id, EventKind::Started, admitted.at));
        (record_of(tenant, admitted, options), events)
    }

    /// Appends events; a failure is said, but turns nothing that was sent into an error.
    async fn note(&self, tenant: &TenantId, events: Vec<Event>) -> bool {
        let noted = self.messages.append_events(tenant, events).await;
        if let Err(error) = &noted {
            tracing::warn!(error = %error.kind(), "a send ended but could not be noted");
        }
        noted.is_ok()
    }
}

/// What is kept of a message for ever.
pub(super) fn record_of<M: Message>(tenant: &TenantId, admitted: &Admitted<M>, options: &Options) -> Record {
    let message = &admitted.message;
    let recipients = (0..message.recipient_count()).filter_map(|index| message.recipient(index));
    let recipients = recipients.map(|recipient| RecipientText(recipient.shared())).collect();
    let mut record = Record::new(admitted.id, tenant.clone(), M::CHANNEL, admitted.at, recipients);
    record.key.clone_from(&options.key);
    record.category.clone_from(&options.category);
    record.tags.clone_from(&options.tags);
    record.metadata.clone_from(&options.metadata);
    record.external_ref.clone_from(&options.external_ref);
    record
}

/// Sends messages of any channels; answers in their order.
pub(super) async fn dispatch_batch(
    messenger: Messenger,
    messages: Vec<AnyMessage>,
    options: Options,
) -> Vec<Result<Sent>> {
    let mut answers: Vec<Option<Result<Sent>>> = messages.iter().map(|_| None).collect();
    let mut groups = Groups::default();
    messages.into_iter().enumerate().for_each(|(index, message)| groups.add(index, message));
    let Groups { chat, email, push, sms, whatsapp } = groups;
    group(&messenger, chat, &options, &mut answers).await;
    group(&messenger, email, &options, &mut answers).await;
    group(&messenger, push, &options, &mut answers).await;
    group(&messenger, sms, &options, &mut answers).await;
    group(&messenger, whatsapp, &options, &mut answers).await;
    let lost = || Err(Error::new(ErrorKind::Internal, "a message of the batch got no answer"));
    answers.into_iter().map(|answer| answer.unwrap_or_else(lost)).collect()
}

#[derive(Default)]
struct Groups {
    chat: Vec<(usize, Chat)>,
    email: Vec<(usize, Email)>,
    push: Vec<(usize, Push)>,
    sms: Vec<(usize, Sms)>,
    whatsapp: Vec<(usize, WhatsApp)>,
}

impl Groups {
    fn add(&mut self, index: usize, message: AnyMessage) {
        match message {
            AnyMessage::Chat(message) => self.chat.push((index, message)),
            AnyMessage::Email(message) => self.email.push((index, message)),
            AnyMessage::Push(message) => self.push.push((index, message)),
            AnyMessage::Sms(message) => self.sms.push((index, message)),
            AnyMessage::WhatsApp(message) => self.whatsapp.push((index, message)),
        }
    }
}

type Answers = [Option<Result<Sent>>];

/// Sends the messages of one channel, those of one provider together.
async fn group<M: Routed>(
    messenger: &Messenger,
    messages: Vec<(usize, M)>,
    options: &Options,
    answers: &mut Answers,
) {
    let Messenger { inner, tenant } = messenger;
    let mut parts: Vec<Part<M>> = Vec::new();
    for (index, message) in messages {
        match ready(inner, tenant, message, options).await {
            Ok((chosen, ready)) => part_of(&mut parts, chosen).push((index, ready)),
            Err(error) => answers[index] = Some(Err(error)),
        }
    }
    for (chosen, items) in parts {
        let provider = chosen.layered(&inner.stack);
        let span = tracing::info_span!("tidings.send_batch", channel = Channel::as_str(M::CHANNEL), items = items.len(), tenant = %tenant);
        deliver_batch(inner, tenant, provider, items, options, answers).instrument(span).await;
    }
}

/// An admitted message and who of its recipients must not be written to.
type Ready<M> = (Admitted<M>, Vec<Option<Suppression>>);

/// A provider and what it is to send.
type Part<M> = (Chosen<M>, Vec<(usize, Ready<M>)>);

fn part_of<M: Message>(parts: &mut Vec<Part<M>>, chosen: Chosen<M>) -> &mut Vec<(usize, Ready<M>)> {
    let same = |(known, _): &Part<M>| Arc::ptr_eq(&known.provider, &chosen.provider);
    let known = parts.iter().position(same);
    let index = known.unwrap_or_else(|| {
        parts.push((chosen, Vec::new()));
        parts.len() - 1
    });
    &mut parts[index].1
}

async fn ready<M: Routed>(
    inner: &Inner,
    tenant: &TenantId,
    message: M,
    options: &Options,
) -> Result<(Chosen<M>, Ready<M>)> {
    let admitted = admit(inner, tenant, Box::new(message), options)?;
    options.admit_now(admitted.at)?;
    let chosen = inner.channels.choose(tenant, &*admitted.message).await?;
    some_vendor_admits(&chosen.provider, &*admitted.message)?;
    let barred = inner.barred(tenant, &*admitted.message).await?;
    Ok((chosen, (admitted, barred)))
}

async fn deliver_batch<M: Routed>(
    inner: &Inner,
    tenant: &TenantId,
    provider: Arc<dyn Provider<M>>,
    items: Vec<(usize, Ready<M>)>,
    options: &Options,
    answers: &mut Answers,
) {
    let records = items.iter().map(|(_, (admitted, _))| inner.begun(tenant, admitted, options)).collect();
    if let Err(error) = inner.messages.record(records).await {
        items.iter().for_each(|(index, _)| answers[*index] = Some(Err(error.clone())));
        return;
    }
    let (places, items): (Vec<usize>, Vec<Ready<M>>) = items.into_iter().unzip();
    let (items, barred): (Vec<Admitted<M>>, Vec<_>) = items.into_iter().unzip();
    let mut flights: Vec<Flight> = items.iter().map(|admitted| inner.flight(tenant, admitted)).collect();
    let cx = inner.bounded();
    let judged: Vec<_> = {
        let sends = items.iter().zip(&flights);
        let sends: Vec<_> =
            sends.map(|(admitted, flight)| outgoing(admitted, tenant, options, flight)).collect();
        let audiences = sends.iter().zip(barred).map(|(item, barred)| Audience::new(item, barred, &cx));
        let audiences: Vec<Audience<M>> = audiences.collect();
        let results = send_to(inner, &cx, &*provider, &flights, &audiences, sends).await;
        let whole = results.into_iter().zip(&audiences);
        whole.map(|(answer, audience)| judged(answer.map(|receipt| audience.complete(receipt)))).collect()
    };
    let events = flights.iter_mut().zip(&judged).flat_map(|(flight, answer)| flight.land(answer)).collect();
    let recorded = inner.note(tenant, events).await;
    for ((place, admitted), answer) in places.into_iter().zip(&items).zip(judged) {
        answers[place] = Some(sent(admitted, answer, recorded));
    }
}

/// Sends those items that somebody may receive, as one batch; answers for all of them.
async fn send_to<M: Routed>(
    inner: &Inner,
    cx: &CallContext,
    provider: &dyn Provider<M>,
    flights: &[Flight],
    audiences: &[Audience<M>],
    items: Vec<Outgoing<'_, M>>,
) -> Vec<Result<Receipt>> {
    let admitted = audiences.iter().map(Audience::admit);
    let admitted: Vec<Result<()>> = admitted.collect();
    let going = items.into_iter().zip(audiences).zip(&admitted).filter(|(_, admitted)| admitted.is_ok());
    let going: Vec<_> = going.map(|((item, audience), _)| audience.cut(item)).collect();
    let late = |error: Error| {
        let going = flights.iter().zip(&admitted).filter(|(_, admitted)| admitted.is_ok());
        going.map(|(flight, _)| Err(flight.late(error.clone()))).collect()
    };
    let results = if going.is_empty() {
        Vec::new()
    } else {
        inner.within(cx, provider.send_batch(cx, &going), late).await
    };
    let mut results = results.into_iter();
    let missing = || Err(Error::new(ErrorKind::Internal, "the provider answered for too few messages"));
    admitted
        .into_iter()
        .map(|admitted| admitted.and_then(|()| results.next().unwrap_or_else(missing)))
        .collect()
}
