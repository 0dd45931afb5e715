//! Rules of small documents.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{Harness, trial::Trial};
use crate::{
    error::{Error, ErrorKind, Result},
    id::TenantId,
    storage::{Document, Documents, Expected, Messages},
};

const SHELF: &str = "templates";

async fn put<S: Messages + Documents>(trial: &Trial<S>, key: &str, body: &str) -> u64 {
    trial.good(try_put(&trial.store, key, body, Expected::Anything).await)
}

async fn try_put(store: &impl Documents, key: &str, body: &str, expected: Expected) -> Result<u64> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    store.put_document(&TenantId::DEFAULT, SHELF, key, body, expected).await
}

async fn keys<S: Messages + Documents>(trial: &Trial<S>, after: Option<&str>, most: usize) -> Vec<String> {
    let found = trial.good(trial.store.documents(&TenantId::DEFAULT, SHELF, after, most).await);
    found.into_iter().map(|document| document.key.to_string()).collect()
}

async fn body<S: Messages + Documents>(trial: &Trial<S>, key: &str) -> Option<String> {
    let found = trial.good(trial.store.document(&TenantId::DEFAULT, SHELF, key).await);
    found.map(|document| String::from_utf8_lossy(&document.body).into_owned())
}

/// What was put is found, and what is put again replaces it.
pub async fn a_document_is_found_as_it_was_put<H: Harness<Store: Documents>>(harness: &H) {
    let trial = Trial::of(harness, "A document is found with key, version, time and octets.").await;
    let octets = Bytes::from_static(&[0, 1, 0xff, b'\n']);
    let put_one =
        trial.store.put_document(&TenantId::DEFAULT, SHELF, "a/ü", octets.clone(), Expected::Anything);
    let version = trial.good(put_one.await);
    let found = trial.good(trial.store.document(&TenantId::DEFAULT, SHELF, "a/ü").await);
    let at = found.as_ref().map_or_else(|| trial.clock_now(), |found| found.at);
    trial.equal("the document", found, Some(Document::new("a/ü", version, at, octets)));
    trial.equal("its time", at, trial.clock_now());
    put(&trial, "a/ü", "second").await;
    trial.equal("put again", body(&trial, "a/ü").await, Some("second".into()));
    trial.equal("one that was never put", body(&trial, "b").await, None);
}

/// Keys come in the order of their octets, page by page.
pub async fn a_page_goes_on_behind_a_key<H: Harness<Store: Documents>>(harness: &H) {
    let trial = Trial::of(harness, "Pages are in the order of the keys' octets, each behind a key.").await;
    for key in ["b", "a", "ä", "B", "a-1"] {
        put(&trial, key, key).await;
    }
    trial.equal("all", keys(&trial, None, 9).await, ["B", "a", "a-1", "b", "ä"].map(String::from).to_vec());
    trial.equal("the first", keys(&trial, None, 2).await, ["B", "a"].map(String::from).to_vec());
    trial.equal("the next", keys(&trial, Some("a"), 2).await, ["a-1", "b"].map(String::from).to_vec());
    trial.equal("behind one that is not there", keys(&trial, Some("c"), 2).await, vec!["ä".to_owned()]);
}

/// Who expects something else is told so, and nothing changes.
pub async fn changes_that_expect_something_else_conflict<H: Harness<Store: Documents>>(harness: &H) {
    let trial = Trial::of(harness, "A change that expects something else gets `conflict`.").await;
    let conflict = |what: &str, answer: Result<u64>| {
        trial.refused(what, answer, ErrorKind::Conflict);
    };
    conflict("a version of nothing", try_put(&trial.store, "a", "x", Expected::Version(1)).await);
    let first = trial.good(try_put(&trial.store, "a", "first", Expected::Nothing).await);
    conflict("nothing where something is", try_put(&trial.store, "a", "x", Expected::Nothing).await);
    let second = trial.good(try_put(&trial.store, "a", "second", Expected::Version(first)).await);
    conflict("an old version", try_put(&trial.store, "a", "x", Expected::Version(first)).await);
    let remove = |expected| trial.store.remove_document(&TenantId::DEFAULT, SHELF, "a", expected);
    conflict("removing an old version", remove(Expected::Version(first)).await.map(u64::from));
    trial.equal("what stands", body(&trial, "a").await, Some("second".into()));
    let version = trial.good(trial.store.shelf_version(&TenantId::DEFAULT, SHELF).await);
    trial.equal("the shelf", version, second);
    trial.equal("removing the newest", trial.good(remove(Expected::Version(second)).await), true);
    trial.equal("removing again", trial.good(remove(Expected::Anything).await), false);
}

