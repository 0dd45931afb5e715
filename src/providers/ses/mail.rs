//! A mail as SES takes it.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    json::{
        Body, Content, Destination, File, Frame, Header, ListManagement, Raw, Simple, Single, Tag, Template,
        Text,
    },
    limits::{MAX_DATA, TAG, TOKEN, check},
    options::Wishes,
};
use crate::{
    address::Mailbox,
    error::{Certainty, Error, ErrorKind, Result},
    message::{Attachment, Email, Message, Priority},
    provider::Outgoing,
    providers::{
        echo::{Echo, EchoKey},
        shared::mime::{self, plain},
    },
    time::Timestamp,
};

/// Limits of `MessageHeader` and `Attachment`; what is over them goes as a whole mail of ours.
/// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MessageHeader.html>
const MAX_HEADERS: usize = 15;
const MAX_NAME: usize = 126;
const MAX_VALUE: usize = 870;
/// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Attachment.html>
const MAX_FILE_NAME: usize = 255;
const MAX_FILE_WORD: usize = 78;

/// What every mail of an instance has.
#[derive(Clone, Copy)]
pub(super) struct Pen<'a> {
    pub(super) configuration_set: Option<&'a str>,
    pub(super) echo: Option<&'a EchoKey>,
}

impl Pen<'_> {
    /// The body of `SendEmail`.
    pub(super) fn single(&self, item: &Outgoing<'_, Email>, now: Timestamp) -> Result<Bytes> {
        let email = item.message();
        check(email)?;
        let wishes = Wishes::read(email)?;
        let headers = headers(email)?;
        let simple = email.template.is_none() && is_simple(email, &headers);
        let content = match &email.template {
            Some(template) => Content::Template(Template {
                template_name: &template.id,
                template_data: filling(Some(&template.data), None)?,
                headers: in_ascii(headers)?,
                attachments: files(email)?,
            }),
            None if simple => Content::Simple(Box::new(written_by_ses(email, headers))),
            None => Content::Raw(written_by_us(item, now)?),
        };
        let raw = matches!(content, Content::Raw(_));
        written(&Single {
            frame: self.frame(email, &wishes, raw)?,
            destination: destination(email, raw)?,
            content,
            email_tags: self.tags(item, None),
            list_management_options: wishes
                .contact_list
                .map(|contact_list_name| ListManagement { contact_list_name, topic_name: wishes.topic }),
        })
    }

    /// Sender and settings. A whole mail of ours names sender and addresses for answers itself.
    pub(super) fn frame<'a>(&'a self, email: &'a Email, wishes: &Wishes<'a>, raw: bool) -> Result<Frame<'a>> {
        let from = email.sender_mailbox()?;
        let reply_to = if raw { &[][..] } else { &email.reply_to[..] };
        Ok(Frame {
            from_email_address: if raw { None } else { Some(ascii("from", from)?) },
            from_email_address_identity_arn: wishes.from_arn,
            reply_to_addresses: list("reply_to", reply_to)?,
            feedback_forwarding_email_address: wishes.feedback_to.as_ref().map(|to| plain(to).into_owned()),
            configuration_set_name: wishes.configuration_set.or(self.configuration_set),
            tenant_name: wishes.tenant,
        })
    }

    /// What events carry back; `position` is the recipient's, if the mail has several but goes to one.
    pub(super) fn tags<'a>(&self, item: &Outgoing<'a, Email>, position: Option<usize>) -> Vec<Tag<'a>> {
        let email = item.message();
        let tag = |name, value: Cow<'a, str>| Tag { name, value };
        let mut tags: Vec<_> = email.tags.iter().map(|word| tag(TAG, Cow::Borrowed(word))).collect();
        tags.extend(email.metadata.iter().map(|(name, value)| tag(name, Cow::Borrowed(value))));
        let alone = (email.recipient_count() == 1).then_some(0);
        let recipient = position.or(alone).map(|position| item.delivery(position).recipient);
        let echo = Echo { message: item.id(), recipient, generation: item.generation() };
        tags.extend(self.echo.map(|key| tag(TOKEN, Cow::Owned(key.sign(&echo)))));
        tags
    }
}

