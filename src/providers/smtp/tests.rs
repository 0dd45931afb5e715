//! Servers that misbehave, hostile messages, configurations.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;
use crate::{
    error::Retry,
    id::{MessageId, TenantId},
    message::{Attachment, Header, ListUnsubscribe, Priority, VendorOption},
    secret::{Credential, CredentialSource, Issued},
    time::Timestamp,
};

mod capture;
mod conformance;
mod hostile;

/// What a scripted server does at each turn: `Say` answers the next command, beginning with the greeting.
#[derive(Clone, Copy)]
enum Turn {
    Close,
    Hang,
    Say(&'static str),
    /// The same ten octets, again and again.
    Babble,
}

use Turn::{Babble, Close, Hang, Say};

const EHLO: Turn = Say("250-fake\r\n250 8BITMIME");
const OK: Turn = Say("250 2.0.0 Ok");
const GO: Turn = Say("354 go ahead");
const QUEUED: Turn = Say("250 2.0.0 Ok: queued as ABC123");

/// Plays one script for each connection; answers with all lines it read.
async fn serve(scripts: Vec<Vec<Turn>>) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let play_all = async move {
        let mut playing = Vec::new();
        for script in scripts {
            let (stream, _) = listener.accept().await.expect("a client");
            playing.push(tokio::spawn(play(stream, script)));
        }
        let mut heard = Vec::new();
        for one in playing {
            heard.extend(one.await.expect("no panic"));
        }
        heard
    };
    (port, tokio::spawn(play_all))
}

async fn play(stream: TcpStream, script: Vec<Turn>) -> Vec<String> {
    let (mut stream, mut heard) = (BufReader::new(stream), Vec::new());
    for turn in script {
        let goes_on = match turn {
            Close => false,
            Hang => {
                let _ = stream.read_to_end(&mut Vec::new()).await;
                false
            }
            Babble => {
                while stream.write_all(b"220-hello\r\n").await.is_ok() {}
                false
            }
            Say(text) => {
                let said = stream.write_all(format!("{text}\r\n").as_bytes()).await;
                said.is_ok() && hear(&mut stream, text.starts_with("354"), &mut heard).await
            }
        };
        if !goes_on {
            break;
        }
    }
    heard
}

async fn hear(stream: &mut BufReader<TcpStream>, content: bool, heard: &mut Vec<String>) -> bool {
    let mut text = String::new();
    loop {
        if stream.read_line(&mut text).await.unwrap_or(0) == 0 {
            return false;
        }
        if !content || text.ends_with("\r\n.\r\n") {
            heard.push(text);
            return true;
        }
    }
}

fn config(port: u16) -> SmtpConfig {
    SmtpConfig::new("127.0.0.1").port(port).tls(SmtpTls::Plain).timeout(Duration::from_millis(200))
}

fn email() -> Email {
    Email::builder().from("Shop <shop@x.org>").to("ada@x.org").subject("s").text("t").build().expect("valid")
}

async fn send(smtp: &Smtp, email: &Email) -> Result<Receipt> {
    let (id, tenant) = (MessageId::new(Timestamp::from_secs(1)), TenantId::DEFAULT);
    smtp.send(&CallContext::default(), Outgoing::new(email, id, &tenant, "k")).await
}

async fn send_to(script: Vec<Turn>, transport: SmtpTransport) -> Result<Receipt> {
    let (port, _) = serve(vec![script]).await;
    send(&config(port).transport(transport).build().expect("valid"), &email()).await
}

