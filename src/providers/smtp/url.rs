//! A configuration in one line: `smtp://user:password@host:port?option=value`.

use url::Url;

use super::config::{SmtpConfig, SmtpTls};
use crate::error::{Error, Result};

const OPTIONS: &str = "auth, ca, hello, pool, timeout, tls";

/// Nothing of `text` goes into an error, for it holds a password.
pub(super) fn parse(text: &str) -> Result<SmtpConfig> {
    let url = Url::parse(text).map_err(|why| {
        Error::config(format!(
            "{why}; expected smtp://user:password@host:port, with user and password percent-encoded"
        ))
    })?;
    let tls = match url.scheme() {
        "smtp" => SmtpTls::StartTls,
        "smtps" => SmtpTls::Tls,
        _ => return Err(Error::config("the URL of an SMTP server begins with smtp:// or smtps://")),
    };
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(Error::config(
            "after the host come only a port and options; percent-encode `/`, `?` and `#` in user and password",
        ));
    }
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| Error::config("the URL names no host"))?;
    let mut config = SmtpConfig::new(decoded(host, "host")?).tls(tls);
    config.port = url.port();
    config = with_login(config, &url)?;
    for pair in url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        config = with_option(config, name, &decoded(value, "option")?)?;
    }
    Ok(config)
}

fn with_login(config: SmtpConfig, url: &Url) -> Result<SmtpConfig> {
    match (url.username(), url.password()) {
        ("", None) => Ok(config),
        ("", Some(_)) => Err(Error::config("the URL has a password and no user")),
        (_, None) => Err(Error::config("the URL has a user and no password")),
        (user, Some(password)) => Ok(config.login(decoded(user, "user")?, decoded(password, "password")?)),
    }
}

fn with_option(config: SmtpConfig, name: &str, value: &str) -> Result<SmtpConfig> {
    match name {
        "auth" => Ok(config.auth(value.parse()?)),
        "ca" => Ok(config.ca_file(value)),
        "hello" => Ok(config.hello(value)),
        "pool" => Ok(config.max_connections(number("pool", value)?)),
        "timeout" => Ok(config.timeout(std::time::Duration::from_secs(number("timeout", value)?))),
        "tls" => with_tls(config, value.parse()?),
        _ => Err(Error::config(format!("an option of the URL is unknown; known are {OPTIONS}"))),
    }
}

fn with_tls(config: SmtpConfig, tls: SmtpTls) -> Result<SmtpConfig> {
    match (config.tls, tls) {
        (SmtpTls::Tls, SmtpTls::Tls) => Ok(config),
        (SmtpTls::Tls, _) => {
            Err(Error::config("smtps:// is TLS from the start; with another `tls` write smtp://"))
        }
        (_, SmtpTls::Tls) => Err(Error::config("for TLS from the start write smtps:// in place of tls=tls")),
        (_, tls) => Ok(config.tls(tls)),
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| Error::config(format!("the option {name} is a whole number")))
}

fn decoded(text: &str, part: &str) -> Result<String> {
    let wrong =
        || Error::config(format!("the {part} in the URL is not percent-encoded UTF-8 (write % as %25)"));
    let mut octets = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    octets.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let (code, rest) = part.split_at_checked(2).ok_or_else(wrong)?;
        if !code.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        octets.push(u8::from_str_radix(code, 16).map_err(|_| wrong())?);
        octets.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(octets).map_err(|_| wrong())
}
