//! A mail as SendGrid takes it, made of what the message holds without copying it.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::{
    json::{
        Address, Addresses, Arguments, Asm, File, Filling, Mail, MailSettings, Part, Personalization, Switch,
        TOKEN, Texts, Tracking,
    },
    options::Wishes,
};
use crate::{
    address::Mailbox,
    error::{Certainty, Error, ErrorKind, Result},
    message::{Email, Message, Priority},
    provider::Outgoing,
    providers::echo::{Echo, EchoKey},
};

/// Names that SendGrid's events use themselves: metadata of these names would
/// not come back ("Reserved Keys in Unique Arguments" of the events' page).
const EVENT_FIELDS: &[&str] = &[
    "asm_group_id",
    "attempt",
    "bounce_classification",
    "category",
    "email",
    "event",
    "ip",
    "reason",
    "response",
    "send_at",
    "sg_event_id",
    "sg_machine_open",
    "sg_message_id",
    "smtp-id",
    "status",
    TOKEN,
    "timestamp",
    "tls",
    "type",
    "unique_args",
    "url",
    "url_offset",
    "useragent",
];

/// Room for what stands around the texts of most mails.
const FRAME: usize = 1_024;

/// Headers that SendGrid writes itself, beyond those that no mail may set.
const SENDGRID_HEADERS: &[&str] = &["x-sg-eid", "x-sg-id"];

/// The body of the request.
pub(super) fn body(item: &Outgoing<'_, Email>, wishes: &Wishes<'_>, echo: Option<&EchoKey>) -> Result<Bytes> {
    let email = item.message();
    check(email)?;
    let mail = Mail {
        personalizations: personalizations(item, echo)?,
        from: Address::of(email.sender_mailbox()?),
        reply_to: only(&email.reply_to).map(Address::of),
        reply_to_list: (email.reply_to.len() > 1).then_some(Addresses(&email.reply_to)),
        subject: &email.subject,
        content: content(email),
        attachments: email.attachments.iter().map(File::of).collect(),
        template_id: email.template.as_ref().map(|template| &*template.id),
        headers: headers(email, item.message_id())?,
        categories: &email.tags,
        send_at: wishes.send_at,
        batch_id: wishes.batch_id,
        asm: asm(wishes),
        ip_pool_name: wishes.ip_pool_name,
        mail_settings: wishes.sandbox.then_some(MailSettings { sandbox_mode: Switch { enable: true } }),
        tracking_settings: tracking(wishes),
    };
    let mut json = Vec::with_capacity(email.size() + FRAME);
    serde_json::to_writer(&mut json, &mail).map_err(|e| {
        Error::new(ErrorKind::Internal, "the mail cannot be written as JSON")
            .with_certainty(Certainty::NotSent)
            .with_source(e)
    })?;
    Ok(json.into())
}

/// What SendGrid would refuse or lose.
fn check(email: &Email) -> Result<()> {
    let unsupported = |field: &'static str, why: &'static str| {
        Err(Error::new(ErrorKind::Unsupported, why).with_field(field))
    };
    if email.to.is_empty() {
        return unsupported("to", "SendGrid takes no mail without a recipient in `to`");
    }
    let copies = !email.cc.is_empty() || !email.bcc.is_empty();
    if copies && !email.merge.is_empty() {
        let field = if email.cc.is_empty() { "bcc" } else { "cc" };
        return unsupported(field, "with data per recipient each gets a mail of their own: use `to` alone");
    }
    if email.subject.is_empty() && email.template.is_none() {
        return Err(Error::invalid(
            "subject",
            "SendGrid takes no mail without a subject, unless by a template",
        ));
    }
    if email.tags.len() > 10 || email.tags.iter().any(|tag| tag.chars().count() > 255) {
        return Err(Error::invalid("tags", "SendGrid takes at most 10 tags of up to 255 characters"));
    }
    match email.metadata.keys().find(|name| EVENT_FIELDS.contains(&&***name)) {
        Some(name) => Err(Error::invalid(
            format!("metadata[{name:?}]"),
            "SendGrid's events use this name themselves; choose another",
        )),
        None => Ok(()),
    }
}

/// One for all; with data per recipient one for each.
fn personalizations<'a>(
    item: &Outgoing<'a, Email>,
    echo: Option<&EchoKey>,
) -> Result<Vec<Personalization<'a>>> {
    let email = item.message();
    if email.merge.is_empty() {
        let (to, cc, bcc) = (&email.to[..], &email.cc[..], &email.bcc[..]);
        let alone = (to.len() == 1 && cc.is_empty() && bcc.is_empty()).then_some(0);
        let token = echo.map(|key| token(item, alone, key));
        return Ok(vec![personalization(email, [to, cc, bcc], None, token)?]);
    }
    let each = email.to.iter().enumerate().map(|(position, mailbox)| {
        let own = email.merge.get(mailbox.address());
        let token = echo.map(|key| token(item, Some(position), key));
        personalization(email, [std::slice::from_ref(mailbox), &[], &[]], own, token)
    });
    each.collect()
}

