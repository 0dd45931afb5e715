//! Where the server is, how to reach it, how to log in.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

#[cfg(feature = "dkim")]
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde::Deserialize;

use super::{Smtp, Way, delivery::Sessions, over_lettre::OverLettre, server::Server, url};
use crate::{
    error::{Error, Result},
    providers::{
        schema::{Schema, Setting, configured_by},
        shared::settings::{optional_secret, read_as_table},
    },
    secret::Credential,
};

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SmtpTls {
    /// Not at all: for a relay on this machine or a trusted network. Port 25 by default.
    #[serde(rename = "none")]
    Plain,
    /// By STARTTLS, without which nothing is sent (RFC 3207). Port 587 by default.
    #[default]
    #[serde(alias = "required")]
    StartTls,
    /// From the first octet on (RFC 8314). Port 465 by default.
    Tls,
}

impl SmtpTls {
    const fn port(self) -> u16 {
        match self {
            Self::Plain => 25,
            Self::StartTls => 587,
            Self::Tls => 465,
        }
    }
}

impl FromStr for SmtpTls {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "none" => Ok(Self::Plain),
            "starttls" | "required" => Ok(Self::StartTls),
            "tls" => Ok(Self::Tls),
            _ => Err(Error::config("tls is one of none, starttls (or required), tls")),
        }
    }
}

/// How the password is handed over.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SmtpAuth {
    /// PLAIN (RFC 4616), or LOGIN where the server has no PLAIN.
    #[default]
    Password,
    /// XOAUTH2: the password is an OAuth access token. Give a
    /// [`Credential::fetched`] so that it is renewed.
    XOAuth2,
}

impl FromStr for SmtpAuth {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "password" => Ok(Self::Password),
            "xoauth2" => Ok(Self::XOAuth2),
            _ => Err(Error::config("auth is one of password, xoauth2")),
        }
    }
}

/// Whose sessions carry the mail.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SmtpTransport {
    /// lettre's: slower, and for servers with which our own fail. Please report those.
    Lettre,
    /// Our own.
    #[default]
    Own,
}

configured_by!(
    SmtpConfig,
    Schema::new(
        "smtp",
        &[
            Setting::text("host", "the server")
                .needed()
                .variables(&["SMTP_HOST"])
                .example("mail.example.org"),
            Setting::number("port", "its port, if not the usual one")
                .variables(&["SMTP_PORT"])
                .example("587"),
            Setting::text("tls", "`starttls` (or `required`), `tls` or `none`").variables(&["SMTP_TLS"]),
            Setting::text("user", "who logs in").variables(&["SMTP_USER"]).example("shop"),
            Setting::secret("password", "the password, or an OAuth access token").variables(&["SMTP_PASS"]),
            Setting::text("auth", "`password` or `xoauth2`"),
            Setting::text("dkim_domain", "whose signature mail carries (feature `dkim`)")
                .variables(&["SMTP_DKIM_DOMAIN"])
                .example("example.org"),
            Setting::text("dkim_selector", "under which name its key is published; several by commas")
                .variables(&["SMTP_DKIM_SELECTOR"])
                .example("mail2026"),
            Setting::secret("dkim_key", "its private key, PEM; as many as selectors")
                .variables(&["SMTP_DKIM_KEY"])
                .file("SMTP_DKIM_KEY_FILE"),
            Setting::text("name", "the name of this instance").example("smtp-eu"),
            Setting::text("hello", "the name given in EHLO").example("shop.example.org"),
            Setting::text("ca_file", "the PEM file of an authority to trust").variables(&["SMTP_CA"]),
            Setting::text("ca_pem", "the same as text"),
            Setting::number("max_connections", "how many connections at most").example("10"),
            Setting::number("idle_timeout_secs", "how long an unused connection is kept").example("60"),
            Setting::number("max_recipients", "how many recipients in one transaction at most")
                .example("100"),
            Setting::number("timeout_secs", "seconds for each step").example("60"),
            Setting::text("transport", "`own` or `lettre`: whose sessions carry the mail"),
        ],
    )
    .url(url::table)
);

/// A certificate to trust beside those of the system.
#[derive(Clone)]
pub(super) enum Authority {
    Path(PathBuf),
    Pem(String),
}

/// Who logs in, and how.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: Credential,
    pub(super) auth: SmtpAuth,
}

