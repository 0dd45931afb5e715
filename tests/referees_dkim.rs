//! DKIM signatures before an independent verifier (dkimpy).
//!
//! Runs where `TIDINGS_MAIL_JUDGE` is the command of a program that takes `--dkim RECORDS FILE…`, prints a line of
//! JSON for each file with `dkim: [{ok, s}]` in it, and ends with another code than 0 if one does not verify.
#![cfg(feature = "dkim")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use aws_lc_rs::{
    encoding::AsDer as _,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{Ed25519KeyPair, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;
use tidings::{
    Timestamp,
    providers::dkim::{DkimKey, sign},
};

fn pem(octets: &[u8]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64.encode(octets))
}

/// One key of each kind, both newly made.
fn keys() -> Vec<DkimKey> {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let rsa = pem(rsa.as_der().expect("PKCS#8").as_ref());
    // As OpenSSL writes it: without the public half.
    let ed25519 = pem(Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).expect("a key").as_ref());
    DkimKey::several("tidings.test", "rsa, ed", &format!("{rsa}{ed25519}")).expect("two keys")
}

const HEADER: &str = "From: =?utf-8?q?B=C3=BCro?=\r\n <shop@tidings.test>\r\nTo: a@example.test,\r\n\t b@example.test\r\n\
Subject:  Hello \t you  \r\nDate: Sat, 21 Nov 2026 07:00:00 +0000\r\nMessage-ID: <1@tidings.test>\r\n\
MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\nReply-To: c@tidings.test\r\n\
List-Unsubscribe: <https://tidings.test/u?1>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n";

const BODIES: &[&str] = &[
    "Hello.\r\n",
    "Hello",
    "",
    "\r\n\r\n",
    " \r\n\ttab \t and  gaps  \r\n\r\n.\r\n..dots\r\n\r\n\r\n",
    "\r\nstarts empty\r\n",
];

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("tidings-dkim-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Which signatures of `file` are good, by selector.
fn verdict(judge: &str, records: &Path, file: &Path) -> Vec<(String, bool)> {
    let mut words = judge.split_whitespace();
    let mut command = Command::new(words.next().expect("a command"));
    let out = command.args(words).arg("--dkim").arg(records).arg(file).output().expect("the judge runs");
    let said: Value = serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|_| panic!("the judge says: {}", String::from_utf8_lossy(&out.stderr)));
    let signatures = said["dkim"].as_array().expect("a verdict").iter();
    signatures.map(|s| (s["s"].as_str().unwrap_or_default().into(), s["ok"] == true)).collect()
}

#[test]
fn signatures_verify_until_something_changes() {
    let Some(judge) = std::env::var("TIDINGS_MAIL_JUDGE").ok().filter(|judge| !judge.is_empty()) else {
        eprintln!("skipped: TIDINGS_MAIL_JUDGE is not set");
        return;
    };
    let (folder, keys) = (Folder::new(), keys());
    let records: String = keys.iter().map(|k| format!("{}\t{}\n", k.record_name(), k.record())).collect();
    let records = folder.file("records", &records);
    let all = |good: bool| vec![("rsa".to_owned(), good), ("ed".to_owned(), good)];
    for body in BODIES {
        let mail = format!("{HEADER}{body}");
        let signed =
            sign(mail.as_bytes(), &keys, Timestamp::from_secs(1_795_000_000)).expect("signed") + &mail;
        assert_eq!(verdict(&judge, &records, &folder.file("mail", &signed)), all(true), "{signed}");
        for changed in [
            format!("{signed}One line more.\r\n"),
            signed.replace("Hello \t you", "Hello he"),
            signed.replace("tidings.test/u?1", "tidings.test/u?2"),
            signed.replace("Reply-To: c@", "Reply-To: eve@"),
            signed.replacen("\r\nTo: ", "\r\nFrom: eve@example.test\r\nTo: ", 1),
        ] {
            assert_ne!(changed, signed);
            assert_eq!(verdict(&judge, &records, &folder.file("mail", &changed)), all(false), "{changed}");
        }
    }
}
