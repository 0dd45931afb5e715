//! A chat message as the arguments of one method, its answer as a receipt. No I/O.

use std::borrow::Cow;

use bytes::Bytes;
use http::{
    HeaderValue, Method, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    errors::{answered, refused_hook},
    limits::{Shape, has_blocks, words},
    options::Options,
};
use crate::{
    address::ChatId,
    error::{Error, ErrorKind, Result},
    http::{HttpRequest, HttpResponse, classify::not_understood, secret_header},
    message::{Button, ButtonAction, Chat, Media, MediaSource, TextFormat},
    provider::{Health, Receipt},
    time::Timestamp,
};

/// The arguments of `chat.postMessage`, `chat.update` and of an incoming webhook.
#[derive(Debug, Default, Serialize)]
pub(super) struct Post<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mrkdwn: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocks: Option<Blocks<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachments: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_ts: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_broadcast: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link_names: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parse: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unfurl_links: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unfurl_media: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon_emoji: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon_url: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Blocks<'a> {
    Given(&'a Value),
    Ours(Vec<Block<'a>>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Actions {
        elements: Vec<Element<'a>>,
    },
    Image {
        image_url: &'a str,
        alt_text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<Text<'a>>,
    },
    Section {
        text: Text<'a>,
    },
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Text<'a> {
    Mrkdwn { text: &'a str },
    PlainText { text: &'a str },
}

#[derive(Debug, Serialize)]
struct Element<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: Text<'a>,
    /// Must differ from every other in its block.
    action_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

/// What of the message does not depend on where it goes.
pub(super) fn post<'a>(chat: &'a Chat, options: &Options<'a>, shape: Shape) -> Result<Post<'a>> {
    let blocks = match options.blocks {
        Some(blocks) => Some(Blocks::Given(blocks)),
        None if has_blocks(chat, shape) => Some(Blocks::Ours(blocks(chat))),
        // What the edited message had is not to stay.
        None if shape == Shape::Edit => Some(Blocks::Ours(Vec::new())),
        None => None,
    };
    Ok(Post {
        text: spoken(chat),
        mrkdwn: (chat.format == TextFormat::Plain && shape == Shape::Post).then_some(false),
        blocks,
        attachments: options.attachments,
        thread_ts: chat.thread.as_deref().map(thread).transpose()?,
        reply_broadcast: options.reply_broadcast,
        link_names: options.link_names,
        parse: options.parse,
        unfurl_links: options.unfurl_links,
        unfurl_media: options.unfurl_media,
        metadata: options.metadata,
        username: options.username,
        icon_emoji: options.icon_emoji,
        icon_url: options.icon_url,
        ..Post::default()
    })
}

impl<'a> Post<'a> {
    /// To this channel.
    pub(super) fn to(mut self, to: &'a ChatId) -> Result<Self> {
        self.channel = Some(channel(to)?);
        Ok(self)
    }

    /// In place of that message.
    pub(super) fn instead(mut self, edited: &'a str, to: &'a ChatId) -> Result<Self> {
        let here = channel(to)?;
        let (of, ts) = edited.split_once(':').unwrap_or((here, edited));
        // Who writes to a person gets the id of the conversation with them.
        let is_channel = is_id(here) && !here.starts_with(['U', 'W']);
        if is_channel && of != here {
            return Err(Error::invalid("edits", "the message belongs to another channel than `to`"));
        }
        if !is_ts(ts) || !is_id(of) {
            let why = "expected a message such as C0123456789:1503435956.000247, as a receipt names it";
            return Err(Error::invalid("edits", why));
        }
        (self.channel, self.ts) = (Some(of), Some(ts));
        Ok(self)
    }
}

/// The words for notifications, and for the message itself if it has no blocks.
fn spoken(chat: &Chat) -> Option<Cow<'_, str>> {
    let caption = || chat.media.iter().find_map(|media| media.caption.as_deref());
    match (words(chat), chat.format) {
        (Some(text), TextFormat::Markdown) => Some(Cow::Borrowed(text)),
        (Some(text), TextFormat::Plain) => Some(escaped(text)),
        (None, _) => caption().map(escaped),
    }
}

/// "There are three characters you must convert to HTML entities."
/// <https://docs.slack.dev/messaging/formatting-message-text#escaping>
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
}

