//! A message drawn as a card of at most 72 columns.
//!
//! There is no right border: with wide characters it could not stand straight.

use crate::{
    address::{Mailbox, is_hostile, masked, shown_url},
    message::{
        AnyMessage, ButtonAction, Chat, Email, Location, Media, MediaSource, Priority, Push, PushTarget, Sms,
        VendorOption, VendorTemplate, WhatsApp, WhatsAppContent,
    },
};

use super::{Caught, html::text_of};

const WIDTH: usize = 72;
const LABEL: usize = 12;
/// The most lines of one text that a card shows.
const LINES: usize = 500;

pub(super) fn draw(caught: &Caught) -> String {
    let mut card = Card::titled(&format!("{} · {} · {}", caught.channel, caught.vendor_id, caught.at));
    match &caught.message {
        AnyMessage::Chat(chat) => draw_chat(&mut card, chat),
        AnyMessage::Email(email) => draw_email(&mut card, email),
        AnyMessage::Push(push) => draw_push(&mut card, push),
        AnyMessage::Sms(sms) => draw_sms(&mut card, sms),
        AnyMessage::WhatsApp(message) => draw_whatsapp(&mut card, message),
    }
    card.end()
}

fn draw_email(card: &mut Card, email: &Email) {
    card.maybe("From", email.from.as_ref().map(Mailbox::to_string));
    for (label, mailboxes) in
        [("To", &email.to), ("Cc", &email.cc), ("Bcc", &email.bcc), ("Reply-To", &email.reply_to)]
    {
        let all: Vec<_> = mailboxes.iter().map(Mailbox::to_string).collect();
        card.maybe(label, (!all.is_empty()).then(|| all.join(", ")));
    }
    card.row("Subject", &email.subject);
    if email.priority != Priority::Normal {
        card.row("Priority", &format!("{:?}", email.priority).to_lowercase());
    }
    for header in &email.headers {
        card.row("Header", &format!("{}: {}", header.name, header.value));
    }
    for (name, value) in email.list_unsubscribe.iter().flat_map(|list| list.headers()) {
        card.row("Header", &format!("{name}: {value}"));
    }
    card.maybe("Tags", (!email.tags.is_empty()).then(|| email.tags.join(", ")));
    for (name, value) in &email.metadata {
        card.row("Metadata", &format!("{name} = {value}"));
    }
    draw_options(card, &email.options);
    draw_words(card, email);
    for attachment in &email.attachments {
        let file = &attachment.file;
        let place = attachment.content_id.as_ref().map_or(String::new(), |id| format!(", inline cid:{id}"));
        let size = size(file.content.len());
        card.row("Attachment", &format!("{} ({}, {size}{place})", file.name, file.content_type));
    }
}

fn draw_words(card: &mut Card, email: &Email) {
    if let Some(template) = &email.template {
        draw_template(card, template);
    }
    for (whom, data) in &email.merge {
        let data = serde_json::to_string(data).unwrap_or_default();
        card.row("Merge", &format!("{whom}: {data}"));
    }
    match (&email.text, &email.html) {
        (Some(text), Some(html)) => {
            card.text(text);
            card.row("HTML", &size(html.len()));
        }
        (Some(text), None) => card.text(text),
        (None, Some(html)) => {
            card.text(&text_of(html));
            card.row("HTML", &format!("{}, shown as text", size(html.len())));
        }
        (None, None) => {}
    }
}

fn draw_template(card: &mut Card, template: &VendorTemplate) {
    card.row("Template", &template.id);
    for (name, value) in &template.data {
        card.row("", &format!("{name} = {value}"));
    }
}

fn draw_sms(card: &mut Card, sms: &Sms) {
    card.maybe("From", sms.from.as_ref().map(|from| from.as_str().to_owned()));
    card.row("To", sms.to.as_str());
    draw_options(card, &sms.options);
    card.text(&sms.body);
    draw_media(card, &sms.media);
}

