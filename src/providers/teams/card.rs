//! A chat message as an adaptive card. No I/O.
//!
//! <https://adaptivecards.io/explorer/>

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::options::Options;
use crate::{
    error::{Error, ErrorKind, Result},
    message::{Button, ButtonAction, Chat, Media, MediaKind, MediaSource, TextFormat},
};

/// "The message size limit is 28 KB."
const MAX_SIZE: usize = 28 * 1024;
/// The oldest with sets of actions and with text that is not Markdown.
const VERSION: &str = "1.2";
const SCHEMA: &str = "http://adaptivecards.io/schemas/adaptive-card.json";

#[derive(Serialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    attachments: [Attachment<'a>; 1],
}

#[derive(Serialize)]
struct Attachment<'a> {
    #[serde(rename = "contentType")]
    content_type: &'static str,
    content: Content<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Given(Cow<'a, Value>),
    Ours(Card<'a>),
}

#[derive(Serialize)]
struct Card<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    body: Vec<Element<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Element<'a> {
    ActionSet {
        actions: Vec<Action<'a>>,
    },
    Image {
        url: &'a str,
        #[serde(rename = "altText", skip_serializing_if = "Option::is_none")]
        alt_text: Option<&'a str>,
    },
    RichTextBlock {
        inlines: [Run<'a>; 1],
        #[serde(skip_serializing_if = "Option::is_none")]
        spacing: Option<&'static str>,
    },
    TextBlock {
        text: &'a str,
        wrap: bool,
    },
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Action<'a> {
    #[serde(rename = "Action.OpenUrl")]
    OpenUrl { title: &'a str, url: &'a str },
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "TextRun")]
struct Run<'a> {
    text: &'a str,
}

/// The body of the one request, at most 28 KB long.
pub(super) fn body(chat: &Chat, options: &Options<'_>) -> Result<Bytes> {
    check(chat, options)?;
    let content = match options.card {
        Some(card) => Content::Given(with_fallback(card, chat)),
        None => Content::Ours(card(chat)),
    };
    let content_type = "application/vnd.microsoft.card.adaptive";
    let envelope = Envelope { kind: "message", attachments: [Attachment { content_type, content }] };
    let body = serde_json::to_vec(&envelope)
        .map_err(|e| Error::new(ErrorKind::Internal, "the card cannot be written as JSON").with_source(e))?;
    if body.len() <= MAX_SIZE {
        return Ok(body.into());
    }
    let why = format!("the card has {} octets; Teams takes at most {MAX_SIZE}", body.len());
    Err(Error::new(ErrorKind::PayloadTooLarge, why).with_field("text"))
}

fn unsupported(field: impl Into<Cow<'static, str>>, why: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, why).with_field(field)
}

fn check(chat: &Chat, options: &Options<'_>) -> Result<()> {
    let parts = [
        ("buttons", !chat.buttons.is_empty(), "a card has no keyboard of answers"),
        ("edits", chat.edits.is_some(), "a workflow changes no message that it posted"),
        ("location", chat.location.is_some(), "a card shows no places: send a link to a map"),
        ("reply_to", chat.reply_to.is_some(), "a workflow quotes no message"),
        ("thread", chat.thread.is_some(), "a workflow posts to one channel or chat, and to no thread"),
    ];
    if let Some((field, _, why)) = parts.into_iter().find(|(_, asked, _)| *asked) {
        return Err(unsupported(field, why));
    }
    options.fit(chat)?;
    chat.media.iter().enumerate().try_for_each(|(index, media)| check_media(index, media))?;
    let buttons = chat.keyboard.iter().enumerate();
    let mut buttons =
        buttons.flat_map(|(r, row)| row.iter().enumerate().map(move |(b, button)| (r, b, button)));
    match buttons.find(|(.., button)| matches!(button.action, ButtonAction::Answer(_))) {
        Some((r, b, _)) => {
            let why = "nobody hears the answers to a workflow's card: its buttons open links";
            Err(unsupported(format!("keyboard[{r}][{b}]"), why))
        }
        None => Ok(()),
    }
}

fn check_media(index: usize, media: &Media) -> Result<()> {
    match (&media.source, media.kind) {
        (MediaSource::File(_), _) => Err(unsupported(
            format!("media[{index}]"),
            "a card fetches pictures by link and carries no files",
        )),
        (MediaSource::Url(url), MediaKind::Image) if url.is_https() => Ok(()),
        (MediaSource::Url(_), MediaKind::Image) => {
            Err(Error::invalid(format!("media[{index}]"), "Teams fetches pictures by https only"))
        }
        (MediaSource::Url(_), _) => {
            Err(unsupported(format!("media[{index}]"), "a card shows pictures only: link to other media"))
        }
    }
}

/// The words of the message are for those who cannot be shown the card.
fn with_fallback<'a>(card: &'a Value, chat: &Chat) -> Cow<'a, Value> {
    let words = chat.text.as_deref().filter(|text| !text.is_empty());
    match (words, card.get("fallbackText")) {
        (Some(words), None) => {
            let mut card = card.clone();
            card["fallbackText"] = words.into();
            Cow::Owned(card)
        }
        _ => Cow::Borrowed(card),
    }
}

fn card(chat: &Chat) -> Card<'_> {
    let mut body = Vec::new();
    if let Some(text) = chat.text.as_deref().filter(|text| !text.is_empty()) {
        put_text(text, chat.format, &mut body);
    }
    for media in &chat.media {
        let MediaSource::Url(url) = &media.source else { continue };
        let caption = media.caption.as_deref().filter(|caption| !caption.is_empty());
        body.push(Element::Image { url: url.as_str(), alt_text: caption });
        if let Some(caption) = caption {
            put_text(caption, chat.format, &mut body);
        }
    }
    let rows = chat.keyboard.iter().filter(|row| !row.is_empty());
    body.extend(rows.map(|row| Element::ActionSet { actions: row.iter().filter_map(action).collect() }));
    Card { kind: "AdaptiveCard", schema: SCHEMA, version: VERSION, body }
}

/// Markdown as one block. Plain words as runs, which know no Markdown: a block for each line, since a run has none.
fn put_text<'a>(text: &'a str, format: TextFormat, body: &mut Vec<Element<'a>>) {
    if format == TextFormat::Markdown {
        body.push(Element::TextBlock { text, wrap: true });
        return;
    }
    let (mut first, mut after_gap) = (true, false);
    for line in text.lines() {
        if line.trim().is_empty() {
            after_gap = true;
            continue;
        }
        let spacing = (!first && !after_gap).then_some("None");
        body.push(Element::RichTextBlock { inlines: [Run { text: line }], spacing });
        (first, after_gap) = (false, false);
    }
}

fn action(button: &Button) -> Option<Action<'_>> {
    match &button.action {
        ButtonAction::Answer(_) => None,
        ButtonAction::Link(link) => Some(Action::OpenUrl { title: &button.title, url: link.as_str() }),
    }
}
