//! SMTP against a real server, which `tests/run` starts.
//!
//! The server wants TLS and a login, refuses `refused@…` with 550 5.1.1 and
//! `greylisted@…` with 450 4.7.1, and delivers everything else to one Maildir.
//! A server that knows other names and but one domain says so in
//! `TIDINGS_TEST_SMTP_REFUSED`, `…_GREYLISTED` and `…_DOMAIN`.
#![cfg(feature = "smtp")]

use std::{path::PathBuf, sync::Arc, time::Duration};

use mail_parser::{MessageParser, MimeHeaders, PartType};
use tidings::{
    Attachment, CallContext, Certainty, Email, Error, ErrorKind, Health, MessageId, Outgoing, Provider,
    Receipt, Retry, TenantId, Timestamp, Vendor,
    message::{Header, ListUnsubscribe, Priority},
    providers::smtp::{Smtp, SmtpConfig, SmtpTls, SmtpTransport},
};

/// The server that the environment names.
struct Server {
    host: String,
    starttls: u16,
    tls: u16,
    user: String,
    password: String,
    ca: String,
    maildir: PathBuf,
    domain: String,
    refused: String,
    greylisted: String,
}

impl Server {
    /// `None`, saying so, if there is no server; with half of the variables set it panics.
    fn find() -> Option<Self> {
        let Ok(host) = std::env::var("TIDINGS_TEST_SMTP_HOST") else {
            eprintln!("skipped: no SMTP server (TIDINGS_TEST_SMTP_HOST is unset); tests/run starts one");
            return None;
        };
        let var = |name: &str| std::env::var(format!("TIDINGS_TEST_{name}")).expect(name);
        let or = |name: &str, usual: &str| {
            std::env::var(format!("TIDINGS_TEST_{name}")).unwrap_or_else(|_| usual.to_owned())
        };
        Some(Self {
            host,
            starttls: var("SMTP_PORT").parse().expect("a port"),
            tls: var("SMTPS_PORT").parse().expect("a port"),
            user: var("SMTP_USER"),
            password: var("SMTP_PASS"),
            ca: var("SMTP_CA"),
            maildir: var("SMTP_MAILDIR").into(),
            domain: or("SMTP_DOMAIN", "x.test"),
            refused: or("SMTP_REFUSED", "refused"),
            greylisted: or("SMTP_GREYLISTED", "greylisted"),
        })
    }

    fn address(&self, name: &str) -> String {
        format!("{name}@{}", self.domain)
    }

    /// A plain message to `name` at the server's domain.
    fn simple(&self, name: &str) -> Email {
        let mail = Email::builder().from("shop@tidings.test").to(&*self.address(name));
        mail.subject("Hello").text("Hello").build().expect("valid")
    }

    fn config(&self) -> SmtpConfig {
        let config = SmtpConfig::new(&*self.host).port(self.starttls).ca_file(&self.ca);
        config.login(&*self.user, &*self.password).timeout(Duration::from_secs(20))
    }

    fn provider(&self) -> Smtp {
        self.config().build().expect("valid")
    }

