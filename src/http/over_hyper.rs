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
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream, builderstates::WantsSchemes};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::net::TcpStream;
use tower_service::Service;

use super::{
    Demands, HttpRequest, HttpResponse, HttpTransport, NOT_PUBLIC,
    body::whole,
    common::{BROKEN, CANNOT_CONNECT, CONNECT, LONGEST, USER_AGENT, innermost, no_tls},
    public::{Guarded, NotPublic, PublicResolver, may_be_public},
};
use crate::error::{Certainty, Error, ErrorKind, Result};

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(90);

type Plain = Client<Connector<HttpConnector>, Full<Bytes>>;
type Public = Client<Connector<Guarded<HttpConnector<PublicResolver>>>, Full<Bytes>>;

/// The built-in [`HttpTransport`], over hyper and rustls; HTTP/1.1, and HTTP/2 where a request
/// [demands](Demands) it (feature `apns`).
///
/// No redirects, no proxy, no cookies; 10 s to connect with TLS, and at most 60 s
/// for a call without a deadline. Root certificates are those of the machine,
/// read at the first call.
#[derive(Clone, Default)]
pub struct HyperTransport(Arc<Clients>);

/// One client for each kind of connection, made at its first use: no two kinds share a pool.
#[derive(Default)]
struct Clients {
    plain: OnceLock<Result<Plain>>,
    public: OnceLock<Result<Public>>,
    #[cfg(feature = "apns")]
    http2: OnceLock<Result<Plain>>,
}

impl HyperTransport {
    /// A client that is made at its first use.
    pub fn new() -> Self {
        Self::default()
    }

    fn request(
        &self,
        demands: Demands,
        request: http::Request<Full<Bytes>>,
    ) -> Result<legacy::ResponseFuture> {
        match demands {
            Demands::NONE => Ok(kept(&self.0.plain, plain)?.request(request)),
            Demands::PUBLIC_ONLY if !may_be_public(request.uri()) => Err(refused("as it is written")),
            Demands::PUBLIC_ONLY => Ok(kept(&self.0.public, public)?.request(request)),
            #[cfg(feature = "apns")]
            Demands::HTTP2 => Ok(kept(&self.0.http2, http2)?.request(request)),
            _ => Err(Error::config("this transport cannot keep what the request demands")),
        }
    }
}

impl fmt::Debug for HyperTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HyperTransport")
    }
}

fn kept<T>(client: &OnceLock<Result<T>>, make: fn() -> Result<T>) -> Result<&T> {
    client.get_or_init(make).as_ref().map_err(Clone::clone)
}

fn plain() -> Result<Plain> {
    let https = tls()?.https_or_http().enable_http1().wrap_connector(prepared(HttpConnector::new()));
    Ok(pooled().build(Connector { https, http2: false }))
}

fn public() -> Result<Public> {
    let tcp = Guarded(prepared(HttpConnector::new_with_resolver(PublicResolver::new())));
    let https = tls()?.https_only().enable_http1().wrap_connector(tcp);
    Ok(pooled().build(Connector { https, http2: false }))
}

/// Apple asks to keep connections open and takes many new ones for an attack: they are kept for an hour, and a
/// ping each minute shows whether they still carry
/// (<https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns>).
#[cfg(feature = "apns")]
fn http2() -> Result<Plain> {
    let https = tls()?.https_or_http().enable_http2().wrap_connector(prepared(HttpConnector::new()));
    let mut builder = pooled();
    builder
        .http2_only(true)
        .pool_idle_timeout(Duration::from_secs(60 * 60))
        .timer(TokioTimer::new())
        .http2_keep_alive_interval(Duration::from_secs(60))
        .http2_keep_alive_timeout(Duration::from_secs(20))
        .http2_keep_alive_while_idle(true);
    Ok(builder.build(Connector { https, http2: true }))
}

fn prepared<R>(mut tcp: HttpConnector<R>) -> HttpConnector<R> {
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp
}