/// The configuration of an [`Smtp`] provider.
///
/// ```
/// use tidings::providers::smtp::SmtpConfig;
///
/// let smtp = SmtpConfig::new("mail.example.org").login("shop", "secret").build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Deserialize)]
#[serde(try_from = "Fields")]
#[non_exhaustive]
pub struct SmtpConfig {
    pub(super) name: Arc<str>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) tls: SmtpTls,
    pub(super) login: Option<(String, Credential)>,
    pub(super) auth: SmtpAuth,
    pub(super) hello: Option<String>,
    pub(super) ca: Option<Authority>,
    pub(super) max_connections: usize,
    pub(super) max_recipients: usize,
    pub(super) transport: SmtpTransport,
    pub(super) idle_timeout: Duration,
    pub(super) timeout: Duration,
    #[cfg(feature = "dkim")]
    pub(super) dkim: Vec<crate::providers::dkim::DkimKey>,
}

impl SmtpConfig {
    /// The server at `host`, by STARTTLS on port 587, without a login.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            name: Arc::from("smtp"),
            host: host.into(),
            port: None,
            tls: SmtpTls::default(),
            login: None,
            auth: SmtpAuth::default(),
            hello: None,
            ca: None,
            max_connections: 10,
            max_recipients: 100,
            transport: SmtpTransport::default(),
            idle_timeout: Duration::from_secs(60),
            timeout: Duration::from_secs(60),
            #[cfg(feature = "dkim")]
            dkim: Vec::new(),
        }
    }

    /// The name of this instance; `smtp` by default.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The port, if it is not the usual one of the [`SmtpTls`].
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// How the connection is encrypted.
    #[must_use]
    pub fn tls(mut self, tls: SmtpTls) -> Self {
        self.tls = tls;
        self
    }

    /// Who logs in. With [`SmtpTls::Plain`] the password crosses the network in the clear.
    #[must_use]
    pub fn login(mut self, user: impl Into<String>, password: impl Into<Credential>) -> Self {
        self.login = Some((user.into(), password.into()));
        self
    }

    /// How the password is handed over.
    #[must_use]
    pub fn auth(mut self, auth: SmtpAuth) -> Self {
        self.auth = auth;
        self
    }

    /// The name given in EHLO: this host's own (RFC 5321 section 4.1.1.1). `[127.0.0.1]` by default.
    #[must_use]
    pub fn hello(mut self, name: impl Into<String>) -> Self {
        self.hello = Some(name.into());
        self
    }

    /// A certificate authority to trust beside those of the system, as PEM.
    #[must_use]
    pub fn ca_pem(mut self, pem: impl Into<String>) -> Self {
        self.ca = Some(Authority::Pem(pem.into()));
        self
    }

    /// The same from a file, read by [`build`](Self::build).
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca = Some(Authority::Path(path.into()));
        self
    }

    /// How many connections at most; 10 by default.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// How many recipients in one transaction at most; 100 by default, which
    /// every server must take (RFC 5321 section 4.5.3.1.8). More go in several,
    /// and so do those whom a server refuses as too many.
    #[must_use]
    pub fn max_recipients(mut self, recipients: usize) -> Self {
        self.max_recipients = recipients;
        self
    }

    /// Whose sessions carry the mail.
    #[must_use]
    pub fn transport(mut self, transport: SmtpTransport) -> Self {
        self.transport = transport;
        self
    }

    /// For how long an unused connection is kept; 60 seconds by default.
    #[must_use]
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.idle_timeout = time;
        self
    }

    /// How long the server may take for each step; 60 seconds by default. Ten
    /// times that for the answer to the content, since giving up there makes
    /// second copies (RFC 5321 section 4.5.3.2.6).
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// Signs each message with this key. Called again, each key makes a signature of its own: receivers take the one
    /// that they can verify (RFC 8463 section 7).
    #[cfg(feature = "dkim")]
    #[must_use]
    pub fn dkim(mut self, key: crate::providers::dkim::DkimKey) -> Self {
        self.dkim.push(key);
        self
    }

    #[cfg(feature = "dkim")]
    fn signed(mut self, domain: &str, selectors: &str, key: &SecretString) -> Result<Self> {
        let keys = crate::providers::dkim::DkimKey::several(domain, selectors, key.expose_secret())?;
        self.dkim.extend(keys);
        Ok(self)
    }

    #[cfg(not(feature = "dkim"))]
    fn signed(self, _: &str, _: &str, _: &SecretString) -> Result<Self> {
        Err(Error::config("mail is signed by the feature `dkim` of tidings, which is not switched on"))
    }

    pub(super) fn effective_port(&self) -> u16 {
        self.port.unwrap_or(self.tls.port())
    }

    /// The provider. Opens no connection and needs no runtime.
    ///
    /// # Errors
    /// Of kind `config`, naming the option.
    pub fn build(self) -> Result<Smtp> {
        if self.name.is_empty() {
            return Err(Error::config("the name of an SMTP provider is empty; `smtp` is usual"));
        }
        if self.max_connections == 0 || self.timeout.is_zero() {
            return Err(Error::config("max_connections and timeout of an SMTP provider are at least 1"));
        }
        if self.max_recipients == 0 {
            return Err(Error::config("max_recipients of an SMTP provider is at least 1"));
        }
        let auth = self.auth;
        let login = self.login.clone().map(|(user, password)| Login { user, password, auth });
        let way = match self.transport {
            SmtpTransport::Lettre => Way::Lettre(Box::new(OverLettre::new(&self, login)?)),
            SmtpTransport::Own => Way::Own(Box::new(Sessions::new(&self, Server::new(&self, login)?))),
        };
        Ok(Smtp {
            name: self.name,
            way,
            #[cfg(feature = "dkim")]
            dkim: self.dkim.into(),
        })
    }
}

