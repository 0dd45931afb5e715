//! Attachments as files in a folder.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
};

use bytes::Bytes;

use crate::{
    error::{Error, ErrorKind, Result},
    id::Fingerprint,
};

/// A folder with one file for each content, named by its hash.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder if it is not there.
    pub(super) fn new(path: PathBuf) -> Result<Self> {
        fs::create_dir_all(&path)
            .map_err(|error| failed("the folder of the attachments cannot be made", error))?;
        Ok(Self(path))
    }

    fn file(&self, hash: Fingerprint) -> PathBuf {
        self.0.join(hash.to_string())
    }

    /// Keeps the bytes; the file is whole or not there.
    pub(super) fn put(&self, hash: Fingerprint, bytes: &[u8]) -> Result<()> {
        let file = self.file(hash);
        let is_there = fs::metadata(&file).is_ok_and(|known| known.len() == bytes.len() as u64);
        if is_there {
            return Ok(());
        }
        let draft = self.0.join(format!("{hash}.{:016x}", fastrand::u64(..)));
        let written =
            write(&draft, bytes).and_then(|()| fs::rename(&draft, &file)).and_then(|()| self.sync());
        written.map_err(|error| {
            // What is left of it is in nobody's way.
            let _ = fs::remove_file(&draft);
            failed("an attachment could not be written", error)
        })
    }

    /// Makes the new name durable, where folders can be opened.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.0).map_or(Ok(()), |folder| folder.sync_all())
    }

    pub(super) fn get(&self, hash: Fingerprint) -> Result<Option<Bytes>> {
        match fs::read(self.file(hash)) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("an attachment could not be read", error)),
        }
    }

    pub(super) fn remove(&self, hash: Fingerprint) -> Result<()> {
        match fs::remove_file(self.file(hash)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("an attachment could not be deleted", error))
            }
            _ => Ok(()),
        }
    }
}

fn write(path: &std::path::Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn failed(text: &'static str, error: io::Error) -> Error {
    Error::new(ErrorKind::Storage, text).with_context("system", error.to_string()).with_source(error)
}
