//! Rules of attachments.

use bytes::Bytes;

use super::{
    Harness,
    trial::{Trial, seconds},
};
use crate::{
    id::Fingerprint,
    storage::{BlobStore, Messages, Retention},
};

/// What was put is there.
pub async fn a_file_comes_back<H: Harness<Store: BlobStore>>(harness: &H) {
    let trial = Trial::of(harness, "What was put is there; what was not is not.").await;
    for content in [Bytes::from_static(b"\0\xff a file"), Bytes::new(), vec![7; 3 << 20].into()] {
        let hash = Fingerprint::of(&content);
        trial.equal("what is there before", trial.good(trial.store.blob(hash).await), None);
        trial.good(trial.store.put_blob(hash, content.clone()).await);
        let same = trial.good(trial.store.blob(hash).await) == Some(content);
        trial.holds(same, || "another content than was put".into());
    }
}

/// To put twice is to put once.
pub async fn a_file_may_be_put_twice<H: Harness<Store: BlobStore>>(harness: &H) {
    let trial = Trial::of(harness, "To put a file twice is to put it once.").await;
    let content = Bytes::from_static(b"a file");
    let hash = Fingerprint::of(&content);
    for _ in 0..2 {
        trial.good(trial.store.put_blob(hash, content.clone()).await);
        trial.equal("what is there", trial.good(trial.store.blob(hash).await), Some(content.clone()));
    }
}

/// A file whose message is on its way stays.
pub async fn a_file_without_message_stays_for_a_day<H: Harness<Store: BlobStore>>(harness: &H) {
    let trial =
        Trial::of(harness, "What is put before its message is enqueued stays for a day at least.").await;
    let content = Bytes::from_static(b"a file");
    let hash = Fingerprint::of(&content);
    trial.good(trial.store.put_blob(hash, content.clone()).await);
    trial.clock.advance(seconds(24 * 3_600 - 1));
    trial.good(trial.store.prune(&Retention::of(seconds(1))).await);
    trial.equal("what is there", trial.good(trial.store.blob(hash).await), Some(content));
}

/// A file that a message needs stays as long as that waits.
pub async fn a_file_stays_while_its_message_waits<H: Harness<Store: BlobStore>>(harness: &H) {
    let trial = Trial::of(harness, "What a message in the queue needs stays, however long that waits.").await;
    let content = Bytes::from_static(b"a file");
    let hash = Fingerprint::of(&content);
    trial.good(trial.store.put_blob(hash, content.clone()).await);
    let mut entry = trial.entry();
    entry.payload.blobs = vec![hash];
    let id = trial.dead(entry).await;
    trial.clock.advance(seconds(1_000 * 24 * 3_600));
    let short = Retention { dead: seconds(u64::from(u32::MAX)), ..Retention::of(seconds(1)) };
    trial.good(trial.store.prune(&short).await);
    trial.queued(id).await;
    trial.equal("what is there", trial.good(trial.store.blob(hash).await), Some(content));
}
