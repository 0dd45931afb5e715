//! The transport over reqwest.

use std::{error::Error as _, fmt, sync::OnceLock, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use super::{HttpRequest, HttpResponse, HttpTransport, MAX_BODY, Truncated};
use crate::error::{Certainty, Error, ErrorKind, Result};

const CONNECT: Duration = Duration::from_secs(10);
/// For calls without a deadline: reqwest itself would wait for ever.
const LONGEST: Duration = Duration::from_secs(60);

/// The built-in [`HttpTransport`], over reqwest and rustls.
///
/// No redirects, no ambient proxy, no cookies; 10 s to connect, and at most
/// 60 s for a call without a deadline.
#[derive(Clone)]
pub struct ReqwestTransport {
    client: reqwest::Client,
}

impl ReqwestTransport {
    /// A client with this crate's defaults.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if TLS cannot be set up, most often because the
    /// machine has no root certificates.
    pub fn new() -> Result<Self> {
        Self::build(plain())
    }

    /// The same through the proxy at `url`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if `url` is no proxy's address, or as for [`new`](Self::new).
    pub fn with_proxy(url: &str) -> Result<Self> {
        // The URL may hold a password, and reqwest's error prints it.
        let proxy = reqwest::Proxy::all(url)
            .map_err(|_| Error::config("the proxy's URL cannot be read; expected http://host:port"))?;
        Self::build(plain().proxy(proxy))
    }

    fn build(builder: reqwest::ClientBuilder) -> Result<Self> {
        let client = builder.build().map_err(|e| {
            let why = "the HTTPS client cannot be built; are root certificates (ca-certificates) installed?";
            Error::config(why).with_source(e.without_url())
        })?;
        Ok(Self { client })
    }
}

impl fmt::Debug for ReqwestTransport {
    /// Not reqwest's own, which shows the proxy's URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReqwestTransport")
    }
}

/// A client that is made at its first use: an application without HTTP vendors
/// should not pay for reading root certificates.
#[derive(Debug, Default)]
pub(crate) struct LazyTransport(OnceLock<Result<ReqwestTransport>>);

#[async_trait]
impl HttpTransport for LazyTransport {
    async fn send(&self, request: HttpRequest, timeout: Option<Duration>) -> Result<HttpResponse> {
        match self.0.get_or_init(ReqwestTransport::new) {
            Ok(client) => client.send(request, timeout).await,
            Err(error) => Err(error.clone()),
        }
    }
}

fn plain() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .user_agent(concat!("tidings/", env!("CARGO_PKG_VERSION")))
}

#[async_trait]
impl HttpTransport for ReqwestTransport {
    async fn send(&self, request: HttpRequest, timeout: Option<Duration>) -> Result<HttpResponse> {
        let mut request = reqwest::Request::try_from(request)
            .map_err(|e| Error::config("the request's URL cannot be used").with_source(e.without_url()))?;
        *request.timeout_mut() = Some(timeout.unwrap_or(LONGEST).min(LONGEST));
        let mut response = self.client.execute(request).await.map_err(failed)?;
        let (body, whole) = read(&mut response).await?;
        let mut answer = http::Response::new(body);
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        if !whole {
            answer.extensions_mut().insert(Truncated);
        }
        Ok(answer)
    }
}

/// The body up to [`MAX_BODY`], and whether that was all of it.
async fn read(response: &mut reqwest::Response) -> Result<(Bytes, bool)> {
    let Some(first) = response.chunk().await.map_err(failed)? else {
        return Ok((Bytes::new(), true));
    };
    if first.len() > MAX_BODY {
        return Ok((first.slice(..MAX_BODY), false));
    }
    // Most answers are one chunk, which is then not copied.
    let Some(second) = response.chunk().await.map_err(failed)? else {
        return Ok((first, true));
    };
    let mut body = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        let room = MAX_BODY.saturating_sub(body.len());
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((body.freeze(), false));
        }
        next = response.chunk().await.map_err(failed)?;
    }
    Ok((body.freeze(), true))
}

fn failed(error: reqwest::Error) -> Error {
    let connecting = error.is_connect() || error.is_builder();
    let kind = if error.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Transport };
    let text =
        if connecting { "cannot connect to the vendor" } else { "the connection failed before the answer" };
    let certainty = if connecting { Certainty::NotSent } else { Certainty::Unknown };
    let mut known = Error::new(kind, text).with_certainty(certainty);
    let error = error.without_url();
    if let Some(cause) = innermost(&error) {
        known = known.with_context("cause", cause);
    }
    known.with_source(error)
}

fn innermost(error: &reqwest::Error) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Some(cause.to_string())
}
