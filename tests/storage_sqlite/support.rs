//! A folder that goes with the test, and messages to put into stores.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tidings::{
    Channel, MessageId, Sms, TenantId, Timestamp,
    message::{AnyMessage, Payload},
    storage::{
        Claim, Enqueued, Entry, Leased, Messages, Next, RecipientText, Record, Settlement, SqliteStore,
    },
};

/// A folder that is deleted at the end.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let name = format!("tidings-sqlite-{}-{:016x}", std::process::id(), fastrand::u64(..));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("outbox.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn now() -> Timestamp {
    tidings::Clock::now(&tidings::SystemClock)
}

pub(crate) fn entry() -> Entry {
    let sms: AnyMessage = Sms::builder().to("+15005550006").body("Hi").build().expect("a message").into();
    let now = now();
    let to = vec![RecipientText("+15005550006".into())];
    let record = Record::new(MessageId::new(now), TenantId::DEFAULT, Channel::Sms, now, to);
    Entry::new(record, Payload::encode(&sms).expect("a payload"))
}

pub(crate) fn entries(count: usize) -> Vec<Entry> {
    (0..count).map(|_| entry()).collect()
}

pub(crate) async fn enqueue(store: &SqliteStore, count: usize) -> Vec<MessageId> {
    let answers = store.enqueue(entries(count)).await.expect("enqueued");
    answers.into_iter().map(|answer| answer.expect("new").id).collect()
}

#[allow(dead_code)]
pub(crate) fn fresh(answers: &[tidings::Result<Enqueued>]) -> usize {
    answers.iter().filter(|answer| answer.as_ref().is_ok_and(|answer| answer.fresh)).count()
}

pub(crate) fn everything(limit: usize) -> Claim {
    Claim::everything("test", limit, Duration::from_secs(60))
}

pub(crate) async fn claim(store: &SqliteStore, limit: usize) -> Vec<Leased> {
    store.claim(&everything(limit)).await.expect("claimed").leased
}

pub(crate) fn done(leased: &[Leased]) -> Vec<Settlement> {
    leased.iter().map(|leased| Settlement::new(leased, Next::Done, 1, Vec::new())).collect()
}