/// Of many who expect the same version one is heard.
pub async fn of_changes_at_once_one_is_made<H: Harness<Store: Documents>>(harness: &H) {
    let trial = Trial::of(harness, "Of changes at once that expect the same, one is made.").await;
    let version = put(&trial, "a", "before").await;
    let store = Arc::clone(&trial.store);
    let mut callers = JoinSet::new();
    for caller in 0..16 {
        let store = Arc::clone(&store);
        let change = async move {
            try_put(&*store, "a", &caller.to_string(), Expected::Version(version)).await.map(|_| caller)
        };
        callers.spawn(change);
    }
    let answers: Vec<Result<i32, Error>> = callers.join_all().await;
    let made: Vec<i32> = answers.iter().filter_map(|answer| answer.as_ref().ok().copied()).collect();
    trial.equal("how many were made", made.len(), 1);
    let others = answers.iter().filter_map(|answer| answer.as_ref().err());
    trial.holds(others.clone().all(|error| error.kind() == ErrorKind::Conflict), || {
        format!("{:?}", others.map(Error::kind).collect::<Vec<_>>())
    });
    let made = made.first().map(ToString::to_string);
    trial.equal("what stands", body(&trial, "a").await, made);
}

/// Nothing of one tenant or shelf is seen on another.
pub async fn shelves_and_tenants_are_apart<H: Harness<Store: Documents>>(harness: &H) {
    let trial =
        Trial::of(harness, "Each tenant and each shelf has documents and a version of its own.").await;
    let other = trial.good("acme".parse::<TenantId>());
    put(&trial, "a", "ours").await;
    let octets = Bytes::from_static(b"theirs");
    trial.good(trial.store.put_document(&other, SHELF, "a", octets.clone(), Expected::Nothing).await);
    trial.good(trial.store.put_document(&TenantId::DEFAULT, "others", "a", octets, Expected::Nothing).await);
    trial.equal("ours", body(&trial, "a").await, Some("ours".into()));
    trial.equal("on our shelf", keys(&trial, None, 9).await, vec!["a".to_owned()]);
    trial.good(trial.store.remove_document(&other, SHELF, "a", Expected::Anything).await);
    trial.equal("ours afterwards", body(&trial, "a").await, Some("ours".into()));
    let version = trial.good(trial.store.shelf_version(&TenantId::DEFAULT, SHELF).await);
    trial.equal("our version", version, 1);
}

/// Readers may keep what they read until the version differs.
pub async fn the_version_of_a_shelf_counts_changes<H: Harness<Store: Documents>>(harness: &H) {
    let trial =
        Trial::of(harness, "The version of a shelf grows with every change and never otherwise.").await;
    let version = || async { trial.good(trial.store.shelf_version(&TenantId::DEFAULT, SHELF).await) };
    trial.equal("before the first change", version().await, 0);
    let first = put(&trial, "a", "x").await;
    trial.equal("after a change", version().await, first);
    let second = put(&trial, "b", "x").await;
    trial.holds(second > first, || format!("{first}, then {second}"));
    body(&trial, "a").await;
    trial.equal("after reading", version().await, second);
    let remove = |key| trial.store.remove_document(&TenantId::DEFAULT, SHELF, key, Expected::Anything);
    trial.good(remove("nobody").await);
    trial.equal("after removing nothing", version().await, second);
    trial.good(remove("a").await);
    let third = version().await;
    trial.holds(third > second, || format!("a removal: {second}, then {third}"));
    let again = put(&trial, "a", "x").await;
    trial.holds(again > third, || format!("a version is never used twice: {again} after {third}"));
}

/// What a store may not be able to hold is refused by all of them.
pub async fn wrong_names_are_refused<H: Harness<Store: Documents>>(harness: &H) {
    let trial = Trial::of(harness, "Keys and shelves are 1 to 200 octets without control characters.").await;
    for key in ["", "a\0b", "a\nb", &"x".repeat(201)] {
        let answer = try_put(&trial.store, key, "x", Expected::Anything).await;
        trial.refused(&format!("{key:?}"), answer, ErrorKind::Config);
    }
    put(&trial, &"x".repeat(200), "longest").await;
    trial.equal("the longest", body(&trial, &"x".repeat(200)).await, Some("longest".into()));
}
