//! A chat message as one request, its answer as a receipt. No I/O.

use std::borrow::Cow;

use bytes::Bytes;
use http::{
    HeaderValue, Method,
    header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    errors::refused,
    limits,
    markdown::escape,
    options::{Options, misplaced},
};
use crate::{
    address::ChatId,
    error::{Error, ErrorKind, Result},
    http::{HttpRequest, HttpResponse, classify::not_understood, secret_header},
    message::{Button, ButtonAction, Chat, File, Media, MediaSource, TextFormat},
    provider::{Health, Receipt},
    providers::shared::{multipart::Form, settings::endpoint},
    time::Timestamp,
};

/// "Clients using the HTTP API must provide a valid User Agent", of this form.
const AGENT: &str = concat!("DiscordBot (https://docs.rs/tidings, ", env!("CARGO_PKG_VERSION_MAJOR"), ")");

/// The fields of a new message or of an edited one.
#[derive(Debug, Serialize)]
pub(super) struct Post<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embeds: Option<Embeds<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<Components<'a>>,
    allowed_mentions: Cow<'a, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachments: Option<Vec<Attached<'a>>>,
    #[serde(skip_serializing_if = "is_zero")]
    flags: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_reference: Option<Reference<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    enforce_nonce: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_name: Option<&'a str>,
}

fn is_zero(flags: &u32) -> bool {
    *flags == 0
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Embeds<'a> {
    Given(&'a Value),
    Ours(Vec<Embed<'a>>),
}

#[derive(Debug, Serialize)]
struct Embed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'a, str>>,
    image: Image<'a>,
}

#[derive(Debug, Serialize)]
struct Image<'a> {
    url: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Components<'a> {
    Given(&'a Value),
    Ours(Vec<Row<'a>>),
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    #[serde(rename = "type")]
    kind: u8,
    components: Vec<Key<'a>>,
}

#[derive(Debug, Serialize)]
struct Key<'a> {
    #[serde(rename = "type")]
    kind: u8,
    style: u8,
    label: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Attached<'a> {
    /// A snowflake, for which the number of its file stands in.
    id: String,
    filename: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Reference<'a> {
    message_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fail_if_not_exists: Option<bool>,
}

/// What of the message does not depend on where it goes.
pub(super) fn post<'a>(chat: &'a Chat, options: &Options<'a>) -> Result<Post<'a>> {
    let content = content(chat);
    limits::check(chat, options, content.as_deref())?;
    // What an edit does not name stays: so it names all.
    let edits = chat.edits.is_some();
    let mentions = options.allowed_mentions.map_or_else(|| Cow::Owned(json!({"parse": []})), Cow::Borrowed);
    let attachments = attachments(chat);
    Ok(Post {
        content: content.or(edits.then_some(Cow::Borrowed(""))),
        embeds: embeds(chat, options).filter(|embeds| edits || !embeds.is_empty()),
        components: components(chat, options).filter(|rows| edits || !rows.is_empty()),
        allowed_mentions: mentions,
        attachments: (edits || !attachments.is_empty()).then_some(attachments),
        flags: options.flags(),
        tts: options.tts,
        message_reference: reference(chat, options)?,
        nonce: None,
        enforce_nonce: false,
        username: options.username,
        avatar_url: options.avatar_url,
        thread_name: options.thread_name,
    })
}

impl Post<'_> {
    /// Has Discord recognise the message when it is handed over once more.
    pub(super) fn known_by(mut self, nonce: String) -> Self {
        (self.nonce, self.enforce_nonce) = (Some(nonce), true);
        self
    }

    /// True if there are buttons or other components.
    pub(super) fn has_components(&self) -> bool {
        self.components.is_some()
    }
}

impl Embeds<'_> {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Ours(embeds) if embeds.is_empty())
    }
}

impl Components<'_> {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Ours(rows) if rows.is_empty())
    }
}

fn content(chat: &Chat) -> Option<Cow<'_, str>> {
    let text = chat.text.as_deref().filter(|text| !text.is_empty())?;
    Some(shown(text, chat.format))
}

fn shown(text: &str, format: TextFormat) -> Cow<'_, str> {
    match format {
        TextFormat::Markdown => Cow::Borrowed(text),
        TextFormat::Plain => escape(text),
    }
}

