//! What can be set of a vendor, as data: one list from which its environment variables, its URL and its
//! documentation are read.
//!
//! Each of those makes the same tree of options (a table, as a configuration file holds it), and only
//! that tree is turned into a vendor's configuration.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

#[cfg(any(feature = "http-client", feature = "smtp"))]
mod url;

/// All that can be set of one vendor.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Schema {
    /// The vendor's bare name: its feature, its folder, and the scheme of its URL.
    pub vendor: &'static str,
    /// What can be set. The first that is needed decides whether variables name this vendor at all.
    pub settings: &'static [Setting],
    /// What reads its URL, if that has a form of its own.
    url: Option<UrlReader>,
}

/// Makes a table of a URL.
pub type UrlReader = fn(&str) -> Result<Map<String, Value>>;

/// One option.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Setting {
    /// Its name in a table and in the query of a URL.
    pub name: &'static str,
    /// What it does, in a few words.
    pub help: &'static str,
    /// What its value is.
    pub kind: SettingKind,
    /// True if there is no configuration without it.
    pub needed: bool,
    /// A value as it might be.
    pub example: &'static str,
    /// The environment variables that set it; the first that is set counts.
    pub variables: &'static [&'static str],
    /// The environment variable that names a file which holds its value.
    pub file: Option<&'static str>,
    /// Where it stands in a URL, if not in the query.
    pub place: Option<Place>,
}

/// What the value of an option is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SettingKind {
    /// True or false.
    Flag,
    /// Texts; in a variable or a URL separated by commas.
    List,
    /// A whole number.
    Number,
    /// A text that is shown nowhere.
    Secret,
    /// A text.
    Text,
}

/// Where an option stands in a URL, `vendor://user:password@host`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Place {
    /// Before the `@`, and before the password.
    User,
    /// Between the first `:` and the `@`.
    Password,
    /// Behind the `@`, with its port; `default` there means that it is not set.
    Host,
}

impl Setting {
    const fn new(name: &'static str, kind: SettingKind, help: &'static str) -> Self {
        Self { name, help, kind, needed: false, example: "", variables: &[], file: None, place: None }
    }

    /// An option that is true or false.
    pub const fn flag(name: &'static str, help: &'static str) -> Self {
        Self::new(name, SettingKind::Flag, help)
    }

    /// An option that is a list of texts.
    pub const fn list(name: &'static str, help: &'static str) -> Self {
        Self::new(name, SettingKind::List, help)
    }

    /// An option that is a whole number.
    pub const fn number(name: &'static str, help: &'static str) -> Self {
        Self::new(name, SettingKind::Number, help)
    }

    /// An option that is shown nowhere.
    pub const fn secret(name: &'static str, help: &'static str) -> Self {
        Self::new(name, SettingKind::Secret, help)
    }

    /// An option that is a text.
    pub const fn text(name: &'static str, help: &'static str) -> Self {
        Self::new(name, SettingKind::Text, help)
    }

    /// Sets where it stands in a URL.
    #[must_use]
    pub const fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Gives a value as it might be.
    #[must_use]
    pub const fn example(mut self, value: &'static str) -> Self {
        self.example = value;
        self
    }

    /// Names the environment variable that names a file which holds its value.
    #[must_use]
    pub const fn file(mut self, variable: &'static str) -> Self {
        self.file = Some(variable);
        self
    }

    /// Says that there is no configuration without it.
    #[must_use]
    pub const fn needed(mut self) -> Self {
        self.needed = true;
        self
    }

    /// Names the environment variables that set it.
    #[must_use]
    pub const fn variables(mut self, names: &'static [&'static str]) -> Self {
        self.variables = names;
        self
    }

    /// True if its value is shown nowhere.
    pub fn is_secret(&self) -> bool {
        self.kind == SettingKind::Secret
    }

    /// What `text` means as the value of this option.
    fn value(&self, text: &str) -> Result<Value> {
        let wrong = |expected: &str| Err(Error::config(format!("`{}` is {expected}", self.name)));
        match self.kind {
            SettingKind::Flag => flag(text).map_or_else(|| wrong("`true` or `false`"), |on| Ok(on.into())),
            SettingKind::List => {
                Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Value::from).collect())
            }
            SettingKind::Number => {
                text.parse::<u64>().map_or_else(|_| wrong("a whole number"), |number| Ok(number.into()))
            }
            SettingKind::Secret | SettingKind::Text => Ok(text.into()),
        }
    }
}

