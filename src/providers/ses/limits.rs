//! What SES would refuse or lose.
//!
//! <https://docs.aws.amazon.com/ses/latest/dg/quotas.html> and
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MessageTag.html>

use crate::{
    address::EmailAddress,
    error::{Error, ErrorKind, Result},
    message::{Email, Message},
};

/// "50 recipients per message", and as many destinations a call of SendBulkEmail.
pub(super) const MAX_RECIPIENTS: usize = 50;
/// "40 MB per message (after base64 encoding)".
pub(super) const MAX_SIZE: usize = 40_000_000;
/// "EmailTemplateData: maximum length of 262144".
pub(super) const MAX_DATA: usize = 262_144;
/// The message tags that are ours.
pub(super) const TOKEN: &str = "tidings";
pub(super) const TAG: &str = "tag";
/// Headers by which a whole mail could steer SES; options do that here.
const STEERING: &str = "x-ses-";

pub(super) fn check(email: &Email) -> Result<()> {
    check_count(email)?;
    check_template(email)?;
    check_tags(email)?;
    check_merge(email)?;
    check_headers(email)?;
    let from = std::iter::once(("from".to_owned(), email.sender_mailbox()?.address()));
    let lists = [("to", &email.to), ("cc", &email.cc), ("bcc", &email.bcc), ("reply_to", &email.reply_to)];
    let all = lists.into_iter().flat_map(|(field, list)| {
        list.iter().enumerate().map(move |(index, mailbox)| (format!("{field}[{index}]"), mailbox.address()))
    });
    from.chain(all).try_for_each(|(field, address)| check_ascii(field, address))
}

fn check_count(email: &Email) -> Result<()> {
    let count = email.recipient_count();
    if count > MAX_RECIPIENTS {
        return Err(Error::invalid(
            "to",
            format!("SES takes at most {MAX_RECIPIENTS} recipients, not {count}"),
        ));
    }
    let size = email.size();
    if size > MAX_SIZE {
        let why = format!("SES takes at most {MAX_SIZE} octets, not {size}");
        return Err(Error::new(ErrorKind::PayloadTooLarge, why));
    }
    Ok(())
}

fn check_template(email: &Email) -> Result<()> {
    if email.template.is_none() {
        return Ok(());
    }
    let beside = [
        ("subject", !email.subject.is_empty()),
        ("text", email.text.is_some()),
        ("html", email.html.is_some()),
    ];
    match beside.iter().find(|(_, set)| *set) {
        Some((field, _)) => Err(unsupported(
            *field,
            "a template of SES has subject, text and HTML of its own: leave them out",
        )),
        None => Ok(()),
    }
}

fn check_tags(email: &Email) -> Result<()> {
    if email.tags.len() > 1 {
        return Err(unsupported("tags", "SES has one value for the message tag `tag`: one tag a mail"));
    }
    if let Some(tag) = email.tags.iter().find(|tag| !fits(tag)) {
        return Err(Error::invalid("tags[0]", format!("{WORD}, not {} characters", tag.chars().count())));
    }
    for (name, value) in &email.metadata {
        let field = || format!("metadata[{name:?}]");
        if [TAG, TOKEN].contains(&&**name) {
            return Err(Error::invalid(field(), "the message tag of this name is taken; choose another"));
        }
        if !fits(name) || !fits(value) {
            return Err(Error::invalid(field(), WORD));
        }
    }
    Ok(())
}

const WORD: &str = "SES takes letters, digits, `_` and `-` in message tags, 1 to 256 characters";

fn fits(word: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    (1..=256).contains(&word.len()) && word.bytes().all(plain)
}

fn check_merge(email: &Email) -> Result<()> {
    if email.merge.is_empty() {
        return Ok(());
    }
    if email.template.is_none() {
        return Err(unsupported(
            "merge",
            "SES fills in data per recipient in templates that it keeps: name one",
        ));
    }
    match (email.cc.is_empty(), email.bcc.is_empty()) {
        (true, true) => Ok(()),
        (false, _) => Err(unsupported("cc", EACH)),
        (true, false) => Err(unsupported("bcc", EACH)),
    }
}

/// <https://docs.aws.amazon.com/ses/latest/dg/header-fields.html>
fn check_headers(email: &Email) -> Result<()> {
    let steers = |name: &str| name.to_ascii_lowercase().starts_with(STEERING);
    match email.headers.iter().find(|header| steers(&header.name)) {
        Some(header) => Err(unsupported(
            format!("headers[{:?}]", header.name),
            "SES takes this header for an order and drops it; use an option, tags or metadata",
        )),
        None => Ok(()),
    }
}

const EACH: &str = "with data per recipient each gets a mail of their own: use `to` alone";

fn check_ascii(field: String, address: &EmailAddress) -> Result<()> {
    match address.local().is_ascii() {
        true => Ok(()),
        false => Err(unsupported(field, "SES takes ASCII before the @ (it has no SMTPUTF8)")),
    }
}

fn unsupported(field: impl Into<std::borrow::Cow<'static, str>>, why: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, why).with_field(field)
}
