//! Follows a delivery by what its vendor tells afterwards.

use super::Inner;
use crate::{
    error::Result,
    event::Event,
    id::{DeliveryId, MessageId, TenantId},
    message::Channel,
    webhook::{Correlation, Inbound, RawRequest, Reply, VendorEvent, Webhook},
};

pub(super) async fn receive(
    inner: &Inner,
    tenant: &TenantId,
    webhook: &dyn Webhook,
    request: &RawRequest,
) -> Result<Vec<Inbound>> {
    let verified = webhook.verify(&inner.cx, request).await?;
    let inbound = webhook.parse(&verified)?;
    for entry in &inbound {
        match entry {
            Inbound::Chat(_) => {}
            Inbound::Event(event) => append(inner, webhook.name(), event).await?,
            Inbound::Reply(reply) => heard(inner, tenant, reply).await?,
        }
    }
    Ok(inbound)
}

/// Remembers when somebody wrote by WhatsApp. A store that fails fails the call, which the vendor then repeats.
async fn heard(inner: &Inner, tenant: &TenantId, reply: &Reply) -> Result<()> {
    match &inner.window {
        Some(window) if reply.channel == Channel::WhatsApp => {
            // Another clock may be ahead; nobody wrote later than now.
            let at = reply.at.min(inner.cx.clock().now());
            window.heard(tenant, &reply.from, at).await
        }
        _ => Ok(()),
    }
}

async fn append(inner: &Inner, provider: &str, told: &VendorEvent) -> Result<()> {
    let Some((tenant, delivery)) = find(inner, provider, &told.correlation).await? else {
        tracing::debug!(provider, kind = %told.kind, "a vendor's event finds no delivery here");
        return Ok(());
    };
    let mut event = Event::new(delivery.message, told.kind.clone(), told.at);
    event.recipient = Some(delivery.recipient);
    event.generation = told.generation.unwrap_or_default();
    event.provider = Some(provider.into());
    event.source = Some(told.source.clone());
    event.vendor_id.clone_from(&told.vendor_id);
    event.code.clone_from(&told.code);
    event.text.clone_from(&told.text);
    inner.messages.append_events(&tenant, vec![event]).await
}

async fn find(
    inner: &Inner,
    provider: &str,
    correlation: &Correlation,
) -> Result<Option<(TenantId, DeliveryId)>> {
    match correlation {
        Correlation::Delivery(delivery) => {
            Ok(inner.messages.tenant_of(delivery.message).await?.map(|tenant| (tenant, *delivery)))
        }
        Correlation::Message { id, recipient } => by_address(inner, *id, recipient).await,
        Correlation::VendorId { id, recipient } => {
            inner.messages.by_vendor_id(provider, id, recipient.as_deref()).await
        }
    }
}

async fn by_address(inner: &Inner, id: MessageId, address: &str) -> Result<Option<(TenantId, DeliveryId)>> {
    let Some(tenant) = inner.messages.tenant_of(id).await? else { return Ok(None) };
    let tracked = inner.messages.tracked(&tenant, id).await?;
    let index = tracked.and_then(|tracked| tracked.record.index_of(address));
    Ok(index.map(|recipient| (tenant, DeliveryId { message: id, recipient })))
}
