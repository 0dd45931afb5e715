//! The seam to HTTP: [`HttpTransport`] and what vendors share over it.
//!
//! Requests and answers are values of the `http` crate, so that an application
//! can bring a client of its own; with the feature `http-client` there is one
//! over hyper, and one over reqwest for who needs a proxy.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::Result;

#[cfg(feature = "http-client")]
mod body;
mod call;
pub mod classify;
mod demands;
#[cfg(feature = "http-client")]
mod over_hyper;
#[cfg(feature = "http-client")]
mod over_reqwest;
#[cfg(feature = "http-client")]
mod public;

#[cfg(any(feature = "ses", feature = "sns"))]
pub(crate) use call::blotted;
pub use call::{call, call_renewing, call_with, secret_header};
pub use demands::Demands;
#[cfg(feature = "http-client")]
pub use over_hyper::HyperTransport;
#[cfg(feature = "http-client")]
pub use over_reqwest::ReqwestTransport;
#[cfg(feature = "http-client")]
pub use public::may_be_public;

/// A request, complete and ready to be sent.
pub type HttpRequest = http::Request<Bytes>;
/// An answer, read whole (up to [`MAX_BODY`]).
pub type HttpResponse = http::Response<Bytes>;

/// The most that is read of an answer's body, in bytes: one to a batch of a thousand messages fits. The rest
/// is dropped with the connection.
pub const MAX_BODY: usize = 1024 * 1024;

/// The code of the error that a request gets which may go to public addresses only and would not.
pub const NOT_PUBLIC: &str = "not_public";

/// Marks, as an extension, an answer whose body was longer than [`MAX_BODY`].
#[derive(Clone, Copy, Debug)]
pub struct Truncated;

/// Sends one HTTP request.
///
/// # Contract
/// - Follows no redirect, adds no proxy, keeps no cookies, repeats nothing.
/// - Reads at most [`MAX_BODY`] bytes of the body and marks a longer answer [`Truncated`].
/// - Ends within `timeout` with [`ErrorKind::Timeout`](crate::ErrorKind::Timeout).
/// - Any status is an answer. An error says `NotSent` only if no byte of the
///   request can have reached the server.
/// - No error shows the URL: some vendors put secrets into it.
#[async_trait]
pub trait HttpTransport: fmt::Debug + Send + Sync + 'static {
    /// Sends `request` and reads the answer.
    ///
    /// # Errors
    /// `Transport` and `Timeout`, with the certainty described above.
    async fn send(&self, request: HttpRequest, timeout: Option<Duration>) -> Result<HttpResponse>;

    /// True if a request that demands so is sent so. A transport that knows no demands keeps none.
    fn keeps(&self, demands: Demands) -> bool {
        demands == Demands::NONE
    }
}

/// What the built-in transports have in common.
#[cfg(feature = "http-client")]
mod common {
    use std::{error::Error as StdError, time::Duration};

    use crate::error::Error;

    pub(super) const CONNECT: Duration = Duration::from_secs(10);
    /// For calls without a deadline: neither client has a limit of its own.
    pub(super) const LONGEST: Duration = Duration::from_secs(60);
    pub(super) const USER_AGENT: &str = concat!("tidings/", env!("CARGO_PKG_VERSION"));
    pub(super) const CANNOT_CONNECT: &str = "cannot connect to the vendor";
    pub(super) const BROKEN: &str = "the connection failed before the answer";

    pub(super) fn no_tls(cause: impl StdError + Send + Sync + 'static) -> Error {
        let why = "the HTTPS client cannot be built; are root certificates (ca-certificates) installed?";
        Error::config(why).with_source(cause)
    }

    /// What lies beneath an error.
    pub(super) fn innermost(error: &(dyn StdError + 'static)) -> Option<String> {
        let mut cause = error.source()?;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Some(cause.to_string())
    }
}

#[cfg(test)]
mod tests;