#[tokio::test]
async fn a_failure_at_each_step_has_its_certainty() {
    use Certainty::{NotSent, Unknown};
    use ErrorKind as K;
    let hello = Say("220 fake");
    let table = [
        (vec![Close], K::Transport, NotSent),
        (vec![Hang], K::Timeout, NotSent),
        (vec![Say("421 4.3.2 closing"), Close], K::Unavailable, NotSent),
        (vec![Say("554 no service"), Close], K::Unavailable, NotSent),
        (vec![Say("HTTP/1.1 400 Bad Request"), Close], K::Protocol, NotSent),
        (vec![hello, Close], K::Transport, NotSent),
        (vec![hello, EHLO, Close], K::Transport, NotSent),
        (vec![hello, EHLO, Hang], K::Timeout, NotSent),
        (vec![hello, EHLO, Say("421 4.4.2 time-out"), Close], K::Unavailable, NotSent),
        (vec![hello, EHLO, Say("354 what")], K::Protocol, NotSent),
        (vec![hello, EHLO, OK, Close], K::Transport, NotSent),
        (vec![hello, EHLO, OK, Say("421 4.3.2 closing"), Close], K::Unavailable, NotSent),
        (vec![hello, EHLO, OK, OK, Close], K::Transport, NotSent),
        (vec![hello, EHLO, OK, OK, Hang], K::Timeout, NotSent),
        // One answer too many: that to RCPT TO is read as that to DATA.
        (vec![hello, EHLO, Say("250 a\r\n250 b"), OK, Hang], K::Protocol, NotSent),
        (vec![hello, EHLO, OK, OK, Say("554 5.5.1 no valid recipients"), Close], K::Refused, NotSent),
        (vec![hello, EHLO, OK, OK, GO, Close], K::Transport, Unknown),
        (vec![hello, EHLO, OK, OK, GO, Hang], K::Timeout, Unknown),
        (vec![hello, EHLO, OK, OK, GO, Say("garbage"), Close], K::Protocol, Unknown),
        (vec![hello, EHLO, OK, OK, GO, Say("354 go on"), Close], K::Protocol, Unknown),
        (vec![hello, EHLO, OK, OK, GO, Say("250-half\r\n251 another"), Close], K::Protocol, Unknown),
        (vec![hello, EHLO, OK, OK, GO, Say("451 4.3.0 no space"), Close], K::Unavailable, NotSent),
        (vec![hello, EHLO, OK, OK, GO, Say("550 5.7.1 spam"), Close], K::Refused, NotSent),
        (vec![hello, EHLO, OK, OK, GO, Say("421 4.3.2 closing"), Close], K::Unavailable, NotSent),
    ];
    for (step, (script, kind, certainty)) in table.into_iter().enumerate() {
        for transport in [SmtpTransport::Own, SmtpTransport::Lettre] {
            let error = send_to(script.clone(), transport).await.expect_err("no message came through");
            let told = (error.kind(), error.certainty());
            assert_eq!(told, (kind, certainty), "row {step} by {transport:?}: {error}");
        }
    }
}

#[tokio::test]
async fn a_greeting_without_end_is_left() {
    let error = send_to(vec![Babble], SmtpTransport::Own).await.expect_err("no greeting");
    assert_eq!(error.certainty(), Certainty::NotSent);
    assert!(matches!(error.kind(), ErrorKind::Protocol | ErrorKind::Timeout), "{error}");
}

#[tokio::test]
async fn nobody_listening_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    let error = send(&config(port).build().expect("valid"), &email()).await.expect_err("nobody");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Transport, Certainty::NotSent));
    assert!(error.may_fail_over() && error.to_string().contains(&port.to_string()), "{error}");
}

#[tokio::test]
async fn the_deadline_of_the_call_binds() {
    let (port, _) = serve(vec![vec![Say("220 fake"), EHLO, OK, OK, GO, Hang]]).await;
    let smtp = config(port).timeout(Duration::from_secs(60)).build().expect("valid");
    let cx = CallContext::default();
    let cx = cx.clone().with_deadline(cx.clock().monotonic() + Duration::from_millis(300));
    let (email, tenant) = (email(), TenantId::DEFAULT);
    let error = smtp
        .send(&cx, Outgoing::new(&email, MessageId::new(Timestamp::from_secs(1)), &tenant, "k"))
        .await
        .expect_err("late");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Timeout, Certainty::Unknown));
}