fn blocks(chat: &Chat) -> Vec<Block<'_>> {
    let text = words(chat).map(|text| match chat.format {
        TextFormat::Markdown => Text::Mrkdwn { text },
        TextFormat::Plain => Text::PlainText { text },
    });
    let section = text.map(|text| Block::Section { text });
    let images = chat.media.iter().filter_map(image);
    let rows = chat.keyboard.iter().enumerate().filter(|(_, row)| !row.is_empty());
    section.into_iter().chain(images).chain(rows.map(|(r, row)| actions(r, row))).collect()
}

fn image(media: &Media) -> Option<Block<'_>> {
    let MediaSource::Url(url) = &media.source else { return None };
    let caption = media.caption.as_deref().filter(|caption| !caption.is_empty());
    let title = caption.map(|text| Text::PlainText { text });
    // Slack wants a description of every picture.
    Some(Block::Image { image_url: url.as_str(), alt_text: caption.unwrap_or("image"), title })
}

fn actions(r: usize, row: &[Button]) -> Block<'_> {
    Block::Actions { elements: row.iter().enumerate().map(|(b, button)| element(r, b, button)).collect() }
}

fn element(r: usize, b: usize, button: &Button) -> Element<'_> {
    let (value, url) = match &button.action {
        ButtonAction::Answer(answer) => (Some(&**answer), None),
        ButtonAction::Link(link) => (None, Some(link.as_str())),
    };
    let text = Text::PlainText { text: &button.title };
    Element { kind: "button", text, action_id: format!("tidings.{r}.{b}"), value, url }
}

/// An id such as C0123456789, or a name such as #news.
fn channel(to: &ChatId) -> Result<&str> {
    let text = to.as_str();
    let fits = is_id(text) || text.strip_prefix(['#', '@']).is_some_and(|name| !name.is_empty());
    if fits {
        return Ok(text);
    }
    let why = "a chat of Slack is the id of a channel, a conversation or a person, such as C0123456789, or a channel's name, such as #news";
    Err(Error::new(ErrorKind::InvalidRecipient, why).with_field("to"))
}

pub(super) fn is_id(text: &str) -> bool {
    text.starts_with(['C', 'D', 'G', 'U', 'W'])
        && text.len() >= 9
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// Such as `1503435956.000247`.
fn is_ts(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.split_once('.').is_some_and(|(secs, rest)| digits(secs) && digits(rest))
}

/// The time of the thread's first message, alone or behind its channel as receipts say it.
pub(super) fn thread(id: &str) -> Result<&str> {
    let ts = id.split_once(':').map_or(id, |(_, ts)| ts);
    let wrong = || Error::invalid("thread", "expected the ts of a message, such as 1503435956.000247");
    is_ts(ts).then_some(ts).ok_or_else(wrong)
}

pub(super) fn json(value: &impl Serialize) -> Result<Bytes> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|e| Error::new(ErrorKind::Internal, "the message cannot be written as JSON").with_source(e))
}

/// A call of the Web API.
pub(super) fn request(
    uri: &Uri,
    kind: &'static str,
    token: &SecretString,
    body: Bytes,
) -> Result<HttpRequest> {
    let mut request = plain(uri, kind, body);
    request.headers_mut().insert(AUTHORIZATION, secret_header("Bearer ", token)?);
    Ok(request)
}

/// A request without a credential in its headers.
pub(super) fn plain(uri: &Uri, kind: &'static str, body: Bytes) -> HttpRequest {
    let mut request = HttpRequest::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    request
}

#[derive(Deserialize)]
struct Posted {
    channel: String,
    ts: String,
}

pub(super) fn receipt(answer: &HttpResponse, now: Timestamp) -> Result<Receipt> {
    let posted: Posted = answered(answer, now)?;
    Ok(Receipt::accepted(1, Some(format!("{}:{}", posted.channel, posted.ts).into())))
}

#[derive(Deserialize)]
struct Known {
    #[serde(rename = "user_id")]
    _user_id: String,
}

pub(super) fn health(answer: &HttpResponse, now: Timestamp) -> Result<Health> {
    answered::<Known>(answer, now).map(|_| Health::Good)
}

/// An incoming webhook says `ok`, and no id.
pub(super) fn hook_receipt(answer: &HttpResponse, now: Timestamp) -> Result<Receipt> {
    if !answer.status().is_success() {
        return Err(refused_hook(answer, now));
    }
    match answer.body().trim_ascii() {
        b"ok" => Ok(Receipt::accepted(1, None)),
        _ => Err(not_understood(answer, "Slack's webhook did not answer `ok`")),
    }
}
