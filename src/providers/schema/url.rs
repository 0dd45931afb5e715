//! A configuration in one line.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use url::Url;

use super::{Place, Schema, Setting};
use crate::error::{Error, Result};

/// What stands in the place of a host where none is set.
const NO_HOST: &str = "default";

/// Nothing of `text` goes into an error but option names, for it holds secrets.
pub(super) fn table(schema: &Schema, text: &str) -> Result<Map<String, Value>> {
    let url = Url::parse(text).map_err(|why| wrong(schema, &why.to_string()))?;
    if url.scheme() != schema.vendor {
        return Err(wrong(schema, "another scheme"));
    }
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(wrong(schema, "after the host come only options; percent-encode `/`, `?` and `#`"));
    }
    let mut table = Map::new();
    for (place, found) in [
        (Place::User, Some(url.username().to_owned())),
        (Place::Password, url.password().map(str::to_owned)),
        (Place::Host, host(&url)),
    ] {
        if let Some(text) = found.filter(|text| !text.is_empty()) {
            let setting = schema.settings.iter().find(|setting| setting.place == Some(place));
            let setting = setting.ok_or_else(|| wrong(schema, &format!("{place:?} means nothing here")))?;
            insert(&mut table, setting, &decoded(schema, &text)?)?;
        }
    }
    for (name, value) in url.query_pairs() {
        let setting = schema.setting(&name).ok_or_else(|| schema.unknown(&name))?;
        insert(&mut table, setting, &value)?;
    }
    Ok(table)
}

fn host(url: &Url) -> Option<String> {
    let host = url.host_str().filter(|host| *host != NO_HOST)?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn insert(table: &mut Map<String, Value>, setting: &Setting, text: &str) -> Result<()> {
    match table.insert(setting.name.to_owned(), setting.value(text)?) {
        None => Ok(()),
        Some(_) => Err(Error::config(format!("`{}` is there twice in the URL", setting.name))),
    }
}

fn decoded(schema: &Schema, text: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned);
    decoded.map_err(|_| wrong(schema, "user and password are percent-encoded UTF-8"))
}

fn wrong(schema: &Schema, why: &str) -> Error {
    Error::config(format!("{why}; expected {}", form(schema)))
}

/// How the URL of this vendor looks.
fn form(schema: &Schema) -> String {
    let name = |place| {
        let found = schema.settings.iter().find(|setting| setting.place == Some(place));
        found.map(|setting| setting.name)
    };
    let login = match (name(Place::User), name(Place::Password)) {
        (None, None) => String::new(),
        (user, None) => format!("{}@", user.unwrap_or_default()),
        (user, Some(password)) => format!("{}:{password}@", user.unwrap_or_default()),
    };
    format!("{}://{login}{}?option=value", schema.vendor, name(Place::Host).unwrap_or(NO_HOST))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ACME: Schema = Schema::new(
        "acme",
        &[
            Setting::text("account", "who").needed().at(Place::User),
            Setting::secret("key", "the key").at(Place::Password),
            Setting::text("domain", "whose").at(Place::Host),
            Setting::flag("sandbox", "only checked"),
        ],
    );

    #[test]
    fn urls_make_the_same_table() {
        for (url, expected) in [
            ("acme://me:a%2Fb%3D+c@default", json!({"account": "me", "key": "a/b=+c"})),
            (
                "acme://me@mail.example.org:99?sandbox=1",
                json!({
                    "account": "me", "domain": "mail.example.org:99", "sandbox": true
                }),
            ),
        ] {
            assert_eq!(Value::Object(table(&ACME, url).expect(url)), expected, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_the_url() {
        for (url, part) in [
            ("c4n4ry", "acme://account:key@domain?option=value"),
            ("other://c4n4ry@host", "scheme"),
            ("acme://me:c4n4ry@host/x", "percent-encode"),
            ("acme://me:c4n4ry%ff@host", "percent-encoded"),
            ("acme://me:c4n4ry@host?colour=1", "account, key, domain, sandbox"),
            ("acme://me:c4n4ry@host?sandbox=c4n4ry", "sandbox"),
            ("acme://me:c4n4ry@host?domain=x", "twice"),
        ] {
            let error = table(&ACME, url).expect_err(url);
            assert!(
                error.message().contains(part) && !error.to_string().contains("c4n4ry"),
                "{url}: {error}"
            );
        }
    }
}
