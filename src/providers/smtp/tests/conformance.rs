//! The contract of providers, before a server that takes everything.

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::{
    Email,
    providers::smtp::{Smtp, SmtpConfig, SmtpTls},
    testing::conformance::Harness,
};

const PASSWORD: &str = "s3cret-canary";

struct Obliging;

impl Harness<Email> for Obliging {
    type Provider = Smtp;

    fn provider(&self) -> Smtp {
        let config = SmtpConfig::new("127.0.0.1").port(obliging_server()).tls(SmtpTls::Plain);
        config.login("shop", PASSWORD).build().expect("valid")
    }

    fn message(&self) -> Email {
        Email::builder().from("a@x.org").to("b@x.org").subject("Hi").text("Hi").build().expect("valid")
    }

    fn several(&self) -> Option<Email> {
        let email = Email::builder().from("a@x.org").to("b@x.org").cc("c@x.org").bcc("d@x.org").text("Hi");
        Some(email.build().expect("valid"))
    }

    fn secrets(&self) -> Vec<String> {
        vec![PASSWORD.to_owned()]
    }
}

crate::provider_conformance! { mod rules; channel: Email; harness: Obliging }

/// Serves as long as the runtime of the test lives; answers with its port.
fn obliging_server() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    listener.set_nonblocking(true).expect("a socket");
    let listener = TcpListener::from_std(listener).expect("a runtime");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that hangs up in the middle is no fault of the server's.
            tokio::spawn(async move { drop(oblige(stream).await) });
        }
    });
    port
}

async fn oblige(stream: TcpStream) -> std::io::Result<()> {
    let (mut stream, mut content) = (BufReader::new(stream), false);
    stream.write_all(b"220 obliging\r\n").await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let answer = match (line.trim_end(), content) {
            (".", true) => "250 2.0.0 Ok: queued as ABC123\r\n",
            (_, true) => continue,
            ("DATA", _) => "354 go ahead\r\n",
            (command, _) if command.starts_with("EHLO") => "250-obliging\r\n250 AUTH PLAIN\r\n",
            (command, _) if command.starts_with("AUTH") => "235 2.7.0 welcome\r\n",
            _ => "250 2.0.0 Ok\r\n",
        };
        content = answer.starts_with("354");
        stream.write_all(answer.as_bytes()).await?;
    }
}
