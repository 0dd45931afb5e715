//! The built-in transports against servers that misbehave.
#![cfg(feature = "http-client")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tidings::{
    Certainty, ErrorKind,
    http::{
        Demands, HttpRequest, HttpTransport, HyperTransport, MAX_BODY, NOT_PUBLIC, ReqwestTransport,
        Truncated,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const SECRET: &str = "s3cr3t-in-the-path";

fn request(to: SocketAddr) -> HttpRequest {
    let url = format!("http://{to}/bot{SECRET}/send?token={SECRET}");
    http::Request::post(url).body(Bytes::from_static(b"{}")).expect("valid")
}

/// Serves one connection after another with `answer`, after the request's head and body came in.
async fn server<F, Fut>(answer: F) -> SocketAddr
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = vec![0; 4096];
            let mut read = 0;
            while !buffer[..read].ends_with(b"\r\n\r\n{}") {
                match stream.read(&mut buffer[read..]).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => read += count,
                }
            }
            tokio::spawn(answer(stream));
        }
    });
    address
}

async fn say(mut stream: TcpStream, text: String) {
    // The client may close first; then there is nobody to tell.
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.flush().await;
}

/// One test a transport.
macro_rules! both {
    ($($name:ident),* $(,)?) => {
        mod over_hyper {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&tidings::http::HyperTransport::new()).await;
            })*
        }

        mod over_reqwest {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&tidings::http::ReqwestTransport::new().expect("root certificates")).await;
            })*
        }
    };
}

both!(
    an_answer_is_read_whole,
    a_body_of_ten_gibibytes_is_cut,
    a_body_that_never_ends_is_ended_by_the_time_out,
    no_answer_at_all_is_unknown,
    a_connection_closed_after_the_request_is_unknown_and_not_repeated,
    a_refused_connection_is_certain,
    redirects_are_answers,
    errors_show_no_url,
    the_proxy_of_the_environment_is_not_used,
    child_without_proxy,
    child_that_trusts,
    tls_is_checked_against_the_machines_roots,
);

const SECONDS: Option<Duration> = Some(Duration::from_secs(20));

async fn an_answer_is_read_whole(client: &dyn HttpTransport) {
    let address =
        server(|s| say(s, "HTTP/1.1 202 OK\r\nX-Message-Id: 7\r\nContent-Length: 2\r\n\r\nok".into())).await;
    let answer = client.send(request(address), SECONDS).await.expect("answered");
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (202, &b"ok"[..]));
    assert_eq!(answer.headers()["x-message-id"], "7");
    assert!(answer.extensions().get::<Truncated>().is_none());
}

async fn a_body_of_ten_gibibytes_is_cut(client: &dyn HttpTransport) {
    let address = server(|mut stream| async move {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 10_u64 << 30);
        let chunk = vec![b'x'; 1 << 16];
        let mut sent = stream.write_all(head.as_bytes()).await.is_ok();
        while sent {
            sent = stream.write_all(&chunk).await.is_ok();
        }
    })
    .await;
    let answer = client.send(request(address), SECONDS).await.expect("cut, not failed");
    assert_eq!(answer.body().len(), MAX_BODY);
    assert!(answer.extensions().get::<Truncated>().is_some());
}

async fn a_body_that_never_ends_is_ended_by_the_time_out(client: &dyn HttpTransport) {
    let address = server(|mut stream| async move {
        let mut open =
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.is_ok();
        while open {
            open = stream.write_all(b"1\r\nx\r\n").await.is_ok();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let error = client.send(request(address), Some(Duration::from_millis(400))).await.expect_err("endless");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Timeout, Certainty::Unknown), "{error}");
}

async fn no_answer_at_all_is_unknown(client: &dyn HttpTransport) {
    let address = server(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let error = client.send(request(address), Some(Duration::from_millis(200))).await.expect_err("silence");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Timeout, Certainty::Unknown));
}

async fn a_connection_closed_after_the_request_is_unknown_and_not_repeated(client: &dyn HttpTransport) {
    let address = server(|stream| async move { drop(stream) }).await;
    let error = client.send(request(address), SECONDS).await.expect_err("closed");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Transport, Certainty::Unknown), "{error}");
}

async fn a_refused_connection_is_certain(client: &dyn HttpTransport) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let error = client.send(request(address), SECONDS).await.expect_err("refused");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Transport, Certainty::NotSent), "{error}");
}

async fn redirects_are_answers(client: &dyn HttpTransport) {
    let address = server(|s| {
        say(s, "HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".into())
    })
    .await;
    let answer = client.send(request(address), SECONDS).await.expect("answered");
    assert_eq!(answer.status().as_u16(), 307);
}

async fn errors_show_no_url(client: &dyn HttpTransport) {
    let closing = server(|stream| async move { drop(stream) }).await;
    let nobody: SocketAddr = "127.0.0.1:1".parse().expect("an address");
    for address in [closing, nobody] {
        let error = client.send(request(address), SECONDS).await.expect_err("no answer");
        let source = std::error::Error::source(&error).map(|source| format!("{source:?} {source}"));
        let all = format!("{error} {error:?} {} {source:?}", error.public());
        assert!(!all.contains(SECRET), "{all}");
    }
}

