//! Links that reach a reader or a vendor.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{is_hostile, parsed_text};
use crate::error::{Error, Result};

/// An absolute `http` or `https` link, kept as it was written; at most 2,048 octets.
///
/// ```
/// use tidings::WebUrl;
///
/// let url: WebUrl = "https://example.org/a?b=c".parse()?;
/// assert!(url.is_https());
/// assert!("javascript:alert(1)".parse::<WebUrl>().is_err());
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WebUrl(Arc<str>);

parsed_text!(WebUrl, shown: shown_url);

/// Scheme and host, for `Debug`: logins, paths and queries carry secrets.
pub(crate) fn shown_url(url: &str) -> String {
    match url.split_once("://") {
        // A password may hold any character, so where the host begins is not guessed.
        Some((scheme, rest)) if !rest.contains('@') => {
            format!("{scheme}://{}/…", rest.split(['/', '?', '#']).next().unwrap_or_default())
        }
        _ => "…".to_owned(),
    }
}

impl WebUrl {
    /// True if the link is `https`.
    pub fn is_https(&self) -> bool {
        self.0.as_bytes()[..6].eq_ignore_ascii_case(b"https:")
    }
}

impl FromStr for WebUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("url", "expected an absolute link, such as https://example.org/page");
        if text.len() > 2_048
            || text.chars().any(|c| c.is_whitespace() || is_hostile(c) || "<>\"".contains(c))
        {
            return Err(wrong());
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let scheme_fits = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        if !scheme_fits || authority.is_empty() || authority.starts_with(':') || authority.contains('\\') {
            return Err(wrong());
        }
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_web_links() {
        for good in ["http://a", "https://bücher.example/ä?x=1#y", "HTTPS://x.org:8443/"] {
            assert!(good.parse::<WebUrl>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "https://",
            "ftp://a/b",
            "/path",
            "https:///x",
            "https://a b",
            "https://a\r\n",
            "https://a/<script>",
        ] {
            assert!(bad.parse::<WebUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_hides_login_path_and_query() {
        for (url, shown) in [
            ("https://x.org/secret?token=abc", "WebUrl(https://x.org/…)"),
            ("https://x.org?token=abc", "WebUrl(https://x.org/…)"),
            ("https://hook:s3/cret@x.org/in", "WebUrl(…)"),
        ] {
            assert_eq!(format!("{:?}", url.parse::<WebUrl>().expect("valid")), shown);
        }
    }
}
