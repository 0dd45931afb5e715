//! Files: an address for each, the bytes to that address, then one call that shows them.
//!
//! <https://docs.slack.dev/messaging/working-with-files#uploading_files>

use bytes::Bytes;
use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    errors::answered,
    limits::words,
    wire::{self, is_id, thread},
};
use crate::{
    error::{Certainty, Error, ErrorKind, Result},
    http::{HttpRequest, HttpResponse, classify::error_for},
    message::{Chat, File, MediaSource, TextFormat},
    provider::Receipt,
    providers::shared::settings::secure_uri,
    time::Timestamp,
};

pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// Where the bytes of one file go.
#[derive(Deserialize)]
pub(super) struct Place {
    upload_url: String,
    pub(super) file_id: String,
}

/// The files with their captions.
pub(super) fn files(chat: &Chat) -> impl Iterator<Item = (&File, Option<&str>)> {
    chat.media.iter().filter_map(|media| match &media.source {
        MediaSource::File(file) => Some((file, media.caption.as_deref())),
        MediaSource::Url(_) => None,
    })
}

/// The arguments of `files.getUploadURLExternal`, which takes forms only.
pub(super) fn place_form(file: &File) -> Bytes {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("filename", file.name.as_str());
    form.append_pair("length", &file.content.len().to_string());
    form.finish().into()
}

pub(super) fn place(answer: &HttpResponse, now: Timestamp) -> Result<Place> {
    answered(answer, now).map_err(nothing_sent)
}

/// The bytes, as they are, without our token.
pub(super) fn bytes(place: &Place, file: &File) -> Result<HttpRequest> {
    let odd = || nothing_sent(Error::new(ErrorKind::Protocol, "Slack's upload_url is no address of https"));
    let uri: Uri = secure_uri("upload_url", &place.upload_url).map_err(|_| odd())?;
    Ok(wire::plain(&uri, "application/octet-stream", file.content.clone()))
}

pub(super) fn taken(answer: &HttpResponse, now: Timestamp) -> Result<()> {
    if answer.status().is_success() { Ok(()) } else { Err(nothing_sent(error_for(answer, now))) }
}

/// However it failed: as long as nobody was shown the files, nothing was sent.
pub(super) fn nothing_sent(error: Error) -> Error {
    error.with_certainty(Certainty::NotSent)
}

#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
}

/// The arguments of `files.completeUploadExternal`.
#[derive(Serialize)]
pub(super) struct Show<'a> {
    files: Vec<Shown<'a>>,
    channel_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_ts: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_comment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocks: Option<Value>,
}

/// Checks what of the message only this call would show to be wrong.
pub(super) fn show<'a>(chat: &'a Chat, ids: &'a [String]) -> Result<Show<'a>> {
    let channel_id = chat.to.as_str();
    if !is_id(channel_id) {
        let why = "files go to the id of a channel or conversation, such as C0123456789, not to a name";
        return Err(Error::new(ErrorKind::InvalidRecipient, why).with_field("to"));
    }
    let (initial_comment, blocks) = match (words(chat), chat.format) {
        (Some(words), TextFormat::Plain) => (None, Some(plain(words))),
        (words, _) => (words, None),
    };
    let captions = files(chat).map(|(_, caption)| caption);
    Ok(Show {
        files: ids.iter().zip(captions).map(|(id, title)| Shown { id, title }).collect(),
        channel_id,
        thread_ts: chat.thread.as_deref().map(thread).transpose()?,
        initial_comment,
        blocks,
    })
}

/// A comment is always read as markup: rich text is not.
fn plain(words: &str) -> Value {
    json!([{
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": words}]}],
    }])
}

#[derive(Deserialize)]
struct Completed {
    files: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// The id is that of the first file: Slack names no message here.
pub(super) fn receipt(answer: &HttpResponse, now: Timestamp) -> Result<Receipt> {
    let completed: Completed = answered(answer, now)?;
    Ok(Receipt::accepted(1, completed.files.into_iter().next().map(|file| file.id.into())))
}