    /// The message whose `Message-ID` holds this id, once it has been delivered to `name`.
    async fn delivered(&self, id: MessageId, name: &str) -> Vec<u8> {
        let to = self.address(name);
        let wanted = (format!("<{id}."), format!("X-Original-To: {to}"));
        for _ in 0..200 {
            if let Some(raw) = self.search(&wanted) {
                return raw;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the message to {to} did not arrive within 10 s");
    }

    fn search(&self, (id, to): &(String, String)) -> Option<Vec<u8>> {
        let files = std::fs::read_dir(self.maildir.join("new")).ok()?;
        files.flatten().find_map(|file| {
            let raw = std::fs::read(file.path()).ok()?;
            let text = String::from_utf8_lossy(&raw);
            (text.contains(id.as_str()) && text.contains(to.as_str())).then_some(raw)
        })
    }
}

fn new_id() -> MessageId {
    MessageId::new(CallContext::default().clock().now())
}

async fn send(smtp: &Smtp, email: &Email, id: MessageId) -> Result<Receipt, Error> {
    smtp.send(&CallContext::default(), Outgoing::new(email, id, &TenantId::DEFAULT, "key")).await
}

#[tokio::test]
async fn starttls_and_login_deliver() {
    let Some(server) = Server::find() else { return };
    let (smtp, id) = (server.provider(), new_id());
    assert_eq!(smtp.check(&CallContext::default()).await.expect("good"), Health::Good);
    let receipt = send(&smtp, &server.simple("starttls"), id).await.expect("sent");
    let queued = receipt.outcomes[0].vendor_id().expect("Postfix says its queue id").to_owned();
    let raw = server.delivered(id, "starttls").await;
    let text = String::from_utf8_lossy(&raw);
    assert!(text.contains(&queued) && text.contains("with ESMTPSA"), "TLS, login and queue id: {text}");
}

#[tokio::test]
async fn tls_from_the_start_delivers() {
    let Some(server) = Server::find() else { return };
    let smtp = server.config().port(server.tls).tls(SmtpTls::Tls).build().expect("valid");
    let id = new_id();
    assert_eq!(send(&smtp, &server.simple("smtps"), id).await.expect("sent").accepted_count(), 1);
    server.delivered(id, "smtps").await;
}

#[tokio::test]
async fn lettres_transport_delivers_as_well() {
    let Some(server) = Server::find() else { return };
    for (port, tls) in [(server.starttls, SmtpTls::StartTls), (server.tls, SmtpTls::Tls)] {
        let smtp = server.config().port(port).tls(tls).transport(SmtpTransport::Lettre).build();
        let (smtp, id) = (smtp.expect("valid"), new_id());
        assert_eq!(send(&smtp, &server.simple("lettre"), id).await.expect("sent").accepted_count(), 1);
        server.delivered(id, "lettre").await;
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_is_not_begun() {
    let Some(server) = Server::find() else { return };
    let (smtp, mut email) = (server.provider(), server.simple("large"));
    email.text = Some("a line of a text that has no end\n".repeat(400_000).into());
    let error = send(&smtp, &email, new_id()).await.expect_err("more than message_size_limit");
    assert_eq!(
        (error.kind(), error.certainty()),
        (ErrorKind::PayloadTooLarge, Certainty::NotSent),
        "{error}"
    );
    assert!(error.message().contains("SIZE"), "{error}");
}

#[tokio::test]
async fn refusals_between_others_leave_them_alone() {
    let Some(server) = Server::find() else { return };
    let smtp = Arc::new(server.config().max_connections(2).build().expect("valid"));
    let server = Arc::new(server);
    let sending: Vec<_> = (0..40)
        .map(|number| {
            let (smtp, server) = (Arc::clone(&smtp), Arc::clone(&server));
            tokio::spawn(async move {
                let name = match number % 4 {
                    0 => server.refused.clone(),
                    1 => server.greylisted.clone(),
                    _ => format!("between{number}"),
                };
                let id = new_id();
                (number, name.clone(), id, send(&smtp, &server.simple(&name), id).await)
            })
        })
        .collect();
    for one in sending {
        let (number, name, id, sent) = one.await.expect("no panic");
        match number % 4 {
            0 => assert_eq!(sent.expect_err("refused").kind(), ErrorKind::InvalidRecipient),
            1 => assert_eq!(sent.expect_err("later").kind(), ErrorKind::RateLimited),
            _ => {
                assert_eq!(sent.expect("sent").accepted_count(), 1);
                server.delivered(id, &name).await;
            }
        }
    }
}

#[tokio::test]
async fn a_url_is_enough() {
    let Some(server) = Server::find() else { return };
    let Server { host, user, password, ca, starttls, .. } = &server;
    let url = format!("smtp://{user}:{password}@{host}:{starttls}?ca={ca}");
    let smtp = SmtpConfig::from_url(&url).expect("valid").build().expect("valid");
    let id = new_id();
    assert_eq!(send(&smtp, &server.simple("url"), id).await.expect("sent").accepted_count(), 1);
}

#[tokio::test]
async fn many_at_once_share_a_few_connections() {
    let Some(server) = Server::find() else { return };
    let smtp = Arc::new(server.config().max_connections(3).build().expect("valid"));
    let sending = (0..30).map(|_| {
        let smtp = Arc::clone(&smtp);
        let email = server.simple("many");
        tokio::spawn(async move { send(&smtp, &email, new_id()).await })
    });
    for sent in sending.collect::<Vec<_>>() {
        assert_eq!(sent.await.expect("no panic").expect("sent").accepted_count(), 1);
    }
}

#[tokio::test]
async fn a_wrong_password_is_auth() {
    let Some(server) = Server::find() else { return };
    let smtp = server.config().login(&*server.user, "wrong").build().expect("valid");
    let error = send(&smtp, &server.simple("nobody"), new_id()).await.expect_err("refused");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Auth, Certainty::NotSent), "{error}");
    assert!(error.code().is_some_and(|code| code.starts_with("535")), "{error}");
    assert_eq!(smtp.check(&CallContext::default()).await.expect_err("refused").kind(), ErrorKind::Auth);
}

#[tokio::test]
async fn without_a_login_nothing_is_sent() {
    let Some(server) = Server::find() else { return };
    let config = SmtpConfig::new(&*server.host).port(server.starttls).ca_file(&server.ca);
    let error = send(&config.build().expect("valid"), &server.simple("nobody"), new_id()).await;
    let error = error.expect_err("refused");
    assert_eq!(error.certainty(), Certainty::NotSent, "{error}");
}

#[tokio::test]
async fn an_untrusted_certificate_says_how_to_trust_it() {
    let Some(server) = Server::find() else { return };
    for (port, tls) in [(server.starttls, SmtpTls::StartTls), (server.tls, SmtpTls::Tls)] {
        let config = SmtpConfig::new(&*server.host).port(port).tls(tls).login("u", "p");
        let smtp = config.build().expect("a machine with CA certificates");
        let error = send(&smtp, &server.simple("nobody"), new_id()).await.expect_err("not trusted");
        assert_eq!((error.kind(), error.certainty()), (ErrorKind::Config, Certainty::NotSent), "{error}");
        assert!(error.message().contains("?ca=") && error.message().contains("SMTP_CA"), "{error}");
    }
}

#[tokio::test]
async fn refused_recipients_are_told_from_accepted_ones() {
    let Some(server) = Server::find() else { return };
    let (smtp, id) = (server.provider(), new_id());
    let error = send(&smtp, &server.simple(&server.refused), new_id()).await.expect_err("refused");
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidRecipient, Some("550 5.1.1")));
    let mut email = server.simple("good");
    email.bcc = [&*server.refused, "blind"].map(|to| server.address(to).parse().expect("valid")).into();
    let receipt = send(&smtp, &email, id).await.expect("two were accepted");
    let accepted: Vec<_> = receipt.outcomes.iter().map(tidings::Outcome::is_accepted).collect();
    assert_eq!(accepted, [true, false, true]);
    assert_eq!(receipt.outcomes[1].error().and_then(Error::field), Some("bcc[0]"));
    let raw = server.delivered(id, "blind").await;
    assert!(MessageParser::new().parse(&raw).expect("mail").bcc().is_none());
}

