//! Compares what a message needs with what a provider can, before any I/O.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Layer, wraps_vendor};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::EventKind,
    message::Message,
    provider::{Capabilities, Outgoing, Provider, Receipt, Route},
};

/// Refuses what the provider cannot do, naming feature and field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GateLayer;

impl<M: Message> Layer<M> for GateLayer {
    fn wrap(&self, inner: Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>> {
        Arc::new(Gate { inner })
    }
}

#[derive(Debug)]
struct Gate<M: Message> {
    inner: Arc<dyn Provider<M>>,
}

wraps_vendor!(Gate);

/// The rule itself: may a provider of these capabilities send this message?
///
/// # Errors
/// `unsupported` or `payload_too_large`, naming the field, the limit and the value.
pub(crate) fn admits<M: Message>(message: &M, caps: &Capabilities) -> Result<()> {
    let missing = message.needs().missing_in(caps.features);
    if let Some(feature) = missing.iter().next() {
        let text = format!("{} does not offer: {missing}; it offers: {}", caps.vendor, caps.features);
        return Err(Error::new(ErrorKind::Unsupported, text)
            .with_field(message.field_of(feature).unwrap_or("message")));
    }
    let recipients = message.recipient_count();
    if let Some(most) = caps.max_recipients.filter(|most| recipients > *most) {
        let text = format!("{recipients} recipients; {} takes at most {most}", caps.vendor);
        return Err(Error::new(ErrorKind::Unsupported, text).with_field("to"));
    }
    if let Some(most) = caps.max_size {
        let size = message.size();
        if size > most {
            let text = format!("{size} octets; {} takes at most {most}", caps.vendor);
            return Err(Error::new(ErrorKind::PayloadTooLarge, text).with_field("message"));
        }
    }
    let required = message.options().iter().find(|option| option.required && &*option.vendor != caps.vendor);
    required.map_or(Ok(()), |option| {
        let text = format!(
            "the required option {} is addressed to {}, and this is {}",
            option.name, option.vendor, caps.vendor
        );
        Err(Error::new(ErrorKind::Unsupported, text).with_field("options"))
    })
}

fn note_skipped<M: Message>(cx: &CallContext, item: &Outgoing<'_, M>, caps: &Capabilities) {
    let Some(trail) = item.trail() else { return };
    for option in item.message().options().iter().filter(|option| &*option.vendor != caps.vendor) {
        let mut event = item.event(0, EventKind::OptionSkipped, cx);
        event.recipient = None;
        event.text =
            Some(format!("{} is an option of {}, not of {}", option.name, option.vendor, caps.vendor).into());
        trail.note(event);
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<M: Message> Provider<M> for Gate<M> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
        let caps = self.inner.capabilities();
        admits(item.message(), &caps)?;
        if !item.message().options().is_empty() {
            note_skipped(cx, &item, &caps);
        }
        self.inner.send(cx, item).await
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, M>]) -> Vec<Result<Receipt>> {
        let caps = self.inner.capabilities();
        let verdicts: Vec<Result<()>> = items.iter().map(|item| admits(item.message(), &caps)).collect();
        let admitted: Vec<_> =
            items.iter().zip(&verdicts).filter(|(_, v)| v.is_ok()).map(|(item, _)| *item).collect();
        admitted.iter().for_each(|item| note_skipped(cx, item, &caps));
        let answers =
            if admitted.is_empty() { Vec::new() } else { self.inner.send_batch(cx, &admitted).await };
        let mut answers = answers.into_iter();
        let missing =
            || Err(Error::new(ErrorKind::Internal, "the provider answered fewer results than items"));
        verdicts
            .into_iter()
            .map(|verdict| verdict.and_then(|()| answers.next().unwrap_or_else(missing)))
            .collect()
    }

    fn as_route(&self) -> Option<&dyn Route<M>> {
        None
    }
}
