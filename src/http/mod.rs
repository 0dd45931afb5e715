//! The seam to HTTP: [`HttpTransport`] and what vendors share over it.
//!
//! Requests and answers are values of the `http` crate, so that an application
//! can bring a client of its own; with the feature `http-client` there is one
//! over reqwest.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::Result;

mod call;
pub mod classify;
#[cfg(feature = "http-client")]
mod client;

pub use call::{call, call_with, secret_header};
#[cfg(feature = "http-client")]
pub use client::ReqwestTransport;

/// A request, complete and ready to be sent.
pub type HttpRequest = http::Request<Bytes>;
/// An answer, read whole (up to [`MAX_BODY`]).
pub type HttpResponse = http::Response<Bytes>;

/// The most that is read of an answer's body, in bytes; the rest is dropped
/// with the connection.
pub const MAX_BODY: usize = 64 * 1024;

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
}

#[cfg(test)]
mod tests;
