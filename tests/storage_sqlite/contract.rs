//! The contract of all stores, with attachments in the database and in a folder.

use std::sync::{Arc, Mutex};

use tidings::{
    Clock,
    storage::{SqliteOptions, SqliteStore},
    testing::storage::{DurableHarness, Harness},
};

use super::support::Folder;

/// A file of its own for every store; the folders go with the harness.
#[derive(Default)]
struct File {
    with_folder: bool,
    folders: Mutex<Vec<Folder>>,
}

impl File {
    fn with_folder() -> Self {
        Self { with_folder: true, ..Self::default() }
    }

    fn options(&self, clock: Arc<dyn Clock>) -> SqliteOptions {
        let options = SqliteOptions::new().clock(clock);
        let folders = self.folders.lock().expect("one test a harness");
        let folder = folders.last().filter(|_| self.with_folder).map(|folder| folder.path().join("files"));
        folder.into_iter().fold(options, SqliteOptions::files_in)
    }
}

impl Harness for File {
    type Store = SqliteStore;

    async fn open(&self, clock: Arc<dyn Clock>) -> SqliteStore {
        let folder = Folder::new();
        let file = folder.file();
        self.folders.lock().expect("one test a harness").push(folder);
        self.options(clock).open(file).await.expect("opened")
    }
}

impl DurableHarness for File {
    async fn reopen(&self, store: SqliteStore, clock: Arc<dyn Clock>) -> SqliteStore {
        store.close().await;
        drop(store);
        let file = self.folders.lock().expect("one test a harness").last().expect("opened before").file();
        self.options(clock).open(file).await.expect("opened again")
    }
}

tidings::storage_conformance! { mod in_one_file; harness: File::default(); also: documents wakes reopening }
tidings::storage_conformance! { mod with_files; harness: File::with_folder(); only: blobs }
