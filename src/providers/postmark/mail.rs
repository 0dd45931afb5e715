//! A mail as Postmark takes it, made of what the message holds without copying it.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde::{Serialize, Serializer};

use super::options::Wishes;
use crate::{
    error::{Error, ErrorKind, Result},
    message::{Attachment, Email, Message, VendorTemplate},
    providers::{
        echo::EchoKey,
        shared::{
            envelope::Envelope,
            mail::{self, Headers, as_base64, list, no_copies_with_data, unsupported},
            merge::Filling,
        },
    },
};

/// The metadata that hold our token.
pub(super) const TOKEN: &str = "tidings";

/// Room for what stands around the texts of most mails.
const FRAME: usize = 1_024;

/// The most octets of a text or an HTML part
/// (<https://postmarkapp.com/support/article/1056-what-are-the-attachment-and-email-size-limits>).
const PART: usize = 5_000_000;

/// Headers that Postmark writes or reads itself.
const POSTMARK_HEADERS: &[&str] = &["x-pm-keepid", "x-pm-message-id", "x-pm-message-stream", "x-pm-tag"];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Mail<'a> {
    from: String,
    to: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    cc: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    bcc: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reply_to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html_body: Option<&'a str>,
    #[serde(flatten)]
    template: Option<Template<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    #[serde(serialize_with = "named")]
    headers: Headers<'a>,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<File<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track_opens: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track_links: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_stream: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Template<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    template_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_alias: Option<&'a str>,
    template_model: Filling<'a>,
    #[serde(rename = "InlineCss", skip_serializing_if = "Option::is_none")]
    inline_css: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct File<'a> {
    name: &'a str,
    #[serde(serialize_with = "as_base64")]
    content: &'a Bytes,
    content_type: &'a str,
    #[serde(rename = "ContentID", skip_serializing_if = "Option::is_none")]
    content_id: Option<String>,
}

struct Metadata<'a> {
    own: &'a BTreeMap<Arc<str>, Arc<str>>,
    token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Named<'a> {
    name: &'a str,
    value: &'a str,
}

/// The JSON of one mail.
pub(super) fn body(envelope: &Envelope<'_>, stream: Option<&str>, echo: Option<&EchoKey>) -> Result<Bytes> {
    let email = envelope.email();
    let wishes = Wishes::read(email, false)?;
    let written = |text| Some(text).filter(|text: &&str| !text.is_empty() && email.template.is_none());
    let mail = Mail {
        from: email.sender_mailbox()?.to_string(),
        to: list(envelope.to()),
        cc: list(envelope.cc()),
        bcc: list(envelope.bcc()),
        reply_to: list(&email.reply_to),
        subject: written(&email.subject),
        text_body: email.text.as_deref().and_then(written),
        html_body: email.html.as_deref().and_then(written),
        template: email.template.as_ref().map(|template| Template::of(template, envelope, &wishes)),
        tag: email.tags.first().map(|tag| &**tag),
        headers: headers(envelope)?,
        metadata: Metadata { own: &email.metadata, token: echo.map(|key| envelope.token(key)) },
        attachments: email.attachments.iter().map(File::of).collect(),
        track_opens: wishes.track_opens,
        track_links: wishes.track_links,
        message_stream: wishes.message_stream.or(stream),
    };
    mail::json(&mail, email.size() + FRAME)
}

/// Without `X-PM-KeepID` Postmark would replace the `Message-ID`.
fn headers<'a>(envelope: &Envelope<'a>) -> Result<Headers<'a>> {
    let id = Cow::Owned(envelope.item.message_id());
    let first = vec![("Message-ID", id), ("X-PM-KeepID", Cow::Borrowed("true"))];
    mail::headers(envelope.email(), first, "Postmark", POSTMARK_HEADERS)
}

fn named<S: Serializer>(headers: &Headers<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(headers.iter().map(|(name, value)| Named { name, value }))
}

impl<'a> Template<'a> {
    /// What is a number is an id; anything else is an alias, which begins with a letter.
    fn of(template: &'a VendorTemplate, envelope: &Envelope<'a>, wishes: &Wishes<'_>) -> Self {
        let id = template.id.parse().ok();
        Self {
            template_id: id,
            template_alias: id.is_none().then_some(&*template.id),
            template_model: envelope.filling(),
            inline_css: wishes.inline_css,
        }
    }
}

