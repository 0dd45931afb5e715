//! The rules that hold for every provider.

use std::{future::Future, pin::pin, task::Poll, time::Duration};

use super::{Harness, HttpAnswers, KEY, Rule, Trial, id};
use crate::{
    error::{Certainty, Retry},
    id::TenantId,
    message::{Features, Message, VendorOption},
    provider::{Outgoing, Provider, Receipt, Vendor},
    testing::{HttpStep, ScriptedHttp},
};

/// What no provider needs to be told.
const PATIENCE: Duration = Duration::from_secs(30);

/// The name is not empty, and is the same before and after a message.
pub async fn name_is_not_empty_and_stable<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("A provider's name is not empty and never changes.");
    let trial = Trial::good(harness);
    let before = trial.provider.name().to_owned();
    rule.holds(!before.trim().is_empty(), || "an empty name".into());
    let _ = trial.send(&harness.message()).await;
    let after = trial.provider.name();
    rule.holds(before == after, || format!("{before:?}, then {after:?}"));
}

/// Capabilities are the same before and after a message.
pub async fn capabilities_are_stable<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("Capabilities name the vendor and never change.");
    let trial = Trial::good(harness);
    let before = trial.provider.capabilities();
    rule.holds(!before.vendor.is_empty(), || "no name of the vendor".into());
    let _ = trial.send(&harness.message()).await;
    let after = trial.provider.capabilities();
    rule.holds(before == after, || format!("{before:?}, then {after:?}"));
}

/// No limit is zero.
pub async fn max_batch_is_at_least_one<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("A call takes at least one message, of at least one octet, to at least one recipient.");
    let capabilities = harness.provider().capabilities();
    let none = capabilities.max_batch == 0
        || capabilities.max_size == Some(0)
        || capabilities.max_recipients == Some(0);
    rule.holds(!none, || format!("{capabilities:?}"));
}

/// The harness' messages are valid, and the provider says that it can send them.
pub async fn sample_messages_are_within_capabilities<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("The harness' messages are valid and within the provider's capabilities.");
    let capabilities = harness.provider().capabilities();
    for message in std::iter::once(harness.message()).chain(harness.several()) {
        if let Err(error) = message.validate() {
            rule.broken(error);
        }
        let missing = message.needs().missing_in(capabilities.features);
        rule.holds(missing == Features::NONE, || format!("a message needs {missing}"));
        let most = capabilities.max_recipients.unwrap_or(usize::MAX);
        rule.holds(message.recipient_count() <= most, || format!("a message to more than {most}"));
    }
}

/// The harness' messages are accepted for all recipients.
pub async fn sample_messages_are_accepted<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("A good message is accepted for all its recipients.");
    for receipt in samples(&rule, harness).await {
        let accepted = receipt.accepted_count();
        rule.holds(accepted > 0 && accepted == receipt.outcomes.len(), || format!("{receipt:?}"));
    }
}

/// A receipt has one outcome for each recipient.
pub async fn one_outcome_per_recipient<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("A receipt has one outcome for each recipient of the message.");
    let counts = std::iter::once(harness.message()).chain(harness.several()).map(|m| m.recipient_count());
    for (receipt, recipients) in samples(&rule, harness).await.iter().zip(counts) {
        let outcomes = receipt.outcomes.len();
        rule.holds(outcomes == recipients, || format!("{outcomes} outcomes for {recipients} recipients"));
    }
}

async fn samples<M: Message, H: Harness<M>>(rule: &Rule, harness: &H) -> Vec<Receipt> {
    let mut results = vec![Trial::good(harness).send(&harness.message()).await];
    if let Some(several) = harness.several() {
        results.push(Trial::several(harness).send(&several).await);
    }
    results.into_iter().map(|result| result.unwrap_or_else(|error| rule.broken(error))).collect()
}

