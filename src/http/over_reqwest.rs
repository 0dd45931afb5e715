//! The transport over reqwest, for calls through a proxy.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use super::{
    HttpRequest, HttpResponse, HttpTransport,
    body::whole,
    common::{BROKEN, CANNOT_CONNECT, CONNECT, LONGEST, USER_AGENT, innermost, no_tls},
};
use crate::error::{Certainty, Error, ErrorKind, Result};

/// An [`HttpTransport`] over reqwest and rustls, which knows proxies.
///
/// No redirects, no ambient proxy, no cookies; 10 s to connect, and at most
/// 60 s for a call without a deadline. Without a proxy
/// [`HyperTransport`](super::HyperTransport), the default, does the same for less.
///
/// ```
/// # fn main() -> tidings::Result<()> {
/// use tidings::{Messenger, http::ReqwestTransport, providers::preview::Preview};
///
/// let transport = ReqwestTransport::with_proxy("http://127.0.0.1:3128")?;
/// let messenger = Messenger::builder().email(Preview::silent()).http(transport).build()?;
/// # Ok(()) }
/// ```
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
        let client = builder.build().map_err(|e| no_tls(e.without_url()))?;
        Ok(Self { client })
    }
}

// A proxy's URL may hold a password, which reqwest's own Debug shows.
impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReqwestTransport")
    }
}

fn plain() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .user_agent(USER_AGENT)
}

#[async_trait]
impl HttpTransport for ReqwestTransport {
    async fn send(&self, request: HttpRequest, timeout: Option<Duration>) -> Result<HttpResponse> {
        let mut request = reqwest::Request::try_from(request)
            .map_err(|e| Error::config("the request's URL cannot be used").with_source(e.without_url()))?;
        *request.timeout_mut() = Some(timeout.unwrap_or(LONGEST).min(LONGEST));
        let answer = self.client.execute(request).await.map_err(failed)?;
        whole(http::Response::<reqwest::Body>::from(answer)).await.map_err(failed)
    }
}

fn failed(error: reqwest::Error) -> Error {
    let connecting = error.is_connect() || error.is_builder();
    let kind = if error.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Transport };
    let text = if connecting { CANNOT_CONNECT } else { BROKEN };
    let certainty = if connecting { Certainty::NotSent } else { Certainty::Unknown };
    let error = error.without_url();
    let known = Error::new(kind, text).with_certainty(certainty);
    innermost(&error)
        .into_iter()
        .fold(known, |known, cause| known.with_context("cause", cause))
        .with_source(error)
}
