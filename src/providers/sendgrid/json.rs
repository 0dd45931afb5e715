//! The JSON of a mail, in SendGrid's words.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::{
    address::Mailbox,
    message::Attachment,
    providers::shared::{
        mail::{Headers, as_base64, as_map},
        merge::{Filling, Texts},
    },
};

/// The custom argument that holds our token.
pub(super) const TOKEN: &str = "tidings";

#[derive(Serialize)]
pub(super) struct Mail<'a> {
    pub(super) personalizations: Vec<Personalization<'a>>,
    pub(super) from: Address<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply_to: Option<Address<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply_to_list: Option<Addresses<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) subject: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) content: Vec<Part<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) attachments: Vec<File<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) template_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    pub(super) headers: Headers<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) categories: &'a [Arc<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) send_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) batch_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) asm: Option<Asm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ip_pool_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mail_settings: Option<MailSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tracking_settings: Option<Tracking>,
}

#[derive(Serialize)]
pub(super) struct Personalization<'a> {
    pub(super) to: Addresses<'a>,
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    pub(super) cc: Addresses<'a>,
    #[serde(skip_serializing_if = "Addresses::is_empty")]
    pub(super) bcc: Addresses<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    pub(super) headers: Headers<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dynamic_template_data: Option<Filling<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) substitutions: Option<Texts<'a>>,
    #[serde(skip_serializing_if = "Arguments::is_empty")]
    pub(super) custom_args: Arguments<'a>,
}

#[derive(Serialize)]
pub(super) struct Address<'a> {
    pub(super) email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Part<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) value: &'a str,
}

#[derive(Serialize)]
pub(super) struct File<'a> {
    #[serde(serialize_with = "as_base64")]
    pub(super) content: &'a Bytes,
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) filename: &'a str,
    pub(super) disposition: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_id: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Asm<'a> {
    pub(super) group_id: i64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) groups_to_display: &'a [i64],
}

#[derive(Serialize)]
pub(super) struct Switch {
    pub(super) enable: bool,
}

#[derive(Serialize)]
pub(super) struct MailSettings {
    pub(super) sandbox_mode: Switch,
}

#[derive(Serialize)]
pub(super) struct Tracking {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) click_tracking: Option<Switch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) open_tracking: Option<Switch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subscription_tracking: Option<Switch>,
}

/// Mailboxes as a list of addresses.
#[derive(Clone, Copy)]
pub(super) struct Addresses<'a>(pub(super) &'a [Mailbox]);

pub(super) struct Arguments<'a> {
    pub(super) metadata: &'a BTreeMap<Arc<str>, Arc<str>>,
    pub(super) token: Option<String>,
}

impl<'a> Address<'a> {
    pub(super) fn of(mailbox: &'a Mailbox) -> Self {
        Self { email: mailbox.address().as_str(), name: mailbox.name() }
    }
}

impl<'a> File<'a> {
    pub(super) fn of(attachment: &'a Attachment) -> Self {
        Self {
            content: &attachment.file.content,
            kind: attachment.file.content_type.as_str(),
            filename: attachment.file.name.as_str(),
            disposition: if attachment.content_id.is_some() { "inline" } else { "attachment" },
            content_id: attachment.content_id.as_deref(),
        }
    }
}

impl Addresses<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Addresses<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Address::of))
    }
}

impl Arguments<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.metadata.is_empty() && self.token.is_none()
    }
}

impl Serialize for Arguments<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let metadata = self.metadata.iter().map(|(name, value)| (&**name, &**value));
        serializer.collect_map(metadata.chain(self.token.iter().map(|token| (TOKEN, token.as_str()))))
    }
}
