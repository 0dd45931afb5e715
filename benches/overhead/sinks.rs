//! Servers that take everything, in a child process of the benchmark.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpStream},
};

/// Set in the child: which server it is.
pub(crate) const VARIABLE: &str = "TIDINGS_BENCH_SINK";

/// A running server; it ends with the benchmark.
pub(crate) struct Sink {
    child: Child,
    pub(crate) port: u16,
}

impl Sink {
    pub(crate) fn start(kind: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this benchmark"))
            .env(VARIABLE, kind)
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
pub(crate) fn serve(kind: &str) {
    let http = kind == "http";
    crate::measure::runtime().block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("bound").port());
        while let Ok((stream, _)) = listener.accept().await {
            // Small answers must not wait for acknowledgements.
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let stream = BufStream::new(stream);
                let _ = if http { take_http(stream).await } else { take_smtp(stream).await };
            });
        }
    });
}

async fn take_http(mut stream: BufStream<TcpStream>) -> std::io::Result<()> {
    let mut body = Vec::new();
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.is_empty() {
                break;
            }
        }
        body.resize(length, 0);
        stream.read_exact(&mut body).await?;
        stream
            .write_all(b"HTTP/1.1 202 Accepted\r\nX-Message-Id: 14c5d75ce93\r\nContent-Length: 0\r\n\r\n")
            .await?;
        stream.flush().await?;
    }
}

async fn take_smtp(mut stream: BufStream<TcpStream>) -> std::io::Result<()> {
    stream.write_all(b"220 sink ESMTP\r\n").await?;
    stream.flush().await?;
    let mut data = false;
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let answer: &[u8] = match (data, line.to_ascii_uppercase().get(..4)) {
            (true, _) if line == b".\r\n" => {
                data = false;
                b"250 2.0.0 Ok: queued as 4F1D2\r\n"
            }
            (true, _) => continue,
            (false, Some(b"EHLO")) => b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            (false, Some(b"DATA")) => {
                data = true;
                b"354 go on\r\n"
            }
            (false, Some(b"QUIT")) => return Ok(()),
            _ => b"250 2.1.0 Ok\r\n",
        };
        stream.write_all(answer).await?;
        stream.flush().await?;
    }
}
