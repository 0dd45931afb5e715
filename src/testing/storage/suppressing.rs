//! Rules of who must not be written to.

use super::{Harness, trial::Trial};
use crate::{
    error::ErrorKind,
    id::TenantId,
    message::Channel,
    storage::{Messages, Suppression, SuppressionStore},
};

const ADA: &str = "ada@example.org";

async fn suppress<S: Messages + SuppressionStore>(
    trial: &Trial<S>,
    channel: Option<Channel>,
    address: &str,
    reason: &str,
) -> Suppression {
    let suppression = Suppression::new(channel, address, reason, trial.clock_now());
    trial.good(trial.store.suppress(&TenantId::DEFAULT, suppression.clone()).await);
    suppression
}

async fn reasons<S: Messages + SuppressionStore>(
    trial: &Trial<S>,
    channel: Channel,
    addresses: &[&str],
) -> Vec<Option<String>> {
    let found = trial.good(trial.store.suppressed(&TenantId::DEFAULT, channel, addresses).await);
    found.into_iter().map(|found| found.map(|found| found.reason.to_string())).collect()
}

/// A suppression is found with all that it says.
pub async fn a_suppression_is_found<H: Harness<Store: SuppressionStore>>(harness: &H) {
    let trial = Trial::of(harness, "A suppression is found as it was added, for its channel only.").await;
    let added = suppress(&trial, Some(Channel::Email), "Ada@Example.org", "bounced").await;
    let found =
        trial.good(trial.store.suppressed(&TenantId::DEFAULT, Channel::Email, &["Ada@Example.org"]).await);
    trial.equal("on its channel", found, vec![Some(added)]);
    trial.equal("on another channel", reasons(&trial, Channel::Sms, &["Ada@Example.org"]).await, vec![None]);
}

/// A suppression of all channels counts on each.
pub async fn a_suppression_of_all_channels_counts_on_each<H: Harness<Store: SuppressionStore>>(harness: &H) {
    let trial = Trial::of(harness, "A suppression without a channel counts on all of them.").await;
    suppress(&trial, None, ADA, "unsubscribed").await;
    for channel in Channel::ALL {
        let expected = vec![Some("unsubscribed".to_owned())];
        trial.equal(channel.as_str(), reasons(&trial, channel, &[ADA]).await, expected);
    }
}

/// Case does not matter.
pub async fn addresses_are_compared_without_regard_to_case<H: Harness<Store: SuppressionStore>>(harness: &H) {
    let trial = Trial::of(harness, "Addresses are compared without regard to ASCII case.").await;
    suppress(&trial, Some(Channel::Email), "Ada@Example.org", "bounced").await;
    let found = reasons(&trial, Channel::Email, &["aDA@eXAMPLE.ORG"]).await;
    trial.equal("in another case", found, vec![Some("bounced".into())]);
    let address = "ADA@EXAMPLE.ORG";
    let gone = trial.good(trial.store.unsuppress(&TenantId::DEFAULT, Some(Channel::Email), address).await);
    trial.equal("whether it was removed", gone, true);
    trial.equal("after that", reasons(&trial, Channel::Email, &["Ada@Example.org"]).await, vec![None]);
}

/// Answers come in the order of the question.
pub async fn answers_are_in_the_order_of_addresses<H: Harness<Store: SuppressionStore>>(harness: &H) {
    let trial =
        Trial::of(harness, "`suppressed` answers each address, in order, also those asked for twice.").await;
    suppress(&trial, Some(Channel::Email), "b@x.org", "b").await;
    suppress(&trial, None, "d@x.org", "d").await;
    let asked = ["a@x.org", "d@x.org", "b@x.org", "c@x.org", "d@x.org"];
    let found = reasons(&trial, Channel::Email, &asked).await;
    let expected = [None, Some("d"), Some("b"), None, Some("d")].map(|reason| reason.map(str::to_owned));
    trial.equal("the answers", found, expected.to_vec());
    trial.equal("the answers to nothing", reasons(&trial, Channel::Email, &[]).await, Vec::new());
}

/// The newest counts.
pub async fn a_suppression_is_replaced_by_the_next<H: Harness<Store: SuppressionStore>>(harness: &H) {
    let trial = Trial::of(harness, "A suppression replaces one of the same channel and address.").await;
    suppress(&trial, Some(Channel::Email), ADA, "bounced").await;
    suppress(&trial, Some(Channel::Email), "ADA@example.org", "complained").await;
    let found = reasons(&trial, Channel::Email, &[ADA]).await;
    trial.equal("the reason", found, vec![Some("complained".into())]);
    for (gone, left) in [(true, None), (false, None::<String>)] {
        let removed = trial.store.unsuppress(&TenantId::DEFAULT, Some(Channel::Email), ADA).await;
        trial.equal("whether there was one", trial.good(removed), gone);
        trial.equal("what is left", reasons(&trial, Channel::Email, &[ADA]).await, vec![left]);
    }
}

