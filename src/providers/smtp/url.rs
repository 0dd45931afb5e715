//! A configuration in one line: `smtp://user:password@host:port?option=value`.

use serde_json::{Map, Value};
use url::Url;

use crate::error::{Error, Result};

/// The options of a URL, by their names there and in a table.
const OPTIONS: [(&str, &str); 7] = [
    ("auth", "auth"),
    ("ca", "ca_file"),
    ("hello", "hello"),
    ("pool", "max_connections"),
    ("timeout", "timeout_secs"),
    ("tls", "tls"),
    ("transport", "transport"),
];

/// The table that a URL says. Nothing of `text` goes into an error, for it holds a password.
pub(super) fn table(text: &str) -> Result<Map<String, Value>> {
    let url = Url::parse(text).map_err(|why| {
        Error::config(format!(
            "{why}; expected smtp://user:password@host:port, with user and password percent-encoded"
        ))
    })?;
    let tls = match url.scheme() {
        "smtp" => "starttls",
        "smtps" => "tls",
        _ => return Err(Error::config("the URL of an SMTP server begins with smtp:// or smtps://")),
    };
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(Error::config(
            "after the host come only a port and options; percent-encode `/`, `?` and `#` in user and password",
        ));
    }
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| Error::config("the URL names no host"))?;
    let mut table = Map::new();
    table.insert("host".into(), decoded(host, "host")?.into());
    table.insert("tls".into(), tls.into());
    table.extend(url.port().map(|port| ("port".to_owned(), port.into())));
    insert_login(&mut table, &url)?;
    for pair in url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        insert_option(&mut table, name, decoded(value, "option")?)?;
    }
    Ok(table)
}

fn insert_login(table: &mut Map<String, Value>, url: &Url) -> Result<()> {
    match (url.username(), url.password()) {
        ("", None) => {}
        ("", Some(_)) => return Err(Error::config("the URL has a password and no user")),
        (_, None) => return Err(Error::config("the URL has a user and no password")),
        (user, Some(password)) => {
            table.insert("user".into(), decoded(user, "user")?.into());
            table.insert("password".into(), decoded(password, "password")?.into());
        }
    }
    Ok(())
}

fn insert_option(table: &mut Map<String, Value>, name: &str, value: String) -> Result<()> {
    let known = OPTIONS.iter().find(|(known, _)| *known == name);
    let (_, option) = known.ok_or_else(|| {
        let known: Vec<&str> = OPTIONS.iter().map(|(known, _)| *known).collect();
        Error::config(format!("an option of the URL is unknown; known are {}", known.join(", ")))
    })?;
    let value = match name {
        "pool" | "timeout" => number(name, &value)?.into(),
        "tls" => tls(table, value)?,
        _ => value.into(),
    };
    table.insert((*option).to_owned(), value);
    Ok(())
}

/// The scheme has said already whether TLS stands at the start.
fn tls(table: &Map<String, Value>, word: String) -> Result<Value> {
    match (table.get("tls").and_then(Value::as_str), word.as_str()) {
        (Some("tls"), "tls") => Ok(word.into()),
        (Some("tls"), _) => {
            Err(Error::config("smtps:// is TLS from the start; with another `tls` write smtp://"))
        }
        (_, "tls") => Err(Error::config("for TLS from the start write smtps:// in place of tls=tls")),
        _ => Ok(word.into()),
    }
}

fn number(name: &str, value: &str) -> Result<u64> {
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
