//! What anyone may put into a mail, through the SMTP session to a server that keeps what it gets.
//!
//! Each mail must arrive as one message, as it was said: no line of a text may end a message, begin a command or
//! a header, or be longer than the 998 octets of RFC 5322; no carriage return or line feed stands alone (SMTP smuggling).
#![no_main]

use std::sync::{Arc, Mutex, OnceLock};

use libfuzzer_sys::fuzz_target;
use mail_parser::MessageParser;
use tidings::{
    CallContext, Email, MessageId, Outgoing, Provider, TenantId, Timestamp,
    providers::smtp::{Smtp, SmtpConfig, SmtpTls},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

struct Stage {
    runtime: Runtime,
    smtp: Smtp,
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
}

fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| {
        let runtime = Runtime::new().expect("a runtime");
        let kept = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let keep = Arc::clone(&kept);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&keep)));
            }
        });
        let smtp = SmtpConfig::new("127.0.0.1").port(port).tls(SmtpTls::Plain).build().expect("valid");
        Stage { runtime, smtp, kept }
    })
}

/// Takes every mail, and nothing but what RFC 5321 allows: a wrong command is a panic.
async fn serve(stream: TcpStream, kept: Arc<Mutex<Vec<Vec<u8>>>>) {
    stream.set_nodelay(true).expect("a socket");
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 here\r\n").await.expect("written");
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await.unwrap_or(0) == 0 {
            return;
        }
        assert!(line.ends_with(b"\r\n"), "a command ends in CR LF: {line:?}");
        let verb: Vec<u8> = line.iter().take(4).map(u8::to_ascii_uppercase).collect();
        let say: &[u8] = match verb.as_slice() {
            b"EHLO" => b"250-here\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            b"MAIL" | b"RCPT" | b"RSET" => b"250 OK\r\n",
            b"DATA" => b"354 go on\r\n",
            b"QUIT" => return,
            other => panic!("no command: {:?}", String::from_utf8_lossy(other)),
        };
        stream.write_all(say).await.expect("written");
        if verb == b"DATA" {
            let content = content(&mut stream).await;
            kept.lock().expect("nobody panics").push(content);
            stream.write_all(b"250 queued\r\n").await.expect("written");
        }
    }
}

/// The content without its stuffed dots.
async fn content(stream: &mut BufReader<TcpStream>) -> Vec<u8> {
    let (mut content, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        let read = stream.read_until(b'\n', &mut line).await.expect("read");
        assert!(read > 0, "the content ends by a dot");
        assert!(line.ends_with(b"\r\n"), "no line feed stands alone");
        assert!(!line[..line.len() - 2].contains(&b'\r'), "no carriage return stands alone");
        assert!(line.len() <= 1_001, "no line is longer than 998 octets, a stuffed dot and CR LF");
        if line == b".\r\n" {
            return content;
        }
        content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

/// Line breaks as mail has them: whatever was given, one kind comes out.
fn lines(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fuzz_target!(|input: (String, String, String, Vec<u8>)| {
    let (subject, text, header, file) = input;
    let stage = stage();
    let email = Email::builder()
        .from("shop@example.org")
        .to("ada@example.org")
        .subject(subject.as_str())
        .text(text.as_str())
        .header("X-Own", header.as_str())
        .attach(
            tidings::Attachment::new("file.bin", "application/octet-stream", file.clone()).expect("valid"),
        );
    // What is refused is not sent.
    let Ok(email) = email.build() else { return };
    let id = MessageId::new(Timestamp::from_secs(1_767_225_600));
    let cx = CallContext::default();
    let sent =
        stage.runtime.block_on(stage.smtp.send(&cx, Outgoing::new(&email, id, &TenantId::DEFAULT, "k")));
    let kept = std::mem::take(&mut *stage.kept.lock().expect("nobody panics"));
    if sent.is_err() {
        assert!(kept.is_empty(), "what was not sent did not arrive");
        return;
    }
    let [content] = kept.as_slice() else { panic!("{} messages of one", kept.len()) };
    let mail = MessageParser::default().parse(content.as_slice()).expect("a mail");
    let body = mail.body_text(0).unwrap_or_default();
    assert_eq!(lines(&body), lines(&text), "the text");
    assert_eq!(mail.attachment(0).map(|part| part.contents()), Some(file.as_slice()), "the file");
    assert_eq!(mail.headers().iter().filter(|one| one.name() == "X-Own").count(), 1, "one header of its own");
});
