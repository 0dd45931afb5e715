//! Bytes that are handed over before the message that shows them.

use bytes::Bytes;
use http::{HeaderValue, Method, Uri, header};
use secrecy::SecretString;

use super::wire::authorized;
use crate::{
    error::{Error, ErrorKind, Result},
    http::HttpRequest,
    message::{
        File, Media, MediaKind, MediaSource, TemplateHeader, WhatsApp, WhatsAppContent, WhatsAppTemplate,
    },
};

const MEGABYTE: usize = 1_024 * 1_024;

/// The most octets of each kind ("Supported media types" of the media reference).
const fn most(kind: MediaKind) -> usize {
    match kind {
        MediaKind::Audio | MediaKind::Video => 16 * MEGABYTE,
        MediaKind::File => 100 * MEGABYTE,
        MediaKind::Image => 5 * MEGABYTE,
    }
}

/// The file that has to be uploaded first, if there is one.
pub(super) fn needed(message: &WhatsApp) -> Result<Option<&File>> {
    let (media, field) = match &message.content {
        WhatsAppContent::Media(media) => (media, "content.media"),
        WhatsAppContent::Template(WhatsAppTemplate {
            header: Some(TemplateHeader::Media(media)), ..
        }) => (media, "content.template.header"),
        _ => return Ok(None),
    };
    let Media { kind, source: MediaSource::File(file), .. } = media else { return Ok(None) };
    let (length, most) = (file.content.len(), most(*kind));
    if length > most {
        let why = format!("WhatsApp takes at most {most} bytes of this kind, not {length}");
        return Err(Error::new(ErrorKind::PayloadTooLarge, why).with_field(field));
    }
    Ok(Some(file))
}

/// A form with one file (RFC 7578).
pub(super) struct Form {
    boundary: String,
    body: Bytes,
}

pub(super) fn form(file: &File) -> Form {
    // Of 128 random bits: that these bytes hold it by chance need not be looked for.
    let boundary = format!("tidings-{:032x}", fastrand::u128(..));
    let mut body = Vec::with_capacity(file.content.len() + 512);
    for (name, value) in [("messaging_product", "whatsapp"), ("type", file.content_type.as_str())] {
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(value.as_bytes());
        body.extend_from_slice(b"\r\n");
    }
    let (name, kind) = (escaped(file.name.as_str()), &file.content_type);
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: {kind}\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&file.content);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    Form { boundary, body: body.into() }
}

/// As browsers do (WHATWG HTML, multipart/form-data encoding); names hold no line breaks.
fn escaped(name: &str) -> String {
    name.replace('"', "%22")
}

impl Form {
    pub(super) fn request(&self, uri: &Uri, token: &SecretString) -> Result<HttpRequest> {
        let mut request = authorized(Method::POST, uri, token, self.body.clone())?;
        let kind = HeaderValue::from_str(&format!("multipart/form-data; boundary={}", self.boundary))
            .map_err(|_| Error::new(ErrorKind::Internal, "the boundary is no header text"))?;
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        Ok(request)
    }
}