/// An option of this vendor that it does not know is an error.
pub async fn unknown_options_are_refused<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("An option addressed to this vendor that it does not know is an error, never dropped.");
    let trial = Trial::good(harness);
    match trial.send(&with_unknown_option(harness)).await {
        Ok(_) => rule.broken("the message was sent without it"),
        Err(error) => {
            let final_ = (error.certainty(), error.retry()) == (Certainty::NotSent, Retry::Never);
            rule.holds(final_, || format!("{error:?}"));
        }
    }
}

fn with_unknown_option<M: Message, H: Harness<M>>(harness: &H) -> M {
    let vendor = harness.provider().capabilities().vendor;
    let mut message = harness.message();
    message.options_mut().push(VendorOption::new(vendor, "conformance-unknown", true));
    message
}

/// A batch has a result for each item, at its place.
pub async fn batch_answers_as_many_results_as_items_in_order<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("A batch is answered with as many results as items, in the same order.");
    let most = harness.provider().capabilities().max_batch;
    // Who has no batch call takes any number, one by one.
    let size = if most == 2 { 2 } else { 3 };
    let trial = Trial::batch(harness, size - 1);
    let (good, bad) = (harness.message(), with_unknown_option(harness));
    let messages: Vec<_> = [&good, &bad, &good].into_iter().take(size).collect();
    let items: Vec<_> = messages.iter().map(|m| Outgoing::new(*m, id(), &DEFAULT, KEY)).collect();
    let results = trial.provider.send_batch(&trial.cx, &items).await;
    rule.holds(results.len() == size, || format!("{} results for {size} items", results.len()));
    for (index, result) in results.iter().enumerate() {
        let expected = index != 1;
        rule.holds(result.is_ok() == expected, || {
            format!("item {index} should {}be accepted: {result:?}", if expected { "" } else { "not " })
        });
    }
}

static DEFAULT: TenantId = TenantId::DEFAULT;

/// Nothing comes of nothing.
pub async fn empty_batch_is_empty<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("An empty batch is answered with no results and without a call.");
    let trial = Trial::good(harness);
    let results = Provider::<M>::send_batch(&trial.provider, &trial.cx, &[]).await;
    rule.holds(results.is_empty(), || format!("{} results", results.len()));
    let calls = trial.http.requests().len();
    rule.holds(calls == 0, || format!("{calls} requests"));
}

/// The provider's `Debug` shows no secret, before and after a message.
pub async fn debug_shows_no_secret<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("`Debug` of a provider shows no secret.");
    let trial = Trial::good(harness);
    for sent in [false, true] {
        let shown = format!("{:?}{:#?}", trial.provider, trial.provider);
        for secret in secrets(harness) {
            // The text itself stays out of the test's log.
            rule.holds(!shown.contains(&secret), || format!("one of the secrets, message sent: {sent}"));
        }
        let _ = trial.send(&harness.message()).await;
    }
}

/// The harness' secrets; every text contains the empty one.
pub(super) fn secrets<M: Message, H: Harness<M>>(harness: &H) -> Vec<String> {
    harness.secrets().into_iter().filter(|secret| !secret.is_empty()).collect()
}

/// A send that is dropped in flight leaves a provider that works.
pub async fn send_future_can_be_dropped<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("The future of `send` may be dropped at any time; the provider works on.");
    let trial = match harness.http() {
        Some(answers) => Trial::online(harness, hanging_once(&answers)),
        None => Trial::good(harness),
    };
    let message = harness.message();
    drop(trial.send(&message));
    {
        let mut sending = pin!(trial.send(&message));
        let _ = std::future::poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx))).await;
    }
    match tokio::time::timeout(PATIENCE, trial.send(&message)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => rule.broken(error),
        Err(_) => rule.broken("the next message is never sent"),
    }
}

fn hanging_once(answers: &HttpAnswers) -> ScriptedHttp {
    let before = answers.before.iter().cloned().map(HttpStep::Answer);
    let accepted = answers.accepted.iter().cloned().map(HttpStep::Answer);
    before.fold(ScriptedHttp::new(), ScriptedHttp::then).hang().then_always(accepted)
}
