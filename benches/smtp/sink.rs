//! A server that takes everything, in a process of its own; or one that is 20 ms away.
//!
//! It answers when it has read all that was there, and sets no option of its
//! sockets, as most servers do: the system acknowledges late what is not answered.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::Instant,
};

use crate::measure::runtime;

/// Set in a child: what it is.
pub(crate) const VARIABLE: &str = "TIDINGS_BENCH_SMTP";
/// One way to the far sink.
const HALF_WAY: Duration = Duration::from_millis(10);

/// A running sink; it ends with the benchmark.
pub(crate) struct Sink {
    child: Child,
    pub(crate) port: u16,
}

impl Sink {
    /// A `near` or a `far` one.
    pub(crate) fn start(role: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this benchmark"))
            .env(VARIABLE, role)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let mut line = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("the port");
        Self { child, port: line.trim().parse().expect("a number") }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It holds nothing that must be saved.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until the process is killed.
pub(crate) fn serve(far: bool) {
    runtime().block_on(async move {
        let near = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = near.local_addr().expect("bound").port();
        if !far {
            println!("{port}");
            return serve_near(near).await;
        }
        tokio::spawn(serve_near(near));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("bound").port());
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(delay(stream, port));
        }
    });
}

async fn serve_near(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        // A client that hangs up is no fault.
        tokio::spawn(async move { drop(take(stream).await) });
    }
}

/// Carries octets both ways, each 10 ms later.
async fn delay(client: TcpStream, port: u16) {
    let server = TcpStream::connect(("127.0.0.1", port)).await.expect("the near sink");
    // The distance is what is measured here, not how two sockets of this proxy wait for each other.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::spawn(carry(from_client, to_server));
    carry(from_server, to_client).await;
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let (sender, mut receiver) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((due, octets)) = receiver.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&octets).await.is_err() {
                return;
            }
        }
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count) = from.read(&mut buffer).await {
        let due = tokio::time::Instant::now() + HALF_WAY;
        if count == 0 || sender.send((due, buffer[..count].to_vec())).is_err() {
            return;
        }
    }
}

async fn take(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(b"220 sink ESMTP\r\n").await?;
    let (mut input, mut answers, mut data) = (Vec::with_capacity(16 * 1024), Vec::new(), false);
    loop {
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        let mut taken = 0;
        while let Some(length) = next(&input[taken..], data) {
            let command = &input[taken..taken + length];
            let (answer, goes_on) = answer(command, data);
            data = goes_on;
            answers.extend_from_slice(answer);
            taken += length;
        }
        input.drain(..taken);
        stream.write_all(&answers).await?;
        answers.clear();
    }
}

/// How long the next command is, or the content with its end.
fn next(input: &[u8], data: bool) -> Option<usize> {
    if !data {
        return input.iter().position(|b| *b == b'\n').map(|at| at + 1);
    }
    let mut from = 0;
    while let Some(at) = input[from..].iter().position(|b| *b == b'.') {
        let at = from + at;
        if input[..at].ends_with(b"\r\n") && input[at..].starts_with(b".\r\n") {
            return Some(at + 3);
        }
        from = at + 1;
    }
    None
}

/// What is answered, and whether a content follows.
fn answer(command: &[u8], data: bool) -> (&'static [u8], bool) {
    match command.get(..4) {
        _ if data => (b"250 2.0.0 Ok: queued as 4F1D2\r\n", false),
        Some(b"EHLO") => (b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n", false),
        Some(b"DATA") => (b"354 End data with <CR><LF>.<CR><LF>\r\n", true),
        Some(b"QUIT") => (b"221 2.0.0 Bye\r\n", false),
        _ => (b"250 2.1.0 Ok\r\n", false),
    }
}