#[tokio::test]
async fn a_connection_serves_again_and_an_old_one_is_replaced() {
    let first = vec![Say("220 fake"), EHLO, OK, OK, GO, QUEUED, OK, OK, GO, QUEUED, Close];
    let second = vec![Say("220 fake"), EHLO, OK, OK, GO, QUEUED];
    let (port, heard) = serve(vec![first, second]).await;
    let smtp = config(port).build().expect("valid");
    for _ in 0..3 {
        let receipt = send(&smtp, &email()).await.expect("sent");
        assert_eq!(receipt.outcomes[0].vendor_id(), Some("ABC123"));
    }
    drop(smtp);
    let heard = heard.await.expect("no panic");
    assert_eq!(heard.iter().filter(|line| line.starts_with("EHLO")).count(), 2, "{heard:?}");
}

#[tokio::test]
async fn an_abandoned_message_leaves_no_connection_behind() {
    let first = vec![Say("220 fake"), EHLO, OK, OK, GO, Hang];
    let second = vec![Say("220 fake"), EHLO, OK, OK, GO, QUEUED];
    let (port, _) = serve(vec![first, second]).await;
    let smtp = config(port).timeout(Duration::from_secs(60)).build().expect("valid");
    let message = email();
    let abandoned = tokio::time::timeout(Duration::from_millis(200), send(&smtp, &message)).await;
    assert!(abandoned.is_err(), "the server hangs");
    assert!(send(&smtp, &email()).await.is_ok());
}

#[test]
fn dkim_is_configured_by_three_settings() {
    let seed = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    let vars = |name: &str| {
        let value = match name {
            "SMTP_HOST" => "mail.example.org",
            "SMTP_DKIM_DOMAIN" => "example.org",
            "SMTP_DKIM_SELECTOR" => "mail2026",
            "SMTP_DKIM_KEY" => seed,
            _ => return None,
        };
        Some(value.to_owned())
    };
    let config = SmtpConfig::from_vars(vars);
    assert!(!format!("{config:?}").contains(seed));
    #[cfg(feature = "dkim")]
    assert_eq!(
        config.expect("valid").expect("a host").dkim[0].record_name(),
        "mail2026._domainkey.example.org"
    );
    #[cfg(not(feature = "dkim"))]
    assert!(config.expect_err("no feature").message().contains("`dkim`"));
    let half = |name: &str| vars(name).filter(|_| name != "SMTP_DKIM_KEY");
    let error = SmtpConfig::from_vars(half).expect_err("one is missing");
    assert!(error.message().contains("SMTP_DKIM_KEY"), "{error}");
}

#[test]
fn one_instance_outlives_its_runtimes() {
    let smtp = std::sync::OnceLock::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (servers, script) = (runtime(), vec![Say("220 fake"), EHLO, OK, OK, GO, QUEUED, OK]);
    let (port, heard) = servers.block_on(serve(vec![script.clone(), script]));
    let serving = std::thread::spawn(move || servers.block_on(heard).expect("no panic"));
    // Built and dropped where there is no runtime.
    smtp.get_or_init(|| config(port).timeout(Duration::from_secs(5)).build().expect("valid"));
    for _ in 0..2 {
        let smtp = smtp.get().expect("just set");
        assert_eq!(runtime().block_on(send(smtp, &email())).expect("sent").accepted_count(), 1);
    }
    drop(smtp);
    let heard = serving.join().expect("no panic");
    assert_eq!(heard.iter().filter(|line| line.starts_with("EHLO")).count(), 2);
}