#[tokio::test]
async fn greylisting_passes() {
    let Some(server) = Server::find() else { return };
    let error =
        send(&server.provider(), &server.simple(&server.greylisted), new_id()).await.expect_err("later");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::RateLimited, Retry::Backoff), "{error}");
    assert!(error.is_passing());
}

fn rich(server: &Server) -> Email {
    let mut email = Email::builder()
        .from("Jürgen \"Größe\" <shop@tidings.test>")
        .reply_to("Answers, please <answers@tidings.test>")
        .to(&*format!("Ada Lovelace <{}>", server.address("rich")))
        .cc(&*format!("日本 <{}>", server.address("cc")))
        .bcc(&*server.address("bcc"))
        .subject(
            "Grüße & 日本語: a subject that is long enough to be folded more than once, even twice, I think",
        )
        .text(".\nfirst line is a dot\n..two\n\nGrüße\n")
        .html("<p>Grüße</p><img src=\"cid:logo\"><p>.</p>\r\n.\r\n")
        .attach(Attachment::inline("logo", "logo.png", "image/png", vec![0, 255, 13, 10, 46]).expect("valid"))
        .attach(
            Attachment::new("Rechnung für März, \"final\".pdf", "application/pdf", bytes()).expect("valid"),
        )
        .attach(Attachment::new("data.csv", "text/csv; charset=utf-8", &b"a,b\n1,2\n"[..]).expect("valid"))
        .header("X-Campaign", "spring 2026")
        .priority(Priority::High)
        .list_unsubscribe(ListUnsubscribe::one_click("https://tidings.test/u/abc").expect("valid"))
        .build()
        .expect("valid");
    email.headers.push(Header::new("X-Campaign", "zweite Überschrift").expect("valid"));
    email
}

fn bytes() -> Vec<u8> {
    (0..10_000_u32).map(|n| n.to_le_bytes()[0]).collect()
}

