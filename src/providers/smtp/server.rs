//! Where the server is, and the way to a session with it.

use std::{fmt, net::Ipv6Addr, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;
use url::Host;

use super::{
    auth::Words,
    config::{Login, SmtpConfig, SmtpTls},
    errors::Stage,
    opening::Opening,
    session::Session,
    stream::Stream,
    talk::within,
    tls::Tls,
};
use crate::{
    context::CallContext,
    error::{Certainty, Error, ErrorKind, Result},
};

pub(super) struct Server {
    host: String,
    port: u16,
    tls: Encryption,
    hello: String,
    timeout: Duration,
    login: Option<Login>,
}

enum Encryption {
    FromTheStart(Tls),
    None,
    Upgraded(Tls),
}

impl Server {
    pub(super) fn new(config: &SmtpConfig, login: Option<Login>) -> Result<Self> {
        let (host, port) = (host(&config.host)?, config.effective_port());
        if (config.tls, port) == (SmtpTls::StartTls, 465) {
            return Err(Error::config("port 465 is TLS from the first octet: use smtps:// or SmtpTls::Tls"));
        }
        let tls = match config.tls {
            SmtpTls::Plain => Encryption::None,
            SmtpTls::StartTls => Encryption::Upgraded(Tls::new(&host, config.ca.as_ref())?),
            SmtpTls::Tls => Encryption::FromTheStart(Tls::new(&host, config.ca.as_ref())?),
        };
        let hello = config.hello.as_deref().map_or(Ok("[127.0.0.1]".to_owned()), hello)?;
        Ok(Self { host, port, tls, hello, timeout: config.timeout, login })
    }

    /// A new session, logged in; if fetched credentials are refused, once more with fresh ones.
    pub(super) async fn connect(&self, cx: &CallContext) -> Result<Session> {
        let Some(login) = &self.login else { return Ok(self.open(cx).await?.done(cx)) };
        let password = login.password.value(cx).await?;
        match self.connect_as(cx, login, &password).await {
            Err(error) if error.kind() == ErrorKind::Auth => {
                let fresh = login.password.renewed(cx, &password).await?.ok_or(error)?;
                self.connect_as(cx, login, &fresh).await
            }
            connected => connected,
        }
    }

    async fn connect_as(&self, cx: &CallContext, login: &Login, password: &SecretString) -> Result<Session> {
        let mut opening = self.open(cx).await?;
        let password = password.expose_secret();
        let words = Words::new(login.auth, opening.offers(), &login.user, password)?;
        opening.log_in(cx, &words, password).await?;
        Ok(opening.done(cx))
    }

    /// Connects, encrypts, introduces us.
    async fn open(&self, cx: &CallContext) -> Result<Opening> {
        let stream = within(cx, Stage::Connect, self.timeout, self.tcp()).await?;
        match &self.tls {
            Encryption::FromTheStart(tls) => {
                let stream = within(cx, Stage::Connect, self.timeout, tls.encrypted(stream)).await?;
                Opening::greet(cx, stream, self.timeout, &self.hello).await
            }
            Encryption::None => Opening::greet(cx, Stream::Plain(stream), self.timeout, &self.hello).await,
            Encryption::Upgraded(tls) => self.upgraded(cx, stream, tls).await,
        }
    }

    async fn upgraded(&self, cx: &CallContext, stream: TcpStream, tls: &Tls) -> Result<Opening> {
        let opening = Opening::greet(cx, Stream::Plain(stream), self.timeout, &self.hello).await?;
        let Stream::Plain(stream) = opening.ready_for_tls(cx).await? else {
            return Err(Error::new(ErrorKind::Internal, "the connection was encrypted twice"));
        };
        let stream = within(cx, Stage::Connect, self.timeout, tls.encrypted(stream)).await?;
        Opening::go_on(cx, stream, self.timeout, &self.hello).await
    }

    async fn tcp(&self) -> Result<TcpStream> {
        let failed = |why: std::io::Error| {
            let text = format!("no connection to {}:{}: {why}", self.host, self.port);
            Error::new(ErrorKind::Transport, text).with_certainty(Certainty::NotSent).with_source(why)
        };
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(failed)?;
        // Each write is a whole group; none must wait for the acknowledgement of the one before.
        stream.set_nodelay(true).map_err(failed)?;
        Ok(stream)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = match self.tls {
            Encryption::FromTheStart(_) => "tls",
            Encryption::None => "none",
            Encryption::Upgraded(_) => "starttls",
        };
        write!(f, "{}:{} (tls {tls})", self.host, self.port)
    }
}

/// The host's name in its ASCII form, or its address.
pub(super) fn host(text: &str) -> Result<String> {
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<Ipv6Addr>() {
        return Ok(address.to_string());
    }
    match Host::parse(text) {
        Ok(Host::Domain(name)) => Ok(name),
        Ok(Host::Ipv4(address)) => Ok(address.to_string()),
        _ => Err(Error::config("the SMTP host is no name and no IP address, as in mail.example.org")),
    }
}

/// The name that we give ourselves.
pub(super) fn hello(name: &str) -> Result<String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b".-_[]:".contains(&b);
    if (1..=255).contains(&name.len()) && name.bytes().all(fits) {
        Ok(name.to_owned())
    } else {
        Err(Error::config(
            "hello is the name of this host, as in app.example.org, or an address as in [192.0.2.1]",
        ))
    }
}

/// Fails where no connection can be opened: without a runtime tokio panics.
pub(super) fn runtime() -> Result<tokio::runtime::Id> {
    let handle = tokio::runtime::Handle::try_current();
    let handle = handle.map_err(|_| Error::config("SMTP needs a tokio runtime with I/O and time enabled"))?;
    Ok(handle.id())
}
