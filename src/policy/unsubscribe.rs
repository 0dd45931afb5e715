//! Links by which one person leaves one list, signed.
//!
//! A link says tenant, recipient and list, and a signature over them (HMAC-SHA256, RFC 2104). It needs no row
//! in a database and does not expire: 15 U.S.C. 7704(a)(3)(A)(ii) asks for 30 days at least, and people unsubscribe
//! from mail that is older. Who does not hold the secret cannot make one for another person.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    address::{EmailAddress, WebUrl},
    error::{Error, ErrorKind, Result},
    id::TenantId,
    message::ListUnsubscribe,
};

/// Separates these signatures from whatever else is made with the same secret.
const LABEL: &[u8] = b"tidings unsubscribe token 1";
/// HMAC-SHA256, cut to 128 bits (RFC 2104 section 5).
const TAG: usize = 16;
/// Characters of a secret.
const SECRET: usize = 16;

/// Who leaves which list: what a link says.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct OptOut {
    /// On whose behalf the mail was sent.
    pub tenant: TenantId,
    /// Who was written to.
    pub recipient: EmailAddress,
    /// The list: the category of the mail.
    pub list: Arc<str>,
}

/// Makes and reads the links by which people unsubscribe.
///
/// ```
/// use tidings::{TenantId, policy::UnsubscribeLinks};
///
/// let links = UnsubscribeLinks::new("https://shop.example.org/unsubscribe", "a secret of 32 characters or so")?;
/// let link = links.link(&TenantId::DEFAULT, &"ada@example.org".parse()?, "marketing.newsletter")?;
/// let token = link.as_str().rsplit('/').next().unwrap_or_default();
/// assert_eq!(links.verify(token)?.list.as_ref(), "marketing.newsletter");
/// assert!(links.verify(&token.replace('A', "B").replace('e', "f")).is_err());
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
pub struct UnsubscribeLinks {
    base: WebUrl,
    key: [u8; 32],
    former: Vec<[u8; 32]>,
    mail_to: Option<EmailAddress>,
}

impl UnsubscribeLinks {
    /// Links that are `base`, a slash and a token, signed with `secret`. At this address a GET shows a page and a POST
    /// unsubscribes at once (RFC 8058).
    ///
    /// # Errors
    /// If `base` is no https link or has a query, or the secret is short.
    pub fn new(base: &str, secret: impl Into<SecretString>) -> Result<Self> {
        let base: WebUrl = base.trim_end_matches('/').parse()?;
        if !base.is_https() || base.as_str().contains(['?', '#']) {
            let why =
                "the base of unsubscribe links is an https link without query, as RFC 8058 asks for https";
            return Err(Error::config(why));
        }
        Ok(Self { base, key: key(&secret.into())?, former: Vec::new(), mail_to: None })
    }

    /// Reads links that were signed with this secret as well, but makes none: for a change of the secret.
    ///
    /// # Errors
    /// If the secret is short.
    pub fn former_secret(mut self, secret: impl Into<SecretString>) -> Result<Self> {
        self.former.push(key(&secret.into())?);
        Ok(self)
    }

    /// An address at which a mail unsubscribes too; its subject is the token.
    #[must_use]
    pub fn mail_to(mut self, address: EmailAddress) -> Self {
        self.mail_to = Some(address);
        self
    }

    /// The link of one person and one list.
    ///
    /// # Errors
    /// If the list's name is too long for a link.
    pub fn link(&self, tenant: &TenantId, recipient: &EmailAddress, list: &str) -> Result<WebUrl> {
        format!("{}/{}", self.base, self.token(tenant, recipient, list)).parse()
    }

    /// What goes into the header of a mail.
    ///
    /// # Errors
    /// If the list's name is too long for a link.
    pub fn means(&self, tenant: &TenantId, recipient: &EmailAddress, list: &str) -> Result<ListUnsubscribe> {
        let means = ListUnsubscribe::one_click(self.link(tenant, recipient, list)?.as_str())?;
        let Some(address) = &self.mail_to else { return Ok(means) };
        Ok(means.or_mail_to(address.clone()).with_mail_subject(self.token(tenant, recipient, list)))
    }

    /// The token of one person and one list.
    pub fn token(&self, tenant: &TenantId, recipient: &EmailAddress, list: &str) -> String {
        let mut token =
            serde_json::json!([tenant.as_str(), recipient.as_str(), list]).to_string().into_bytes();
        let tag = tag(&self.key, &token);
        token.extend_from_slice(&tag);
        BASE64.encode(token)
    }

