//! Who of a message's recipients may be written to.

use super::Inner;
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::EventKind,
    id::TenantId,
    message::{Channel, Message},
    provider::{Outcome, Outgoing, Receipt},
    storage::{RecipientText, Record, Suppression},
};

impl Inner {
    /// The suppression of each recipient, in their order. A store that fails lets nobody through.
    pub(super) async fn barred<M: Message>(
        &self,
        tenant: &TenantId,
        message: &M,
    ) -> Result<Vec<Option<Suppression>>> {
        let recipients = (0..message.recipient_count()).filter_map(|index| message.recipient(index));
        let addresses: Vec<&str> = recipients.map(|recipient| recipient.as_str()).collect();
        self.suppressions.suppressed(tenant, M::CHANNEL, &addresses).await
    }

    /// Refuses each message that nobody may receive, after one look for all of them. A store that fails
    /// lets none through.
    pub(super) async fn barred_from(
        &self,
        tenant: &TenantId,
        channel: Channel,
        records: &[&Record],
    ) -> Vec<Result<()>> {
        let recipients = records.iter().flat_map(|record| &record.recipients);
        let addresses: Vec<&str> = recipients.map(|RecipientText(address)| &**address).collect();
        match self.suppressions.suppressed(tenant, channel, &addresses).await {
            Ok(found) => {
                let mut left = &found[..];
                let own = |record: &&Record| left.split_off(..record.recipients.len()).unwrap_or_default();
                records.iter().map(own).map(Suppression::admit).collect()
            }
            Err(error) => records.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

/// The recipients that remain when those who must not be written to are taken out.
pub(super) struct Audience<M> {
    barred: Vec<Option<Suppression>>,
    /// The message for those who remain, and who they are; `None` if all do.
    cut: Option<Box<(M, Vec<u32>)>>,
}

impl<M: Message> Audience<M> {
    /// Takes out whom `barred` names, and notes each on the item's trail.
    pub(super) fn new(item: &Outgoing<'_, M>, barred: Vec<Option<Suppression>>, cx: &CallContext) -> Self {
        if barred.iter().all(Option::is_none) {
            return Self { barred: Vec::new(), cut: None };
        }
        for (position, suppression) in barred.iter().enumerate() {
            if let (Some(suppression), Some(trail)) = (suppression, item.trail()) {
                let mut event = item.event(position, EventKind::Suppressed, cx);
                event.text = Some(suppression.reason.clone());
                trail.note(event);
            }
        }
        let positions = (0u32..).zip(&barred).filter(|(_, found)| found.is_none());
        let kept: Vec<u32> = positions.map(|(position, _)| position).collect();
        let whole = kept.iter().map(|position| item.delivery(*position as usize).recipient).collect();
        let cut = Some(Box::new((item.message().only(&kept), whole)));
        Self { barred, cut }
    }

    /// Refuses a message that nobody may receive.
    pub(super) fn admit(&self) -> Result<()> {
        Suppression::admit(&self.barred)
    }

    /// The item for those who remain.
    pub(super) fn cut<'b>(&'b self, item: Outgoing<'b, M>) -> Outgoing<'b, M> {
        match self.cut.as_deref() {
            Some((message, whole)) => item.cut(message, whole),
            None => item,
        }
    }

    /// The vendor's answer with the outcomes of those who were taken out.
    pub(super) fn complete(&self, answer: Receipt) -> Receipt {
        if self.barred.is_empty() {
            return answer;
        }
        let mut answered = answer.outcomes.into_iter();
        let missing = || {
            let why = "the provider answered for fewer recipients than asked";
            Outcome::Unknown(Error::new(ErrorKind::Internal, why))
        };
        let outcomes = self.barred.iter().map(|barred| match barred {
            Some(suppression) => Outcome::Refused(suppression.refusal()),
            None => answered.next().unwrap_or_else(missing),
        });
        Receipt::new(outcomes.collect())
    }
}
