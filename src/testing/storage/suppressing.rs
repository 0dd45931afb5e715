//! Rules of who must not be written to.

use super::{Harness, trial::Trial};
use crate::{
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
