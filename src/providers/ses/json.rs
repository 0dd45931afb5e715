//! The bodies of SES's calls, as it names their parts.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use serde::{Serialize, Serializer};

/// `SendEmail`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Single<'a> {
    #[serde(flatten)]
    pub(super) frame: Frame<'a>,
    pub(super) destination: Destination,
    pub(super) content: Content<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) email_tags: Vec<Tag<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) list_management_options: Option<ListManagement<'a>>,
}

/// `SendBulkEmail`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Several<'a> {
    #[serde(flatten)]
    pub(super) frame: Frame<'a>,
    pub(super) default_content: Content<'a>,
    pub(super) bulk_email_entries: Vec<Entry<'a>>,
}

/// What both have.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Frame<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from_email_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from_email_address_identity_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) reply_to_addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) feedback_forwarding_email_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) configuration_set_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tenant_name: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Destination {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) to_addresses: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) cc_addresses: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) bcc_addresses: Vec<String>,
}

#[derive(Serialize)]
pub(super) enum Content<'a> {
    Raw(Raw),
    Simple(Box<Simple<'a>>),
    Template(Template<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Raw {
    #[serde(serialize_with = "as_base64")]
    pub(super) data: Bytes,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Simple<'a> {
    pub(super) subject: Text<'a>,
    pub(super) body: Body<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) headers: Vec<Header<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) attachments: Vec<File<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) html: Option<Text<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Text<'a> {
    pub(super) data: &'a str,
    pub(super) charset: &'static str,
}

impl<'a> Text<'a> {
    pub(super) fn of(data: &'a str) -> Self {
        Self { data, charset: "UTF-8" }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Template<'a> {
    pub(super) template_name: &'a str,
    pub(super) template_data: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) headers: Vec<Header<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) attachments: Vec<File<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry<'a> {
    pub(super) destination: Destination,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) replacement_tags: Vec<Tag<'a>>,
    pub(super) replacement_email_content: Replacement,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) replacement_headers: Vec<Header<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Replacement {
    pub(super) replacement_template: Data,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Data {
    pub(super) replacement_template_data: String,
}

/// A header or a message tag: both have a name and a value.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Header<'a> {
    pub(super) name: &'a str,
    pub(super) value: std::borrow::Cow<'a, str>,
}

pub(super) type Tag<'a> = Header<'a>;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct File<'a> {
    pub(super) file_name: &'a str,
    pub(super) content_type: &'a str,
    pub(super) content_disposition: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_id: Option<&'a str>,
    pub(super) content_transfer_encoding: &'static str,
    #[serde(serialize_with = "as_base64")]
    pub(super) raw_content: Bytes,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListManagement<'a> {
    pub(super) contact_list_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) topic_name: Option<&'a str>,
}

fn as_base64<S: Serializer>(content: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64.encode(content))
}
