//! A chat message as one call of the Bot API, its answer as a receipt. No I/O.

use std::borrow::Cow;

use serde::{Deserialize, de::DeserializeOwned, de::IgnoredAny};

use super::{
    edit, errors,
    form::{Call, InlineButton, Key, LinkPreview, Markup, Piece, Reply, Value},
    limits::{self, words},
    options::Options,
};
use crate::{
    address::ChatId,
    error::{Error, ErrorKind, Result},
    http::{HttpResponse, classify::not_understood},
    message::{Chat, Location, Media, MediaKind, MediaSource, TextFormat},
    provider::{Health, Receipt},
    time::Timestamp,
};

pub(super) fn call(chat: &Chat, max_upload: usize) -> Result<Call<'_>> {
    let options = Options::read(&chat.options)?;
    limits::check(chat, options, max_upload)?;
    if let Some(id) = &chat.edits {
        return edit::call(chat, id, options);
    }
    let mut call = Call::new(method(chat, options));
    call.push("chat_id", chat_id(&chat.to)?);
    call.push_some("message_thread_id", thread(chat)?);
    content(&mut call, chat, options);
    call.push_true("disable_notification", options.disable_notification);
    call.push_true("protect_content", options.protect_content);
    call.push_true("allow_paid_broadcast", options.allow_paid_broadcast);
    call.push_some("reply_parameters", reply(chat, options)?);
    call.push_some("reply_markup", markup(chat));
    Ok(call)
}

fn method(chat: &Chat, options: Options) -> &'static str {
    match (&chat.location, &chat.media[..]) {
        (Some(place), _) if words(&place.name).is_some() => "sendVenue",
        (Some(_), _) => "sendLocation",
        (None, []) => "sendMessage",
        (None, [media]) => match media.kind {
            MediaKind::Audio if options.voice => "sendVoice",
            MediaKind::Audio => "sendAudio",
            MediaKind::File => "sendDocument",
            MediaKind::Image => "sendPhoto",
            MediaKind::Video => "sendVideo",
        },
        (None, _) => "sendMediaGroup",
    }
}

/// The parameter of one piece, and its type in an album.
fn kind(media: &Media) -> &'static str {
    match media.kind {
        MediaKind::Audio => "audio",
        MediaKind::File => "document",
        MediaKind::Image => "photo",
        MediaKind::Video => "video",
    }
}

fn is_seen(media: &Media) -> bool {
    matches!(media.kind, MediaKind::Image | MediaKind::Video)
}

fn content<'a>(call: &mut Call<'a>, chat: &'a Chat, options: Options) {
    match (&chat.location, &chat.media[..]) {
        (Some(place), _) => put_place(call, place),
        (None, []) => put_text(call, chat, options),
        (None, [media]) => put_media(call, chat, media, options),
        (None, album) => put_album(call, chat, album, options),
    }
}

fn put_place<'a>(call: &mut Call<'a>, place: &'a Location) {
    call.push("latitude", place.latitude);
    call.push("longitude", place.longitude);
    call.push_some("title", words(&place.name));
    call.push_some("address", words(&place.address));
}

fn put_text<'a>(call: &mut Call<'a>, chat: &'a Chat, options: Options) {
    call.push_some("text", words(&chat.text));
    call.push_some("parse_mode", parse_mode(chat));
    call.push_some(
        "link_preview_options",
        options.no_link_preview.then_some(LinkPreview { is_disabled: true }),
    );
}

fn put_media<'a>(call: &mut Call<'a>, chat: &'a Chat, media: &'a Media, options: Options) {
    let parameter = if options.voice { "voice" } else { kind(media) };
    match &media.source {
        MediaSource::File(file) => call.files.push((parameter.into(), file)),
        MediaSource::Url(url) => call.push(parameter, url.as_str()),
    }
    if let Some(caption) = words(&chat.text).or_else(|| words(&media.caption)) {
        call.push("caption", caption);
        call.push_some("parse_mode", parse_mode(chat));
    }
    call.push_true("has_spoiler", options.has_spoiler);
    call.push_true("show_caption_above_media", options.show_caption_above_media);
}

fn put_album<'a>(call: &mut Call<'a>, chat: &'a Chat, album: &'a [Media], options: Options) {
    let mut pieces = Vec::with_capacity(album.len());
    for (index, media) in album.iter().enumerate() {
        let source = source(call, media, index);
        // Of an album's captions clients show the only one under the whole.
        let text = words(&chat.text).filter(|_| index == 0);
        pieces.push(piece(source, media, text.or_else(|| words(&media.caption)), chat, options));
    }
    call.push("media", pieces);
}

/// The link, or the name of the part that holds the bytes.
pub(super) fn source<'a>(call: &mut Call<'a>, media: &'a Media, index: usize) -> Cow<'a, str> {
    match &media.source {
        MediaSource::File(file) => {
            let part = format!("file{index}");
            let source = Cow::Owned(format!("attach://{part}"));
            call.files.push((part.into(), file));
            source
        }
        MediaSource::Url(url) => Cow::Borrowed(url.as_str()),
    }
}