#[tokio::test]
async fn each_recipient_has_an_outcome() {
    let no = Say("550 5.1.1 no such user");
    let script = vec![Say("220 fake"), EHLO, OK, OK, no, Say("450 4.7.1 greylisted"), GO, QUEUED];
    let (port, heard) = serve(vec![script]).await;
    let built = Email::builder().from("s@x.org").to("a@x.org").cc("b@x.org").bcc("c@x.org").text("t").build();
    let smtp = config(port).build().expect("valid");
    let receipt = send(&smtp, &built.expect("valid")).await.expect("one was accepted");
    let told: Vec<_> = receipt.outcomes.iter().map(|o| o.error().map(|e| (e.kind(), e.field()))).collect();
    let expected = [
        None,
        Some((ErrorKind::InvalidRecipient, Some("cc[0]"))),
        Some((ErrorKind::RateLimited, Some("bcc[0]"))),
    ];
    assert_eq!(told, expected);
    drop(smtp);
    let heard = heard.await.expect("no panic");
    assert!(heard.contains(&"RCPT TO:<c@x.org>\r\n".to_owned()), "{heard:?}");
    assert!(!heard.iter().any(|text| text.contains("Bcc")), "{heard:?}");
}

#[tokio::test]
async fn all_refused_alike_is_an_error_and_the_connection_serves_again() {
    let no = Say("550 5.1.1 no such user");
    let script = vec![Say("220 fake"), EHLO, OK, no, OK, OK, OK, GO, QUEUED];
    let (port, _) = serve(vec![script]).await;
    let smtp = config(port).build().expect("valid");
    let error = send(&smtp, &email()).await.expect_err("refused");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::InvalidRecipient, Retry::Never));
    assert!(send(&smtp, &email()).await.is_ok());
}

const LOGIN: Turn = Say("250-fake\r\n250 AUTH PLAIN LOGIN XOAUTH2");

#[tokio::test]
async fn a_wrong_password_is_auth_and_not_shown() {
    let no = Say("535 5.7.8 no: hunter2 AHVzZXIAaHVudGVyMg==");
    let (port, _) = serve(vec![vec![Say("220 fake"), LOGIN, no]]).await;
    let smtp = config(port).login("user", "hunter2").build().expect("valid");
    let error = send(&smtp, &email()).await.expect_err("refused");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Auth, Certainty::NotSent));
    for text in [format!("{error}"), format!("{error:?}"), format!("{smtp:?}")] {
        assert!(!text.contains("hunter2") && !text.contains("AHVzZXI"), "{text}");
    }
}

#[tokio::test]
async fn a_server_without_login_is_not_given_the_mail() {
    let (port, _) = serve(vec![vec![Say("220 fake"), EHLO]]).await;
    let smtp = config(port).login("user", "hunter2").build().expect("valid");
    assert_eq!(send(&smtp, &email()).await.expect_err("no AUTH").kind(), ErrorKind::Auth);
}

#[tokio::test]
async fn a_server_without_starttls_is_not_given_the_mail() {
    let (port, heard) = serve(vec![vec![Say("220 fake"), LOGIN]]).await;
    let smtp = config(port).tls(SmtpTls::StartTls).login("user", "hunter2").build().expect("valid");
    let error = send(&smtp, &email()).await.expect_err("no STARTTLS");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Config, Certainty::NotSent));
    assert!(error.message().contains("smtps://"), "{error}");
    drop(smtp);
    assert_eq!(heard.await.expect("no panic").len(), 1, "EHLO and nothing else");
}

#[derive(Debug, Default)]
struct Tokens(std::sync::atomic::AtomicU32);

#[async_trait]
impl CredentialSource for Tokens {
    async fn fetch(&self, _: &CallContext) -> Result<Issued<SecretString>> {
        let turn = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(Issued { value: SecretString::from(format!("token{turn}")), expires: None })
    }
}

