//! An email as it goes over the wire (RFC 5322, 2045 to 2047, 2231, 6532).
//!
//! Written in one pass into one text: most of what a message costs a sender
//! was here, while lettre's builder made a tree of copies first. The tests
//! hold it against that builder: a parser reads the same from both.
//!
//! Nothing in it breaks a line but CR LF, no line has more than 998 octets
//! (RFC 5322 section 2.1.1), and a header's value cannot begin another header.

use std::{borrow::Cow, time::Duration};

use url::Host;

use self::header::Line;
use crate::{
    address::{EmailAddress, Mailbox},
    error::{Error, Result},
    message::{Attachment, Email, Header, Message, Priority},
    time::Timestamp,
};

mod body;
#[cfg(test)]
mod by_lettre;
mod header;
#[cfg(test)]
mod tests;

/// The last second of the year 9999, the last that RFC 5322 can write.
const LAST_SECOND: i64 = 253_402_300_799;
/// What headers and boundaries take, about.
const USUAL: usize = 1_024;

/// A message ready to be handed over.
pub(in crate::providers) struct Mail {
    pub(in crate::providers) sender: String,
    pub(in crate::providers) recipients: Vec<String>,
    pub(in crate::providers) content: String,
    /// True if an address holds other letters than ASCII before the `@`.
    pub(in crate::providers) utf8: bool,
}

#[cfg(feature = "dkim")]
impl Mail {
    /// The same with a signature by each of `keys` on top.
    pub(crate) fn signed(mut self, keys: &[crate::providers::dkim::DkimKey], now: Timestamp) -> Result<Self> {
        if !keys.is_empty() {
            let signatures = crate::providers::dkim::sign(self.content.as_bytes(), keys, now)
                .map_err(|error| error.with_certainty(crate::error::Certainty::NotSent))?;
            self.content.insert_str(0, &signatures);
        }
        Ok(self)
    }
}

/// Writes `email`, which has been validated. `bounces` is where returned mail goes, if not to the sender.
pub(in crate::providers) fn write(
    email: &Email,
    id: String,
    now: Timestamp,
    bounces: Option<&EmailAddress>,
) -> Result<Mail> {
    let from = email.sender_mailbox()?;
    let sender = plain(bounces.unwrap_or(from.address())).into_owned();
    let recipients: Vec<String> = email.recipients().map(|m| plain(m.address()).into_owned()).collect();
    // Texts may grow by their line breaks, files do by a third.
    let mut content = String::with_capacity(USUAL + email.size() + email.size() / 16);
    headers(&mut content, email, from, &id, now)?;
    tree(&mut content, email)?;
    let utf8 = !content.is_ascii() || !sender.is_ascii() || recipients.iter().any(|r| !r.is_ascii());
    Ok(Mail { sender, recipients, content, utf8 })
}

/// The header that names those who get a copy unseen, for who is handed a mail and takes the header out;
/// empty if there are none.
#[cfg(any(feature = "gmail", test))]
pub(in crate::providers) fn bcc(email: &Email) -> Result<String> {
    let mut header = String::new();
    mailboxes(&mut header, "Bcc", "bcc", &email.bcc)?;
    Ok(header)
}

fn headers(out: &mut String, email: &Email, from: &Mailbox, id: &str, now: Timestamp) -> Result<()> {
    out.push_str("Date: ");
    push_date(out, now);
    out.push_str("\r\n");
    mailboxes(out, "From", "from", std::slice::from_ref(from))?;
    mailboxes(out, "Reply-To", "reply_to", &email.reply_to)?;
    mailboxes(out, "To", "to", &email.to)?;
    mailboxes(out, "Cc", "cc", &email.cc)?;
    if !email.subject.is_empty() {
        Line::new(out, "Subject").text("subject", &email.subject)?;
    }
    Line::new(out, "Message-ID").text("headers", id)?;
    out.push_str("MIME-Version: 1.0\r\n");
    priority(out, email);
    unsubscribe(out, email)?;
    email.headers.iter().try_for_each(|own| own_header(out, own))
}

/// RFC 5322 section 3.3, always in UTC.
fn push_date(out: &mut String, now: Timestamp) {
    let secs = now.as_secs().clamp(0, LAST_SECOND).unsigned_abs();
    let date = httpdate::fmt_http_date(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(secs));
    // RFC 5322 section 4.3 calls names of zones obsolete.
    out.push_str(date.trim_end_matches("GMT"));
    out.push_str("+0000");
}

