//! A server that takes every mail, in a child process of the benchmark.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpStream},
};

/// Set in the child.
pub(crate) const VARIABLE: &str = "TIDINGS_BENCH_VENDORS_SINK";

/// What Postmark says of each mail.
pub(crate) const VERDICT: &str = r#"{"To":"user@example.org","SubmittedAt":"2026-01-01T00:00:00Z","MessageID":"b7bc2f4a-e38e-4336-af7d-e6c392c2f817","ErrorCode":0,"Message":"OK"}"#;

/// In every mail of ours to Postmark, once.
const MARK: &[u8] = b"X-PM-KeepID";

/// A running server; it ends with the benchmark.
pub(crate) struct Sink {
    child: Child,
    pub(crate) base: String,
}

impl Sink {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this benchmark"))
            .env(VARIABLE, "1")
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let mut port = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut port).expect("the port");
        Self { child, base: format!("http://127.0.0.1:{}", port.trim()) }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It holds nothing that must be saved.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What SendGrid or Postmark answers to `path` with this body: status line and headers, and the body.
pub(crate) fn answer(path: &str, body: &[u8]) -> (u16, String) {
    if path.contains("/v3/mail/send") {
        return (202, String::new());
    }
    if path.ends_with("/batch") {
        let mails = body.windows(MARK.len()).filter(|part| *part == MARK).count();
        return (200, format!("[{}]", vec![VERDICT; mails].join(",")));
    }
    (200, VERDICT.to_owned())
}

/// Serves until the process is killed.
pub(crate) fn serve() {
    crate::measure::runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("bound").port());
        while let Ok((stream, _)) = listener.accept().await {
            // Small answers must not wait for acknowledgements.
            let _ = stream.set_nodelay(true);
            tokio::spawn(take(BufStream::new(stream)));
        }
    });
}

async fn take(mut stream: BufStream<TcpStream>) -> std::io::Result<()> {
    let mut body = Vec::new();
    loop {
        let mut first = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            if first.is_empty() {
                first = line.to_owned();
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.is_empty() {
                break;
            }
        }
        body.resize(length, 0);
        stream.read_exact(&mut body).await?;
        let (status, text) = answer(first.split(' ').nth(1).unwrap_or_default(), &body);
        let head = format!(
            "HTTP/1.1 {status} OK\r\nX-Message-Id: 14c5d75ce93\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await?;
    }
}