#[tokio::test]
async fn a_fetched_token_is_renewed_once() {
    // XOAUTH2 refuses by a challenge with the reason (Google, "SASL XOAUTH2 mechanism").
    let stale = vec![Say("220 fake"), LOGIN, Say("334 eyJzdGF0dXMiOiI0MDEifQ==")];
    let fresh = vec![Say("220 fake"), LOGIN, Say("235 2.7.0 welcome"), OK, OK, GO, QUEUED];
    let (port, heard) = serve(vec![stale, fresh]).await;
    let smtp = config(port).login("user", Credential::fetched(Tokens::default())).auth(SmtpAuth::XOAuth2);
    let smtp = smtp.build().expect("valid");
    assert!(send(&smtp, &email()).await.is_ok());
    drop(smtp);
    let heard = heard.await.expect("no panic");
    let tokens: Vec<_> = heard.iter().filter(|line| line.starts_with("AUTH XOAUTH2")).collect();
    assert_eq!(tokens.len(), 2, "{heard:?}");
    assert_ne!(tokens[0], tokens[1]);
}

#[tokio::test]
async fn check_logs_in_and_sends_nothing() {
    let script = vec![Say("220 fake"), LOGIN, Say("235 2.7.0 welcome"), OK];
    let (port, heard) = serve(vec![script]).await;
    let smtp = config(port).login("user", "hunter2").build().expect("valid");
    assert_eq!(smtp.check(&CallContext::default()).await.expect("good"), Health::Good);
    drop(smtp);
    let heard = heard.await.expect("no panic");
    assert_eq!(heard[heard.len() - 2..], ["NOOP\r\n", "QUIT\r\n"]);
}

#[tokio::test]
async fn other_local_parts_need_smtputf8() {
    let (port, _) = serve(vec![vec![Say("220 fake"), EHLO]]).await;
    let built =
        Email::builder().from("s@x.org").to("jürgen@bücher.example").text("t").build().expect("valid");
    let error = send(&config(port).build().expect("valid"), &built).await.expect_err("no SMTPUTF8");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Unsupported, Certainty::NotSent));
    let offers = Say("250-fake\r\n250-8BITMIME\r\n250 SMTPUTF8");
    let (port, heard) = serve(vec![vec![Say("220 fake"), offers, OK, OK, GO, QUEUED]]).await;
    assert!(send(&config(port).build().expect("valid"), &built).await.is_ok());
    let heard = heard.await.expect("no panic");
    assert_eq!(heard[1], "MAIL FROM:<s@x.org> SMTPUTF8 BODY=8BITMIME\r\n");
    assert_eq!(heard[2], "RCPT TO:<jürgen@xn--bcher-kva.example>\r\n");
}

#[tokio::test]
async fn the_return_path_is_an_option() {
    let (port, heard) = serve(vec![vec![Say("220 fake"), EHLO, OK, OK, GO, QUEUED]]).await;
    let mut message = email();
    message.options.push(VendorOption::new("smtp", "return_path", "bounces@x.org"));
    message.options.push(VendorOption::new("acme", "colour", "red"));
    assert!(send(&config(port).build().expect("valid"), &message).await.is_ok());
    assert_eq!(heard.await.expect("no panic")[1], "MAIL FROM:<bounces@x.org>\r\n");
    for option in [
        VendorOption::new("smtp", "colour", "red"),
        VendorOption::new("smtp", "return_path", 7),
        VendorOption::new("smtp", "return_path", "x> SIZE=1"),
    ] {
        message.options = vec![option];
        let error = send(&config(port).build().expect("valid"), &message).await.expect_err("wrong");
        assert_eq!(error.kind(), ErrorKind::InvalidMessage, "{error}");
    }
}

#[tokio::test]
async fn what_smtp_cannot_carry_is_refused_by_name() {
    let mut message = email();
    message.tags.push("sale".into());
    let error = send(&config(1).build().expect("valid"), &message).await.expect_err("tags");
    assert_eq!((error.kind(), error.field()), (ErrorKind::Unsupported, Some("tags")));
}