fn written_by_ses<'a>(email: &'a Email, headers: Vec<Header<'a>>) -> Simple<'a> {
    Simple {
        subject: Text::of(&email.subject),
        body: Body { text: email.text.as_deref().map(Text::of), html: email.html.as_deref().map(Text::of) },
        headers,
        attachments: email.attachments.iter().map(file).collect(),
    }
}

fn written_by_us(item: &Outgoing<'_, Email>, now: Timestamp) -> Result<Raw> {
    let mail = mime::write(item.message(), item.message_id(), now, None)
        .map_err(|error| error.with_certainty(Certainty::NotSent))?;
    Ok(Raw { data: mail.content.into() })
}

/// True if SES's own form has room for all of it.
fn is_simple(email: &Email, headers: &[Header<'_>]) -> bool {
    let from = email.from.iter().chain(&email.reply_to);
    let named = |mailbox: &Mailbox| mailbox.name().is_none_or(str::is_ascii);
    let twice = |(index, header): (usize, &Header<'_>)| {
        headers[..index].iter().any(|other| other.name.eq_ignore_ascii_case(header.name))
    };
    (email.text.is_some() || email.html.is_some())
        && from.chain(email.recipients()).all(named)
        && headers.len() <= MAX_HEADERS
        && headers.iter().all(header_fits)
        && !headers.iter().enumerate().any(twice)
        && email.attachments.iter().all(|file| file_fits(file, email.html.is_some()))
}

fn header_fits(header: &Header<'_>) -> bool {
    let printable = header.value.bytes().all(|b| (b' '..=b'~').contains(&b));
    header.name.len() <= MAX_NAME && (1..=MAX_VALUE).contains(&header.value.len()) && printable
}

fn file_fits(attachment: &Attachment, has_html: bool) -> bool {
    let (name, kind) = (attachment.file.name.as_str(), attachment.file.content_type.as_str());
    let id = attachment.content_id.as_deref();
    name.is_ascii()
        && name.len() <= MAX_FILE_NAME
        && (1..=MAX_FILE_WORD).contains(&kind.len())
        && id.is_none_or(|id| has_html && (1..=MAX_FILE_WORD).contains(&id.len()))
}

/// The files of a template, which has no other form to go in.
pub(super) fn files(email: &Email) -> Result<Vec<File<'_>>> {
    let misfit = email.attachments.iter().position(|attachment| !file_fits(attachment, true));
    match misfit {
        Some(index) => Err(Error::new(
            ErrorKind::Unsupported,
            "beside a template SES takes files with ASCII names of at most 255 characters, and types and ids of at most 78",
        )
        .with_field(format!("attachments[{index}]"))),
        None => Ok(email.attachments.iter().map(file).collect()),
    }
}

fn file(attachment: &Attachment) -> File<'_> {
    File {
        file_name: attachment.file.name.as_str(),
        content_type: attachment.file.content_type.as_str(),
        content_disposition: if attachment.content_id.is_some() { "INLINE" } else { "ATTACHMENT" },
        content_id: attachment.content_id.as_deref(),
        content_transfer_encoding: "BASE64",
        raw_content: attachment.file.content.clone(),
    }
}

/// All headers of the mail that SES does not make of its other parts.
pub(super) fn headers(email: &Email) -> Result<Vec<Header<'_>>> {
    let fixed = |(name, value): &(&'static str, &'static str)| Header { name, value: Cow::Borrowed(value) };
    let mut headers: Vec<_> = priority(email.priority).iter().map(fixed).collect();
    if let Some(unsubscribe) = &email.list_unsubscribe {
        for (name, value) in unsubscribe.headers() {
            if !value.is_ascii() {
                let why = "RFC 2369 takes ASCII only: write the link percent-encoded";
                return Err(Error::invalid("list_unsubscribe", why));
            }
            headers.push(Header { name, value: Cow::Owned(value) });
        }
    }
    // The caller's own word for how important it is goes before ours.
    headers.retain(|ours| !email.headers.iter().any(|own| own.name.eq_ignore_ascii_case(ours.name)));
    headers
        .extend(email.headers.iter().map(|own| Header { name: &own.name, value: Cow::Borrowed(&own.value) }));
    Ok(headers)
}

