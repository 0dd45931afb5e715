//! WhatsApp's 24 hours: who may be written to freely.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::channels::Slot;
use crate::{
    address::PhoneNumber,
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::EventKind,
    id::TenantId,
    message::{WhatsApp, WhatsAppContent},
    provider::{Capabilities, Health, Outgoing, Provider, ProviderSource, Receipt, Route, Vendor},
    storage::{Documents, Expected},
    time::Timestamp,
};

/// The shelf of the documents, one for each person: when he last wrote, in microseconds.
const SHELF: &str = "whatsapp.heard";
/// "24 hours from the last message of the user" (WhatsApp Business Messaging Policy).
const LENGTH: Duration = Duration::from_secs(24 * 3_600);
/// Who wrote so shortly before is not noted again: the window then ends as much early.
const COARSE: Duration = Duration::from_secs(60);
/// How often a change is tried that another was in the way of.
const TRIES: usize = 5;
/// The kind of event that tells of a stand-in.
const STOOD_IN: &str = "stood_in";

/// Knows when people last wrote by WhatsApp, by tenant and number, and keeps to WhatsApp's rule:
/// for 24 hours after that they may be written to freely, and else only by approved templates.
///
/// What [`Messenger::receive`](super::Messenger::receive) hears is remembered; free-form messages outside the
/// window are sent as the template that they name as their
/// [stand-in](crate::message::Builder::stand_in), or refused before the vendor is asked, of kind `refused` and
/// code `outside_24_hours`. Each is judged when it is sent, not when it is enqueued. A person of whom nothing was
/// heard is outside. If the store fails, nothing is sent.
///
/// ```
/// use std::sync::Arc;
/// use tidings::{Messenger, messenger::WhatsAppWindow, providers::preview::Preview, storage::MemoryStore};
///
/// let store = Arc::new(MemoryStore::default());
/// let messenger =
///     Messenger::builder().whatsapp(Preview::silent()).whatsapp_window(WhatsAppWindow::new(store)).build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
///
/// If a tenant writes from several numbers: WhatsApp counts for each of them, this window for all together. The vendor
/// has the last word, and refuses with the same kind.
#[derive(Clone, Debug)]
pub struct WhatsAppWindow {
    documents: Arc<dyn Documents>,
}

impl WhatsAppWindow {
    /// A window that remembers in this store.
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self { documents }
    }

    /// Remembers that somebody wrote; for calls that do not come in by the messenger.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn heard(&self, tenant: &TenantId, from: &PhoneNumber, at: Timestamp) -> Result<()> {
        let mut refused = None;
        for _ in 0..TRIES {
            match self.note(tenant, from, at).await {
                Err(error) if error.kind() == ErrorKind::Conflict => refused = Some(error),
                done => return done,
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Never goes back: messages come in in any order, and more than once.
    async fn note(&self, tenant: &TenantId, from: &PhoneNumber, at: Timestamp) -> Result<()> {
        let known = self.documents.document(tenant, SHELF, from.as_str()).await?;
        if known.as_ref().and_then(|known| moment(&known.body)).is_some_and(|last| at < last + COARSE) {
            return Ok(());
        }
        let expected = known.map_or(Expected::Nothing, |known| Expected::Version(known.version));
        let body = Bytes::from(at.as_micros().to_string());
        self.documents.put_document(tenant, SHELF, from.as_str(), body, expected).await.map(drop)
    }

    /// When somebody last wrote, to the minute; `None` if nothing was heard of him.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn last_heard(&self, tenant: &TenantId, from: &PhoneNumber) -> Result<Option<Timestamp>> {
        let known = self.documents.document(tenant, SHELF, from.as_str()).await?;
        Ok(known.and_then(|known| moment(&known.body)))
    }

    /// Lets the message go as it is (`None`), or as its stand-in.
    async fn judge(&self, cx: &CallContext, item: &Outgoing<'_, WhatsApp>) -> Result<Option<WhatsApp>> {
        let message = item.message();
        if !message.is_free_form() {
            return Ok(None);
        }
        let (now, last) = (cx.clock().now(), self.last_heard(item.tenant(), &message.to).await?);
        if last.is_some_and(|last| now < last + LENGTH) {
            return Ok(None);
        }
        let stood_in = stood_in(message).ok_or_else(|| refusal(last, now))?;
        if let Some(trail) = item.trail() {
            let mut event = item.event(0, EventKind::Other(STOOD_IN.into()), cx);
            event.text = Some(format!("{}: its template goes in its place", outside(last, now)).into());
            trail.note(event);
        }
        Ok(Some(stood_in))
    }

    /// Puts the window before whoever sends.
    pub(super) fn around(&self, slot: Slot<WhatsApp>) -> Slot<WhatsApp> {
        match slot {
            Slot::Fixed(inner) => Slot::Fixed(self.guarded(inner)),
            Slot::Source(inner) => Slot::Source(Arc::new(GuardedSource { inner, window: self.clone() })),
        }
    }

    fn guarded(&self, inner: Arc<dyn Provider<WhatsApp>>) -> Arc<dyn Provider<WhatsApp>> {
        Arc::new(Guarded { inner, window: self.clone() })
    }
}

