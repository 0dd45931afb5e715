//! A mail as the fields of Mailgun's form.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::{Map, Value};

use super::{
    form::{Filled, Form},
    options::Wishes,
};
use crate::{
    address::Mailbox,
    error::{Error, ErrorKind, Result},
    message::{Attachment, Email},
    providers::{
        echo::EchoKey,
        shared::{
            envelope::Envelope,
            mail::{self, list, no_copies_with_data, unsupported},
            merge::as_text,
        },
    },
};

/// The user variable that holds our token.
pub(super) const TOKEN: &str = "tidings";

/// "Send options (parameters starting with o:, h:, v:, or t:) are limited to 16KB total."
const OPTIONS: usize = 16 * 1_024;

/// Headers that Mailgun writes itself.
const MAILGUN_HEADERS: &[&str] = &["x-mailgun-sid", "x-mailgun-variables"];

/// The form for envelopes of one content.
pub(super) fn form(envelopes: &[Envelope<'_>], sandbox: bool, echo: Option<&EchoKey>) -> Result<Filled> {
    let Some(first) = envelopes.first() else { return Ok(Form::new("tidings").finish()) };
    let email = first.email();
    let each = envelopes.len() > 1 || !email.merge.is_empty();
    // Who writes a mail cannot know its id before, so the boundary does not occur in it.
    let mut form = Form::new(&format!("tidings-{}", first.item.id().as_uuid().simple()));
    form.field("from", &email.sender_mailbox()?.to_string());
    for (name, mailboxes) in envelopes.iter().flat_map(readers) {
        mailboxes.iter().for_each(|mailbox| form.field(name, &mailbox.to_string()));
    }
    content(email, &mut form);
    headers(envelopes, &mut form)?;
    email.tags.iter().for_each(|tag| form.field("o:tag", tag));
    email.metadata.iter().for_each(|(name, value)| form.field(&format!("v:{name}"), value));
    Wishes::read(email, sandbox)?.write(&mut form);
    if each {
        variables(envelopes, echo, &mut form)
    } else {
        data(first, echo, &mut form)
    }
    if form.options() > OPTIONS {
        let why = format!("options, headers, metadata and template data have {} octets", form.options());
        return Err(Error::new(ErrorKind::PayloadTooLarge, format!("{why}; Mailgun takes {OPTIONS}"))
            .with_field("metadata"));
    }
    email.attachments.iter().for_each(|attachment| file(attachment, &mut form));
    Ok(form.finish())
}

fn readers<'a>(envelope: &Envelope<'a>) -> [(&'static str, &'a [Mailbox]); 3] {
    [("to", envelope.to()), ("cc", envelope.cc()), ("bcc", envelope.bcc())]
}

fn content(email: &Email, form: &mut Form) {
    let template = email.template.as_ref().map(|template| &*template.id);
    let fields = [
        ("subject", Some(&*email.subject)),
        ("text", email.text.as_deref()),
        ("html", email.html.as_deref()),
        ("template", template),
    ];
    for (name, value) in fields {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            form.field(name, value);
        }
    }
}

/// Of several messages none can have its own `Message-ID`: a header is the same for all of a call.
fn headers(envelopes: &[Envelope<'_>], form: &mut Form) -> Result<()> {
    let first = &envelopes[0];
    let email = first.email();
    let one = envelopes.iter().all(|envelope| envelope.item.id() == first.item.id());
    let id = one.then(|| ("Message-Id", Cow::Owned(first.item.message_id())));
    let answers = (!email.reply_to.is_empty()).then(|| ("Reply-To", Cow::Owned(list(&email.reply_to))));
    let known = id.into_iter().chain(answers).collect();
    for (name, value) in mail::headers(email, known, "Mailgun", MAILGUN_HEADERS)? {
        form.field(&format!("h:{name}"), &value);
    }
    Ok(())
}

/// The token and the template's data of a mail that goes out as it is.
fn data(envelope: &Envelope<'_>, echo: Option<&EchoKey>, form: &mut Form) {
    if let Some(key) = echo {
        form.field(&format!("v:{TOKEN}"), &envelope.token(key));
    }
    let filling = envelope.filling();
    if !filling.is_empty() {
        let data: Map<String, Value> =
            filling.pairs().map(|(name, value)| (name.clone(), value.clone())).collect();
        form.field("t:variables", &Value::from(data).to_string());
    }
}

/// The same for each reader. User variables, which templates are filled with and
/// events carry back, then point to those of the reader.
fn variables(envelopes: &[Envelope<'_>], echo: Option<&EchoKey>, form: &mut Form) {
    let names: BTreeSet<&str> =
        envelopes.iter().flat_map(|one| one.filling().pairs().map(|(name, _)| name.as_str())).collect();
    let mut by_address = Map::new();
    for envelope in envelopes {
        let mut own: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), "".into())).collect();
        own.extend(envelope.filling().pairs().map(|(name, value)| (name.clone(), as_text(value).into())));
        own.extend(echo.map(|key| (TOKEN.to_owned(), envelope.token(key).into())));
        for mailbox in envelope.to() {
            by_address.insert(mailbox.address().to_string(), Value::from(own.clone()));
        }
    }
    form.field("recipient-variables", &Value::from(by_address).to_string());
    let filled = if envelopes[0].email().template.is_some() { names } else { BTreeSet::new() };
    for name in filled.into_iter().chain(echo.map(|_| TOKEN)) {
        form.field(&format!("v:{name}"), &format!("%recipient.{name}%"));
    }
}