fn draw_whatsapp(card: &mut Card, message: &WhatsApp) {
    card.maybe("From", message.from.as_ref().map(|from| from.as_str().to_owned()));
    card.row("To", message.to.as_str());
    card.maybe("Answers", message.reply_to.as_deref().map(str::to_owned));
    draw_options(card, &message.options);
    match &message.content {
        WhatsAppContent::Buttons { body, buttons } => {
            card.text(body);
            for button in buttons {
                card.row("Button", &format!("[{}] {}", button.title, button.id));
            }
        }
        WhatsAppContent::List { body, button, sections } => {
            card.text(body);
            card.row("List", &format!("[{button}]"));
            for section in sections {
                card.row("Section", &section.title);
                for row in &section.rows {
                    let more = row.description.as_ref().map_or(String::new(), |more| format!(", {more}"));
                    card.row("", &format!("[{}] {}{more}", row.title, row.id));
                }
            }
        }
        WhatsAppContent::Location(location) => draw_location(card, location),
        WhatsAppContent::Media(media) => draw_media(card, std::slice::from_ref(media)),
        WhatsAppContent::Template(template) => {
            card.row("Template", &format!("{} ({})", template.name, template.language));
            for (name, value) in &template.parameters {
                card.row("", &format!("{name} = {value}"));
            }
        }
        WhatsAppContent::Text(text) => card.text(text),
    }
}

fn draw_push(card: &mut Card, push: &Push) {
    match &push.to {
        PushTarget::Condition(condition) => card.row("Condition", condition),
        PushTarget::Subscription(browser) => card.row("Browser", &shown_url(browser.endpoint().as_str())),
        PushTarget::Token(token) => card.row("Token", &masked(token.as_str())),
        PushTarget::Topic(topic) => card.row("Topic", topic.as_str()),
    }
    card.maybe("Title", push.title.as_deref().map(str::to_owned));
    card.maybe("Badge", push.badge.map(|badge| badge.to_string()));
    card.maybe("Sound", push.sound.as_deref().map(str::to_owned));
    card.maybe("Collapse", push.collapse_key.as_deref().map(str::to_owned));
    card.maybe("TTL", push.ttl.map(|ttl| format!("{} s", ttl.as_secs())));
    if push.priority != Priority::Normal {
        card.row("Priority", &format!("{:?}", push.priority).to_lowercase());
    }
    draw_options(card, &push.options);
    if let Some(body) = &push.body {
        card.text(body);
    }
    card.maybe("Image", push.image.as_ref().map(|image| image.as_str().to_owned()));
    for action in &push.actions {
        card.row("Button", &format!("[{}] {}", action.title, action.id));
    }
    for (name, value) in &push.data {
        card.row("Data", &format!("{name} = {value}"));
    }
}

fn draw_chat(card: &mut Card, chat: &Chat) {
    card.row("To", chat.to.as_str());
    card.maybe("Thread", chat.thread.as_deref().map(str::to_owned));
    card.maybe("Answers", chat.reply_to.as_deref().map(str::to_owned));
    draw_options(card, &chat.options);
    if let Some(text) = &chat.text {
        card.text(text);
    }
    draw_media(card, &chat.media);
    if let Some(location) = &chat.location {
        draw_location(card, location);
    }
    for row in &chat.buttons {
        let row: Vec<_> = row.iter().map(|title| format!("[{title}]")).collect();
        card.row("Buttons", &row.join(" "));
    }
    for button in chat.keyboard.iter().flatten() {
        let does = match &button.action {
            ButtonAction::Answer(answer) => answer,
            ButtonAction::Link(url) => url.as_str(),
        };
        card.row("Button", &format!("[{}] {does}", button.title));
    }
}

