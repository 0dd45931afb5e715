//! The transport over hyper, the default.
//!
//! reqwest stands on the same hyper, but parses each URL twice and goes through
//! layers for redirects and retries that are switched off here: with it a
//! message cost 1.4 times the CPU of a loop written by hand, without it 1.0
//! (`cargo bench --bench overhead`, `overhead.http`).

use std::{
    error::Error as StdError,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Uri, header};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tower_service::Service;

use super::{
    HttpRequest, HttpResponse, HttpTransport,
    body::whole,
    common::{BROKEN, CANNOT_CONNECT, CONNECT, LONGEST, USER_AGENT, innermost, no_tls},
};
use crate::error::{Certainty, Error, ErrorKind, Result};

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(90);

type HyperClient = Client<Connector, Full<Bytes>>;

/// The built-in [`HttpTransport`], over hyper and rustls; HTTP/1.1.
///
/// No redirects, no proxy, no cookies; 10 s to connect with TLS, and at most 60 s
/// for a call without a deadline. Root certificates are those of the machine,
/// read at the first call.
#[derive(Clone, Default)]
pub struct HyperTransport(Arc<OnceLock<Result<HyperClient>>>);

impl HyperTransport {
    /// A client that is made at its first use.
    pub fn new() -> Self {
        Self::default()
    }

    fn client(&self) -> Result<&HyperClient> {
        self.0.get_or_init(built).as_ref().map_err(Clone::clone)
    }
}

impl fmt::Debug for HyperTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HyperTransport")
    }
}

fn built() -> Result<HyperClient> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    // A provider of our own choice: none is ever installed for the process.
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_platform_verifier(rustls::crypto::aws_lc_rs::default_provider())
        .map_err(no_tls)?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    let client = Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .build(Connector(https));
    Ok(client)
}

#[async_trait]
impl HttpTransport for HyperTransport {
    async fn send(&self, mut request: HttpRequest, timeout: Option<Duration>) -> Result<HttpResponse> {
        let client = self.client()?;
        let headers = request.headers_mut();
        headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        let sending = client.request(request.map(Full::new));
        let call = async move { whole(sending.await.map_err(|e| failed(&e))?).await.map_err(|e| broken(&e)) };
        let limit = timeout.unwrap_or(LONGEST).min(LONGEST);
        tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout, "no answer in time")
                .with_context("limit", format!("{limit:?}")))
        })
    }
}

/// Connects with TLS, and gives up after [`CONNECT`]: hyper's own limit ends with TCP.
#[derive(Clone)]
struct Connector(HttpsConnector<HttpConnector>);

type Connected = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
type Cause = Box<dyn StdError + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = Connected;
    type Error = Cause;
    type Future = Pin<Box<dyn Future<Output = Result<Connected, Cause>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.0.call(to);
        Box::pin(async move { tokio::time::timeout(CONNECT, connecting).await? })
    }
}

fn failed(error: &legacy::Error) -> Error {
    if !error.is_connect() {
        return broken(error);
    }
    with_cause(Error::new(ErrorKind::Transport, CANNOT_CONNECT).with_certainty(Certainty::NotSent), error)
}

fn broken(error: &(dyn StdError + 'static)) -> Error {
    with_cause(Error::new(ErrorKind::Transport, BROKEN), error)
}

/// With the text of what lies beneath; hyper's errors show no URL, but need not be kept whole.
fn with_cause(known: Error, error: &(dyn StdError + 'static)) -> Error {
    let cause = innermost(error).unwrap_or_else(|| error.to_string());
    known.with_context("cause", cause)
}
