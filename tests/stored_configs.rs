//! Configurations in a store: who sends is changed while the messenger lives, and no secret is readable.
#![cfg(all(feature = "testing", feature = "sendgrid", feature = "sqlite", feature = "twilio"))]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::json;
use tidings::{
    Channel, Email, Error, ErrorKind, Messenger, ProviderSource, Result, TenantId, Timestamp,
    config::{ConfigKeys, ProviderConfig, StoredConfigs},
    storage::{Document, Documents, Expected, MemoryStore, SqliteStore},
    testing::{HttpStep, ManualClock, ScriptedHttp, answer},
};

const SECRET: &str = "SG.c4n4ry-in-the-store";

fn keys() -> ConfigKeys {
    ConfigKeys::new("2026", [7; 32]).expect("a key")
}

fn sendgrid(name: &str) -> ProviderConfig {
    let options = json!({"api_key": SECRET, "name": name, "region": "eu"});
    ProviderConfig::new("sendgrid", options.as_object().expect("a table").clone())
}

fn tenant(name: &str) -> TenantId {
    name.parse().expect("a tenant")
}

fn email() -> Email {
    let email = Email::builder().from("shop@example.org").to("ada@example.org").subject("Hi").text("Hi");
    email.build().expect("valid")
}

async fn name_of(source: &impl ProviderSource<Email>, tenant: &TenantId) -> Result<String> {
    source.provider(tenant, &email()).await.map(|provider| provider.name().to_owned())
}

#[tokio::test]
async fn a_configuration_is_made_switched_and_removed_without_a_restart() {
    let configs = StoredConfigs::new(Arc::new(MemoryStore::default()), keys());
    let clock = ManualClock::at(Timestamp::from_secs(1_767_225_600));
    let source = configs.source::<Email>().with_clock(Arc::new(clock.clone()));
    let shop = tenant("shop");
    let error = name_of(&source, &shop).await.expect_err("nothing is stored");
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
    assert!(error.message().contains("StoredConfigs::put"), "{error}");

    configs.put(&shop, Channel::Email, &sendgrid("first")).await.expect("put");
    clock.advance(Duration::from_secs(5));
    assert_eq!(name_of(&source, &shop).await.expect("stored"), "first");

    configs.put(&shop, Channel::Email, &sendgrid("second")).await.expect("put");
    clock.advance(Duration::from_secs(5));
    assert_eq!(name_of(&source, &shop).await.expect("both"), "failover");

    configs.switch(&shop, Channel::Email, "first", false).await.expect("switched");
    clock.advance(Duration::from_secs(5));
    assert_eq!(name_of(&source, &shop).await.expect("one is on"), "second");

    assert!(configs.remove(&shop, Channel::Email, "second").await.expect("removed"));
    clock.advance(Duration::from_secs(5));
    assert!(name_of(&source, &shop).await.is_err(), "the other is off");
    configs.switch(&shop, Channel::Email, "first", true).await.expect("switched");
    let listed = configs.list(&shop, Channel::Email).await.expect("a list");
    assert_eq!(listed.len(), 1);
    assert!(listed[0].enabled && listed[0].options["api_key"] == SECRET);
    let missing = configs.switch(&shop, Channel::Email, "third", true).await.expect_err("none");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_tenant_without_its_own_uses_those_of_all() {
    let configs = StoredConfigs::new(Arc::new(MemoryStore::default()), keys());
    let source = configs.source::<Email>();
    configs.put(&TenantId::DEFAULT, Channel::Email, &sendgrid("common")).await.expect("put");
    configs.put(&tenant("shop"), Channel::Email, &sendgrid("own")).await.expect("put");
    assert_eq!(name_of(&source, &tenant("shop")).await.expect("its own"), "own");
    assert_eq!(name_of(&source, &tenant("other")).await.expect("that of all"), "common");
}

#[tokio::test]
async fn what_cannot_be_used_is_not_kept() {
    let configs = StoredConfigs::new(Arc::new(MemoryStore::default()), keys());
    let shop = tenant("shop");
    let wrong = ProviderConfig::new("sendgrid", serde_json::Map::new());
    let error = configs.put(&shop, Channel::Email, &wrong).await.expect_err("no key");
    assert!(error.message().contains("api_key"), "{error}");
    let error = configs.put(&shop, Channel::Sms, &sendgrid("x")).await.expect_err("no SMS");
    assert!(error.message().contains("sms"), "{error}");
    assert!(configs.list(&shop, Channel::Email).await.expect("a list").is_empty());
}

#[tokio::test]
async fn no_secret_is_readable_in_the_database() {
    let folder = tempdir();
    let file = folder.join("configs.db");
    let store = SqliteStore::open(&file).await.expect("opened");
    let configs = StoredConfigs::new(Arc::new(store.clone()), keys());
    configs.put(&tenant("shop"), Channel::Email, &sendgrid("first")).await.expect("put");
    store.close().await;
    let mut found = false;
    for entry in std::fs::read_dir(&folder).expect("a folder") {
        let octets = std::fs::read(entry.expect("an entry").path()).expect("readable");
        assert!(
            !octets.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()),
            "the secret is in the file"
        );
        found |= octets.windows(8).any(|part| part == b"sendgrid");
    }
    assert!(found, "the test must see where the configuration stands");
    let store = SqliteStore::open(&file).await.expect("opened again");
    let configs = StoredConfigs::new(Arc::new(store), keys());
    let listed = configs.list(&tenant("shop"), Channel::Email).await.expect("a list");
    assert_eq!(listed[0].options["api_key"], SECRET);
    std::fs::remove_dir_all(&folder).expect("removed");
}

