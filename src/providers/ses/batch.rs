//! Calls of `SendBulkEmail`: one template, many entries.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    json::{Content, Data, Entry, Replacement, Several, Template},
    limits::{MAX_RECIPIENTS, check},
    mail::{Pen, destination_of, files, filling, headers, in_ascii, written},
    options::Wishes,
};
use crate::{
    error::{Error, ErrorKind, Result},
    message::{Email, Message, VendorTemplate},
    provider::{Outcome, Outgoing, Receipt},
    providers::shared::options::addressed,
};

/// What became of one entry: the vendor's id, or why not.
pub(super) type Said = Result<Option<Arc<str>>>;

/// One call. All entries have sender, template, files and options in common.
pub(super) struct Bulk<'a> {
    entries: Vec<Part<'a>>,
    /// True if the entries are the recipients of one mail.
    each: bool,
}

/// An entry: a mail at its place in the batch, to its whole envelope or to one of `to`.
#[derive(Clone, Copy)]
struct Part<'a> {
    item: Outgoing<'a, Email>,
    place: usize,
    only: Option<usize>,
}

impl<'a> Bulk<'a> {
    /// A mail of its own to each recipient of one mail.
    pub(super) fn to_each(item: Outgoing<'a, Email>) -> Result<Self> {
        let email = item.message();
        check(email)?;
        if Wishes::read(email)?.contact_list.is_some() {
            let why = "SES takes no contact list with data per recipient";
            let field = "options[\"ses.contact_list\"]";
            return Err(Error::new(ErrorKind::Unsupported, why).with_field(field));
        }
        let entries = (0..email.to.len()).map(|index| Part { item, place: 0, only: Some(index) });
        Ok(Self { entries: entries.collect(), each: true })
    }

    /// How many entries it has.
    pub(super) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// The places in the batch that it has results for.
    pub(super) fn places(&self) -> Vec<usize> {
        match self.each {
            true => vec![0],
            false => self.entries.iter().map(|part| part.place).collect(),
        }
    }

    /// The body of the request.
    pub(super) fn body(&self, pen: &Pen<'_>) -> Result<Bytes> {
        let first = self.entries.first().map(|part| part.item.message());
        let first = first.ok_or_else(|| Error::new(ErrorKind::Internal, "a batch of nothing"))?;
        let wishes = Wishes::read(first)?;
        let entries = self.entries.iter().map(|part| part.entry(pen));
        written(&Several {
            frame: pen.frame(first, &wishes, false)?,
            default_content: Content::Template(Template {
                template_name: &template(first)?.id,
                template_data: "{}".to_owned(),
                headers: Vec::new(),
                attachments: files(first)?,
            }),
            bulk_email_entries: entries.collect::<Result<_>>()?,
        })
    }

    /// What the entries' outcomes mean for the mails.
    pub(super) fn receipts(&self, said: Result<Vec<Said>>) -> Vec<Result<Receipt>> {
        match said {
            Err(error) => self.places().iter().map(|_| Err(error.clone())).collect(),
            Ok(said) if self.each => vec![of_recipients(said)],
            Ok(said) => self.entries.iter().zip(said).map(|(part, said)| part.receipt(said)).collect(),
        }
    }

    fn has_room_for(&self, part: &Part<'_>) -> bool {
        let of = |part: &Part<'_>| part.item.message().recipient_count();
        self.entries.iter().map(of).sum::<usize>() + of(part) <= MAX_RECIPIENTS
            && self.entries.first().is_some_and(|first| alike(first.item.message(), part.item.message()))
    }
}

impl<'a> Part<'a> {
    fn entry(&self, pen: &Pen<'_>) -> Result<Entry<'a>> {
        let email = self.item.message();
        let own = self.only.and_then(|index| email.merge.get(email.to.get(index)?.address()));
        let data = filling(Some(&template(email)?.data), own)?;
        Ok(Entry {
            destination: destination_of(email, self.only)?,
            replacement_tags: pen.tags(&self.item, self.only),
            replacement_email_content: Replacement {
                replacement_template: Data { replacement_template_data: data },
            },
            replacement_headers: in_ascii(headers(email)?)?,
        })
    }

    fn receipt(&self, said: Said) -> Result<Receipt> {
        said.map(|id| Receipt::accepted(self.item.message().recipient_count(), id))
    }

    /// True if nothing in it stands against a bulk call; what does is told by the call it gets alone.
    fn is_fit(&self) -> bool {
        let email = self.item.message();
        let plain = Pen { configuration_set: None, echo: None };
        let free = |wishes: Wishes<'_>| wishes.contact_list.is_none();
        email.template.is_some()
            && email.merge.is_empty()
            && check(email).is_ok()
            && Wishes::read(email).is_ok_and(free)
            && files(email).is_ok()
            && Wishes::read(email).and_then(|wishes| plain.frame(email, &wishes, false).map(drop)).is_ok()
            && self.entry(&plain).is_ok()
    }
}

/// The items in bulk calls, and the places of those that get a call each.
pub(super) fn sorted<'a>(items: &[Outgoing<'a, Email>]) -> (Vec<Bulk<'a>>, Vec<usize>) {
    let (mut bulks, mut alone): (Vec<Bulk<'a>>, Vec<usize>) = (Vec::new(), Vec::new());
    for (place, item) in items.iter().enumerate() {
        let part = Part { item: *item, place, only: None };
        if !part.is_fit() {
            alone.push(place);
            continue;
        }
        match bulks.iter_mut().find(|bulk| bulk.has_room_for(&part)) {
            Some(bulk) => bulk.entries.push(part),
            None => bulks.push(Bulk { entries: vec![part], each: false }),
        }
    }
    (bulks, alone)
}

/// True if one call can hold both.
fn alike(one: &Email, other: &Email) -> bool {
    let id = |email: &Email| email.template.as_ref().map(|template| template.id.clone());
    one.from == other.from
        && one.reply_to == other.reply_to
        && id(one) == id(other)
        && one.attachments == other.attachments
        && addressed(&one.options, super::VENDOR).eq(addressed(&other.options, super::VENDOR))
}

fn template(email: &Email) -> Result<&VendorTemplate> {
    email.template.as_ref().ok_or_else(|| Error::invalid("template", "a bulk call needs a template of SES"))
}

/// `Err` if all failed for the same reason.
fn of_recipients(said: Vec<Said>) -> Result<Receipt> {
    let reason = |said: &Said| said.as_ref().err().map(|e| (e.kind(), e.certainty(), e.retry()));
    let first = said.first().and_then(reason);
    if first.is_some()
        && said.iter().all(|one| reason(one) == first)
        && let Some(Err(error)) = said.first()
    {
        return Err(error.clone());
    }
    let outcome = |said: Said| said.map_or_else(Outcome::failed, Outcome::accepted);
    Ok(Receipt::new(said.into_iter().map(outcome).collect()))
}