/// Hostile in one way or another; most are refused, none may do harm.
const HOSTILE: &[&str] = &[
    "",
    " ",
    "a\r\nBcc: evil@y.org",
    "a\nb",
    "a\rb",
    "\r\n.\r\nMAIL FROM:<evil@y.org>\r\n",
    "\n.\n",
    "\r.\r",
    ".",
    "a\0b",
    "\u{7f}",
    "a\u{202e}b",
    "\u{2028}",
    "=?utf-8?b?Zm9v?=",
    "\"quoted\" \\ (comment) <angle>, ;:@",
    "\t tab",
    "日本語の件名がここにあります",
    "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
    "--boundary--",
    "                                                                                                   x",
];

fn hostile_messages() -> Vec<Email> {
    let long =
        ["x".repeat(5_000), "é".repeat(5_000), "x ".repeat(5_000), "\r\n".repeat(500), " ".repeat(3_000)];
    let texts = HOSTILE.iter().map(|text| (*text).to_owned()).chain(long);
    texts.flat_map(|text| each_field_is(&text)).collect()
}

fn each_field_is(text: &str) -> Vec<Email> {
    let mut all = vec![email(); 8];
    all[0].subject = text.into();
    all[1].text = Some(text.into());
    all[2].html = Some(text.into());
    let mut value = Header::new("X-A", "v").expect("valid");
    value.value = text.into();
    let mut name = value.clone();
    (name.name, name.value) = (text.into(), "v".into());
    all[3].headers = if text.len().is_multiple_of(2) { vec![value] } else { vec![value, name] };
    let name = crate::address::Mailbox::named(text, "a@x.org".parse().expect("valid"));
    if let Ok(mailbox) = name {
        all[4] = Email { from: Some(mailbox.clone()), reply_to: vec![mailbox.clone()], ..email() };
        all[4].to = vec![mailbox; 40];
    }
    if let Ok(attachment) = Attachment::new(text, "text/plain; charset=utf-8", text.as_bytes().to_vec()) {
        all[5].attachments = vec![attachment];
    }
    if let Ok(attachment) = Attachment::new("a.bin", &format!("a/b;{text}"), text.as_bytes().to_vec()) {
        all[6].attachments = vec![attachment];
    }
    all[7].html = Some("<img src=cid:a>".into());
    let mut inline = Attachment::inline("a", "a.png", "image/png", vec![0]).expect("valid");
    inline.content_id = Some(text.into());
    all[7].attachments = vec![inline];
    all
}

#[test]
fn no_message_panics_or_breaks_out() {
    for message in hostile_messages() {
        if message.validate().is_err() {
            continue;
        }
        let Ok(mail) = mime::write(&message, "<id@x.org>".to_owned(), Timestamp::from_secs(0), None) else {
            continue;
        };
        let (head, _) = mail.content.split_once("\r\n\r\n").expect("a header and a body");
        assert!(!mail.content.replace("\r\n", "").contains(['\r', '\n']), "bare CR or LF: {message:?}");
        assert!(mail.content.lines().all(|line| line.len() <= 998), "long line: {message:?}");
        assert!(mail.content.is_ascii() && !mail.content.contains('\0'), "{message:?}");
        let names = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        for name in names.map(|line| line.split(':').next().unwrap_or_default().to_owned()) {
            assert!(!["Bcc", "bcc", "MAIL FROM"].contains(&name.as_str()), "{message:?}");
        }
    }
}

#[tokio::test]
async fn header_injection_is_a_typed_error() {
    let smtp = config(1).build().expect("valid");
    let mut message = email();
    message.subject = "a\r\nBcc: evil@y.org".into();
    let error = send(&smtp, &message).await.expect_err("refused");
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidMessage, Some("subject")));
    let mut message = email();
    message.subject = "x".repeat(2_000).into();
    let error = send(&smtp, &message).await.expect_err("refused");
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidMessage, Some("subject")));
}

#[test]
fn every_moment_can_be_written() {
    for micros in [i64::MIN, -1, 0, i64::MAX] {
        let now = Timestamp::from_micros(micros);
        assert!(mime::write(&email(), "<id@x.org>".to_owned(), now, None).is_ok());
    }
}

