//! One connection of lettre's: opening it, and handing a message over, step by step.
//!
//! lettre speaks the protocol; the steps are taken here one by one, because
//! lettre's own `send` gives up at the first refused recipient, does not say
//! which step failed, and takes any positive answer for the right one.

use std::{fmt, time::Duration};

use lettre::transport::smtp::{
    self,
    authentication::{Credentials, Mechanism},
    client::{AsyncSmtpConnection, Certificate, TlsParameters},
    extension::{ClientId, Extension},
    response::Response,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;

use super::errors;
use crate::{
    context::CallContext,
    error::{Certainty, Error, ErrorKind, Result},
    providers::{
        shared::mime::Mail,
        smtp::{
            config::{Authority, Login, SmtpAuth, SmtpConfig, SmtpTls},
            errors::{Stage, out_of_step},
            server::{hello, host},
            talk::within,
        },
    },
};

/// How much longer the content may take than any other step.
const CONTENT: u32 = 10;

pub(super) struct Server {
    host: String,
    port: u16,
    tls: Tls,
    hello: ClientId,
    timeout: Duration,
}

enum Tls {
    Plain,
    Upgraded(TlsParameters),
    Wrapped(TlsParameters),
}

impl Server {
    pub(super) fn new(config: &SmtpConfig) -> Result<Self> {
        let (host, port) = (host(&config.host)?, config.effective_port());
        if (config.tls, port) == (SmtpTls::StartTls, 465) {
            return Err(Error::config("port 465 is TLS from the first octet: use smtps:// or SmtpTls::Tls"));
        }
        let tls = match config.tls {
            SmtpTls::Plain => Tls::Plain,
            SmtpTls::StartTls => Tls::Upgraded(parameters(&host, config.ca.as_ref())?),
            SmtpTls::Tls => Tls::Wrapped(parameters(&host, config.ca.as_ref())?),
        };
        let hello = config.hello.as_deref().map(hello).transpose()?;
        let hello = hello.map_or_else(ClientId::default, ClientId::Domain);
        Ok(Self { host, port, tls, hello, timeout: config.timeout })
    }

    /// Connects, encrypts, greets.
    pub(super) async fn connect(&self, cx: &CallContext) -> Result<AsyncSmtpConnection> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Error::config("SMTP needs a tokio runtime with I/O and time enabled"));
        }
        let address = (self.host.as_str(), self.port);
        let Tls::Wrapped(parameters) = &self.tls else {
            let stream = self.step(cx, Stage::Connect, self.tcp()).await?;
            let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.hello);
            let connection = self.lettre(cx, Stage::Connect, greeted).await?;
            return self.encrypted(cx, connection).await;
        };
        let parameters = Some(parameters.clone());
        let greeted = AsyncSmtpConnection::connect_tokio1(address, None, &self.hello, parameters, None);
        self.lettre(cx, Stage::Connect, greeted).await
    }

    async fn tcp(&self) -> Result<TcpStream> {
        let failed = |why: std::io::Error| {
            let text = format!("no connection to {}:{}: {why}", self.host, self.port);
            Error::new(ErrorKind::Transport, text).with_certainty(Certainty::NotSent).with_source(why)
        };
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(stream)
    }

    async fn encrypted(
        &self,
        cx: &CallContext,
        mut connection: AsyncSmtpConnection,
    ) -> Result<AsyncSmtpConnection> {
        let Tls::Upgraded(parameters) = &self.tls else { return Ok(connection) };
        if !connection.can_starttls() {
            return Err(Error::config(
                "the server does not offer STARTTLS: use smtps:// if it speaks TLS from the start, \
                 or tls=none on a network you trust",
            ));
        }
        let upgrade = connection.starttls(parameters.clone(), &self.hello);
        self.lettre(cx, Stage::Connect, upgrade).await?;
        Ok(connection)
    }

    /// Logs in.
    pub(super) async fn log_in(
        &self,
        cx: &CallContext,
        connection: &mut AsyncSmtpConnection,
        login: &Login,
        password: &SecretString,
    ) -> Result<()> {
        let mechanisms = mechanisms(login.auth);
        if connection.server_info().get_auth_mechanism(mechanisms).is_none() {
            let text = format!("the server offers no login by {:?}; it may do so only over TLS", login.auth);
            return Err(Error::new(ErrorKind::Auth, text));
        }
        let password = password.expose_secret();
        let credentials = Credentials::new(login.user.clone(), password.to_owned());
        let answer = async {
            let answer = connection.auth(mechanisms, &credentials).await;
            answer.map_err(|error| errors::login_failed(error, password))
        };
        expect(Stage::Auth, &self.step(cx, Stage::Auth, answer).await?, &[235])
    }

    /// MAIL FROM: begins a message.
    pub(super) async fn begin(
        &self,
        cx: &CallContext,
        connection: &mut AsyncSmtpConnection,
        mail: &Mail,
    ) -> Result<()> {
        let offers = |extension| connection.server_info().supports_feature(extension);
        if mail.utf8 && !(offers(Extension::SmtpUtfEight) && offers(Extension::EightBitMime)) {
            let text = "an address is not ASCII and the server does not offer SMTPUTF8 (RFC 6531)";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let parameters = if mail.utf8 { " SMTPUTF8 BODY=8BITMIME" } else { "" };
        // Addresses are parsed: no angle bracket, space or line break is in them.
        let command = format!("MAIL FROM:<{}>{parameters}\r\n", mail.sender);
        let answer = self.lettre(cx, Stage::Mail, connection.command(command)).await?;
        expect(Stage::Mail, &answer, &[250])
    }

    /// RCPT TO: the inner error speaks for this recipient alone.
    pub(super) async fn recipient(
        &self,
        cx: &CallContext,
        connection: &mut AsyncSmtpConnection,
        address: &str,
    ) -> Result<Result<()>> {
        let command = format!("RCPT TO:<{address}>\r\n");
        match self.lettre(cx, Stage::Recipient, connection.command(command)).await {
            Ok(answer) => expect(Stage::Recipient, &answer, &[250, 251, 252]).map(Ok),
            Err(error) if error.code().is_some_and(|code| !code.starts_with("421")) => Ok(Err(error)),
            Err(error) => Err(error),
        }
    }

    /// DATA and the content; answers with what the server said.
    pub(super) async fn content(
        &self,
        cx: &CallContext,
        connection: &mut AsyncSmtpConnection,
        mail: &Mail,
    ) -> Result<String> {
        let ready = self.lettre(cx, Stage::Data, connection.command("DATA\r\n")).await?;
        expect(Stage::Data, &ready, &[354])?;
        // One write for content and dot: two would wait for each other (Nagle's algorithm).
        let content = connection.command(Dotted(&mail.content));
        let answer = self.lettre_within(cx, Stage::Content, self.timeout * CONTENT, content).await?;
        expect(Stage::Content, &answer, &[250])?;
        Ok(answer.message().collect::<Vec<_>>().join(" "))
    }

    /// Forgets a message whose recipients were all refused.
    pub(super) async fn reset(&self, cx: &CallContext, connection: &mut AsyncSmtpConnection) -> Result<()> {
        let answer = self.lettre(cx, Stage::Mail, connection.command("RSET\r\n")).await?;
        expect(Stage::Mail, &answer, &[250])
    }

    /// Asks for nothing.
    pub(super) async fn noop(&self, cx: &CallContext, connection: &mut AsyncSmtpConnection) -> Result<()> {
        let answer = self.lettre(cx, Stage::Mail, connection.command("NOOP\r\n")).await?;
        expect(Stage::Mail, &answer, &[250])
    }

    async fn lettre<T>(
        &self,
        cx: &CallContext,
        stage: Stage,
        work: impl Future<Output = Result<T, smtp::Error>>,
    ) -> Result<T> {
        self.lettre_within(cx, stage, self.timeout, work).await
    }

    async fn lettre_within<T>(
        &self,
        cx: &CallContext,
        stage: Stage,
        limit: Duration,
        work: impl Future<Output = Result<T, smtp::Error>>,
    ) -> Result<T> {
        let work = async { work.await.map_err(|error| errors::failed(stage, error)) };
        within(cx, stage, limit, work).await
    }

    async fn step<T>(
        &self,
        cx: &CallContext,
        stage: Stage,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        within(cx, stage, self.timeout, work).await
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = match self.tls {
            Tls::Plain => "none",
            Tls::Upgraded(_) => "starttls",
            Tls::Wrapped(_) => "tls",
        };
        write!(f, "{}:{} (tls {tls})", self.host, self.port)
    }
}

