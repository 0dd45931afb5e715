//! What the caller of `send` is told.

use std::{collections::BTreeSet, fmt};

use crate::{
    error::{Certainty, Error, ErrorKind, Result},
    id::MessageId,
    message::{Channel, Money},
    provider::{Outcome, Receipt},
};

/// A message that at least one recipient's vendor accepted.
#[derive(Debug)]
#[non_exhaustive]
pub struct Sent {
    /// The message's id: ask the messenger for its status or timeline by it.
    pub id: MessageId,
    /// The channel.
    pub channel: Channel,
    /// What became of each recipient, in the order of their indices.
    pub outcomes: Vec<Outcome>,
    /// False if the message was sent but the store failed to note it.
    pub recorded: bool,
}

impl Sent {
    /// How many recipients were accepted.
    pub fn accepted_count(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.is_accepted()).count()
    }

    /// What the vendors say that they charge for all recipients together, if all of those that
    /// were accepted have a price, in one currency.
    pub fn cost(&self) -> Option<Money> {
        let mut costs = self.outcomes.iter().filter(|outcome| outcome.is_accepted()).map(Outcome::cost);
        costs.next()??.plus_all(costs)
    }

    /// The vendor's id of the first recipient that was accepted.
    pub fn vendor_id(&self) -> Option<&str> {
        self.outcomes.iter().find_map(Outcome::vendor_id)
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accepted = self.outcomes.iter().filter(|outcome| outcome.is_accepted());
        let providers: BTreeSet<&str> = accepted.filter_map(Outcome::provider).collect();
        let providers: Vec<&str> = providers.into_iter().collect();
        write!(
            f,
            "{}: {} of {} accepted by {}",
            self.channel,
            self.accepted_count(),
            self.outcomes.len(),
            providers.join(", ")
        )?;
        if let Some(id) = self.vendor_id() {
            write!(f, " (vendor id {id})")?;
        }
        write!(f, ", message {}", self.id)
    }
}

/// The rule of `send`: good if at least one recipient was accepted.
pub(super) fn judged(answer: Result<Receipt>) -> Result<Vec<Outcome>> {
    let outcomes = answer?.outcomes;
    if outcomes.iter().any(Outcome::is_accepted) {
        return Ok(outcomes);
    }
    Err(worst(outcomes))
}

/// One error for recipients that failed for different reasons: an unknown
/// outcome outweighs the others, since nobody may send again who overlooks it.
fn worst(outcomes: Vec<Outcome>) -> Error {
    let count = outcomes.len();
    let errors = outcomes.into_iter().filter_map(|outcome| match outcome {
        Outcome::Accepted { .. } => None,
        Outcome::Refused(error) | Outcome::Unknown(error) => Some(error),
    });
    let worst = errors.max_by_key(|error| (error.certainty() == Certainty::Unknown, error.is_passing()));
    let worst =
        worst.unwrap_or_else(|| Error::new(ErrorKind::Internal, "the provider answered for no recipient"));
    if count > 1 { worst.with_context("recipients", format!("none of {count} was accepted")) } else { worst }
}