#[test]
fn a_whole_message() {
    let mut message = email();
    message.priority = Priority::High;
    message.list_unsubscribe = Some(ListUnsubscribe::one_click("https://x.org/u").expect("valid"));
    let tag = |value| Header::new("X-Tag", value).expect("valid");
    message.headers = vec![tag("one"), tag("two")];
    message.text = Some(".\n..dots\r\nend\r".into());
    let mail = mime::write(&message, "<7.0@x.org>".to_owned(), Timestamp::from_secs(784_111_777), None);
    let expected = "Date: Sun, 06 Nov 1994 08:49:37 +0000\r\n\
        From: Shop <shop@x.org>\r\n\
        To: ada@x.org\r\n\
        Subject: s\r\n\
        Message-ID: <7.0@x.org>\r\n\
        MIME-Version: 1.0\r\n\
        X-Priority: 1\r\n\
        Importance: high\r\n\
        List-Unsubscribe: <https://x.org/u>\r\n\
        List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
        X-Tag: one\r\n\
        X-Tag: two\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: 7bit\r\n\
        \r\n\
        .\r\n..dots\r\nend\r\n\r\n";
    assert_eq!(mail.expect("valid").content, expected);
}

#[tokio::test]
async fn dots_are_doubled_and_the_end_is_one_dot() {
    let (port, heard) = serve(vec![vec![Say("220 fake"), EHLO, OK, OK, GO, QUEUED]]).await;
    let mut message = email();
    message.text = Some(".\r\n.a\n.\n..\nb.".into());
    assert!(send(&config(port).build().expect("valid"), &message).await.is_ok());
    let heard = heard.await.expect("no panic");
    let body = heard.iter().find_map(|text| text.split_once("\r\n\r\n")).map(|(_, body)| body);
    assert_eq!(body, Some("..\r\n..a\r\n..\r\n...\r\nb.\r\n.\r\n"));
}

#[test]
fn urls_are_read() {
    let full = "smtp://us%40er:p%3A%2F%40ss@mail.example.org:2525?hello=app.example.org&timeout=5&pool=3\
        &transport=lettre";
    let config = SmtpConfig::from_url(full).expect("valid");
    assert_eq!((config.host.as_str(), config.effective_port()), ("mail.example.org", 2525));
    assert_eq!((config.tls, config.max_connections), (SmtpTls::StartTls, 3));
    assert_eq!(config.transport, SmtpTransport::Lettre);
    assert_eq!(config.timeout, Duration::from_secs(5));
    let (user, password) = config.login.expect("set");
    let value = futures_now(password);
    assert_eq!((user.as_str(), value.as_str()), ("us@er", "p:/@ss"));
    let table = [
        ("smtp://h", SmtpTls::StartTls, 587),
        ("smtp://h?tls=required", SmtpTls::StartTls, 587),
        ("smtp://h?tls=none", SmtpTls::Plain, 25),
        ("smtps://h", SmtpTls::Tls, 465),
        ("smtps://h?tls=tls", SmtpTls::Tls, 465),
        ("smtp://[::1]:26", SmtpTls::StartTls, 26),
    ];
    for (url, tls, port) in table {
        let config = SmtpConfig::from_url(url).expect(url);
        assert_eq!((config.tls, config.effective_port()), (tls, port), "{url}");
        assert!(config.build().is_ok(), "{url}");
    }
}

fn futures_now(password: Credential) -> String {
    use secrecy::ExposeSecret;
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let value = runtime.block_on(async { password.value(&CallContext::default()).await.expect("fixed") });
    value.expose_secret().to_owned()
}