fn embeds<'a>(chat: &'a Chat, options: &Options<'a>) -> Option<Embeds<'a>> {
    if let Some(given) = options.embeds {
        return Some(Embeds::Given(given));
    }
    let embed = |media: &'a Media| match &media.source {
        MediaSource::File(_) => None,
        MediaSource::Url(url) => Some(Embed {
            description: media.caption.as_deref().map(|caption| shown(caption, chat.format)),
            image: Image { url: url.as_str() },
        }),
    };
    Some(Embeds::Ours(chat.media.iter().filter_map(embed).collect()))
}

fn components<'a>(chat: &'a Chat, options: &Options<'a>) -> Option<Components<'a>> {
    if let Some(given) = options.components {
        return Some(Components::Given(given));
    }
    let rows = chat.keyboard.iter().filter(|row| !row.is_empty());
    let rows = rows.map(|row| Row { kind: 1, components: row.iter().map(key).collect() });
    Some(Components::Ours(rows.collect()))
}

/// Secondary, or a link: Discord tells them apart by style.
fn key(button: &Button) -> Key<'_> {
    let (style, custom_id, url) = match &button.action {
        ButtonAction::Answer(answer) => (2, Some(&**answer), None),
        ButtonAction::Link(link) => (5, None, Some(link.as_str())),
    };
    Key { kind: 2, style, label: &button.title, custom_id, url }
}

/// The files with their captions.
pub(super) fn files(chat: &Chat) -> impl Iterator<Item = (&File, Option<&str>)> {
    chat.media.iter().filter_map(|media| match &media.source {
        MediaSource::File(file) => Some((file, media.caption.as_deref())),
        MediaSource::Url(_) => None,
    })
}

fn attachments(chat: &Chat) -> Vec<Attached<'_>> {
    files(chat)
        .enumerate()
        .map(|(id, (file, description))| Attached {
            id: id.to_string(),
            filename: file.name.as_str(),
            description,
        })
        .collect()
}

fn reference<'a>(chat: &'a Chat, options: &Options<'a>) -> Result<Option<Reference<'a>>> {
    let Some(answered) = &chat.reply_to else { return Ok(None) };
    let message_id = message_of(chat, "reply_to", answered)?;
    Ok(Some(Reference { message_id, fail_if_not_exists: options.fail_if_not_exists }))
}

/// Such as `1234567890123456789`.
pub(super) fn is_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// The message that `field` names: its id alone, or behind its channel as receipts say it.
pub(super) fn message_of<'a>(chat: &Chat, field: &'static str, text: &'a str) -> Result<&'a str> {
    let (channel, id) = text.split_once(':').map_or((None, text), |(channel, id)| (Some(channel), id));
    if !is_id(id) || channel.is_some_and(|channel| !is_id(channel)) {
        let why = "expected the id of a message, such as 1234567890123456789, alone or behind its channel and a colon";
        return Err(Error::invalid(field, why));
    }
    let here = chat.thread.as_deref().unwrap_or(chat.to.as_str());
    match channel {
        Some(channel) if is_id(here) && channel != here => {
            Err(Error::invalid(field, "the message belongs to another channel than `to` or `thread`"))
        }
        _ => Ok(id),
    }
}

/// The channel of a bot's message: a thread is a channel of its own.
pub(super) fn channel(chat: &Chat) -> Result<&str> {
    if !is_id(chat.to.as_str()) {
        return Err(no_channel());
    }
    thread(chat).map(|thread| thread.unwrap_or(chat.to.as_str()))
}

pub(super) fn thread(chat: &Chat) -> Result<Option<&str>> {
    match chat.thread.as_deref() {
        Some(id) if !is_id(id) => {
            Err(Error::invalid("thread", "a thread of Discord is a number, such as 1234567890123456789"))
        }
        thread => Ok(thread),
    }
}

fn no_channel() -> Error {
    let why = "a chat of Discord is the id of a channel, such as 1234567890123456789";
    Error::new(ErrorKind::InvalidRecipient, why).with_field("to")
}

/// What only a webhook's message may have, in a bot's.
pub(super) fn check_bot(options: &Options<'_>) -> Result<()> {
    let asked = [
        ("avatar_url", options.avatar_url.is_some()),
        ("thread_name", options.thread_name.is_some()),
        ("username", options.username.is_some()),
    ];
    match asked.into_iter().find(|(_, asked)| *asked) {
        Some((name, _)) => Err(misplaced(name, "only a webhook's message has this option")),
        None => Ok(()),
    }
}