pub(super) fn piece<'a>(
    source: Cow<'a, str>,
    media: &Media,
    caption: Option<&'a str>,
    chat: &Chat,
    options: Options,
) -> Piece<'a> {
    Piece {
        kind: kind(media),
        media: source,
        caption,
        parse_mode: caption.and_then(|_| parse_mode(chat)),
        has_spoiler: options.has_spoiler && is_seen(media),
        show_caption_above_media: options.show_caption_above_media && is_seen(media),
    }
}

pub(super) fn parse_mode(chat: &Chat) -> Option<&'static str> {
    (chat.format == TextFormat::Markdown).then_some("MarkdownV2")
}

pub(super) fn chat_id(to: &ChatId) -> Result<Value<'_>> {
    let text = to.as_str();
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match text.parse::<i64>() {
        Ok(number) => Ok(number.into()),
        Err(_) if text.strip_prefix('@').is_some_and(is_name) => Ok(text.into()),
        Err(_) => {
            let why = "a Telegram chat is a number, such as -1001234567890, or a name, such as @harbour_news";
            Err(Error::new(ErrorKind::InvalidRecipient, why).with_field("to"))
        }
    }
}

fn thread(chat: &Chat) -> Result<Option<i64>> {
    let Some(text) = &chat.thread else { return Ok(None) };
    let number = text.parse::<i64>().ok().filter(|number| *number > 0);
    let wrong = || Error::invalid("thread", "a thread of Telegram is a number, such as 17");
    number.map(Some).ok_or_else(wrong)
}

/// `17`, or `-1001234567890:17` as our receipts say it.
pub(super) fn message_id(text: &str) -> Option<(Option<i64>, i64)> {
    let parsed = match text.split_once(':') {
        Some((of, message)) => of.parse().ok().map(Some).zip(message.parse().ok()),
        None => text.parse().ok().map(|message| (None, message)),
    };
    parsed.filter(|(_, message)| *message > 0)
}

fn reply(chat: &Chat, options: Options) -> Result<Option<Reply>> {
    let Some(text) = &chat.reply_to else { return Ok(None) };
    let wrong =
        || Error::invalid("reply_to", "expected the number of a message, such as 17 or -1001234567890:17");
    let (of, message_id) = message_id(text).ok_or_else(wrong)?;
    let here = chat.to.as_str().parse().ok();
    let chat_id = of.filter(|of| Some(*of) != here);
    let allow_sending_without_reply = options.allow_sending_without_reply;
    Ok(Some(Reply { message_id, chat_id, allow_sending_without_reply }))
}

pub(super) fn markup(chat: &Chat) -> Option<Markup<'_>> {
    if !chat.keyboard.is_empty() {
        let rows = chat.keyboard.iter().map(|row| row.iter().map(InlineButton::from).collect());
        return Some(Markup::Inline { inline_keyboard: rows.collect() });
    }
    let rows = chat.buttons.iter().map(|row| row.iter().map(|text| Key { text }).collect());
    let keyboard: Vec<Vec<Key<'_>>> = rows.collect();
    (!keyboard.is_empty()).then_some(Markup::Reply {
        keyboard,
        resize_keyboard: true,
        one_time_keyboard: true,
    })
}

pub(super) fn receipt(answer: &HttpResponse, now: Timestamp) -> Result<Receipt> {
    let first = match result(answer, now)? {
        Sent::Album(messages) => messages.into_iter().next(),
        Sent::One(message) => Some(message),
    };
    match first {
        Some(sent) => Ok(Receipt::accepted(1, Some(format!("{}:{}", sent.chat.id, sent.message_id).into()))),
        None => Err(not_understood(answer, "Telegram's answer names no message")),
    }
}

pub(super) fn health(answer: &HttpResponse, now: Timestamp) -> Result<Health> {
    result::<IgnoredAny>(answer, now).map(|_| Health::Good)
}

fn result<T: DeserializeOwned>(answer: &HttpResponse, now: Timestamp) -> Result<T> {
    if !answer.status().is_success() {
        return Err(errors::refused(answer, now));
    }
    match serde_json::from_slice::<Answer<T>>(answer.body()) {
        Ok(Answer { ok: true, result: Some(result) }) => Ok(result),
        Ok(Answer { ok: false, .. }) => Err(errors::refused(answer, now)),
        _ => Err(not_understood(answer, "Telegram's answer is not what its documentation says")),
    }
}

#[derive(Deserialize)]
struct Answer<T> {
    ok: bool,
    #[serde(default = "Option::default")]
    result: Option<T>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Sent {
    Album(Vec<SentMessage>),
    One(SentMessage),
}

#[derive(Deserialize)]
struct SentMessage {
    message_id: i64,
    chat: SentChat,
}

#[derive(Deserialize)]
struct SentChat {
    id: i64,
}