    /// What a token says.
    ///
    /// # Errors
    /// Of kind `auth` if it was not signed with one of the secrets.
    pub fn verify(&self, token: &str) -> Result<OptOut> {
        let unsigned = || Error::new(ErrorKind::Auth, "this unsubscribe link was not made here");
        if token.len() > 2_048 {
            return Err(unsigned());
        }
        let bytes = BASE64.decode(token).map_err(|_| unsigned())?;
        let at = bytes.len().checked_sub(TAG).ok_or_else(unsigned)?;
        let (body, given) = bytes.split_at(at);
        let mut keys = std::iter::once(&self.key).chain(&self.former);
        if !keys.any(|key| same(&tag(key, body), given)) {
            return Err(unsigned());
        }
        let (tenant, recipient, list): (String, String, Arc<str>) =
            serde_json::from_slice(body).map_err(|_| unsigned())?;
        Ok(OptOut { tenant: tenant.parse()?, recipient: recipient.parse()?, list })
    }
}

impl fmt::Debug for UnsubscribeLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsubscribeLinks").field("base", &self.base).finish_non_exhaustive()
    }
}

/// A key from which the secret cannot be told.
fn key(secret: &SecretString) -> Result<[u8; 32]> {
    let secret = secret.expose_secret();
    if secret.len() < SECRET {
        let why =
            format!("the secret of unsubscribe links is shorter than {SECRET} characters; give a random one");
        return Err(Error::config(why));
    }
    Ok(hmac_sha256::HMAC::mac(LABEL, secret.as_bytes()))
}

fn tag(key: &[u8; 32], body: &[u8]) -> [u8; TAG] {
    let mut tag = [0; TAG];
    tag.copy_from_slice(&hmac_sha256::HMAC::mac(body, key)[..TAG]);
    tag
}

/// In a time that does not tell where they differ.
fn same(one: &[u8; TAG], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(secret: &str) -> UnsubscribeLinks {
        UnsubscribeLinks::new("https://x.org/u/", secret).expect("valid")
    }

    fn ada() -> EmailAddress {
        "ada+\"@x.org".parse().unwrap_or_else(|_| "ada+1@x.org".parse().expect("valid"))
    }

    #[test]
    fn a_link_says_who_leaves_what() {
        let links = links("a secret of some length").mail_to("off@x.org".parse().expect("valid"));
        let tenant: TenantId = "büro \"1\"".parse().expect("valid");
        let means = links.means(&tenant, &ada(), "marketing.spring").expect("fits");
        let said = links.verify(&links.token(&tenant, &ada(), "marketing.spring")).expect("own token");
        assert_eq!((said.tenant, said.recipient, &*said.list), (tenant.clone(), ada(), "marketing.spring"));
        let token = links.token(&tenant, &ada(), "marketing.spring");
        let header = format!("<https://x.org/u/{token}>, <mailto:off@x.org?subject={token}>");
        assert_eq!(means.headers()[0], ("List-Unsubscribe", header));
        assert_eq!(means.headers()[1].1, "List-Unsubscribe=One-Click");
    }

    #[test]
    fn nobody_elses_token_opens() {
        let links = links("a secret of some length");
        let token = links.token(&TenantId::DEFAULT, &ada(), "marketing");
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            let error = links.verify(&changed).expect_err("a changed token");
            assert_eq!(error.kind(), ErrorKind::Auth, "{at}");
        }
        for bad in ["", "A", "not base64!", &"A".repeat(5_000), &token[..token.len() - 4]] {
            assert!(links.verify(bad).is_err(), "{bad:.20}");
        }
        assert!(self::links("another secret, as long").verify(&token).is_err());
    }

    #[test]
    fn a_former_secret_still_opens() {
        let old = links("a secret of some length");
        let token = old.token(&TenantId::DEFAULT, &ada(), "marketing");
        let new =
            links("another secret, as long").former_secret("a secret of some length").expect("long enough");
        assert!(new.verify(&token).is_ok());
        assert_ne!(new.token(&TenantId::DEFAULT, &ada(), "marketing"), token);
    }

    #[test]
    fn wrong_configurations_are_refused_and_nothing_is_shown() {
        for base in ["http://x.org/u", "https://x.org/u?a=b", "x.org", ""] {
            assert!(UnsubscribeLinks::new(base, "a secret of some length").is_err(), "{base}");
        }
        assert!(UnsubscribeLinks::new("https://x.org", "short").is_err());
        assert!(!format!("{:?}", links("a secret of some length")).contains("secret"));
    }
}
