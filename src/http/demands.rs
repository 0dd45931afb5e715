//! What a request may ask of its transport beyond the contract.

/// What one request asks of its transport, carried as an extension of the request.
///
/// [`call`](super::call) asks the transport whether it [keeps](super::HttpTransport::keeps) them, and sends
/// nothing if not: who does not know a demand cannot pass over it.
///
/// ```
/// use tidings::http::Demands;
///
/// let demands = Demands::PUBLIC_ONLY;
/// assert!(demands.public_only && !demands.http2);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Demands {
    /// HTTP/2 and nothing else: what APNs speaks.
    pub http2: bool,
    /// `https` and only addresses of the public internet, as written, as resolved and as connected to: the
    /// address was given by a stranger.
    pub public_only: bool,
}

impl Demands {
    /// HTTP/2 and nothing else.
    pub const HTTP2: Self = Self { http2: true, public_only: false };
    /// No demands: what a request without this extension means.
    pub const NONE: Self = Self { http2: false, public_only: false };
    /// `https` and only addresses of the public internet.
    pub const PUBLIC_ONLY: Self = Self { http2: false, public_only: true };

    /// Those of a request.
    pub fn of(request: &super::HttpRequest) -> Self {
        request.extensions().get().copied().unwrap_or_default()
    }
}