fn tempdir() -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("tidings-configs-{}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

#[tokio::test]
async fn a_secret_opens_only_in_its_place_and_by_its_key() {
    let store = Arc::new(MemoryStore::default());
    let configs = StoredConfigs::new(store.clone(), keys());
    configs.put(&tenant("shop"), Channel::Email, &sendgrid("first")).await.expect("put");
    let row = store.document(&tenant("shop"), "providers/email", "first").await.expect("read").expect("put");
    let copy = |to: TenantId| {
        let (store, body) = (store.clone(), row.body.clone());
        async move { store.put_document(&to, "providers/email", "first", body, Expected::Anything).await }
    };
    copy(tenant("thief")).await.expect("a row is copied");
    let error = configs.list(&tenant("thief"), Channel::Email).await.expect_err("another place");
    assert!(!error.to_string().contains(SECRET), "{error}");

    let rotated = ConfigKeys::new("2027", [8; 32]).expect("a key");
    let without = StoredConfigs::new(store.clone(), rotated.clone());
    let error = without.list(&tenant("shop"), Channel::Email).await.expect_err("the key is not there");
    assert!(error.message().contains("\"2026\"") && error.message().contains("2027"), "{error}");
    let with = StoredConfigs::new(store, rotated.and_older("2026", [7; 32]).expect("another"));
    let listed = with.list(&tenant("shop"), Channel::Email).await.expect("the older opens");
    assert_eq!(listed[0].options["api_key"], SECRET);
    let shown = format!("{listed:?} {with:?}");
    assert!(!shown.contains(SECRET) && !shown.contains("7, 7"), "{shown}");
}

/// A store that can be out of reach.
#[derive(Debug, Default)]
struct Shaky {
    store: MemoryStore,
    away: AtomicBool,
}

impl Shaky {
    fn there(&self) -> Result<()> {
        match self.away.load(Ordering::Relaxed) {
            true => Err(Error::new(ErrorKind::Storage, "the database is away")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Documents for Shaky {
    async fn put_document(
        &self,
        t: &TenantId,
        shelf: &str,
        key: &str,
        body: Bytes,
        e: Expected,
    ) -> Result<u64> {
        self.there()?;
        self.store.put_document(t, shelf, key, body, e).await
    }

    async fn document(&self, t: &TenantId, shelf: &str, key: &str) -> Result<Option<Document>> {
        self.there()?;
        self.store.document(t, shelf, key).await
    }

    async fn documents(
        &self,
        t: &TenantId,
        shelf: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<Document>> {
        self.there()?;
        self.store.documents(t, shelf, after, most).await
    }

    async fn remove_document(&self, t: &TenantId, shelf: &str, key: &str, e: Expected) -> Result<bool> {
        self.there()?;
        self.store.remove_document(t, shelf, key, e).await
    }

    async fn shelf_version(&self, t: &TenantId, shelf: &str) -> Result<u64> {
        self.there()?;
        self.store.shelf_version(t, shelf).await
    }
}

#[tokio::test]
async fn what_is_in_use_goes_on_while_the_store_is_away() {
    let store = Arc::new(Shaky::default());
    let configs = StoredConfigs::new(store.clone(), keys());
    let clock = ManualClock::at(Timestamp::from_secs(1_767_225_600));
    let source = configs.source::<Email>().with_clock(Arc::new(clock.clone()));
    configs.put(&tenant("shop"), Channel::Email, &sendgrid("first")).await.expect("put");
    assert_eq!(name_of(&source, &tenant("shop")).await.expect("stored"), "first");
    store.away.store(true, Ordering::Relaxed);
    clock.advance(Duration::from_secs(60));
    assert_eq!(name_of(&source, &tenant("shop")).await.expect("goes on"), "first");
    let error = name_of(&source, &tenant("stranger")).await.expect_err("nothing is known of it");
    assert_eq!(error.kind(), ErrorKind::Storage);
}

#[tokio::test]
async fn a_messenger_sends_by_what_is_stored() {
    let configs = StoredConfigs::new(Arc::new(MemoryStore::default()), keys());
    let http = ScriptedHttp::new().then_always([HttpStep::Answer(answer(202, &[("x-message-id", "1")], ""))]);
    let messenger =
        Messenger::builder().http(http.clone()).email_source(configs.source()).build().expect("valid");
    configs.put(&tenant("shop"), Channel::Email, &sendgrid("first")).await.expect("put");
    let sent = messenger.tenant("shop").expect("a tenant").send(email()).await.expect("sent");
    assert_eq!(sent.outcomes[0].provider(), Some("first"));
    assert_eq!(http.requests()[0].request.uri().host(), Some("api.eu.sendgrid.com"));
}
