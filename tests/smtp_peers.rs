//! SMTP against servers that others wrote: aiosmtpd, which does not pipeline, and the npm package smtp-server.
//!
//! `tests/run` installs and starts them (tests/lib/smtp_peers.sh); one that is not there is skipped, saying so. Both want
//! STARTTLS and a login, refuse `refused…` with 550 and `grey…` with 450, and note what they take.
#![cfg(feature = "smtp")]

use std::{path::PathBuf, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use mail_parser::MessageParser;
use serde_json::Value;
use tidings::{
    Attachment, CallContext, Certainty, Email, Error, ErrorKind, MessageId, Outgoing, Provider, Receipt,
    TenantId,
    providers::smtp::{Smtp, SmtpAuth, SmtpConfig},
};

/// A server of others.
struct Peer {
    name: &'static str,
    port: u16,
    folder: PathBuf,
}

/// Those that run; says which do not.
fn peers() -> Vec<Peer> {
    let known =
        [("aiosmtpd", "TIDINGS_TEST_AIOSMTPD_PORT"), ("smtp-server", "TIDINGS_TEST_SMTP_SERVER_PORT")];
    let running = known.into_iter().filter_map(|(name, variable)| {
        let Ok(port) = std::env::var(variable) else {
            eprintln!("skipped: {name} ({variable} is not set); tests/run starts it");
            return None;
        };
        let folder = std::env::var("TIDINGS_TEST_SMTP_PEERS").expect("set with the ports");
        Some(Peer { name, port: port.parse().expect("a port"), folder: folder.into() })
    });
    running.collect()
}

impl Peer {
    fn config(&self) -> SmtpConfig {
        let config = SmtpConfig::new("localhost").port(self.port).ca_file(self.folder.join("ca.pem"));
        config.login("tidings", "secret").timeout(Duration::from_secs(10))
    }

    fn provider(&self) -> Smtp {
        self.config().build().expect("valid")
    }

    /// What it took of a message, by the id in it: once for each transaction.
    fn taken(&self, id: MessageId) -> Vec<(Vec<String>, Vec<u8>)> {
        let file = self.folder.join(format!("{}.jsonl", self.name));
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let one = |taken: Value| {
            let to = taken["to"].as_array().expect("a list").iter();
            let to = to.map(|one| one.as_str().expect("an address").to_owned()).collect();
            (to, BASE64.decode(taken["content"].as_str().expect("a text")).expect("base64"))
        };
        let mark = format!("<{id}.");
        lines.map(one).filter(|(_, content)| String::from_utf8_lossy(content).contains(&mark)).collect()
    }
}

fn new_id() -> MessageId {
    MessageId::new(CallContext::default().clock().now())
}

async fn send(smtp: &Smtp, email: &Email, id: MessageId) -> Result<Receipt, Error> {
    smtp.send(&CallContext::default(), Outgoing::new(email, id, &TenantId::DEFAULT, "key")).await
}

fn email(to: &[&str]) -> Email {
    let mut builder = Email::builder().from("Größe <shop@x.org>").subject("Grüße & 日本語");
    for address in to {
        builder = builder.to(*address);
    }
    let logo = Attachment::inline("logo", "logo.png", "image/png", vec![0, 255, 13, 10, 46]).expect("valid");
    let html = "<p>Grüße</p><img src=\"cid:logo\">\r\n.\r\n";
    builder.text(".\nfirst\n..two\n\nlast").html(html).attach(logo).build().expect("valid")
}

#[tokio::test]
async fn messages_arrive_whole_and_only_for_those_accepted() {
    for peer in peers() {
        let (smtp, id) = (peer.provider(), new_id());
        let receipt = send(&smtp, &email(&["a@x.org", "refused@x.org", "grey@x.org", "b@x.org"]), id)
            .await
            .expect("sent");
        let told: Vec<_> = receipt.outcomes.iter().map(|one| one.error().map(Error::kind)).collect();
        let expected = [None, Some(ErrorKind::InvalidRecipient), Some(ErrorKind::RateLimited), None];
        assert_eq!(told, expected, "{}", peer.name);
        let taken = peer.taken(id);
        let [(to, content)] = taken.as_slice() else { panic!("{}: taken {} times", peer.name, taken.len()) };
        assert_eq!(to, &["a@x.org", "b@x.org"], "{}", peer.name);
        let mail = MessageParser::new().parse(content).expect("a mail");
        assert_eq!(mail.subject(), Some("Grüße & 日本語"));
        assert_eq!(mail.body_text(0).as_deref().map(str::trim_end), Some(".\r\nfirst\r\n..two\r\n\r\nlast"));
        assert!(mail.body_html(0).is_some_and(|html| html.contains("\r\n.\r\n")), "{}", peer.name);
        assert!(mail.attachments().any(|part| part.contents() == [0, 255, 13, 10, 46]), "{}", peer.name);
    }
}

#[tokio::test]
async fn many_at_once_arrive_once_each() {
    for peer in peers() {
        let smtp = Arc::new(peer.config().max_connections(2).build().expect("valid"));
        let sending: Vec<_> = (0..40)
            .map(|number| {
                let (smtp, to) =
                    (Arc::clone(&smtp), if number % 5 == 0 { "refused@x.org" } else { "a@x.org" });
                tokio::spawn(async move {
                    let id = new_id();
                    (number, id, send(&smtp, &email(&[to]), id).await)
                })
            })
            .collect();
        for sent in sending {
            let (number, id, sent) = sent.await.expect("no panic");
            assert_eq!(sent.is_ok(), number % 5 != 0, "{}: {sent:?}", peer.name);
            assert_eq!(peer.taken(id).len(), usize::from(sent.is_ok()), "{}", peer.name);
        }
    }
}

#[tokio::test]
async fn all_refused_and_a_wrong_login() {
    for peer in peers() {
        let smtp = peer.provider();
        for _ in 0..2 {
            let error = send(&smtp, &email(&["refused@x.org"]), new_id()).await.expect_err("refused");
            assert_eq!((error.kind(), error.certainty()), (ErrorKind::InvalidRecipient, Certainty::NotSent));
        }
        assert!(send(&smtp, &email(&["a@x.org"]), new_id()).await.is_ok(), "{}", peer.name);
        let wrong = peer.config().login("tidings", "wrong").build().expect("valid");
        let error = send(&wrong, &email(&["a@x.org"]), new_id()).await.expect_err("refused");
        assert_eq!((error.kind(), error.certainty()), (ErrorKind::Auth, Certainty::NotSent), "{}", peer.name);
    }
}

#[tokio::test]
async fn a_size_beyond_what_is_announced_is_not_begun() {
    for peer in peers() {
        let (smtp, id) = (peer.provider(), new_id());
        let mut large = email(&["a@x.org"]);
        large.text = Some("a line of some length\n".repeat(10_000).into());
        let error = send(&smtp, &large, id).await.expect_err("too large");
        assert_eq!((error.kind(), error.certainty()), (ErrorKind::PayloadTooLarge, Certainty::NotSent));
        assert!(peer.taken(id).is_empty() && send(&smtp, &email(&["a@x.org"]), new_id()).await.is_ok());
    }
}

#[tokio::test]
async fn other_letters_in_addresses_go_by_smtputf8() {
    for peer in peers() {
        let (smtp, id) = (peer.provider(), new_id());
        let receipt = send(&smtp, &email(&["jürgen@x.org"]), id).await;
        assert_eq!(receipt.expect("sent").accepted_count(), 1, "{}", peer.name);
        assert_eq!(peer.taken(id).first().map(|(to, _)| to[0].clone()).as_deref(), Some("jürgen@x.org"));
    }
}

#[tokio::test]
async fn tokens_are_handed_over_by_xoauth2() {
    for peer in peers().into_iter().filter(|peer| peer.name == "smtp-server") {
        let by_token = |token: &str| peer.config().login("tidings", token).auth(SmtpAuth::XOAuth2).build();
        let (good, bad) = (by_token("secret").expect("valid"), by_token("stale").expect("valid"));
        assert!(send(&good, &email(&["a@x.org"]), new_id()).await.is_ok());
        let error = send(&bad, &email(&["a@x.org"]), new_id()).await.expect_err("refused");
        assert_eq!((error.kind(), error.certainty()), (ErrorKind::Auth, Certainty::NotSent), "{error}");
    }
}