/// Channel and all channels are two.
pub async fn a_removal_is_of_one_channel<H: Harness<Store: SuppressionStore>>(harness: &H) {
    let trial =
        Trial::of(harness, "Suppressions of a channel and of all channels are removed each by itself.").await;
    suppress(&trial, Some(Channel::Email), ADA, "bounced").await;
    suppress(&trial, None, ADA, "unsubscribed").await;
    let gone = trial.store.unsuppress(&TenantId::DEFAULT, Some(Channel::Email), ADA).await;
    trial.equal("whether there was one", trial.good(gone), true);
    let found = reasons(&trial, Channel::Email, &[ADA]).await;
    trial.equal("what is left", found, vec![Some("unsubscribed".into())]);
    let gone = trial.store.unsuppress(&TenantId::DEFAULT, Some(Channel::Sms), ADA).await;
    trial.equal("whether there was one on another channel", trial.good(gone), false);
}

/// Tenants have suppressions of their own.
pub async fn suppressions_are_of_one_tenant<H: Harness<Store: SuppressionStore>>(harness: &H) {
    let trial = Trial::of(harness, "Suppressions are of one tenant.").await;
    suppress(&trial, None, ADA, "unsubscribed").await;
    let other = trial.good("other".parse::<TenantId>());
    let found = trial.good(trial.store.suppressed(&other, Channel::Email, &[ADA]).await);
    trial.equal("for another tenant", found, vec![None]);
    trial.equal("another's removal", trial.good(trial.store.unsuppress(&other, None, ADA).await), false);
    trial.equal(
        "for this tenant",
        reasons(&trial, Channel::Sms, &[ADA]).await,
        vec![Some("unsubscribed".into())],
    );
}

/// What all recipients have withdrawn from is refused.
pub async fn what_nobody_may_receive_is_refused<H: Harness<Store: SuppressionStore>>(harness: &H) {
    let rule = "An entry `unless_suppressed` is refused if the store's own list has all its recipients.";
    let trial = Trial::of(harness, rule).await;
    let entry = trial.entry().unless_suppressed();
    for recipient in &entry.record.recipients {
        suppress(&trial, None, &recipient.0, "unsubscribed").await;
    }
    let careless = trial.entry();
    let answers = trial.good(trial.store.enqueue(vec![entry, careless.clone()]).await);
    let kinds: Vec<_> =
        answers.into_iter().map(|answer| answer.map_err(|error| error.kind()).err()).collect();
    trial.equal("the errors", kinds, vec![Some(ErrorKind::Suppressed), None]);
    let ids: Vec<_> = trial.claim().await.iter().map(|leased| leased.lease.id).collect();
    trial.equal("what can be claimed", ids, vec![careless.record.id]);
}

/// Some of many are no reason.
pub async fn what_some_may_receive_is_enqueued<H: Harness<Store: SuppressionStore>>(harness: &H) {
    let rule =
        "An entry some of whose recipients are on the list is enqueued, and not said to be `unsuppressed`.";
    let trial = Trial::of(harness, rule).await;
    let entry = trial.entry().unless_suppressed();
    suppress(&trial, Some(entry.record.channel), &entry.record.recipients[0].0, "bounced").await;
    trial.enqueue(entry).await;
    let known: Vec<bool> = trial.claim().await.iter().map(|leased| leased.unsuppressed).collect();
    trial.equal("what is said of each", known, vec![false]);
}

/// What is known must hold at the claim.
pub async fn unsuppressed_is_what_nobody_was_added_to_since<H: Harness<Store: SuppressionStore>>(
    harness: &H,
) {
    let rule = "No message is said to be `unsuppressed` one of whose recipients was added since, or that did not ask.";
    let trial = Trial::of(harness, rule).await;
    trial.enqueue_all(vec![trial.entry().unless_suppressed(), trial.entry()]).await;
    let entry = trial.entry();
    suppress(&trial, None, &entry.record.recipients[1].0.to_ascii_uppercase(), "complained").await;
    let known: Vec<bool> = trial.claim().await.iter().map(|leased| leased.unsuppressed).collect();
    trial.equal("what is said of each", known, vec![false, false]);
}