fn moment(body: &Bytes) -> Option<Timestamp> {
    std::str::from_utf8(body).ok()?.parse().ok().map(Timestamp::from_micros)
}

/// A template quotes nothing.
fn stood_in(message: &WhatsApp) -> Option<WhatsApp> {
    let template = message.stand_in.as_deref()?.clone();
    let content = WhatsAppContent::Template(template);
    Some(WhatsApp { content, reply_to: None, stand_in: None, ..message.clone() })
}

fn outside(last: Option<Timestamp>, now: Timestamp) -> String {
    match last {
        Some(last) => format!("the person last wrote {} hours ago", now.since(last).as_secs() / 3_600),
        None => "the person has not written yet".to_owned(),
    }
}

fn refusal(last: Option<Timestamp>, now: Timestamp) -> Error {
    let why = format!(
        "{}, and free-form messages go only within 24 hours: send a template, or name one by `.stand_in(…)`",
        outside(last, now)
    );
    Error::new(ErrorKind::Refused, why).with_field("content").with_code("outside_24_hours")
}

/// A provider behind the window. As a route of one it lets the layers go around its vendors.
#[derive(Debug)]
struct Guarded {
    inner: Arc<dyn Provider<WhatsApp>>,
    window: WhatsAppWindow,
}

#[async_trait]
impl Vendor for Guarded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn check(&self, cx: &CallContext) -> Result<Health> {
        self.inner.check(cx).await
    }
}

#[async_trait]
impl Provider<WhatsApp> for Guarded {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, WhatsApp>) -> Result<Receipt> {
        match self.window.judge(cx, &item).await? {
            Some(message) => self.inner.send(cx, item.cut(&message, &[item.delivery(0).recipient])).await,
            None => self.inner.send(cx, item).await,
        }
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, WhatsApp>]) -> Vec<Result<Receipt>> {
        let mut verdicts = Vec::with_capacity(items.len());
        for item in items {
            verdicts.push((self.window.judge(cx, item).await, [item.delivery(0).recipient]));
        }
        let going = items.iter().zip(&verdicts).filter_map(|(item, (verdict, recipient))| match verdict {
            Ok(Some(message)) => Some(item.cut(message, recipient)),
            Ok(None) => Some(*item),
            Err(_) => None,
        });
        let going: Vec<_> = going.collect();
        let answers = if going.is_empty() { Vec::new() } else { self.inner.send_batch(cx, &going).await };
        let mut answers = answers.into_iter();
        let missing =
            || Err(Error::new(ErrorKind::Internal, "the provider answered fewer results than items"));
        let judged = verdicts.iter().map(|(verdict, _)| match verdict {
            Ok(_) => answers.next().unwrap_or_else(missing),
            Err(error) => Err(error.clone()),
        });
        judged.collect()
    }

    fn as_route(&self) -> Option<&dyn Route<WhatsApp>> {
        Some(self)
    }
}

impl Route<WhatsApp> for Guarded {
    fn rebuild(
        &self,
        wrap: &dyn Fn(Arc<dyn Provider<WhatsApp>>) -> Arc<dyn Provider<WhatsApp>>,
    ) -> Arc<dyn Provider<WhatsApp>> {
        self.window.guarded(wrap(Arc::clone(&self.inner)))
    }

    fn providers(&self) -> Vec<Arc<dyn Provider<WhatsApp>>> {
        vec![Arc::clone(&self.inner)]
    }
}

/// A source whose providers are behind the window.
#[derive(Debug)]
struct GuardedSource {
    inner: Arc<dyn ProviderSource<WhatsApp>>,
    window: WhatsAppWindow,
}

#[async_trait]
impl ProviderSource<WhatsApp> for GuardedSource {
    async fn provider(&self, tenant: &TenantId, message: &WhatsApp) -> Result<Arc<dyn Provider<WhatsApp>>> {
        Ok(self.window.guarded(self.inner.provider(tenant, message).await?))
    }
}

#[cfg(test)]
mod tests;