#[tokio::test]
async fn what_arrives_is_what_was_sent() {
    let Some(server) = Server::find() else { return };
    let (smtp, email, id) = (server.provider(), rich(&server), new_id());
    assert_eq!(send(&smtp, &email, id).await.expect("sent").accepted_count(), 3);
    let raw = server.delivered(id, "rich").await;
    let mail = MessageParser::new().parse(&raw).expect("mail");

    assert_eq!(mail.message_id(), Some(format!("{id}.0@tidings.test").as_str()));
    assert_eq!(mail.subject(), Some(&*email.subject));
    let one = |list: Option<&mail_parser::Address<'_>>| {
        let first = list.and_then(|list| list.first()).expect("an address");
        (first.name().map(str::to_owned), first.address().map(str::to_owned))
    };
    let expected = |m: &tidings::Mailbox| (m.name().map(str::to_owned), Some(m.address().to_string()));
    assert_eq!(one(mail.from()), expected(email.from.as_ref().expect("set")));
    assert_eq!(one(mail.reply_to()), expected(&email.reply_to[0]));
    assert_eq!(one(mail.to()), expected(&email.to[0]));
    assert_eq!(one(mail.cc()), expected(&email.cc[0]));
    assert!(mail.bcc().is_none());
    // Sent with CRLF, kept by the Maildir with LF.
    assert_eq!(
        mail.body_text(0).map(|text| text.replace("\r\n", "\n")),
        email.text.as_deref().map(str::to_owned)
    );
    let html = mail.body_html(0).map(|html| html.replace("\r\n", "\n"));
    assert_eq!(html, email.html.as_deref().map(|html| html.replace("\r\n", "\n")));

    let files: Vec<_> = mail.attachments().collect();
    assert_eq!(files.len(), 3);
    for attachment in &email.attachments {
        let name = Some(attachment.file.name.as_str());
        let part = files.iter().find(|part| part.attachment_name() == name).expect("the file");
        let content = match &part.body {
            PartType::Text(text) => text.as_bytes(),
            _ => part.contents(),
        };
        assert_eq!(content, &attachment.file.content[..], "{name:?}");
        assert_eq!(part.content_id(), attachment.content_id.as_deref(), "{name:?}");
    }
    let text = String::from_utf8_lossy(&raw);
    for line in [
        "X-Priority: 1",
        "Importance: high",
        "List-Unsubscribe: <https://tidings.test/u/abc>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "X-Campaign: spring 2026",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    assert_eq!(text.lines().filter(|line| line.starts_with("X-Campaign: ")).count(), 2);
    assert!(mail.date().is_some_and(|date| date.to_timestamp() > Timestamp::default().as_secs()));
}

#[test]
fn one_instance_serves_one_runtime_after_another() {
    let Some(server) = Server::find() else { return };
    let smtp = server.provider();
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let sent = runtime.block_on(send(&smtp, &server.simple("runtimes"), new_id()));
        assert_eq!(sent.expect("sent").accepted_count(), 1);
    }
    drop(smtp);
}

/// Whether the signature verifies is for `.ci/referees` to ask, by the record that this leaves in the file
/// `TIDINGS_TEST_SMTP_DKIM`.
#[cfg(feature = "dkim")]
#[tokio::test]
async fn signed_mail_arrives_signed() {
    use aws_lc_rs::{rand::SystemRandom, signature::Ed25519KeyPair};
    use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
    use tidings::providers::dkim::DkimKey;

    let Some(server) = Server::find() else { return };
    let secret = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).expect("a key");
    let key = DkimKey::new("tidings.test", "delivered", BASE64.encode(secret.as_ref())).expect("a key");
    if let Ok(path) = std::env::var("TIDINGS_TEST_SMTP_DKIM") {
        std::fs::write(path, format!("{}\t{}\n", key.record_name(), key.record())).expect("written");
    }
    let smtp = server.config().dkim(key).build().expect("valid");
    let mut email = server.simple("signed");
    email.text = Some(".\n..dots  and gaps \n\nGrüße\n\n".into());
    email.list_unsubscribe = Some(ListUnsubscribe::one_click("https://tidings.test/u?1").expect("a link"));
    let id = new_id();
    send(&smtp, &email, id).await.expect("sent");
    let raw = server.delivered(id, "signed").await;
    let text = String::from_utf8_lossy(&raw);
    assert!(text.contains("DKIM-Signature: v=1; a=ed25519-sha256;"), "{text}");
}
