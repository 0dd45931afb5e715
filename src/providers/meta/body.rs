//! A message as the JSON that Meta takes.

use bytes::Bytes;
use serde::Serialize;

use super::{
    Meta,
    interactive::{self, Interactive},
    options::Wishes,
    template::{self, Template},
};
use crate::{
    error::{Error, ErrorKind, Result},
    message::{Location, Media, MediaKind, MediaSource, WhatsApp, WhatsAppContent},
    provider::Outgoing,
    providers::echo::Echo,
};

/// "Maximum 1024 characters" (media messages, `caption`).
const LONGEST_CAPTION: usize = 1_024;

#[derive(Serialize)]
struct Body<'a> {
    messaging_product: &'static str,
    recipient_type: &'static str,
    to: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Context<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    biz_opaque_callback_data: Option<String>,
    #[serde(flatten)]
    content: Content<'a>,
}

#[derive(Serialize)]
struct Context<'a> {
    message_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Content<'a> {
    Audio(Piece<'a>),
    Document(Piece<'a>),
    Image(Piece<'a>),
    Interactive(Interactive<'a>),
    Location(Place<'a>),
    Template(Template<'a>),
    Text(Text<'a>),
    Video(Piece<'a>),
}

impl Content<'_> {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Audio(_) => "audio",
            Self::Document(_) => "document",
            Self::Image(_) => "image",
            Self::Interactive(_) => "interactive",
            Self::Location(_) => "location",
            Self::Template(_) => "template",
            Self::Text(_) => "text",
            Self::Video(_) => "video",
        }
    }
}

#[derive(Serialize)]
struct Text<'a> {
    body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    preview_url: Option<bool>,
}

/// A piece of media: what was uploaded, or a link.
#[derive(Serialize)]
pub(super) struct Piece<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caption: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
}

/// Degrees are texts ("Location messages", request parameters).
#[derive(Serialize)]
pub(super) struct Place<'a> {
    latitude: String,
    longitude: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
}

impl<'a> From<&'a Location> for Place<'a> {
    fn from(place: &'a Location) -> Self {
        Self {
            latitude: place.latitude.to_string(),
            longitude: place.longitude.to_string(),
            name: place.name.as_deref(),
            address: place.address.as_deref(),
        }
    }
}

/// The request's body; `uploaded` is Meta's id of the message's file, if it has one.
pub(super) fn json(meta: &Meta, item: &Outgoing<'_, WhatsApp>, uploaded: Option<&str>) -> Result<Bytes> {
    let message = item.message();
    is_ours(meta, message)?;
    let wishes = Wishes::read(&message.options)?;
    let content = content(&message.content, &wishes, uploaded)?;
    let body = Body {
        messaging_product: "whatsapp",
        recipient_type: "individual",
        to: message.to.as_str(),
        kind: content.kind(),
        context: message.reply_to.as_deref().map(|message_id| Context { message_id }),
        biz_opaque_callback_data: token(meta, item),
        content,
    };
    let json = serde_json::to_vec(&body);
    json.map(Bytes::from)
        .map_err(|why| Error::new(ErrorKind::Internal, "the message cannot be written").with_source(why))
}

/// One instance writes from one number.
fn is_ours(meta: &Meta, message: &WhatsApp) -> Result<()> {
    match (&message.from, &meta.number) {
        (Some(from), Some(ours)) if from != ours => Err(Error::invalid(
            "from",
            "this instance of meta writes from another number; configure an instance for this one",
        )),
        (Some(_), None) => Err(Error::invalid(
            "from",
            "set `number` of this instance of meta, or name no sender: it writes from its phone_number_id",
        )),
        _ => Ok(()),
    }
}

fn token(meta: &Meta, item: &Outgoing<'_, WhatsApp>) -> Option<String> {
    let delivery = item.delivery(0);
    let (message, recipient) = (delivery.message, Some(delivery.recipient));
    Some(meta.echo.as_ref()?.sign(&Echo { message, recipient, generation: item.generation() }))
}

fn content<'a>(
    content: &'a WhatsAppContent,
    wishes: &Wishes<'a>,
    uploaded: Option<&'a str>,
) -> Result<Content<'a>> {
    wishes.fit(content)?;
    Ok(match content {
        WhatsAppContent::Buttons { body, buttons } => {
            Content::Interactive(interactive::buttons(body, buttons, wishes))
        }
        WhatsAppContent::List { body, button, sections } => {
            Content::Interactive(interactive::list(body, button, sections, wishes)?)
        }
        WhatsAppContent::Location(place) => Content::Location(place.into()),
        WhatsAppContent::Media(media) => {
            let piece = piece(media, uploaded, wishes.filename, "content.media")?;
            match media.kind {
                MediaKind::Audio => Content::Audio(piece),
                MediaKind::File => Content::Document(piece),
                MediaKind::Image => Content::Image(piece),
                MediaKind::Video => Content::Video(piece),
            }
        }
        WhatsAppContent::Template(template) => Content::Template(template::filled(template, uploaded)?),
        WhatsAppContent::Text(body) => Content::Text(Text { body, preview_url: wishes.preview_url }),
    })
}

/// Media by link, or by the id of what was uploaded.
pub(super) fn piece<'a>(
    media: &'a Media,
    uploaded: Option<&'a str>,
    filename: Option<&'a str>,
    field: &'static str,
) -> Result<Piece<'a>> {
    let caption = caption(media, field)?;
    let (id, link, own_name) = match &media.source {
        MediaSource::File(file) => (uploaded, None, Some(file.name.as_str())),
        MediaSource::Url(url) => (None, Some(url.as_str()), None),
    };
    // Only files are shown with a name.
    let filename = filename.or(own_name).filter(|_| media.kind == MediaKind::File);
    Ok(Piece { id, link, caption, filename })
}

fn caption<'a>(media: &'a Media, field: &str) -> Result<Option<&'a str>> {
    let Some(caption) = media.caption.as_deref() else { return Ok(None) };
    let field = format!("{field}.caption");
    if media.kind == MediaKind::Audio {
        let why = "WhatsApp shows no words under sound; send them as a message of their own";
        return Err(Error::new(ErrorKind::Unsupported, why).with_field(field));
    }
    match caption.chars().count() {
        0..=LONGEST_CAPTION => Ok(Some(caption)),
        long => Err(Error::invalid(field, format!("1 to {LONGEST_CAPTION} characters, not {long}"))),
    }
}
