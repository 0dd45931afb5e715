//! A mail as Brevo takes it, made of what the messages hold without copying it.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde::{Serialize, Serializer};

use super::options::Wishes;
use crate::{
    address::Mailbox,
    error::{Error, Result},
    message::{Attachment, Email, Message},
    providers::{
        echo::EchoKey,
        shared::{
            envelope::Envelope,
            mail::{self, Headers, as_base64, as_map, encoded, no_copies_with_data, unsupported},
            merge::Filling,
        },
    },
};

/// What holds our token in [`CUSTOM`].
pub(super) const TOKEN: &str = "tidings";
/// The header that events carry back.
pub(super) const CUSTOM: &str = "X-Mailin-custom";

/// Room for what stands around the texts of most mails.
const FRAME: usize = 1_024;
/// Room for one more version.
const VERSION: usize = 320;

/// Headers that Brevo reads itself.
const BREVO_HEADERS: &[&str] = &["idempotencykey", "sender.ip", "x-mailin-custom", "x-sib-sandbox"];

/// Ends of files' names that Brevo knows, from the reference of `attachment`.
const EXTENSIONS: &[&str] = &[
    "aif", "aifc", "aiff", "avi", "bmp", "cgm", "css", "csv", "doc", "docm", "docx", "eps", "ez", "flac",
    "gif", "htm", "html", "ics", "jpeg", "jpg", "m4a", "m4v", "mkv", "mobi", "mov", "mp3", "mp4", "mpeg",
    "mpg", "msg", "ods", "odt", "ogg", "pdf", "pkpass", "png", "ppt", "pptx", "pub", "rtf", "shtml", "tar",
    "tif", "tiff", "txt", "wav", "wma", "wmv", "xls", "xlsm", "xlsx", "xml", "zip",
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mail<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<Address<'a>>,
    #[serde(flatten)]
    only: Option<Version<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    message_versions: Vec<Version<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<Address<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    html_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_id: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachment: Vec<File<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [Arc<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<&'a str>,
}

/// What differs from reader to reader.
#[derive(Serialize)]
struct Version<'a> {
    to: Addresses<'a>,
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    cc: Addresses<'a>,
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    bcc: Addresses<'a>,
    #[serde(skip_serializing_if = "Filling::has_nothing")]
    params: Filling<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    headers: Headers<'a>,
}

#[derive(Serialize)]
struct Address<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
}

/// Mailboxes as a list of addresses.
struct Addresses<'a>(&'a [Mailbox]);

#[derive(Serialize)]
struct File<'a> {
    name: &'a str,
    #[serde(serialize_with = "as_base64")]
    content: &'a Bytes,
}

/// The body of the request for envelopes of one content: one mail, or versions of it.
pub(super) fn body(envelopes: &[Envelope<'_>], sandbox: bool, echo: Option<&EchoKey>) -> Result<Bytes> {
    let Some(first) = envelopes.first() else { return Ok(Bytes::new()) };
    let email = first.email();
    let wishes = Wishes::read(email, sandbox)?;
    let version = |envelope| Version::of(envelope, wishes.sandbox, echo);
    let mut versions: Vec<_> = envelopes.iter().map(version).collect::<Result<_>>()?;
    let only = if versions.len() == 1 { versions.pop() } else { None };
    let written = |text: &&str| !text.is_empty();
    let mail = Mail {
        sender: email.from.as_ref().map(Address::of),
        only,
        message_versions: versions,
        reply_to: email.reply_to.first().map(Address::of),
        subject: &email.subject,
        html_content: email.html.as_deref().filter(written),
        text_content: email.text.as_deref().filter(written),
        template_id: email.template.as_ref().and_then(|template| template.id.parse().ok()),
        attachment: email.attachments.iter().map(File::of).collect(),
        tags: &email.tags,
        scheduled_at: wishes.scheduled_at,
        batch_id: wishes.batch_id,
    };
    mail::json(&mail, email.size() + FRAME + envelopes.len() * VERSION)
}

impl<'a> Version<'a> {
    fn of(envelope: &Envelope<'a>, sandbox: bool, echo: Option<&EchoKey>) -> Result<Self> {
        Ok(Self {
            to: Addresses(envelope.to()),
            cc: Addresses(envelope.cc()),
            bcc: Addresses(envelope.bcc()),
            params: envelope.filling(),
            headers: headers(envelope, sandbox, echo)?,
        })
    }
}

fn headers<'a>(envelope: &Envelope<'a>, sandbox: bool, echo: Option<&EchoKey>) -> Result<Headers<'a>> {
    let email = envelope.email();
    let mut headers = mail::headers(email, Vec::new(), "Brevo", BREVO_HEADERS)?;
    if sandbox {
        headers.push(("X-Sib-Sandbox", "drop".into()));
    }
    let token = echo.map(|key| envelope.token(key));
    if token.is_some() || !email.metadata.is_empty() {
        let mut custom: BTreeMap<&str, &str> =
            email.metadata.iter().map(|(name, value)| (&**name, &**value)).collect();
        custom.extend(token.as_deref().map(|token| (TOKEN, token)));
        let json = mail::json(&custom, 64)?;
        headers.push((CUSTOM, String::from_utf8_lossy(&json).into_owned().into()));
    }
    Ok(headers)
}

