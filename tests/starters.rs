//! The starter templates, held against what was reviewed: the words of every part of every message.
//!
//! To review a change, run with `TIDINGS_WRITE_STARTERS=1` and read what git shows.
#![cfg(all(feature = "templates", feature = "mjml", feature = "css-inline", feature = "html-text"))]

#[path = "../examples/starters/starters.rs"]
mod starters;

use std::{env, fmt::Write as _, fs, path::PathBuf};

use starters::Made;

fn shown(made: &Made) -> String {
    let mut text = String::new();
    let mut part = |name: &str, words: &str| {
        writeln!(text, "--- {name}\n{}", words.trim_end()).expect("a String takes all");
    };
    part("subject", &made.email.subject);
    part("text", made.email.text.as_deref().expect("derived"));
    part("sms", &made.sms.body);
    part("push", &serde_json::to_string_pretty(&made.push).expect("plain data"));
    part("whatsapp", &serde_json::to_string_pretty(&made.whatsapp).expect("plain data"));
    part("chat", &serde_json::to_string_pretty(&made.chat).expect("plain data"));
    text
}

#[test]
fn every_part_is_as_it_was_reviewed() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/starters");
    for source in starters::SOURCES {
        let (name, locale, _) = source;
        let made = starters::made(*source).unwrap_or_else(|error| panic!("{name}.{locale}: {error}"));
        let file = folder.join(format!("{name}.{locale}.txt"));
        if env::var_os("TIDINGS_WRITE_STARTERS").is_some() {
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(&file, shown(&made)).expect("writable");
        }
        let reviewed =
            fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(shown(&made), reviewed, "{name}.{locale} differs from {}", file.display());
    }
}

#[test]
fn mails_are_made_for_all_readers() {
    for source in starters::SOURCES {
        let (name, locale, _) = source;
        let made = starters::made(*source).unwrap_or_else(|error| panic!("{name}.{locale}: {error}"));
        let html = made.email.html.as_deref().expect("has HTML");
        assert!(html.contains(&format!("lang=\"{locale}\"")), "{name}.{locale} says its language");
        assert!(html.contains("name=\"color-scheme\""), "{name}.{locale} has a dark mode");
        assert!(html.len() < 100_000, "{name}.{locale}: Gmail cuts mails of more than about 100 KiB");
        assert!(!html.contains("{{") && !html.contains("fonts.googleapis"), "{name}.{locale}");
        assert!(made.sms.body.chars().count() <= 160, "{name}.{locale}: {}", made.sms.body);
        assert!(made.email.subject.chars().count() <= 60, "{name}.{locale}: {}", made.email.subject);
    }
}