fn draw_media(card: &mut Card, media: &[Media]) {
    for piece in media {
        let source = match &piece.source {
            MediaSource::File(file) => {
                format!("{} ({}, {})", file.name, file.content_type, size(file.content.len()))
            }
            MediaSource::Url(url) => url.as_str().to_owned(),
        };
        card.row(&format!("{:?}", piece.kind), &source);
        card.maybe("Caption", piece.caption.as_deref().map(str::to_owned));
    }
}

fn draw_location(card: &mut Card, location: &Location) {
    card.row("Location", &format!("{}, {}", location.latitude, location.longitude));
    card.maybe("", location.name.as_deref().map(str::to_owned));
    card.maybe("", location.address.as_deref().map(str::to_owned));
}

fn draw_options(card: &mut Card, options: &[VendorOption]) {
    for option in options {
        card.row("Option", &format!("{}.{} = {}", option.vendor, option.name, option.value));
    }
}

fn size(octets: usize) -> String {
    match octets {
        0..1_024 => format!("{octets} bytes"),
        1_024..1_048_576 => format!("{:.1} KiB", octets as f64 / 1_024.0),
        _ => format!("{:.1} MiB", octets as f64 / 1_048_576.0),
    }
}

struct Card(String);

impl Card {
    fn titled(title: &str) -> Self {
        let mut card = Self(String::new());
        card.0.push_str(&format!("┌─ {title} "));
        let used = title.chars().count() + 4;
        card.0.push_str(&"─".repeat(WIDTH.saturating_sub(used)));
        card.0.push('\n');
        card
    }

    fn maybe(&mut self, label: &str, value: Option<String>) {
        if let Some(value) = value {
            self.row(label, &value);
        }
    }

    fn row(&mut self, label: &str, value: &str) {
        let value = harmless(value).replace('\n', "␊");
        for (index, line) in wrapped(&value, WIDTH - 2 - LABEL).enumerate() {
            let label = if index == 0 { label } else { "" };
            self.line(&format!("{label:LABEL$}{line}"));
        }
    }

    fn text(&mut self, text: &str) {
        self.rule('├');
        let text = harmless(text);
        let mut lines = text.split('\n').flat_map(|line| wrapped(line, WIDTH - 2));
        for line in lines.by_ref().take(LINES) {
            self.line(line);
        }
        let more = lines.count();
        if more > 0 {
            self.line(&format!("… {more} more lines"));
        }
        self.rule('├');
    }

    fn line(&mut self, line: &str) {
        self.0.push_str(format!("│ {line}").trim_end());
        self.0.push('\n');
    }

    fn rule(&mut self, corner: char) {
        self.0.push(corner);
        self.0.push_str(&"─".repeat(WIDTH - 1));
        self.0.push('\n');
    }

    fn end(mut self) -> String {
        // A text at the end has closed with a rule of its own.
        if let Some(start) = self.0.trim_end().rfind('\n').map(|end| end + 1)
            && self.0[start..].starts_with('├')
        {
            self.0.truncate(start);
        }
        self.rule('└');
        self.0
    }
}

/// `text` with signs in place of what a terminal would obey.
fn harmless(text: &str) -> String {
    let sign = |c: char| match c {
        '\n' => '\n',
        '\t' => ' ',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        '\u{7f}' => '␡',
        c if is_hostile(c) => '\u{fffd}',
        c => c,
    };
    text.replace("\r\n", "\n").chars().map(sign).collect()
}

/// The lines of `text`, cut after words where that is possible.
fn wrapped(text: &str, width: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let line = rest?;
        let Some((limit, _)) = line.char_indices().nth(width) else {
            rest = None;
            return Some(line);
        };
        let fitting = &line[..limit];
        let cut = match fitting.rfind(' ') {
            _ if line[limit..].starts_with(' ') => limit,
            // A cut at the start would make no progress.
            None | Some(0) => limit,
            Some(space) => space,
        };
        rest = Some(line[cut..].strip_prefix(' ').unwrap_or(&line[cut..]));
        Some(&line[..cut])
    })
}