fn mailboxes(out: &mut String, name: &str, field: &'static str, list: &[Mailbox]) -> Result<()> {
    if list.is_empty() {
        return Ok(());
    }
    let mut line = Line::new(out, name);
    for (index, mailbox) in list.iter().enumerate() {
        line.mailbox(field, mailbox.name(), &plain(mailbox.address()), index + 1 < list.len())?;
    }
    line.end();
    Ok(())
}

/// With the domain in its ASCII form (RFC 5891), so that only local parts ask
/// the server for SMTPUTF8.
pub(in crate::providers) fn plain(address: &EmailAddress) -> Cow<'_, str> {
    let text = address.as_str();
    if address.domain().is_ascii() {
        return Cow::Borrowed(text);
    }
    match Host::parse(address.domain()) {
        Ok(Host::Domain(domain)) => Cow::Owned(format!("{}@{domain}", address.local())),
        _ => Cow::Borrowed(text),
    }
}

fn own_header(out: &mut String, own: &Header) -> Result<()> {
    let fits = |b: u8| b.is_ascii_graphic() && b != b':';
    if !(1..=76).contains(&own.name.len()) || !own.name.bytes().all(fits) {
        let text = "a header's name has 1 to 76 visible ASCII characters and no colon";
        return Err(Error::invalid("headers", text));
    }
    Line::new(out, &own.name).text("headers", &own.value)
}

fn priority(out: &mut String, email: &Email) {
    let (number, word) = match email.priority {
        Priority::High => ("1", "high"),
        Priority::Low => ("5", "low"),
        Priority::Normal => return,
    };
    out.extend(["X-Priority: ", number, "\r\n"]);
    if !email.headers.iter().any(|own| own.name.eq_ignore_ascii_case("Importance")) {
        out.extend(["Importance: ", word, "\r\n"]);
    }
}

fn unsubscribe(out: &mut String, email: &Email) -> Result<()> {
    let Some(list) = &email.list_unsubscribe else { return Ok(()) };
    for (name, value) in list.headers() {
        if !value.is_ascii() {
            let text = "RFC 2369 takes ASCII only: write the link percent-encoded";
            return Err(Error::invalid("list_unsubscribe", text));
        }
        Line::new(out, name).text("list_unsubscribe", &value)?;
    }
    Ok(())
}

type Files<'a> = Vec<(usize, &'a Attachment)>;

/// mixed(alternative(text, related(html, images…)), files…), as far as needed.
fn tree(out: &mut String, email: &Email) -> Result<()> {
    let (inline, beside): (Files<'_>, Files<'_>) = email
        .attachments
        .iter()
        .enumerate()
        .partition(|(_, a)| a.content_id.is_some() && email.html.is_some());
    if beside.is_empty() {
        return words(out, email, &inline);
    }
    let mixed = body::Multipart::begin(out, "mixed");
    if email.text.is_some() || email.html.is_some() {
        mixed.part(out);
        words(out, email, &inline)?;
    }
    files(out, &mixed, &beside)?;
    mixed.end(out);
    Ok(())
}

fn words(out: &mut String, email: &Email, inline: &Files<'_>) -> Result<()> {
    match (&email.text, &email.html) {
        (Some(text), Some(html)) => {
            let alternative = body::Multipart::begin(out, "alternative");
            alternative.part(out);
            body::text(out, "plain", text);
            alternative.part(out);
            hypertext(out, html, inline)?;
            alternative.end(out);
            Ok(())
        }
        (None, Some(html)) => hypertext(out, html, inline),
        (text, None) => {
            body::text(out, "plain", text.as_deref().unwrap_or_default());
            Ok(())
        }
    }
}

fn hypertext(out: &mut String, html: &str, inline: &Files<'_>) -> Result<()> {
    if inline.is_empty() {
        body::text(out, "html", html);
        return Ok(());
    }
    let related = body::Multipart::begin(out, "related");
    related.part(out);
    body::text(out, "html", html);
    files(out, &related, inline)?;
    related.end(out);
    Ok(())
}

fn files(out: &mut String, multipart: &body::Multipart, files: &Files<'_>) -> Result<()> {
    for (index, attachment) in files {
        multipart.part(out);
        body::file(out, *index, attachment)?;
    }
    Ok(())
}