#[test]
fn wrong_urls_say_what_would_work_and_hide_the_password() {
    let table = [
        ("http://u:hunter2@h", "smtp://"),
        ("u:hunter2@h", "smtp://"),
        ("smtp://u:hunter2@h:99999", "smtp://user:password@host:port"),
        ("smtp://u:hunter2@h/path", "percent-encode"),
        ("smtp://u:hun/ter2@h", "smtp://"),
        ("smtp://u:%zzhunter2@h", "%25"),
        ("smtp://u:hunter2@h?hunter2=1", "known are auth, ca, hello, pool, timeout, tls, transport"),
        ("smtp://u:hunter2@h?tls=maybe", "`none`, `required`, `starttls`"),
        ("smtp://u:hunter2@h?tls=tls", "smtps://"),
        ("smtps://u:hunter2@h?tls=none", "smtp://"),
        ("smtp://hunter2@h", "no password"),
        ("smtp://u:hunter2@", "host"),
    ];
    for (url, hint) in table {
        let error = SmtpConfig::from_url(url).expect_err(url);
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains(hint), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{url}: {error:?}");
    }
}

#[test]
fn wrong_values_are_refused_when_building() {
    let config = || SmtpConfig::new("h");
    let table = [
        (SmtpConfig::new("h h"), "host"),
        (SmtpConfig::new(""), "host"),
        (SmtpConfig::new("h\r\nQUIT"), "host"),
        (config().hello("a\r\nQUIT"), "hello"),
        (config().port(465), "smtps://"),
        (config().ca_pem("nonsense"), "PEM"),
        (config().ca_file("/does/not/exist.pem"), "/does/not/exist.pem"),
        (config().max_connections(0), "max_connections"),
        (config().max_recipients(0), "max_recipients"),
        (config().named(""), "name"),
    ];
    for (config, hint) in table {
        let error = config.build().expect_err(hint);
        assert!(error.kind() == ErrorKind::Config && error.to_string().contains(hint), "{error}");
    }
}

#[test]
fn variables_are_read_and_named_when_wrong() {
    let read = |vars: &[(&str, &str)]| {
        SmtpConfig::from_vars(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    };
    assert!(read(&[]).expect("nothing set").is_none());
    let parts = [
        ("SMTP_HOST", "h"),
        ("SMTP_PORT", "2525"),
        ("SMTP_USER", "u"),
        ("SMTP_PASS", "p"),
        ("SMTP_TLS", "none"),
    ];
    let config = read(&parts).expect("valid").expect("set");
    assert_eq!((config.effective_port(), config.tls, config.login.is_some()), (2525, SmtpTls::Plain, true));
    let wrong: [(&[(&str, &str)], &str); 6] = [
        (&[("SMTP_URL", "smtp://h"), ("SMTP_HOST", "h")], "SMTP_HOST"),
        (&[("SMTP_URL", "h")], "SMTP_URL"),
        (&[("SMTP_HOST", "h"), ("SMTP_PORT", "x")], "SMTP_PORT"),
        (&[("SMTP_HOST", "h"), ("SMTP_TLS", "x")], "SMTP_TLS"),
        (&[("SMTP_HOST", "h"), ("SMTP_USER", "u")], "SMTP_PASS"),
        (&[("SMTP_HOST", "h"), ("SMTP_PASS", "p")], "SMTP_USER"),
    ];
    for (vars, name) in wrong {
        assert!(read(vars).expect_err(name).to_string().contains(name), "{vars:?}");
    }
}

#[test]
fn files_of_configuration_are_strict() {
    let config: SmtpConfig =
        serde_json::from_str(r#"{"host":"h","tls":"none","user":"u","password":"hunter2"}"#).expect("valid");
    assert!(config.login.is_some() && !format!("{config:?}").contains("hunter2"));
    for wrong in
        [r#"{"host":"h","colour":1}"#, r#"{}"#, r#"{"host":"h","user":"u"}"#, r#"{"host":"h","tls":"x"}"#]
    {
        assert!(serde_json::from_str::<SmtpConfig>(wrong).is_err(), "{wrong}");
    }
}