fn expect(stage: Stage, answer: &Response, codes: &[u16]) -> Result<()> {
    let code = u16::from(answer.code());
    if codes.contains(&code) { Ok(()) } else { Err(out_of_step(stage, code)) }
}

/// The content with dots doubled at the beginnings of lines, and the dot that
/// ends it (RFC 5321 section 4.5.2).
struct Dotted<'a>(&'a str);

impl fmt::Display for Dotted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find("\n.") {
            let (line, next) = rest.split_at(at + 1);
            write!(f, "{line}.")?;
            rest = next;
        }
        f.write_str(rest)?;
        f.write_str(if self.0.ends_with("\r\n") { ".\r\n" } else { "\r\n.\r\n" })
    }
}

fn parameters(host: &str, ca: Option<&Authority>) -> Result<TlsParameters> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(ca) = ca {
        builder = builder.add_root_certificate(certificate(ca)?);
    }
    builder.build().map_err(|why| Error::config(format!("TLS cannot be set up: {why}")).with_source(why))
}

fn certificate(ca: &Authority) -> Result<Certificate> {
    let pem = match ca {
        Authority::Pem(pem) => pem.clone(),
        Authority::Path(path) => std::fs::read_to_string(path)
            .map_err(|why| Error::config(format!("the CA file {} cannot be read: {why}", path.display())))?,
    };
    let certificate = Certificate::from_pem(pem.as_bytes());
    // Of a text without certificates lettre makes an authority that trusts nobody.
    match certificate {
        Ok(certificate) if pem.contains("-----BEGIN CERTIFICATE-----") => Ok(certificate),
        _ => Err(Error::config("the CA is no PEM certificate (-----BEGIN CERTIFICATE-----)")),
    }
}

const fn mechanisms(auth: SmtpAuth) -> &'static [Mechanism] {
    match auth {
        SmtpAuth::Password => &[Mechanism::Plain, Mechanism::Login],
        SmtpAuth::XOAuth2 => &[Mechanism::Xoauth2],
    }
}
