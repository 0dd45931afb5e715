//! The path of a send, walked without side effects.

use std::{fmt, sync::Arc};

use super::{
    Messenger,
    channels::{Routed, vendors},
    dispatch::admit,
    options::Options,
};
use crate::{
    error::{Error, Result},
    message::{Channel, Features},
    middleware::admits,
    provider::Provider,
};

/// What would become of a message.
#[derive(Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// The channel.
    pub channel: Channel,
    /// How many recipients it has.
    pub recipients: usize,
    /// The sender, after defaults.
    pub sender: Option<String>,
    /// What it needs.
    pub needs: Features,
    /// What each vendor of the channel would say, in the order given.
    pub providers: Vec<ProviderVerdict>,
}

/// What one vendor would say to a message.
#[derive(Debug)]
#[non_exhaustive]
pub struct ProviderVerdict {
    /// The instance's name.
    pub provider: String,
    /// Why it cannot send the message; `None` if it can.
    pub refusal: Option<Error>,
}

pub(super) async fn explain<M: Routed>(messenger: &Messenger, message: M) -> Result<Explanation> {
    let Messenger { inner, tenant } = messenger;
    let admitted = admit(inner, tenant, Box::new(message), &Options::default())?;
    let message = &*admitted.message;
    let chosen = inner.channels.choose(tenant, message).await?;
    let verdict = |vendor: &Arc<dyn Provider<M>>| ProviderVerdict {
        provider: vendor.name().to_owned(),
        refusal: admits(message, &vendor.capabilities()).err(),
    };
    Ok(Explanation {
        channel: M::CHANNEL,
        recipients: message.recipient_count(),
        sender: message.sender().map(str::to_owned),
        needs: message.needs(),
        providers: vendors(&chosen.provider).iter().map(verdict).collect(),
    })
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sender = self.sender.as_deref().unwrap_or("the provider's own");
        writeln!(f, "{} to {} recipient(s), sender: {sender}", self.channel, self.recipients)?;
        writeln!(
            f,
            "needs: {}",
            if self.needs.is_empty() { "nothing special".to_owned() } else { self.needs.to_string() }
        )?;
        for verdict in &self.providers {
            match &verdict.refusal {
                None => writeln!(f, "{}: would send it", verdict.provider)?,
                Some(error) => writeln!(f, "{}: {error}", verdict.provider)?,
            }
        }
        Ok(())
    }
}
