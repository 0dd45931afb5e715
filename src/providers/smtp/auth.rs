//! The login's words: PLAIN (RFC 4616), LOGIN, XOAUTH2.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{config::SmtpAuth, offers::Offers};
use crate::error::{Error, ErrorKind, Result};

/// What is said, one line after each challenge of the server.
pub(super) struct Words(Vec<String>);

impl Words {
    /// The words for the best mechanism that the server offers.
    ///
    /// # Errors
    /// If there is none, or if name or password cannot be said in it.
    pub(super) fn new(auth: SmtpAuth, offers: &Offers, user: &str, password: &str) -> Result<Self> {
        match auth {
            SmtpAuth::Password if offers.plain => plain(user, password),
            SmtpAuth::Password if offers.login => {
                Ok(Self(vec!["AUTH LOGIN".to_owned(), BASE64.encode(user), BASE64.encode(password)]))
            }
            SmtpAuth::XOAuth2 if offers.xoauth2 => xoauth2(user, password),
            _ => Err(Error::new(
                ErrorKind::Auth,
                format!("the server offers no login by {auth:?}; it may do so only over TLS"),
            )),
        }
    }

    /// The words in their order.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

fn plain(user: &str, password: &str) -> Result<Words> {
    if user.contains('\0') || password.contains('\0') {
        return Err(Error::new(ErrorKind::Auth, "user and password take no NUL (RFC 4616 section 2)"));
    }
    Ok(Words(vec![format!("AUTH PLAIN {}", BASE64.encode(format!("\0{user}\0{password}")))]))
}

fn xoauth2(user: &str, token: &str) -> Result<Words> {
    if user.contains('\u{1}') || token.contains('\u{1}') {
        return Err(Error::new(ErrorKind::Auth, "user and token take no U+0001: it separates them"));
    }
    let said = BASE64.encode(format!("user={user}\u{1}auth=Bearer {token}\u{1}\u{1}"));
    // A refusal comes as a challenge with the reason, to be answered by an empty line.
    Ok(Words(vec![format!("AUTH XOAUTH2 {said}"), String::new()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(auth: SmtpAuth, offers: &Offers) -> Result<Vec<String>> {
        Words::new(auth, offers, "user", "pass").map(|words| words.0)
    }

    #[test]
    fn words_of_each_mechanism() {
        let none = Offers::default();
        let login = Offers { login: true, ..none.clone() };
        let both = Offers { plain: true, ..login.clone() };
        let token = Offers { xoauth2: true, ..none.clone() };
        // RFC 4616 section 4: NUL, name, NUL, password.
        assert_eq!(said(SmtpAuth::Password, &both).expect("offered"), ["AUTH PLAIN AHVzZXIAcGFzcw=="]);
        assert_eq!(
            said(SmtpAuth::Password, &login).expect("offered"),
            ["AUTH LOGIN", "dXNlcg==", "cGFzcw=="]
        );
        let expected = ["AUTH XOAUTH2 dXNlcj11c2VyAWF1dGg9QmVhcmVyIHBhc3MBAQ==", ""];
        assert_eq!(said(SmtpAuth::XOAuth2, &token).expect("offered"), expected);
        for (auth, offers) in
            [(SmtpAuth::Password, &token), (SmtpAuth::XOAuth2, &both), (SmtpAuth::Password, &none)]
        {
            assert_eq!(said(auth, offers).expect_err("not offered").kind(), ErrorKind::Auth);
        }
        assert!(Words::new(SmtpAuth::Password, &both, "a\0b", "c").is_err());
        assert!(Words::new(SmtpAuth::XOAuth2, &token, "a", "c\u{1}d").is_err());
    }
}