fn tls() -> Result<HttpsConnectorBuilder<WantsSchemes>> {
    // A provider of our own choice: none is ever installed for the process.
    HttpsConnectorBuilder::new()
        .with_provider_and_platform_verifier(rustls::crypto::aws_lc_rs::default_provider())
        .map_err(no_tls)
}

fn pooled() -> legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
    builder
}

#[async_trait]
impl HttpTransport for HyperTransport {
    async fn send(&self, mut request: HttpRequest, timeout: Option<Duration>) -> Result<HttpResponse> {
        let demands = Demands::of(&request);
        let headers = request.headers_mut();
        headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        let sending = self.request(demands, request.map(Full::new))?;
        let call = async move { whole(sending.await.map_err(|e| failed(&e))?).await.map_err(|e| broken(&e)) };
        let limit = timeout.unwrap_or(LONGEST).min(LONGEST);
        tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout, "no answer in time")
                .with_context("limit", format!("{limit:?}")))
        })
    }

    fn keeps(&self, demands: Demands) -> bool {
        let always = matches!(demands, Demands::NONE | Demands::PUBLIC_ONLY);
        always || (demands == Demands::HTTP2 && cfg!(feature = "apns"))
    }
}

/// Connects with TLS, and gives up after [`CONNECT`]: hyper's own limit ends with TCP.
#[derive(Clone)]
struct Connector<T> {
    https: HttpsConnector<T>,
    /// True if the server must agree to HTTP/2 (RFC 9113 section 3.2).
    http2: bool,
}

type Cause = Box<dyn StdError + Send + Sync>;
type Connected = MaybeHttpsStream<TokioIo<TcpStream>>;

impl<T> Service<Uri> for Connector<T>
where
    HttpsConnector<T>: Service<Uri, Response = Connected, Error = Cause>,
    <HttpsConnector<T> as Service<Uri>>::Future: Send + 'static,
{
    type Response = Connected;
    type Error = Cause;
    type Future = Pin<Box<dyn Future<Output = Result<Connected, Cause>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (connecting, http2) = (self.https.call(to), self.http2);
        Box::pin(async move {
            let connected = tokio::time::timeout(CONNECT, connecting).await??;
            if http2 && !speaks_http2(&connected) {
                return Err("the server does not speak HTTP/2".into());
            }
            Ok(connected)
        })
    }
}

/// Without TLS there is nothing to agree on, and the server must have known before.
fn speaks_http2(connected: &Connected) -> bool {
    match connected {
        MaybeHttpsStream::Http(_) => true,
        MaybeHttpsStream::Https(tls) => tls.inner().get_ref().1.alpn_protocol() == Some(b"h2"),
    }
}

fn failed(error: &legacy::Error) -> Error {
    if !error.is_connect() {
        return broken(error);
    }
    if is_refusal(error) {
        return refused("it is resolved or connected to another");
    }
    with_cause(Error::new(ErrorKind::Transport, CANNOT_CONNECT).with_certainty(Certainty::NotSent), error)
}

fn is_refusal(error: &(dyn StdError + 'static)) -> bool {
    error.is::<NotPublic>() || error.source().is_some_and(is_refusal)
}

/// Of a request that may go to public addresses only.
fn refused(why: &'static str) -> Error {
    let text = "the address was given by a stranger and may only be https on the public internet";
    Error::new(ErrorKind::InvalidRecipient, text).with_code(NOT_PUBLIC).with_context("cause", why)
}

fn broken(error: &(dyn StdError + 'static)) -> Error {
    with_cause(Error::new(ErrorKind::Transport, BROKEN), error)
}

/// With the text of what lies beneath; hyper's errors show no URL, but need not be kept whole.
fn with_cause(known: Error, error: &(dyn StdError + 'static)) -> Error {
    let cause = innermost(error).unwrap_or_else(|| error.to_string());
    known.with_context("cause", cause)
}
