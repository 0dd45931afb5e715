//! A mail as SendGrid takes it, made of what the messages hold without copying it.

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    json::{
        Address, Addresses, Arguments, Asm, File, Mail, MailSettings, Part, Personalization, Switch, TOKEN,
        Tracking,
    },
    options::Wishes,
};
use crate::{
    address::Mailbox,
    error::{Error, Result},
    message::{Email, Message},
    providers::{
        echo::EchoKey,
        shared::{
            envelope::Envelope,
            mail::{self, Headers, no_copies_with_data, unsupported},
            merge::Texts,
        },
    },
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

/// Room for one more reader.
const READER: usize = 256;

/// The body of the request for envelopes of one content. If they are of several
/// messages, each has its headers beside it, with a `Message-ID` of its own.
pub(super) fn body(envelopes: &[Envelope<'_>], wishes: &Wishes<'_>, echo: Option<&EchoKey>) -> Result<Bytes> {
    let Some(first) = envelopes.first() else { return Ok(Bytes::new()) };
    let email = first.email();
    let together = envelopes.iter().all(|envelope| envelope.item.id() == first.item.id());
    let each = envelopes.iter().map(|envelope| personalization(envelope, together, echo));
    let mail = Mail {
        personalizations: each.collect::<Result<_>>()?,
        from: Address::of(email.sender_mailbox()?),
        reply_to: only(&email.reply_to).map(Address::of),
        reply_to_list: (email.reply_to.len() > 1).then_some(Addresses(&email.reply_to)),
        subject: &email.subject,
        content: content(email),
        attachments: email.attachments.iter().map(File::of).collect(),
        template_id: email.template.as_ref().map(|template| &*template.id),
        headers: if together { headers(first)? } else { Vec::new() },
        categories: &email.tags,
        send_at: wishes.send_at,
        batch_id: wishes.batch_id,
        asm: asm(wishes),
        ip_pool_name: wishes.ip_pool_name,
        mail_settings: wishes.sandbox.then_some(MailSettings { sandbox_mode: Switch { enable: true } }),
        tracking_settings: tracking(wishes),
    };
    mail::json(&mail, email.size() + FRAME + envelopes.len() * READER)
}

/// What SendGrid would refuse or lose.
pub(super) fn check(email: &Email) -> Result<()> {
    if email.to.is_empty() {
        return Err(unsupported("to", "SendGrid takes no mail without a recipient in `to`"));
    }
    no_copies_with_data(email)?;
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

fn personalization<'a>(
    envelope: &Envelope<'a>,
    together: bool,
    echo: Option<&EchoKey>,
) -> Result<Personalization<'a>> {
    let (email, filling) = (envelope.email(), envelope.filling());
    let dynamic = email.template.as_ref().is_some_and(|template| template.id.starts_with("d-"));
    if !dynamic {
        filling.check_texts("without a dynamic template SendGrid takes texts, numbers and booleans")?;
    }
    let filled = (!filling.is_empty()).then_some(filling);
    Ok(Personalization {
        to: Addresses(envelope.to()),
        cc: Addresses(envelope.cc()),
        bcc: Addresses(envelope.bcc()),
        headers: if together { Vec::new() } else { headers(envelope)? },
        dynamic_template_data: filled.filter(|_| dynamic),
        substitutions: filled.filter(|_| !dynamic).map(Texts),
        custom_args: Arguments { metadata: &email.metadata, token: echo.map(|key| envelope.token(key)) },
    })
}

fn headers<'a>(envelope: &Envelope<'a>) -> Result<Headers<'a>> {
    let first = vec![("Message-ID", Cow::Owned(envelope.item.message_id()))];
    mail::headers(envelope.email(), first, "SendGrid", SENDGRID_HEADERS)
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
