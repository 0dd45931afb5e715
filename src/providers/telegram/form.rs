//! A call's parameters as JSON, or as a multipart form if it carries files.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Method, Uri, header::CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{
    error::{Error, ErrorKind, Result},
    http::HttpRequest,
    message::{Button, ButtonAction, File},
    providers::shared::multipart::Form,
};

/// One method of the Bot API with its parameters.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) method: &'static str,
    pub(super) fields: Vec<(&'static str, Value<'a>)>,
    /// Files with the names of their parts.
    pub(super) files: Vec<(Cow<'static, str>, &'a File)>,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: &'static str) -> Self {
        Self { method, fields: Vec::with_capacity(8), files: Vec::new() }
    }

    pub(super) fn push(&mut self, name: &'static str, value: impl Into<Value<'a>>) {
        self.fields.push((name, value.into()));
    }

    pub(super) fn push_some(&mut self, name: &'static str, value: Option<impl Into<Value<'a>>>) {
        if let Some(value) = value {
            self.push(name, value);
        }
    }

    /// Only what is true is said: false is Telegram's default everywhere.
    pub(super) fn push_true(&mut self, name: &'static str, yes: bool) {
        if yes {
            self.push(name, true);
        }
    }

    /// The content type and the body.
    pub(super) fn body(&self, boundary: &str) -> Result<(HeaderValue, Bytes)> {
        if self.files.is_empty() {
            return Ok((HeaderValue::from_static("application/json"), json(self)?.into()));
        }
        self.multipart(boundary)
    }

    fn multipart(&self, boundary: &str) -> Result<(HeaderValue, Bytes)> {
        let files: usize = self.files.iter().map(|(_, file)| file.content.len() + 512).sum();
        let mut form = Form::new(boundary, files + self.fields.len() * 256);
        for (name, value) in &self.fields {
            form.field(name, None, &value.form_text()?);
        }
        for (name, file) in &self.files {
            form.file(name, file);
        }
        form.finish()
    }
}

impl Serialize for Call<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|e| Error::new(ErrorKind::Internal, "the message cannot be written as JSON").with_source(e))
}

/// The token is part of the path: no error may show the URL.
pub(super) fn request(
    base_url: &str,
    token: &SecretString,
    method: &str,
    content_type: HeaderValue,
    body: Bytes,
) -> Result<HttpRequest> {
    let mut request = HttpRequest::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri(base_url, token.expose_secret(), method)?;
    request.headers_mut().insert(CONTENT_TYPE, content_type);
    Ok(request)
}

fn uri(base_url: &str, token: &str, method: &str) -> Result<Uri> {
    let wrong = || Error::config("telegram's token has the form 123456:ABC-DEF, as @BotFather gives it");
    let fits = |b: u8| b.is_ascii_alphanumeric() || b":-_".contains(&b);
    if token.is_empty() || !token.bytes().all(fits) {
        return Err(wrong());
    }
    format!("{base_url}/bot{token}/{method}").parse().map_err(|_| wrong())
}

/// The value of a parameter.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Value<'a> {
    Degrees(f64),
    Flag(bool),
    Markup(Markup<'a>),
    Media(Vec<Piece<'a>>),
    Number(i64),
    Piece(Piece<'a>),
    Preview(LinkPreview),
    Reply(Reply),
    Text(Cow<'a, str>),
}

impl Value<'_> {
    /// "JSON-serialized" but for texts.
    fn form_text(&self) -> Result<Cow<'_, [u8]>> {
        match self {
            Self::Text(text) => Ok(Cow::Borrowed(text.as_bytes())),
            value => json(value).map(Cow::Owned),
        }
    }
}

impl From<bool> for Value<'_> {
    fn from(yes: bool) -> Self {
        Self::Flag(yes)
    }
}

impl From<f64> for Value<'_> {
    fn from(degrees: f64) -> Self {
        Self::Degrees(degrees)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<LinkPreview> for Value<'_> {
    fn from(preview: LinkPreview) -> Self {
        Self::Preview(preview)
    }
}

impl From<Reply> for Value<'_> {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

impl<'a> From<Markup<'a>> for Value<'a> {
    fn from(markup: Markup<'a>) -> Self {
        Self::Markup(markup)
    }
}

impl<'a> From<Piece<'a>> for Value<'a> {
    fn from(piece: Piece<'a>) -> Self {
        Self::Piece(piece)
    }
}

impl<'a> From<Vec<Piece<'a>>> for Value<'a> {
    fn from(pieces: Vec<Piece<'a>>) -> Self {
        Self::Media(pieces)
    }
}

#[derive(Debug, Serialize)]
pub(super) struct LinkPreview {
    pub(super) is_disabled: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Reply {
    pub(super) message_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) chat_id: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) allow_sending_without_reply: bool,
}

/// One piece of an album, or what takes the place of another.
#[derive(Debug, Serialize)]
pub(super) struct Piece<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) media: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) caption: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parse_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) has_spoiler: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) show_caption_above_media: bool,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Markup<'a> {
    Inline { inline_keyboard: Vec<Vec<InlineButton<'a>>> },
    Reply { keyboard: Vec<Vec<Key<'a>>>, resize_keyboard: bool, one_time_keyboard: bool },
}

#[derive(Debug, Serialize)]
pub(super) struct Key<'a> {
    pub(super) text: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct InlineButton<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_data: Option<&'a str>,
}

impl<'a> From<&'a Button> for InlineButton<'a> {
    fn from(button: &'a Button) -> Self {
        let (url, callback_data) = match &button.action {
            ButtonAction::Answer(answer) => (None, Some(&**answer)),
            ButtonAction::Link(link) => (Some(link.as_str()), None),
        };
        Self { text: &button.title, url, callback_data }
    }
}
