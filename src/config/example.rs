//! A `.env.example` from the schema.

use std::fmt::Write as _;

use super::env::prefix;
use crate::{
    message::Channel,
    providers::{
        catalog::{ENTRIES, Entry},
        schema::{Setting, SettingKind},
    },
};

const HEAD: &str = "\
# What tidings reads by Config::from_env(). Copy it to .env, set what you use, and delete the rest.
# Made from the schema by tidings::config::env_example(); a test keeps it true.

# Who writes, where a message does not say.
#EMAIL_FROM_ADDRESS=shop@example.org
#EMAIL_FROM_NAME=Corner Shop
#SMS_FROM=+15005550006
#WHATSAPP_FROM=+15005550006
#WHATSAPP_BUSINESS_NAME=Corner Shop

# More providers as URLs, separated by spaces; and the test mode of all.
#TIDINGS_PROVIDERS=
#TIDINGS_SANDBOX=false
";

/// An example of all variables, as a `.env` file in which everything is commented out.
pub fn env_example() -> String {
    let mut text = HEAD.to_owned();
    for channel in Channel::ALL {
        let prefix = prefix(channel);
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "\n# {channel}\n#{prefix}_ENABLED=true\n#{prefix}_PROVIDERS={}\n#{prefix}_ROUTE=failover\n",
            serving(channel).join(",")
        );
    }
    for entry in ENTRIES {
        text.push_str(&vendor(entry));
    }
    text
}

fn serving(channel: Channel) -> Vec<&'static str> {
    let serves = |entry: &&Entry| entry.channels.iter().any(|(known, _)| *known == channel);
    ENTRIES.iter().filter(serves).map(Entry::vendor).collect()
}

fn vendor(entry: &Entry) -> String {
    let channels: Vec<&str> = entry.channels.iter().map(|(channel, _)| channel.as_str()).collect();
    let upper = entry.vendor().to_uppercase();
    let mut text = format!(
        "\n# {} ({}); all of it may stand in {} instead\n#{upper}_ENABLED=true\n",
        entry.title,
        channels.join(", "),
        entry.schema.url_variable()
    );
    for setting in entry.schema.settings {
        if let Some(variable) = setting.variables.first() {
            let _ = write!(text, "# {}{}\n#{variable}={}\n", setting.help, note(setting), setting.example);
        }
        if let Some(file) = setting.file {
            let _ = write!(text, "# {}, in a file\n#{file}=\n", setting.help);
        }
    }
    text
}

fn note(setting: &Setting) -> String {
    let mut note = match setting.kind {
        SettingKind::List => ", separated by commas".to_owned(),
        SettingKind::Flag | SettingKind::Number | SettingKind::Secret | SettingKind::Text => String::new(),
    };
    if let [_, others @ ..] = setting.variables
        && !others.is_empty()
    {
        let _ = write!(note, " (also {})", others.join(", "));
    }
    note
}