async fn the_proxy_of_the_environment_is_not_used(client: &dyn HttpTransport) {
    // A child process, since the environment is shared by all tests of this one.
    let address = server(|s| say(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into())).await;
    let test = std::env::current_exe().expect("this test");
    let child = tokio::process::Command::new(test)
        .args(["--exact", &format!("{}::child_without_proxy", module(client)), "--nocapture"])
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("http_proxy", "http://127.0.0.1:1")
        .env("ALL_PROXY", "http://127.0.0.1:1")
        .env("TIDINGS_CHILD_OF", address.to_string())
        .output();
    let output = child.await.expect("the child ran");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("reached the server"), "{text}");
}

fn module(client: &dyn HttpTransport) -> &'static str {
    if format!("{client:?}") == "HyperTransport" { "over_hyper" } else { "over_reqwest" }
}

/// The child of the test above; by itself it has no server and nothing to prove.
async fn child_without_proxy(client: &dyn HttpTransport) {
    let Ok(address) = std::env::var("TIDINGS_CHILD_OF") else { return };
    let answer = client.send(request(address.parse().expect("an address")), SECONDS).await.expect("answered");
    assert_eq!(answer.status().as_u16(), 200);
    println!("reached the server");
}

#[test]
fn one_client_survives_two_runtimes() {
    let server_runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let answer = |s| say(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into());
    let address = server_runtime.block_on(server(answer));
    let clients: [Box<dyn HttpTransport>; 2] =
        [Box::new(HyperTransport::new()), Box::new(ReqwestTransport::new().expect("root certificates"))];
    for client in clients {
        for _ in 0..2 {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let answer = runtime.block_on(client.send(request(address), SECONDS)).expect("answered");
            assert_eq!(answer.status().as_u16(), 200);
        }
    }
}

/// A server with a certificate for `localhost` that only `ca` vouches for.
async fn tls_server(folder: &std::path::Path) -> SocketAddr {
    let (key, cert) = (folder.join("key.pem"), folder.join("cert.pem"));
    let made = tokio::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .await
        .expect("openssl, which tests/run installs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let chain =
        CertificateDer::pem_file_iter(&cert).expect("a file").map(|c| c.expect("a certificate")).collect();
    let key = PrivateKeyDer::from_pem_file(&key).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a pair");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(b"HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

fn secure_request(port: u16) -> HttpRequest {
    let url = format!("https://localhost:{port}/send");
    http::Request::post(url).body(Bytes::from_static(b"{}")).expect("valid")
}

async fn tls_is_checked_against_the_machines_roots(client: &dyn HttpTransport) {
    let folder = std::env::temp_dir().join(format!("tidings-tls-{}-{}", std::process::id(), module(client)));
    std::fs::create_dir_all(&folder).expect("a folder");
    let address = tls_server(&folder).await;
    let error =
        client.send(secure_request(address.port()), SECONDS).await.expect_err("nobody vouches for it");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Transport, Certainty::NotSent), "{error}");
    assert!(error.to_string().to_lowercase().contains("certificate"), "{error}");
    // The roots are read once: those of a child are its own.
    let child = tokio::process::Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", &format!("{}::child_that_trusts", module(client)), "--nocapture"])
        .env("SSL_CERT_FILE", folder.join("cert.pem"))
        .env("TIDINGS_CHILD_OF", address.port().to_string())
        .output();
    let output = child.await.expect("the child ran");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && text.contains("reached the server by TLS"), "{text}{log}");
    let _ = std::fs::remove_dir_all(&folder);
}

/// The child of the test above; by itself it has no server and nothing to prove.
async fn child_that_trusts(client: &dyn HttpTransport) {
    let Ok(port) = std::env::var("TIDINGS_CHILD_OF") else { return };
    let answer = client.send(secure_request(port.parse().expect("a port")), SECONDS).await.expect("trusted");
    assert_eq!(answer.status().as_u16(), 202);
    println!("reached the server by TLS");
}

#[test]
fn a_proxys_password_is_not_printed() {
    let error = ReqwestTransport::with_proxy("http://user:s3cr3t@[bad").expect_err("no url");
    assert!(!format!("{error} {error:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn a_strangers_address_is_public_in_every_spelling_or_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let client = HyperTransport::new();
    for (scheme, host) in [
        ("https", "127.0.0.1"),
        ("https", "127.1"),
        ("https", "0x7f.0.0.1"),
        ("https", "0177.0.0.1"),
        ("https", "2130706433"),
        ("https", "0"),
        ("https", "localhost"),
        ("https", "LOCALHOST"),
        ("https", "[::1]"),
        ("https", "[::ffff:127.0.0.1]"),
        ("https", "user@127.0.0.1"),
        ("http", "127.0.0.1"),
        ("http", "8.8.8.8"),
    ] {
        let url = format!("{scheme}://{host}:{port}/{SECRET}");
        let mut request = http::Request::post(&url).body(Bytes::new()).expect("valid");
        request.extensions_mut().insert(Demands::PUBLIC_ONLY);
        let error = client.send(request, SECONDS).await.expect_err(&url);
        let facts = (error.kind(), error.code(), error.certainty());
        let refused = (ErrorKind::InvalidRecipient, Some(NOT_PUBLIC), Certainty::NotSent);
        assert_eq!(facts, refused, "{scheme}://{host}: {error}");
        assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
    }
    let nobody = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(nobody.is_err(), "no connection was made");
}

#[test]
fn a_transport_through_a_proxy_promises_nothing_of_addresses() {
    let client = ReqwestTransport::new().expect("root certificates");
    assert!(client.keeps(Demands::NONE) && !client.keeps(Demands::PUBLIC_ONLY));
}
