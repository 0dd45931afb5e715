//! Connections to addresses that strangers gave: only to the public internet.
//!
//! An address is looked at three times: as it stands in the URL, as its name resolves, and as the socket was
//! connected. A name is resolved once for a connection, so that no second answer can say otherwise.

use std::{
    error::Error as StdError,
    fmt,
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use http::Uri;
use hyper_util::{
    client::legacy::connect::dns::{GaiResolver, Name},
    rt::TokioIo,
};
use tokio::net::TcpStream;
use tower_service::Service;

type Cause = Box<dyn StdError + Send + Sync>;
type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Cause>> + Send>>;

/// Azure answers its machines here as it does on a link-local address
/// (<https://learn.microsoft.com/en-us/azure/virtual-network/what-is-ip-address-168-63-129-16>).
const AZURE: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// True if `address` is one of the public internet: by IANA's registries of special purpose addresses
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>,
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>) it is global and no group.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 10 | 127 | 224.., ..] => true,
        [100, second, ..] => (64..128).contains(&second),
        [169, 254, ..] | [192, 168, ..] => true,
        [172, second, ..] => (16..32).contains(&second),
        [192, 0, 0 | 2, _] | [192, 88, 99, _] => true,
        [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        _ => false,
    };
    !special && address != AZURE
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [.., a, b] = segments;
    let last = || {
        let ([a, b], [c, d]) = (a.to_be_bytes(), b.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        // Mapped (RFC 4291 section 2.5.5.2) and translated (RFC 6052): what counts is the address within.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(last()),
        // Protocol assignments with Teredo, documentation, 6to4.
        [0x2001, ..0x200, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, ..0x1000, ..] => false,
        // All that is given out as global unicast (RFC 4291 section 2.4) is of 2000::/3.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// True if `uri` is `https`, and its host a name or an address of the public internet.
///
/// What a name stands for is seen when it is resolved: a request that [demands](super::Demands::PUBLIC_ONLY)
/// public addresses is held to them all the way.
///
/// ```
/// use tidings::http::may_be_public;
///
/// assert!(may_be_public(&"https://push.example.net/p".parse()?));
/// assert!(!may_be_public(&"https://10.0.0.7/p".parse()?) && !may_be_public(&"https://127.1/p".parse()?));
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
pub fn may_be_public(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let fits = literal(host).map_or_else(|| !ends_in_a_number(host), is_public);
    fits && uri.scheme_str() == Some("https")
}

/// The host as an address, if it is written as one.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Resolvers take many a spelling for an address, such as `127.1` and `0x7f.1`; no name ends so
/// (<https://url.spec.whatwg.org/#ends-in-a-number-checker>).
fn ends_in_a_number(host: &str) -> bool {
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let digits = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    digits || hex.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The address was not one of the public internet.
#[derive(Debug)]
pub(super) struct NotPublic;

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address is not one of the public internet")
    }
}

impl StdError for NotPublic {}

/// Resolves names and passes over all addresses that are not public.
#[derive(Clone)]
pub(super) struct PublicResolver(GaiResolver);

impl PublicResolver {
    pub(super) fn new() -> Self {
        Self(GaiResolver::new())
    }
}

impl Service<Name> for PublicResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Cause;
    type Future = Pending<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        self.0.poll_ready(cx).map_err(Cause::from)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.0.call(name);
        Box::pin(async move {
            let public: Vec<_> = resolving.await?.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() { Err(NotPublic.into()) } else { Ok(public.into_iter()) }
        })
    }
}

/// Connects by `C`, but to public addresses only.
#[derive(Clone)]
pub(super) struct Guarded<C>(pub(super) C);

impl<C> Service<Uri> for Guarded<C>
where
    C: Service<Uri, Response = TokioIo<TcpStream>>,
    C::Error: Into<Cause>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = Cause;
    type Future = Pending<C::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        // Who is no name is not resolved.
        if to.host().and_then(literal).is_some_and(|address| !is_public(address)) {
            return Box::pin(async { Err(NotPublic.into()) });
        }
        let connecting = self.0.call(to);
        Box::pin(async move {
            let connected = connecting.await.map_err(Into::into)?;
            let peer = connected.inner().peer_addr()?;
            if is_public(peer.ip()) { Ok(connected) } else { Err(NotPublic.into()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use hyper_util::client::legacy::connect::HttpConnector;
    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    #[test]
    fn special_addresses_are_not_public() {
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.8.8",
            "168.63.129.16",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.1.2.3",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:8.8.8.8",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::",
            "3fff::1",
            "3fff:fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(special.parse().expect(special)), "{special}");
        }
    }

    #[test]
    fn addresses_of_the_internet_are_public() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "203.0.112.1",
            "223.255.255.255",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00:1450::1",
            "3fff:1000::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(is_public(public.parse().expect(public)), "{public}");
        }
    }

    async fn listening() -> (TcpListener, Uri) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        (listener, format!("https://localhost:{port}/").parse().expect("a URI"))
    }

    fn is_refusal(mut error: &(dyn StdError + 'static)) -> bool {
        while let Some(deeper) = error.source() {
            error = deeper;
        }
        error.is::<NotPublic>()
    }

    #[tokio::test]
    async fn a_name_of_private_addresses_is_not_connected_to() {
        let (listener, uri) = listening().await;
        let mut connector = HttpConnector::new_with_resolver(PublicResolver::new());
        connector.enforce_http(false);
        let error = connector.call(uri).await.expect_err("localhost is private");
        assert!(is_refusal(&error), "{error:?}");
        let nobody = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;
        assert!(nobody.is_err(), "no connection was made");
    }

    /// Were the resolver to lie, or the route to be bent, the socket still tells where it ended.
    #[tokio::test]
    async fn a_connection_to_a_private_address_is_closed_unused() {
        let (listener, uri) = listening().await;
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        let error = Guarded(connector).call(uri).await.expect_err("the peer is private");
        assert!(error.is::<NotPublic>(), "{error:?}");
        let (mut stream, _) = listener.accept().await.expect("it was connected");
        let mut read = Vec::new();
        assert_eq!(stream.read_to_end(&mut read).await.expect("closed in order"), 0, "and nothing was said");
    }

    #[tokio::test]
    async fn a_private_address_in_the_url_is_not_connected_to() {
        for uri in [
            "https://127.0.0.1:9/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/x",
            "https://169.254.169.254/",
        ] {
            let mut connector = HttpConnector::new();
            connector.enforce_http(false);
            let error = Guarded(connector).call(uri.parse().expect(uri)).await.expect_err(uri);
            assert!(error.is::<NotPublic>(), "{uri}: {error:?}");
        }
    }
}