impl Schema {
    /// What can be set of `vendor`.
    pub const fn new(vendor: &'static str, settings: &'static [Setting]) -> Self {
        Self { vendor, settings, url: None }
    }

    /// Has its URLs read so; no error may show them.
    #[must_use]
    pub const fn url(mut self, read: UrlReader) -> Self {
        self.url = Some(read);
        self
    }

    /// The variable that holds its URL, such as `SENDGRID_URL`.
    pub fn url_variable(&self) -> String {
        format!("{}_URL", self.vendor.to_uppercase())
    }

    /// The option of this name.
    pub fn setting(&self, name: &str) -> Option<&'static Setting> {
        self.settings.iter().find(|setting| setting.name == name)
    }

    /// The options that variables set; `None` if the first needed one is not among them.
    ///
    /// # Errors
    /// Of kind `config`, naming the variable that cannot be right. Files are not read: a variable that names
    /// one is an error.
    pub fn table_from_vars(
        &self,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Map<String, Value>>> {
        self.table_of(&lookup, |variable, setting, _| {
            Err(Error::config(match setting.variables.first() {
                Some(direct) => format!("{variable} names a file, which only from_env reads: set {direct}"),
                None => format!("{variable} names a file, which only from_env reads"),
            }))
        })
    }

    /// The same from the process's environment, and from files that it names.
    ///
    /// # Errors
    /// As there, and if a file cannot be read.
    pub fn table_from_env(&self) -> Result<Option<Map<String, Value>>> {
        let lookup = |name: &str| std::env::var(name).ok();
        self.table_of(&lookup, |variable, _, path| {
            std::fs::read_to_string(path).map_err(|why| {
                Error::config(format!("the file that {variable} names cannot be read: {}", why.kind()))
            })
        })
    }

    fn table_of(
        &self,
        lookup: &impl Fn(&str) -> Option<String>,
        read: impl Fn(&str, &Setting, &str) -> Result<String>,
    ) -> Result<Option<Map<String, Value>>> {
        let set = |name: &str| lookup(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let mut table = self.base_of_vars(&set)?;
        for setting in self.settings {
            let text = match (setting.variables.iter().find_map(|name| set(name)), setting.file) {
                (Some(text), _) => Some(text),
                (None, Some(file)) => set(file).map(|path| read(file, setting, &path)).transpose()?,
                (None, None) => None,
            };
            if let Some(text) = text {
                let value = setting.value(&text).map_err(|error| self.in_variables(error))?;
                table.insert(setting.name.to_owned(), value);
            }
        }
        Ok(self.trigger().is_none_or(|trigger| table.contains_key(trigger.name)).then_some(table))
    }

    fn trigger(&self) -> Option<&'static Setting> {
        self.settings.iter().find(|setting| setting.needed)
    }

    /// What the variable with the URL sets, on which the others build.
    fn base_of_vars(&self, set: &impl Fn(&str) -> Option<String>) -> Result<Map<String, Value>> {
        let name = self.url_variable();
        let Some(url) = set(&name) else { return Ok(Map::new()) };
        let both = self.trigger().and_then(|trigger| trigger.variables.iter().find(|v| set(v).is_some()));
        match both {
            Some(both) => Err(Error::config(format!("{name} and {both} are both set; keep one of them"))),
            None => self.of_url(&url).map_err(|error| Error::config(format!("{name}: {}", error.message()))),
        }
    }

    #[cfg(any(feature = "http-client", feature = "smtp"))]
    fn of_url(&self, url: &str) -> Result<Map<String, Value>> {
        self.table_from_url(url)
    }

    #[cfg(not(any(feature = "http-client", feature = "smtp")))]
    fn of_url(&self, _: &str) -> Result<Map<String, Value>> {
        Err(Error::config("no vendor was compiled in that has a URL"))
    }

    /// The options that a URL sets: `vendor://user:password@host?name=value`.
    ///
    /// User, password and values are percent-encoded. The host `default` stands for none.
    ///
    /// # Errors
    /// Of kind `config`, naming the part that cannot be right; the URL itself is never shown.
    #[cfg(any(feature = "http-client", feature = "smtp"))]
    pub fn table_from_url(&self, url: &str) -> Result<Map<String, Value>> {
        match self.url {
            Some(read) => read(url),
            None => url::table(self, url),
        }
    }

    /// The configuration that a table of options says.
    ///
    /// # Errors
    /// Of kind `config`, naming vendor and option.
    pub fn read<C: DeserializeOwned>(&self, table: Map<String, Value>) -> Result<C> {
        if let Some(missing) = self.settings.iter().find(|s| s.needed && !table.contains_key(s.name)) {
            return Err(Error::config(format!("{} needs `{}`: {}", self.vendor, missing.name, missing.help)));
        }
        if let Some(unknown) = table.keys().find(|name| self.setting(name).is_none()) {
            return Err(self.unknown(unknown));
        }
        serde_json::from_value(Value::Object(table.clone())).map_err(|why| self.because_of::<C>(table, &why))
    }

    /// The error with the first variable of each option in place of the option's name.
    pub(crate) fn in_variables(&self, error: Error) -> Error {
        let mut text = error.message().to_owned();
        for setting in self.settings {
            if let Some(variable) = setting.variables.first() {
                text = text.replace(&format!("`{}`", setting.name), variable);
            }
        }
        Error::config(text)
    }

    fn unknown(&self, name: &str) -> Error {
        let known: Vec<&str> = self.settings.iter().map(|setting| setting.name).collect();
        // What stands in the place of a name may be a secret that slipped.
        let fits = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let shown = if fits { format!("`{name}`") } else { "of that name".to_owned() };
        Error::config(format!("{} has no option {shown}; known are {}", self.vendor, known.join(", ")))
    }

    /// Serde does not say which option it could not read: it is the one without which all is well.
    fn because_of<C: DeserializeOwned>(&self, table: Map<String, Value>, why: &serde_json::Error) -> Error {
        let without = |name: &str| {
            let mut rest = table.clone();
            rest.remove(name);
            serde_json::from_value::<C>(Value::Object(rest)).is_ok()
        };
        match table.iter().find(|(name, _)| without(name)) {
            Some((name, value)) => {
                Error::config(format!("{}: `{name}`: {}", self.vendor, unquoted(&why.to_string(), value)))
            }
            None => Error::config(format!("{}: {why}", self.vendor)),
        }
    }
}