/// Inside the HTML a picture is known by its file's name.
fn file(attachment: &Attachment, form: &mut Form) {
    let file = &attachment.file;
    let (field, name) = match &attachment.content_id {
        Some(id) => ("inline", &**id),
        None => ("attachment", file.name.as_str()),
    };
    form.file(field, name, file.content_type.as_str(), &file.content);
}

/// What Mailgun would refuse or lose.
pub(super) fn check(email: &Email) -> Result<()> {
    if email.to.is_empty() {
        return Err(unsupported("to", "Mailgun takes no mail without a recipient in `to`"));
    }
    no_copies_with_data(email)?;
    let empty = |text: Option<&str>| text.is_none_or(str::is_empty);
    if empty(email.text.as_deref()) && empty(email.html.as_deref()) && email.template.is_none() {
        return Err(Error::invalid(
            "text",
            "Mailgun takes no mail without a text, an HTML part or a template",
        ));
    }
    if !empty(email.html.as_deref()) && email.template.is_some() {
        return Err(unsupported("html", "Mailgun takes an HTML part or a template, not both"));
    }
    if !email.sender_mailbox()?.address().local().is_ascii() {
        return Err(unsupported("from", "Mailgun takes no sender with letters beyond ASCII before the @"));
    }
    if email.subject.is_empty() && email.template.is_none() {
        return Err(Error::invalid(
            "subject",
            "Mailgun takes no mail without a subject, unless by a template",
        ));
    }
    check_words(email)?;
    check_data(email)
}

fn check_words(email: &Email) -> Result<()> {
    if email.tags.len() > 10 || email.tags.iter().any(|tag| !tag.is_ascii() || tag.len() > 128) {
        return Err(Error::invalid("tags", "Mailgun takes at most 10 tags of up to 128 ASCII characters"));
    }
    match email.metadata.keys().find(|name| &***name == TOKEN || name.contains('"')) {
        Some(name) => Err(Error::invalid(
            format!("metadata[{name:?}]"),
            "the name is `tidings`, which is taken, or holds a quotation mark",
        )),
        None => Ok(()),
    }
}

/// With data per recipient Mailgun replaces words by words.
fn check_data(email: &Email) -> Result<()> {
    if email.merge.is_empty() {
        return Ok(());
    }
    let own = email.merge.values().flatten();
    let common = email.template.iter().flat_map(|template| &template.data);
    for (name, value) in own.chain(common) {
        let wrong = |why: &'static str| Err(Error::invalid(format!("merge[{name:?}]"), why));
        if !is_plain(value) {
            return wrong("with data per recipient Mailgun takes texts and numbers");
        }
        if name == TOKEN || name.contains(['"', '%', ':']) {
            return wrong("the name is `tidings`, which is taken, or holds one of \" % :");
        }
        if email.template.is_some() && email.metadata.contains_key(name.as_str()) {
            return wrong("metadata have this name too, and templates are filled with both");
        }
    }
    Ok(())
}

pub(super) fn is_plain(value: &Value) -> bool {
    matches!(value, Value::Number(_) | Value::String(_))
}
