//! The tray: the last messages, in the order of their arrival.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    id::{MessageId, TenantId},
    message::{AnyMessage, Channel, Message},
    provider::Outgoing,
    time::Timestamp,
};

/// How many messages the tray keeps.
pub(super) const ROOM: usize = 1_000;

/// A message that the preview caught.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Caught {
    /// The message's id.
    pub id: MessageId,
    /// On whose behalf it was sent.
    pub tenant: TenantId,
    /// Its channel.
    pub channel: Channel,
    /// When it was caught.
    pub at: Timestamp,
    /// The id under which the preview took it: `preview-1`, `preview-2`, …
    pub vendor_id: Arc<str>,
    /// Its idempotency key.
    pub key: Arc<str>,
    /// The attempt, counted from one.
    pub attempt: u32,
    /// The message.
    pub message: AnyMessage,
}

#[derive(Default)]
pub(super) struct Tray {
    caught: VecDeque<Caught>,
    count: u64,
}

impl Tray {
    pub(super) fn put<M: Message>(&mut self, item: &Outgoing<'_, M>, at: Timestamp) -> Caught {
        self.count += 1;
        let caught = Caught {
            id: item.id(),
            tenant: item.tenant().clone(),
            channel: M::CHANNEL,
            at,
            vendor_id: format!("preview-{}", self.count).into(),
            key: item.key().into(),
            attempt: item.attempt(),
            message: item.message().clone().into(),
        };
        if self.caught.len() == ROOM {
            self.caught.pop_front();
        }
        self.caught.push_back(caught.clone());
        caught
    }

    pub(super) fn all(&self) -> Vec<Caught> {
        self.caught.iter().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.caught.len()
    }

    pub(super) fn clear(&mut self) {
        self.caught.clear();
    }
}
