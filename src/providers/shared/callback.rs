//! What is secret in the URL of a callback, which vendors quote when they do not like it.

use bytes::Bytes;

use crate::{address::WebUrl, http::HttpResponse};

/// Login and query of a URL, each as it stands there and as a form holds it.
pub(crate) struct CallbackSecrets(Vec<String>);

impl CallbackSecrets {
    pub(crate) fn of(url: Option<&WebUrl>) -> Self {
        let rest = url.and_then(|url| url.as_str().split_once("://")).map_or("", |(_, rest)| rest);
        let login = rest.rsplit_once('@').map(|(login, _)| login);
        let password = login.and_then(|login| login.split_once(':')).map(|(_, password)| password);
        let query = rest.split_once('?').map(|(_, query)| query);
        // The whole before its part: what is left of a blotted whole would not be found.
        let plain = [login, password, query].into_iter().flatten().filter(|secret| !secret.is_empty());
        let encoded = |secret: &str| form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>();
        Self(plain.flat_map(|secret| [secret.to_owned(), encoded(secret)]).collect())
    }

    /// The same answer, without them if it is quoted in an error.
    pub(crate) fn blotted(&self, mut answer: HttpResponse) -> HttpResponse {
        if answer.status().is_success() || self.0.is_empty() {
            return answer;
        }
        let mut text = String::from_utf8_lossy(answer.body()).into_owned();
        for secret in &self.0 {
            text = text.replace(secret, "***");
        }
        *answer.body_mut() = Bytes::from(text);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::answer;

    #[test]
    fn login_and_query_are_blotted_in_every_form() {
        let url: WebUrl = "https://hook:s3/cret@x.org/in?key=t0ken".parse().expect("valid");
        let secrets = CallbackSecrets::of(Some(&url));
        let quoted = "hook:s3/cret s3/cret key=t0ken hook%3As3%2Fcret s3%2Fcret key%3Dt0ken https://x.org/in";
        let clean = secrets.blotted(answer(400, &[], quoted));
        assert_eq!(clean.body(), "*** *** *** *** *** *** https://x.org/in");
        let bare = CallbackSecrets::of(Some(&"https://x.org/in".parse().expect("valid")));
        assert_eq!(bare.blotted(answer(400, &[], quoted)).body(), quoted);
    }
}
