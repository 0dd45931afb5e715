//! Where a browser's push service takes messages: an address that a stranger gave.

use http::Uri;

use crate::{
    address::WebSubscription,
    error::{Error, ErrorKind, Result},
    http::{NOT_PUBLIC, may_be_public},
};

const FIELD: &str = "to.subscription.endpoint";

/// An endpoint, and the origin for which tokens are signed.
pub(super) struct Endpoint {
    pub(super) uri: Uri,
    /// Scheme, host and port if it is not the usual one (RFC 6454 section 6.1).
    pub(super) origin: String,
}

impl Endpoint {
    /// Names are resolved, and looked at again, by the transport.
    pub(super) fn of(browser: &WebSubscription, private: bool) -> Result<Self> {
        let uri: Uri = browser.endpoint().as_str().parse().map_err(|_| unusable())?;
        if !private && !may_be_public(&uri) {
            let why = "the endpoint must be https on the public internet";
            return Err(Error::new(ErrorKind::InvalidRecipient, why).with_code(NOT_PUBLIC).with_field(FIELD));
        }
        let origin = origin(&uri).ok_or_else(unusable)?;
        Ok(Self { uri, origin })
    }
}

fn unusable() -> Error {
    Error::new(ErrorKind::InvalidRecipient, "the endpoint cannot be used as a URL").with_field(FIELD)
}

fn origin(uri: &Uri) -> Option<String> {
    let (scheme, host) = (uri.scheme_str()?, uri.host()?.to_ascii_lowercase());
    let usual = if scheme == "https" { 443 } else { 80 };
    match uri.port_u16().filter(|port| *port != usual) {
        Some(port) => Some(format!("{scheme}://{host}:{port}")),
        None => Some(format!("{scheme}://{host}")),
    }
}

/// What the transport refused was the endpoint.
pub(super) fn named(error: Error) -> Error {
    if error.code() == Some(NOT_PUBLIC) { error.with_field(FIELD) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::webpush::tests::browser_at;

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        for (endpoint, expected) in [
            ("https://push.example.net/p/x?y=z", "https://push.example.net"),
            ("https://PUSH.example.net:443/p", "https://push.example.net"),
            ("https://push.example.net:8443/p", "https://push.example.net:8443"),
            ("https://[2606:4700::1111]/p", "https://[2606:4700::1111]"),
        ] {
            assert_eq!(Endpoint::of(&browser_at(endpoint), false).expect(endpoint).origin, expected);
        }
        let here =
            Endpoint::of(&browser_at("http://127.0.0.1:4140/p"), true).expect("by the switch for tests");
        assert_eq!(here.origin, "http://127.0.0.1:4140");
    }

    #[test]
    fn private_endpoints_are_refused_unless_tests_say_so() {
        for endpoint in [
            "http://127.0.0.1:4140/p",
            "http://localhost/p",
            "https://127.0.0.1/p",
            "https://127.1/p",
            "https://2130706433/p",
            "https://0x7f.0.0.1./p",
            "https://10.0.0.7:8443/p",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/p",
            "https://[fd00:ec2::254]/p",
            "https://[::ffff:192.168.1.1]/p",
        ] {
            let error = Endpoint::of(&browser_at(endpoint), false).err().expect(endpoint);
            let facts = (error.kind(), error.code(), error.field());
            assert_eq!(facts, (ErrorKind::InvalidRecipient, Some(NOT_PUBLIC), Some(FIELD)), "{endpoint}");
            assert!(Endpoint::of(&browser_at(endpoint), true).is_ok(), "{endpoint}");
        }
    }
}