/// What a word in a variable or a URL says of a switch; `None` if it is no such word.
pub(crate) fn flag(word: &str) -> Option<bool> {
    match word {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// The text without the value that it may quote: something secret may stand there by mistake.
fn unquoted(text: &str, value: &Value) -> String {
    match value.as_str().filter(|value| !value.is_empty()) {
        Some(value) => text.replace(value, "…"),
        None => text.to_owned(),
    }
}

/// Gives a configuration its schema and what reads it, as inherent items.
///
/// `check` names a method for what no single option shows; it is called as soon as all are read.
macro_rules! configured_by {
    ($config:ident, $schema:expr $(, check: $check:ident)?) => {
        impl $config {
            /// What can be set.
            pub const SCHEMA: $crate::providers::schema::Schema = $schema;

            /// From a table of options, as a configuration file holds it.
            ///
            /// # Errors
            /// Of kind `config`, naming the option; unknown ones are told which are known.
            pub fn from_table(table: serde_json::Map<String, serde_json::Value>) -> $crate::error::Result<Self> {
                let config: Self = Self::SCHEMA.read(table)?;
                $(config.$check()?;)?
                Ok(config)
            }

            /// From the variables that the module's page lists; `None` if the first needed one is not set.
            ///
            /// # Errors
            /// Of kind `config`, naming the variable that cannot be right.
            pub fn from_vars(lookup: impl Fn(&str) -> Option<String>) -> $crate::error::Result<Option<Self>> {
                let Some(table) = Self::SCHEMA.table_from_vars(lookup)? else { return Ok(None) };
                Self::from_table(table).map(Some).map_err(|error| Self::SCHEMA.in_variables(error))
            }

            /// As [`from_vars`](Self::from_vars), from the process's environment.
            ///
            /// # Errors
            /// Of kind `config`, naming the variable that cannot be right.
            pub fn from_env() -> $crate::error::Result<Option<Self>> {
                let Some(table) = Self::SCHEMA.table_from_env()? else { return Ok(None) };
                Self::from_table(table).map(Some).map_err(|error| Self::SCHEMA.in_variables(error))
            }

            /// From a URL, `vendor://user:password@host?option=value`; the [schema](Self::SCHEMA) says
            /// which option stands where.
            ///
            /// # Errors
            /// Of kind `config`, naming the part that cannot be right; no error shows the URL.
            pub fn from_url(url: &str) -> $crate::error::Result<Self> {
                Self::from_table(Self::SCHEMA.table_from_url(url)?)
            }
        }
    };
}

pub(crate) use configured_by;

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    const ACME: Schema = Schema::new(
        "acme",
        &[
            Setting::secret("key", "the key")
                .needed()
                .variables(&["ACME_KEY", "ACME_TOKEN"])
                .at(Place::Password),
            Setting::text("region", "where").variables(&["ACME_REGION"]),
            Setting::number("limit", "how many").variables(&["ACME_LIMIT"]),
            Setting::flag("sandbox", "only checked").variables(&["ACME_SANDBOX"]),
        ],
    );

    #[derive(Debug, Deserialize)]
    struct Acme {
        key: String,
        region: Option<Region>,
        limit: Option<u8>,
        sandbox: Option<bool>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Region {
        Eu,
    }

    fn vars(pairs: &[(&str, &str)]) -> Result<Option<Acme>> {
        let find = |name: &str| pairs.iter().find(|(known, _)| *known == name);
        let table = ACME.table_from_vars(|name| find(name).map(|(_, value)| (*value).to_owned()))?;
        table.map(|table| ACME.read(table)).transpose().map_err(|error| ACME.in_variables(error))
    }

    #[test]
    fn variables_make_a_table() {
        assert!(vars(&[("ACME_REGION", "eu"), ("ACME_KEY", " ")]).expect("no key").is_none());
        let pairs = [("ACME_TOKEN", "k"), ("ACME_REGION", "eu"), ("ACME_LIMIT", "7"), ("ACME_SANDBOX", "1")];
        let acme = vars(&pairs).expect("valid").expect("a key");
        let read = (acme.key.as_str(), acme.region, acme.limit, acme.sandbox);
        assert_eq!(read, ("k", Some(Region::Eu), Some(7), Some(true)));
    }

    #[test]
    fn the_variable_that_is_wrong_is_named() {
        for (name, value) in [
            ("ACME_REGION", "mars"),
            ("ACME_LIMIT", "many"),
            ("ACME_LIMIT", "700"),
            ("ACME_SANDBOX", "maybe"),
        ] {
            let error = vars(&[("ACME_KEY", "k"), (name, value)]).expect_err(name);
            assert!(error.message().contains(name), "{error}");
        }
    }

    #[test]
    fn unknown_options_are_told_which_are_known() {
        let table = serde_json::json!({"key": "k", "colour": 1});
        let error = ACME.read::<Acme>(table.as_object().expect("a table").clone()).expect_err("colour");
        assert_eq!(error.message(), "acme has no option `colour`; known are key, region, limit, sandbox");
        let error = ACME.read::<Acme>(Map::new()).expect_err("no key");
        assert_eq!(error.message(), "acme needs `key`: the key");
    }

    #[test]
    fn a_secret_in_the_place_of_a_name_is_not_shown() {
        let table = serde_json::json!({"key": "k", "SG.secret": 1});
        let error = ACME.read::<Acme>(table.as_object().expect("a table").clone()).expect_err("a secret");
        assert!(!error.to_string().contains("SG."), "{error}");
    }
}