impl<'a> Address<'a> {
    fn of(mailbox: &'a Mailbox) -> Self {
        Self { email: mailbox.address().as_str(), name: mailbox.name().map(safe) }
    }
}

/// A name with letters beyond ASCII and one of these besides would be dropped.
fn safe(name: &str) -> Cow<'_, str> {
    if name.contains(['(', ')', '<', '>', '@', ',', ';', ':', '\\', '"', '.', '[', ']']) {
        encoded(name)
    } else {
        Cow::Borrowed(name)
    }
}

impl Addresses<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Addresses<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Address::of))
    }
}

impl<'a> File<'a> {
    fn of(attachment: &'a Attachment) -> Self {
        Self { name: attachment.file.name.as_str(), content: &attachment.file.content }
    }
}

/// What Brevo would refuse or lose.
pub(super) fn check(email: &Email) -> Result<()> {
    if email.to.is_empty() {
        return Err(unsupported("to", "Brevo takes no mail without a recipient in `to`"));
    }
    no_copies_with_data(email)?;
    if email.reply_to.len() > 1 {
        return Err(unsupported("reply_to", "Brevo takes one address for answers"));
    }
    check_content(email)?;
    check_ascii(email)?;
    let known = |name: &str| {
        let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
        end.is_some_and(|end| EXTENSIONS.contains(&end.as_str()))
    };
    match email.attachments.iter().position(|attachment| !known(attachment.file.name.as_str())) {
        Some(at) => Err(unsupported(
            "attachments",
            "Brevo knows no file whose name ends so; it takes pdf, png, txt and others",
        )
        .with_field(format!("attachments[{at}].name"))),
        None => Ok(()),
    }
}

fn check_content(email: &Email) -> Result<()> {
    let empty = |text: Option<&str>| text.is_none_or(str::is_empty);
    let (text, html) = (empty(email.text.as_deref()), empty(email.html.as_deref()));
    let Some(template) = &email.template else {
        email.sender_mailbox()?;
        return match () {
            () if email.subject.is_empty() => {
                Err(Error::invalid("subject", "Brevo takes no mail without a subject, unless by a template"))
            }
            () if html => {
                Err(Error::invalid("html", "Brevo takes no mail without an HTML part, unless by a template"))
            }
            () => Ok(()),
        };
    };
    if !text || !html {
        let field = if html { "text" } else { "html" };
        return Err(unsupported(field, "beside a template Brevo ignores text and HTML"));
    }
    match template.id.parse::<u64>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::invalid("template.id", "Brevo's templates have numbers, such as 7")),
    }
}

/// Brevo sends the letters of these as they are, which mailboxes refuse or lose.
fn check_ascii(email: &Email) -> Result<()> {
    if let Some(header) = email.headers.iter().find(|header| !header.value.is_ascii()) {
        let field = format!("headers[{:?}]", header.name);
        return Err(unsupported("headers", "Brevo takes headers in ASCII").with_field(field));
    }
    let bad =
        |(name, value): &(&Arc<str>, &Arc<str>)| !name.is_ascii() || !value.is_ascii() || ***name == *TOKEN;
    match email.metadata.iter().find(bad) {
        Some((name, _)) => Err(Error::invalid(
            format!("metadata[{name:?}]"),
            "Brevo takes metadata in ASCII, and the name `tidings` is taken",
        )),
        None => Ok(()),
    }
}
