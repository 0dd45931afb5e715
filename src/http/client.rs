//! The transport over reqwest.

use std::{
    error::Error as _,
    fmt,
    pin::Pin,
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::Uri;
use url::Url;

use super::{HttpRequest, HttpResponse, HttpTransport, MAX_BODY, Truncated};
use crate::error::{Certainty, Error, ErrorKind, Result};

const CONNECT: Duration = Duration::from_secs(10);
/// For calls without a deadline: reqwest itself would wait for ever.
const LONGEST: Duration = Duration::from_secs(60);

/// As many URLs are kept parsed; those of one vendor are few.
const URLS: usize = 32;

/// The built-in [`HttpTransport`], over reqwest and rustls.
///
/// No redirects, no ambient proxy, no cookies; 10 s to connect, and at most
/// 60 s for a call without a deadline.
#[derive(Clone)]
pub struct ReqwestTransport(Arc<Inner>);

struct Inner {
    client: OnceLock<Result<reqwest::Client>>,
    /// Parsed once: parsing a URL costs more than all else that is done here.
    urls: RwLock<Vec<(Uri, Url)>>,
}

impl ReqwestTransport {
    /// A client with this crate's defaults.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if TLS cannot be set up, most often because the
    /// machine has no root certificates.
    pub fn new() -> Result<Self> {
        let lazy = Self::lazy();
        lazy.client().map(|_| lazy.clone())
    }

    /// A client that is made at its first use: an application without HTTP
    /// vendors should not pay for reading root certificates.
    pub(crate) fn lazy() -> Self {
        Self(Arc::new(Inner { client: OnceLock::new(), urls: RwLock::default() }))
    }

    /// The same through the proxy at `url`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if `url` is no proxy's address, or as for [`new`](Self::new).
    pub fn with_proxy(url: &str) -> Result<Self> {
        // The URL may hold a password, and reqwest's error prints it.
        let proxy = reqwest::Proxy::all(url)
            .map_err(|_| Error::config("the proxy's URL cannot be read; expected http://host:port"))?;
        let lazy = Self::lazy();
        lazy.0.client.get_or_init(|| built(plain().proxy(proxy))).clone().map(|_| lazy)
    }

    fn client(&self) -> Result<&reqwest::Client> {
        self.0.client.get_or_init(|| built(plain())).as_ref().map_err(Clone::clone)
    }

    fn converted(&self, request: HttpRequest, timeout: Duration) -> Result<reqwest::Request> {
        let (parts, body) = request.into_parts();
        let mut request = reqwest::Request::new(parts.method, self.url(parts.uri)?);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(body.into());
        *request.timeout_mut() = Some(timeout);
        Ok(request)
    }

    fn url(&self, uri: Uri) -> Result<Url> {
        let same = |known: &Uri| known.path_and_query() == uri.path_and_query() && *known == uri;
        let urls = self.0.urls.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, url)) = urls.iter().find(|(known, _)| same(known)) {
            return Ok(url.clone());
        }
        drop(urls);
        let url =
            Url::parse(&uri.to_string()).map_err(|_| Error::config("the request's URL cannot be used"))?;
        let mut urls = self.0.urls.write().unwrap_or_else(PoisonError::into_inner);
        if urls.len() >= URLS {
            urls.clear();
        }
        urls.push((uri, url.clone()));
        Ok(url)
    }
}

// The URLs may hold tokens, and a proxy's URL a password, which reqwest shows.
impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReqwestTransport")
    }
}

fn built(builder: reqwest::ClientBuilder) -> Result<reqwest::Client> {
    builder.build().map_err(|e| {
        let why = "the HTTPS client cannot be built; are root certificates (ca-certificates) installed?";
        Error::config(why).with_source(e.without_url())
    })
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

type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse>> + Send + 'a>>;

#[async_trait]
impl HttpTransport for ReqwestTransport {
    // Written out, so that the request is converted before the future is made
    // and is not kept in it twice.
    fn send<'life0, 'async_trait>(
        &'life0 self,
        request: HttpRequest,
        timeout: Option<Duration>,
    ) -> Answer<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let timeout = timeout.unwrap_or(LONGEST).min(LONGEST);
        let ready = self.client().and_then(|client| Ok((client, self.converted(request, timeout)?)));
        Box::pin(async move {
            let (client, request) = ready?;
            answer(client.execute(request).await.map_err(failed)?).await
        })
    }
}

async fn answer(mut response: reqwest::Response) -> Result<HttpResponse> {
    let (body, whole) = read(&mut response).await?;
    let mut answer = http::Response::new(body);
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    if !whole {
        answer.extensions_mut().insert(Truncated);
    }
    Ok(answer)
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
