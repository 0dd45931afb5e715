//! Which messages one call of Mailgun can carry together.

use std::collections::HashMap;

use serde_json::Value;

use crate::{
    address::EmailAddress,
    message::Email,
    providers::shared::batch::{PerReader, Shared},
};

/// Template data become recipient variables, so they may differ within a call.
const PER_READER: PerReader = PerReader { headers: false, metadata: false, template_data: true };

/// Tells messages apart that cannot share a call.
///
/// Recipient variables are kept by address, so the second message to one
/// address goes with another call than the first.
#[derive(Default)]
pub(super) struct Keys<'a> {
    seen: HashMap<&'a EmailAddress, usize>,
}

impl<'a> Keys<'a> {
    /// The key of `email`, if it can go with others at all.
    pub(super) fn of(&mut self, email: &'a Email) -> Option<(Shared<'a>, usize)> {
        if !can_share(email) {
            return None;
        }
        let times = |address| self.seen.get(address).copied().unwrap_or_default();
        let round = email.to.iter().map(|mailbox| times(mailbox.address())).max().unwrap_or_default();
        for mailbox in &email.to {
            self.seen.insert(mailbox.address(), round + 1);
        }
        Some((Shared { email, per_reader: PER_READER }, round))
    }
}

/// True if recipient variables leave what the reader gets as it is without them.
fn can_share(email: &Email) -> bool {
    let alone =
        email.cc.is_empty() && email.bcc.is_empty() && (email.to.len() == 1 || !email.merge.is_empty());
    alone && data_are_plain(email) && (!email.merge.is_empty() || !holds_variables(email))
}

fn data_are_plain(email: &Email) -> bool {
    let Some(template) = &email.template else { return true };
    let plain = |(name, value): (&String, &Value)| {
        super::mail::is_plain(value) && !email.metadata.contains_key(name.as_str())
    };
    template.data.iter().all(plain)
}

/// What a lone mail says literally would be replaced beside others.
fn holds_variables(email: &Email) -> bool {
    let texts = [Some(&email.subject), email.text.as_ref(), email.html.as_ref()];
    texts.into_iter().flatten().any(|text| text.contains("%recipient"))
}