fn priority(priority: Priority) -> &'static [(&'static str, &'static str)] {
    match priority {
        Priority::High => &[("X-Priority", "1"), ("Importance", "high")],
        Priority::Low => &[("X-Priority", "5"), ("Importance", "low")],
        Priority::Normal => &[],
    }
}

/// Headers beside a template, which has no other form to go in.
pub(super) fn in_ascii(headers: Vec<Header<'_>>) -> Result<Vec<Header<'_>>> {
    let unsupported =
        |field: String, why: &'static str| Err(Error::new(ErrorKind::Unsupported, why).with_field(field));
    if headers.len() > MAX_HEADERS {
        return unsupported("headers".into(), "SES takes at most 15 headers beside a template");
    }
    match headers.iter().find(|header| !header_fits(header)) {
        Some(header) => unsupported(
            format!("headers[{:?}]", header.name),
            "beside a template SES takes headers of 1 to 870 printable ASCII characters",
        ),
        None => Ok(headers),
    }
}

/// The whole envelope. A whole mail of ours shows the names itself.
fn destination(email: &Email, raw: bool) -> Result<Destination> {
    let of = |field, mailboxes: &[Mailbox]| match raw {
        true => Ok(mailboxes.iter().map(|mailbox| plain(mailbox.address()).into_owned()).collect()),
        false => list(field, mailboxes),
    };
    Ok(Destination {
        to_addresses: of("to", &email.to)?,
        cc_addresses: of("cc", &email.cc)?,
        bcc_addresses: of("bcc", &email.bcc)?,
    })
}

/// The envelope of an entry of a bulk call.
pub(super) fn destination_of(email: &Email, only: Option<usize>) -> Result<Destination> {
    match only {
        None => destination(email, false),
        Some(index) => {
            let to = email.to.get(index).map(std::slice::from_ref).unwrap_or_default();
            Ok(Destination { to_addresses: list("to", to)?, cc_addresses: vec![], bcc_addresses: vec![] })
        }
    }
}

fn list(field: &'static str, mailboxes: &[Mailbox]) -> Result<Vec<String>> {
    mailboxes.iter().map(|mailbox| ascii(field, mailbox)).collect()
}

/// A mailbox as RFC 5322 writes it, which is ASCII.
fn ascii(field: &'static str, mailbox: &Mailbox) -> Result<String> {
    let address = plain(mailbox.address());
    let Some(name) = mailbox.name() else { return Ok(address.into_owned()) };
    if !name.is_ascii() {
        let why = "beside a template SES takes names in ASCII alone";
        return Err(Error::new(ErrorKind::Unsupported, why).with_field(field));
    }
    let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{escaped}\" <{address}>"))
}

/// A template's data with one recipient's own laid over it, as the text of JSON that SES asks for.
pub(super) fn filling(
    common: Option<&Map<String, Value>>,
    own: Option<&Map<String, Value>>,
) -> Result<String> {
    let mut data = common.cloned().unwrap_or_default();
    data.extend(own.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    let text = Value::Object(data).to_string();
    if text.len() > MAX_DATA {
        let why = format!("SES takes at most {MAX_DATA} octets of data for a template, not {}", text.len());
        return Err(Error::invalid("template.data", why));
    }
    Ok(text)
}

pub(super) fn written(body: &impl Serialize) -> Result<Bytes> {
    let json = serde_json::to_vec(body).map_err(|e| {
        Error::new(ErrorKind::Internal, "the mail cannot be written as JSON")
            .with_certainty(Certainty::NotSent)
            .with_source(e)
    })?;
    Ok(json.into())
}
