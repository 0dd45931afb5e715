//! A mail as Resend takes it, made of what the message holds without copying it.

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::options::Wishes;
use crate::{
    address::Mailbox,
    error::{Error, Result},
    message::{Attachment, Email, Message},
    providers::{
        echo::EchoKey,
        shared::{
            envelope::Envelope,
            mail::{self, Headers, as_base64, as_map, no_copies_with_data, unsupported},
            merge::Filling,
        },
    },
};

/// The tag that holds our token.
pub(super) const TOKEN: &str = "tidings";

/// Room for what stands around the texts of most mails.
const FRAME: usize = 1_024;

#[derive(Serialize)]
struct Mail<'a> {
    from: String,
    to: Mailboxes<'a>,
    #[serde(skip_serializing_if = "Mailboxes::is_empty")]
    cc: Mailboxes<'a>,
    #[serde(skip_serializing_if = "Mailboxes::is_empty")]
    bcc: Mailboxes<'a>,
    #[serde(skip_serializing_if = "Mailboxes::is_empty")]
    reply_to: Mailboxes<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<Template<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    headers: Headers<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<File<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Template<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Filling::has_nothing")]
    variables: Filling<'a>,
}

#[derive(Serialize)]
struct File<'a> {
    #[serde(serialize_with = "as_base64")]
    content: &'a Bytes,
    filename: &'a str,
    content_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Tag<'a> {
    name: &'a str,
    value: &'a str,
}

/// Mailboxes as a list of texts.
struct Mailboxes<'a>(&'a [Mailbox]);

impl Mailboxes<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Mailboxes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

/// The JSON of one mail.
pub(super) fn body(envelope: &Envelope<'_>, echo: Option<&EchoKey>) -> Result<Bytes> {
    let email = envelope.email();
    let wishes = Wishes::read(email)?;
    let token = echo.map(|key| envelope.token(key));
    let written = |text: &&str| !text.is_empty();
    let mail = Mail {
        from: email.sender_mailbox()?.to_string(),
        to: Mailboxes(envelope.to()),
        cc: Mailboxes(envelope.cc()),
        bcc: Mailboxes(envelope.bcc()),
        reply_to: Mailboxes(&email.reply_to),
        subject: &email.subject,
        text: email.text.as_deref().filter(written),
        html: email.html.as_deref().filter(written),
        template: email
            .template
            .as_ref()
            .map(|template| Template { id: &template.id, variables: envelope.filling() }),
        headers: mail::headers(email, Vec::new(), "Resend", &[])?,
        attachments: email.attachments.iter().map(File::of).collect(),
        tags: tags(email, token.as_deref()),
        scheduled_at: wishes.scheduled_at,
        topic_id: wishes.topic_id,
    };
    mail::json(&mail, email.size() + FRAME)
}

fn tags<'a>(email: &'a Email, token: Option<&'a str>) -> Vec<Tag<'a>> {
    let words = email.tags.iter().map(|word| Tag { name: word, value: "true" });
    let metadata = email.metadata.iter().map(|(name, value)| Tag { name, value });
    words.chain(metadata).chain(token.map(|value| Tag { name: TOKEN, value })).collect()
}

impl<'a> File<'a> {
    fn of(attachment: &'a Attachment) -> Self {
        Self {
            content: &attachment.file.content,
            filename: attachment.file.name.as_str(),
            content_type: attachment.file.content_type.as_str(),
            content_id: attachment.content_id.as_deref(),
        }
    }
}

/// What Resend would refuse or lose.
pub(super) fn check(email: &Email) -> Result<()> {
    if email.to.is_empty() {
        return Err(unsupported("to", "Resend takes no mail without a recipient in `to`"));
    }
    no_copies_with_data(email)?;
    check_content(email)?;
    let readers = [("to", &email.to), ("cc", &email.cc), ("bcc", &email.bcc), ("reply_to", &email.reply_to)];
    let foreign = |mailbox: &Mailbox| !mailbox.address().local().is_ascii();
    let wrong = readers.into_iter().find(|(_, mailboxes)| mailboxes.iter().any(foreign));
    match wrong.map(|(field, _)| field).or(foreign(email.sender_mailbox()?).then_some("from")) {
        Some(field) => {
            Err(unsupported(field, "Resend takes no address with letters beyond ASCII before the @"))
        }
        None => check_tags(email),
    }
}

fn check_content(email: &Email) -> Result<()> {
    let empty = |text: Option<&str>| text.is_none_or(str::is_empty);
    let (text, html) = (empty(email.text.as_deref()), empty(email.html.as_deref()));
    let Some(template) = &email.template else {
        return match () {
            () if !email.merge.is_empty() => {
                Err(unsupported("merge", "Resend fills in data only with a template"))
            }
            () if email.subject.is_empty() => {
                Err(Error::invalid("subject", "Resend takes no mail without a subject, unless by a template"))
            }
            () if text && html => {
                Err(Error::invalid("text", "Resend takes no mail without a text, an HTML part or a template"))
            }
            () => Ok(()),
        };
    };
    if !text || !html {
        let field = if html { "text" } else { "html" };
        return Err(unsupported(field, "Resend takes text and HTML or a template, not both"));
    }
    let plain = |value: &Value| matches!(value, Value::Number(_) | Value::String(_));
    let data = template.data.iter().chain(email.merge.values().flatten());
    match { data }.find(|(_, value)| !plain(value)) {
        Some((name, _)) => Err(Error::invalid(
            format!("template.data[{name:?}]"),
            "Resend's templates take texts and numbers",
        )),
        None => Ok(()),
    }
}

/// "It can only contain ASCII letters (a–z, A–Z), numbers (0–9), underscores (_), or dashes (-)."
fn check_tags(email: &Email) -> Result<()> {
    let fits = |text: &str| {
        (1..=256).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    let why = "Resend takes up to 256 ASCII letters, digits, _ and -, each name once, and `tidings` is taken";
    let mut seen = vec![TOKEN];
    for (position, tag) in email.tags.iter().enumerate() {
        if !fits(tag) || seen.contains(&&**tag) {
            return Err(Error::invalid(format!("tags[{position}]"), why));
        }
        seen.push(tag);
    }
    let wrong = |(name, value): &(&_, &_)| {
        let (name, value): (&std::sync::Arc<str>, &std::sync::Arc<str>) = (*name, *value);
        !fits(name) || !fits(value) || seen.contains(&&**name)
    };
    match email.metadata.iter().find(wrong) {
        Some((name, _)) => Err(Error::invalid(format!("metadata[{name:?}]"), why)),
        None => Ok(()),
    }
}