impl fmt::Debug for SmtpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = if self.login.is_some() { "set" } else { "none" };
        f.debug_struct("SmtpConfig")
            .field("name", &self.name)
            // In the place of a host a whole URL may stand; `build` refuses it.
            .field("host", &if self.host.contains('@') { "…" } else { &self.host })
            .field("port", &self.effective_port())
            .field("tls", &self.tls)
            .field("login", &login)
            .finish_non_exhaustive()
    }
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
struct Fields {
    name: Option<Arc<str>>,
    host: String,
    port: Option<u16>,
    #[serde(default)]
    tls: SmtpTls,
    user: Option<String>,
    #[serde(default, deserialize_with = "optional_secret")]
    password: Option<SecretString>,
    #[serde(default)]
    auth: SmtpAuth,
    hello: Option<String>,
    dkim_domain: Option<String>,
    dkim_selector: Option<String>,
    #[serde(default, deserialize_with = "optional_secret")]
    dkim_key: Option<SecretString>,
    ca_file: Option<PathBuf>,
    ca_pem: Option<String>,
    max_connections: Option<usize>,
    max_recipients: Option<usize>,
    #[serde(default)]
    transport: SmtpTransport,
    idle_timeout_secs: Option<u64>,
    timeout_secs: Option<u64>,
}

read_as_table!(Fields by Fields);

impl TryFrom<Fields> for SmtpConfig {
    type Error = Error;

    fn try_from(fields: Fields) -> Result<Self> {
        let mut config = Self::new(fields.host).tls(fields.tls).auth(fields.auth);
        config.port = fields.port;
        config.hello = fields.hello;
        config.name = fields.name.unwrap_or(config.name);
        config.max_connections = fields.max_connections.unwrap_or(config.max_connections);
        config.max_recipients = fields.max_recipients.unwrap_or(config.max_recipients);
        config.transport = fields.transport;
        config.idle_timeout = fields.idle_timeout_secs.map_or(config.idle_timeout, Duration::from_secs);
        config.timeout = fields.timeout_secs.map_or(config.timeout, Duration::from_secs);
        config.ca = match (fields.ca_file, fields.ca_pem) {
            (Some(_), Some(_)) => return Err(Error::config("give ca_file or ca_pem, not both")),
            (path, pem) => path.map(Authority::Path).or(pem.map(Authority::Pem)),
        };
        config.login = match (fields.user, fields.password) {
            (Some(user), Some(password)) => Some((user, Credential::from(password))),
            (None, None) => None,
            _ => return Err(Error::config("give both `user` and `password`, or neither")),
        };
        match (fields.dkim_domain, fields.dkim_selector, fields.dkim_key) {
            (None, None, None) => Ok(config),
            (Some(domain), Some(selectors), Some(key)) => config.signed(&domain, &selectors, &key),
            _ => Err(Error::config("give all of `dkim_domain`, `dkim_selector`, `dkim_key`, or none")),
        }
    }
}
