//! The built-in transport where a request demands HTTP/2.
#![cfg(feature = "apns")]

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tidings::{
    Certainty, ErrorKind,
    http::{Demands, HttpRequest, HttpTransport, HyperTransport},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};

const SECONDS: Option<Duration> = Some(Duration::from_secs(20));

fn request(url: &str, demands: Demands) -> HttpRequest {
    let mut request = http::Request::post(url).body(Bytes::from_static(b"{}")).expect("valid");
    request.extensions_mut().insert(demands);
    request
}

/// Answers each stream of one connection with its own path; `/reset` it breaks off.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        if request.uri().path() == "/reset" {
            respond.send_reset(h2::Reason::INTERNAL_ERROR);
            continue;
        }
        let answer = http::Response::builder().status(200).header("x-path", request.uri().path()).body(());
        let mut body = respond.send_response(answer.expect("an answer"), false).expect("still open");
        body.send_data(Bytes::from_static(b"h2"), true).expect("still open");
    }
}

/// A server without TLS that speaks HTTP/2 alone, and how many connections it had.
async fn plain_server() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, connections) = (listener.local_addr().expect("bound"), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream));
        }
    });
    (address, connections)
}

#[tokio::test]
async fn many_calls_share_one_connection() {
    let (address, connections) = plain_server().await;
    let client = HyperTransport::new();
    let first = client.send(request(&format!("http://{address}/first"), Demands::HTTP2), SECONDS).await;
    assert_eq!(first.expect("answered").body(), "h2");
    let calls = (0..200).map(|call| {
        let client = client.clone();
        tokio::spawn(async move {
            let sent =
                client.send(request(&format!("http://{address}/{call}"), Demands::HTTP2), SECONDS).await;
            (call, sent.expect("answered").headers()["x-path"].to_str().expect("ASCII").to_owned())
        })
    });
    for call in calls.collect::<Vec<_>>() {
        let (call, path) = call.await.expect("no panic");
        assert_eq!(path, format!("/{call}"), "each call gets its own answer");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_stream_that_is_broken_off_is_unknown() {
    let (address, _) = plain_server().await;
    let client = HyperTransport::new();
    let sent = client.send(request(&format!("http://{address}/reset"), Demands::HTTP2), SECONDS);
    let error = sent.await.expect_err("reset");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Transport, Certainty::Unknown), "{error}");
}

#[tokio::test]
async fn demands_that_exclude_each_other_are_refused() {
    let mut both = Demands::HTTP2;
    both.public_only = true;
    let client = HyperTransport::new();
    assert!(client.keeps(Demands::HTTP2) && client.keeps(Demands::PUBLIC_ONLY) && !client.keeps(both));
    let error = client.send(request("https://127.0.0.1:9/", both), SECONDS).await.expect_err("both");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Config, Certainty::NotSent));
}

/// Two servers of one certificate: one that knows both versions, one that knows HTTP/1.1 alone.
async fn tls_servers(folder: &Path) -> [SocketAddr; 2] {
    let (key, cert) = (folder.join("key.pem"), folder.join("cert.pem"));
    let curve =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    let made = tokio::process::Command::new("openssl")
        .args(curve)
        .args(names)
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output();
    let made = made.await.expect("openssl, which tests/run installs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    [tls_server(&key, &cert, &[b"h2", b"http/1.1"]).await, tls_server(&key, &cert, &[b"http/1.1"]).await]
}

async fn tls_server(key: &Path, cert: &Path, versions: &[&[u8]]) -> SocketAddr {
    let chain =
        CertificateDer::pem_file_iter(cert).expect("a file").map(|c| c.expect("a certificate")).collect();
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let mut config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a pair");
    config.alpn_protocols = versions.iter().map(|version| version.to_vec()).collect();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                tokio::spawn(serve(stream));
                continue;
            }
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh1").await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

/// In a child, since the roots that a process trusts are read once.
#[tokio::test]
async fn the_version_is_agreed_on_by_alpn() {
    let folder: PathBuf = std::env::temp_dir().join(format!("tidings-alpn-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let [both, old] = tls_servers(&folder).await;
    let child = tokio::process::Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child_that_trusts", "--nocapture"])
        .env("SSL_CERT_FILE", folder.join("cert.pem"))
        .env("TIDINGS_CHILD_OF", format!("{} {}", both.port(), old.port()))
        .output();
    let output = child.await.expect("the child ran");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && text.contains("agreed on every version"), "{text}{log}");
    let _ = std::fs::remove_dir_all(&folder);
}

/// The child of the test above; by itself it has no servers and nothing to prove.
#[tokio::test]
async fn child_that_trusts() {
    let Ok(ports) = std::env::var("TIDINGS_CHILD_OF") else { return };
    let (both, old) = ports.split_once(' ').expect("two ports");
    let client = HyperTransport::new();
    let url = |port: &str| format!("https://localhost:{port}/");
    let new = client.send(request(&url(both), Demands::HTTP2), SECONDS).await.expect("HTTP/2");
    assert_eq!(new.body(), "h2");
    let usual = client.send(request(&url(both), Demands::NONE), SECONDS).await.expect("HTTP/1.1");
    assert_eq!(usual.body(), "h1", "who demands nothing sees no change");
    let error = client.send(request(&url(old), Demands::HTTP2), SECONDS).await.expect_err("no HTTP/2 there");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Transport, Certainty::NotSent), "{error}");
    println!("agreed on every version");
}