fn personalization<'a>(
    email: &'a Email,
    [to, cc, bcc]: [&'a [Mailbox]; 3],
    own: Option<&'a Map<String, Value>>,
    token: Option<String>,
) -> Result<Personalization<'a>> {
    let filling = Filling { common: email.template.as_ref().map(|template| &template.data), own };
    let dynamic = email.template.as_ref().is_some_and(|template| template.id.starts_with("d-"));
    if !dynamic {
        filling.check_texts()?;
    }
    let filled = (!filling.is_empty()).then_some(filling);
    Ok(Personalization {
        to: Addresses(to),
        cc: Addresses(cc),
        bcc: Addresses(bcc),
        dynamic_template_data: filled.filter(|_| dynamic),
        substitutions: filled.filter(|_| !dynamic).map(Texts),
        custom_args: Arguments { metadata: &email.metadata, token },
    })
}

fn token(item: &Outgoing<'_, Email>, position: Option<usize>, key: &EchoKey) -> String {
    let recipient = position.map(|position| item.delivery(position).recipient);
    key.sign(&Echo { message: item.id(), recipient, generation: item.generation() })
}

/// Plain text first, as SendGrid asks.
fn content(email: &Email) -> Vec<Part<'_>> {
    let both = [("text/plain", email.text.as_deref()), ("text/html", email.html.as_deref())];
    let present = both.into_iter().filter_map(|(kind, value)| Some(Part { kind, value: value? }));
    // SendGrid refuses empty parts.
    let mut parts: Vec<_> = present.filter(|part| !part.value.is_empty()).collect();
    if parts.is_empty() && email.template.is_none() {
        parts.push(Part { kind: "text/plain", value: " " });
    }
    parts
}

/// All headers of the mail, each once: JSON has no room for a second.
fn headers(email: &Email, message_id: String) -> Result<Vec<(&str, Cow<'_, str>)>> {
    let mut headers = vec![("Message-ID", Cow::Owned(message_id))];
    headers.extend(priority(email.priority).iter().map(|(name, value)| (*name, Cow::Borrowed(*value))));
    if let Some(list) = &email.list_unsubscribe {
        headers.extend(list.headers().into_iter().map(|(name, value)| (name, Cow::Owned(value))));
    }
    for header in &email.headers {
        let taken = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(&header.name));
        let theirs = SENDGRID_HEADERS.iter().any(|name| name.eq_ignore_ascii_case(&header.name));
        if taken || theirs {
            let why = if taken { "SendGrid takes each header once" } else { "SendGrid writes this header" };
            return Err(
                Error::new(ErrorKind::Unsupported, why).with_field(format!("headers[{:?}]", header.name))
            );
        }
        headers.push((&header.name, encoded(&header.value)));
    }
    Ok(headers)
}

fn priority(priority: Priority) -> &'static [(&'static str, &'static str)] {
    match priority {
        Priority::High => &[("X-Priority", "1"), ("Importance", "high")],
        Priority::Low => &[("X-Priority", "5"), ("Importance", "low")],
        Priority::Normal => &[],
    }
}

/// Beyond ASCII as encoded words of RFC 2047, which SendGrid leaves to its callers.
fn encoded(value: &str) -> Cow<'_, str> {
    if value.is_ascii() {
        return Cow::Borrowed(value);
    }
    // 45 octets are 60 of base64; a word may have 75 with what frames it.
    let mut words = String::new();
    let mut rest = value;
    while !rest.is_empty() {
        let cut = rest.floor_char_boundary(45);
        let (word, next) = rest.split_at(cut);
        let space = if words.is_empty() { "" } else { " " };
        words.extend([space, "=?UTF-8?B?", &BASE64.encode(word), "?="]);
        rest = next;
    }
    Cow::Owned(words)
}

fn asm<'a>(wishes: &'a Wishes<'_>) -> Option<Asm<'a>> {
    let group_id = wishes.asm_group_id?;
    Some(Asm { group_id, groups_to_display: &wishes.asm_groups_to_display })
}

fn tracking(wishes: &Wishes<'_>) -> Option<Tracking> {
    let switch = |wish: Option<bool>| wish.map(|enable| Switch { enable });
    let (click, open) = (switch(wishes.click_tracking), switch(wishes.open_tracking));
    let subscription = switch(wishes.subscription_tracking);
    if click.is_none() && open.is_none() && subscription.is_none() {
        return None;
    }
    Some(Tracking { click_tracking: click, open_tracking: open, subscription_tracking: subscription })
}

fn only(list: &[Mailbox]) -> Option<&Mailbox> {
    match list {
        [one] => Some(one),
        _ => None,
    }
}
