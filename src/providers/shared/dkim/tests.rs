use super::*;
use crate::{error::ErrorKind, time::Timestamp};

/// RFC 8463 section A.2.
const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const MAIL: &str = "From: Joe SixPack <joe@football.example.com>\r\n\
To: Suzie Q <suzie@shopping.example.net>\r\n\
Subject: Is dinner ready?\r\n\
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\
\r\n\
Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

fn key() -> DkimKey {
    DkimKey::new("football.example.com", "brisbane", SEED).expect("a key")
}

fn signed(mail: &str) -> String {
    sign(mail.as_bytes(), &[key()], Timestamp::from_secs(1_528_637_909)).expect("signed")
}

fn tag<'a>(header: &'a str, name: &str) -> &'a str {
    let tags = header.split_once(':').expect("a field").1.split(';');
    let found = tags.map(str::trim).find_map(|tag| tag.strip_prefix(name)?.strip_prefix('='));
    found.expect(name)
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Section A.3 signs other fields, but the same body with the same key.
#[test]
fn body_hash_and_public_key_are_those_of_the_rfc() {
    let header = signed(MAIL);
    assert_eq!(tag(&header, "bh"), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
    assert_eq!(key().record(), "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    assert_eq!(key().record_name(), "brisbane._domainkey.football.example.com");
    assert_eq!(tag(&header, "t"), "1528637909");
}

#[test]
fn from_is_named_once_more_and_bcc_never() {
    let mail = MAIL.replace("Subject:", "BCC: boss@example.com\r\nReply-To: a@example.com\r\nSubject:");
    assert_eq!(plain(tag(&signed(&mail), "h")), "From:From:To:Subject:Date:Message-ID:Reply-To");
}

#[test]
fn one_click_headers_are_signed() {
    let mail = format!(
        "List-Unsubscribe: <https://example.org/u>\r\nlist-unsubscribe-post: List-Unsubscribe=One-Click\r\n{MAIL}"
    );
    assert!(plain(tag(&signed(&mail), "h")).ends_with(":List-Unsubscribe:List-Unsubscribe-Post"));
}

#[test]
fn a_changed_octet_changes_the_signature_and_white_space_does_not() {
    let signature = |mail: &str| plain(tag(&signed(mail), "b"));
    let original = signature(MAIL);
    for changed in [
        MAIL.replace("hungry", "thirsty"),
        MAIL.replace("dinner", "lunch"),
        MAIL.replace("joe@", "moe@"),
        MAIL.replacen("From:", "From: eve@example.com\r\nFrom:", 1),
    ] {
        assert_ne!(signature(&changed), original, "{changed}");
    }
    for same in [
        MAIL.replace("game.  Are", "game. Are"),
        MAIL.replace("Is dinner", "  Is\r\n\tdinner"),
        MAIL.replace("Subject", "SUBJECT"),
        format!("{MAIL}\r\n \r\n"),
        format!("X-Unsigned: 1\r\n{MAIL}"),
    ] {
        assert_eq!(signature(&same), original, "{same}");
    }
}

#[test]
fn every_key_signs_and_lines_are_short() {
    let keys = [key(), DkimKey::new("example.com", "s2", format!(" {SEED}\n")).expect("a key")];
    let header = sign(MAIL.as_bytes(), &keys, Timestamp::default()).expect("signed");
    assert_eq!(header.matches("DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n").count(), 2);
    assert!(header.ends_with("\r\n") && header.lines().all(|line| line.len() <= 78), "{header}");
}

#[test]
fn what_is_no_key_is_refused_and_not_shown() {
    for (domain, selector, secret) in [
        ("example.com", "s", "c2VjcmV0"),
        ("example.com", "s", "no base64!"),
        ("example.com", "s", ""),
        ("", "s", SEED),
        ("exa mple.com", "s", SEED),
        ("example.com", "a;b", SEED),
        ("bücher.example", "s", SEED),
    ] {
        let error = DkimKey::new(domain, selector, secret).expect_err(domain);
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(secret.is_empty() || !format!("{error:?}").contains(secret));
    }
    assert!(!format!("{:?}", key()).contains("nWGxne"));
}

#[test]
fn several_keys_need_as_many_selectors() {
    let one = format!("-----BEGIN X-----\n{SEED}\n-----END X-----\n");
    let two = format!("{one}{one}").replace('\n', "\\n");
    let keys = DkimKey::several("example.com", "a, b", &two).expect("two");
    assert_eq!(keys[1].record_name(), "b._domainkey.example.com");
    assert!(DkimKey::several("example.com", "a", &two).is_err());
    assert_eq!(DkimKey::several("example.com", "a", SEED).expect("one").len(), 1);
}

#[test]
fn a_message_without_from_is_refused() {
    let error = sign(b"To: a@example.com\r\n\r\nHi", &[key()], Timestamp::default()).expect_err("no From");
    assert_eq!(error.kind(), ErrorKind::InvalidMessage);
}