/// What an edit has no place for.
pub(super) fn check_edit(options: &Options<'_>) -> Result<()> {
    let asked = [
        ("avatar_url", options.avatar_url.is_some()),
        ("suppress_notifications", options.suppress_notifications),
        ("thread_name", options.thread_name.is_some()),
        ("tts", options.tts),
        ("username", options.username.is_some()),
    ];
    match asked.into_iter().find(|(_, asked)| *asked) {
        Some((name, _)) => Err(misplaced(name, "an edit does not change this")),
        None => Ok(()),
    }
}

/// The one chat of a webhook.
pub(super) fn check_hook(chat: &Chat, channel: &ChatId) -> Result<()> {
    if chat.to == *channel {
        return Ok(());
    }
    let why = format!("this webhook writes to `{channel}` alone");
    Err(Error::new(ErrorKind::InvalidRecipient, why).with_field("to"))
}

/// JSON, or a form if there are files.
pub(super) fn body(post: &Post<'_>, chat: &Chat, boundary: &str) -> Result<(HeaderValue, Bytes)> {
    let json = serde_json::to_vec(post).map_err(|e| {
        Error::new(ErrorKind::Internal, "the message cannot be written as JSON").with_source(e)
    })?;
    let octets: usize = files(chat).map(|(file, _)| file.content.len() + 512).sum();
    if octets == 0 {
        return Ok((HeaderValue::from_static("application/json"), json.into()));
    }
    let mut form = Form::new(boundary, octets + json.len() + 256);
    form.field("payload_json", Some("application/json"), &json);
    for (index, (file, _)) in files(chat).enumerate() {
        form.file(&format!("files[{index}]"), file);
    }
    form.finish()
}

/// A request as this bot.
pub(super) fn by_bot(
    base_url: &str,
    method: &Method,
    path: &str,
    token: &SecretString,
) -> Result<HttpRequest> {
    let mut request = request(base_url, method, path)?;
    request.headers_mut().insert(AUTHORIZATION, secret_header("Bot ", token)?);
    Ok(request)
}

/// A request to the webhook of this id: its token is a part of the path.
pub(super) fn by_hook(
    base_url: &str,
    method: &Method,
    (id, token): (&str, &SecretString),
    rest: &str,
) -> Result<HttpRequest> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let token = token.expose_secret();
    if token.is_empty() || !token.bytes().all(fits) {
        return Err(Error::config("the token of discord's webhook is not of the form that Discord gives"));
    }
    request(base_url, method, &format!("/webhooks/{id}/{token}{rest}"))
}

fn request(base_url: &str, method: &Method, path: &str) -> Result<HttpRequest> {
    let mut request = HttpRequest::new(Bytes::new());
    *request.method_mut() = method.clone();
    *request.uri_mut() = endpoint(base_url, path)?;
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
    Ok(request)
}

pub(super) fn with_body(mut request: HttpRequest, kind: &HeaderValue, body: &Bytes) -> HttpRequest {
    request.headers_mut().insert(CONTENT_TYPE, kind.clone());
    *request.body_mut() = body.clone();
    request
}

#[derive(Deserialize)]
struct Posted {
    id: String,
    channel_id: String,
}

pub(super) fn receipt(answer: &HttpResponse, now: Timestamp) -> Result<Receipt> {
    if !answer.status().is_success() {
        return Err(refused(answer, now));
    }
    match serde_json::from_slice::<Posted>(answer.body()) {
        Ok(posted) if is_id(&posted.id) => {
            Ok(Receipt::accepted(1, Some(format!("{}:{}", posted.channel_id, posted.id).into())))
        }
        _ => Err(not_understood(answer, "Discord's answer is no message")),
    }
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "id")]
    _id: String,
}

pub(super) fn health(answer: &HttpResponse, now: Timestamp) -> Result<Health> {
    if !answer.status().is_success() {
        return Err(refused(answer, now));
    }
    match serde_json::from_slice::<Named>(answer.body()) {
        Ok(_) => Ok(Health::Good),
        Err(_) => Err(not_understood(answer, "Discord does not say who we are")),
    }
}