impl<'a> File<'a> {
    fn of(attachment: &'a Attachment) -> Self {
        Self {
            name: attachment.file.name.as_str(),
            content: &attachment.file.content,
            content_type: attachment.file.content_type.as_str(),
            content_id: attachment.content_id.as_ref().map(|id| format!("cid:{id}")),
        }
    }
}

impl Metadata<'_> {
    fn is_empty(&self) -> bool {
        self.own.is_empty() && self.token.is_none()
    }
}

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let own = self.own.iter().map(|(name, value)| (&**name, &**value));
        serializer.collect_map(own.chain(self.token.iter().map(|token| (TOKEN, token.as_str()))))
    }
}

/// What Postmark would refuse or lose.
pub(super) fn check(email: &Email) -> Result<()> {
    if email.to.is_empty() {
        return Err(unsupported("to", "Postmark takes no mail without a recipient in `to`"));
    }
    no_copies_with_data(email)?;
    check_content(email)?;
    check_addresses(email)?;
    if email.tags.len() > 1 || email.tags.iter().any(|tag| tag.chars().count() > 1_000) {
        return Err(Error::invalid("tags", "Postmark takes one tag of up to 1,000 characters"));
    }
    check_metadata(email)
}

fn check_content(email: &Email) -> Result<()> {
    for (field, text) in [("text", &email.text), ("html", &email.html)] {
        if let Some(octets) = text.as_ref().map(|text| text.len()).filter(|octets| *octets > PART) {
            let why = format!("Postmark takes up to {PART} octets; these are {octets}");
            return Err(Error::new(ErrorKind::PayloadTooLarge, why).with_field(field));
        }
    }
    let empty = |text: Option<&str>| text.is_none_or(str::is_empty);
    let (text, html) = (empty(email.text.as_deref()), empty(email.html.as_deref()));
    if email.template.is_none() {
        return match () {
            () if !email.merge.is_empty() => {
                Err(unsupported("merge", "Postmark fills in data only with a template"))
            }
            () if text && html => Err(Error::invalid(
                "text",
                "Postmark takes no mail without a text, an HTML part or a template",
            )),
            () => Ok(()),
        };
    }
    let beside = [("subject", email.subject.is_empty()), ("text", text), ("html", html)];
    match beside.into_iter().find(|(_, empty)| !empty) {
        Some((field, _)) => {
            Err(unsupported(field, "Postmark's templates bring subject, text and HTML themselves"))
        }
        None => Ok(()),
    }
}

/// <https://postmarkapp.com/support/article/1180-what-does-errorcode-300-mean>
fn check_addresses(email: &Email) -> Result<()> {
    let sender = email.sender_mailbox()?;
    if !sender.address().local().is_ascii() {
        return Err(unsupported("from", "Postmark takes no address with letters beyond ASCII before the @"));
    }
    for (field, mailboxes) in [("to", &email.to), ("cc", &email.cc), ("bcc", &email.bcc)] {
        if let Some(at) = mailboxes.iter().position(|mailbox| !mailbox.address().local().is_ascii()) {
            let why = "Postmark takes no address with letters beyond ASCII before the @";
            return Err(unsupported(field, why).with_field(format!("{field}[{at}]")));
        }
    }
    Ok(())
}

/// <https://postmarkapp.com/support/article/1125-custom-metadata-faq>
fn check_metadata(email: &Email) -> Result<()> {
    if email.metadata.len() > 9 {
        let why = format!("Postmark takes 10 metadata, one of them ours; these are {}", email.metadata.len());
        return Err(Error::invalid("metadata", why));
    }
    let mut seen = vec![TOKEN.to_owned()];
    for (name, value) in &email.metadata {
        let wrong = |why: &'static str| Err(Error::invalid(format!("metadata[{name:?}]"), why));
        if name.chars().count() > 20 || value.chars().count() > 80 {
            return wrong("Postmark takes names of up to 20 characters and values of up to 80");
        }
        let lower = name.to_ascii_lowercase();
        if seen.contains(&lower) {
            return wrong("the name is `tidings`, which is taken, or differs from another only in case");
        }
        seen.push(lower);
    }
    Ok(())
}
