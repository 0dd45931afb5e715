//! What each vendor can do, as tables.

use std::fmt::Write as _;

use crate::{
    message::{Channel, Features},
    provider::Capabilities,
    providers::catalog::{ENTRIES, Entry},
};

/// The capabilities of all vendors that were compiled in: one Markdown table for each channel.
///
/// The page [capabilities](crate::guide::capabilities) is made of it.
pub fn matrix() -> String {
    let mut text = String::new();
    for channel in [Channel::Email, Channel::Sms, Channel::WhatsApp, Channel::Push, Channel::Chat] {
        let vendors = vendors(channel);
        if !vendors.is_empty() {
            text.push_str(&table(channel, &vendors));
        }
    }
    text
}

fn vendors(channel: Channel) -> Vec<(&'static Entry, Capabilities)> {
    let of = |entry: &'static Entry| {
        entry.channels.iter().find(|(known, _)| *known == channel).map(|(_, can)| (entry, *can))
    };
    ENTRIES.iter().filter_map(of).collect()
}

fn table(channel: Channel, vendors: &[(&Entry, Capabilities)]) -> String {
    let titles: Vec<&str> = vendors.iter().map(|(entry, _)| entry.title).collect();
    let mut text = format!(
        "## {}\n\n| | {} |\n|---|{}\n",
        title(channel),
        titles.join(" | "),
        "---|".repeat(titles.len())
    );
    let offered = vendors.iter().fold(Features::NONE, |all, (_, can)| all | can.features);
    for feature in offered.iter() {
        row(&mut text, &feature.to_string(), vendors, |can| {
            if can.features.contains(feature) { "yes".to_owned() } else { String::new() }
        });
    }
    row(&mut text, "recipients of a message", vendors, |can| number(can.max_recipients));
    row(&mut text, "octets of a message", vendors, |can| number(can.max_size));
    row(&mut text, "messages of a batch call", vendors, |can| match can.max_batch {
        1 => String::new(),
        many => many.to_string(),
    });
    row(&mut text, "idempotency keys, for", vendors, |can| {
        can.idempotency.map(|window| format!("{} h", window.as_secs() / 3600)).unwrap_or_default()
    });
    text.push('\n');
    text
}

fn row(
    text: &mut String,
    name: &str,
    vendors: &[(&Entry, Capabilities)],
    cell: impl Fn(&Capabilities) -> String,
) {
    let cells: Vec<String> = vendors.iter().map(|(_, can)| cell(can)).collect();
    if cells.iter().any(|cell| !cell.is_empty()) {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
}

fn number(limit: Option<usize>) -> String {
    limit.map(|limit| limit.to_string()).unwrap_or_default()
}

fn title(channel: Channel) -> &'static str {
    match channel {
        Channel::Chat => "Chat",
        Channel::Email => "Email",
        Channel::Push => "Push",
        Channel::Sms => "SMS",
        Channel::WhatsApp => "WhatsApp",
    }
}
