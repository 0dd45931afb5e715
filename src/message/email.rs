//! Email.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Attachment, Builder, Channel, Content, Features, Message, Need, Priority, Recipient, VendorOption, sealed,
};
use crate::{
    address::{EmailAddress, Mailbox, WebUrl, header_safe},
    error::{Error, Result},
};

/// An email.
///
/// ```
/// use tidings::{Attachment, Email};
///
/// let email = Email::builder()
///     .from("The Shop <shop@example.org>")
///     .to("Ada <ada@example.org>")
///     .subject("Your order")
///     .text("It is on its way.")
///     .html("<p>It is on its way.</p>")
///     .attach(Attachment::new("invoice.pdf", "application/pdf", &b"%PDF"[..])?)
///     .build()?;
/// assert_eq!(email.to.len(), 1);
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Email {
    /// Who writes; the messenger's default sender if empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Mailbox>,
    /// Where answers go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply_to: Vec<Mailbox>,
    /// Whom it is written to.
    pub to: Vec<Mailbox>,
    /// Who gets a copy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<Mailbox>,
    /// Who gets a copy without the others seeing it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<Mailbox>,
    /// The subject.
    pub subject: Arc<str>,
    /// The text part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Arc<str>>,
    /// The HTML part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<Arc<str>>,
    /// Files beside the text and pictures inside the HTML.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Headers of the caller's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    /// How urgent the mail says it is.
    #[serde(skip_serializing_if = "Priority::is_normal")]
    pub priority: Priority,
    /// Words by which the vendor groups its statistics.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Arc<str>>,
    /// Data that the vendor hands back with events; no reader sees it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<Arc<str>, Arc<str>>,
    /// How the reader unsubscribes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_unsubscribe: Option<ListUnsubscribe>,
    /// A template kept at the vendor, in place of subject, text and HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<VendorTemplate>,
    /// Data per recipient, filled in by the vendor.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub merge: BTreeMap<EmailAddress, Map<String, Value>>,
    /// Wishes that only one vendor understands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<VendorOption>,
}

/// An email header of the caller's own.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Header {
    /// Its name, such as `X-Campaign`.
    pub name: Arc<str>,
    /// Its value.
    pub value: Arc<str>,
}

/// Headers with a field of their own, or that the transport writes.
const RESERVED: &[&str] = &[
    "bcc",
    "cc",
    "date",
    "dkim-signature",
    "from",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "message-id",
    "mime-version",
    "received",
    "reply-to",
    "return-path",
    "sender",
    "subject",
    "to",
    "x-priority",
];

impl Header {
    /// A header.
    ///
    /// # Errors
    /// If the name is none (RFC 5322 section 2.2), is reserved, or if the value holds line breaks or controls.
    pub fn new(name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Result<Self> {
        let header = Self { name: name.into(), value: value.into() };
        match header.fault() {
            Some(why) => Err(Error::invalid("header", why)),
            None => Ok(header),
        }
    }

    fn fault(&self) -> Option<String> {
        let lower = self.name.to_ascii_lowercase();
        if !(1..=76).contains(&lower.len()) || !lower.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
            return Some("a header's name has 1 to 76 visible ASCII characters and no colon".into());
        }
        if RESERVED.contains(&lower.as_str()) || lower.starts_with("content-") {
            return Some(format!("{lower} has a field of its own or is written by the transport"));
        }
        header_safe(&self.value).err()
    }
}

/// How a reader unsubscribes (RFC 2369), by one click if the provider of the
/// mailbox offers it (RFC 8058).
///
/// ```
/// use tidings::message::ListUnsubscribe;
///
/// let unsubscribe = ListUnsubscribe::one_click("https://example.org/u/abc")?;
/// let headers = unsubscribe.headers();
/// assert_eq!(headers[1], ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ListUnsubscribe {
    /// A link to a page that unsubscribes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<WebUrl>,
    /// An address at which an empty mail unsubscribes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailto: Option<EmailAddress>,
    /// The subject of that mail, by which one knows who unsubscribes from what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_subject: Option<Arc<str>>,
    /// True if a POST to `url` unsubscribes without further questions.
    #[serde(default)]
    pub one_click: bool,
}

impl ListUnsubscribe {
    /// A link at which a POST unsubscribes at once (RFC 8058 asks for https).
    ///
    /// # Errors
    /// If `url` is no https link.
    pub fn one_click(url: &str) -> Result<Self> {
        let list = Self { url: Some(url.parse()?), mailto: None, mail_subject: None, one_click: true };
        list.fault().map_or(Ok(list.clone()), |why| Err(Error::invalid("list_unsubscribe", why)))
    }

    /// A link to a page that unsubscribes.
    ///
    /// # Errors
    /// If `url` is no web link.
    pub fn url(url: &str) -> Result<Self> {
        Ok(Self { url: Some(url.parse()?), mailto: None, mail_subject: None, one_click: false })
    }

    /// An address at which an empty mail unsubscribes.
    #[must_use]
    pub fn or_mail_to(mut self, address: EmailAddress) -> Self {
        self.mailto = Some(address);
        self
    }

    /// The subject of that mail: a token of letters, digits and `-._~`.
    #[must_use]
    pub fn with_mail_subject(mut self, token: impl Into<Arc<str>>) -> Self {
        self.mail_subject = Some(token.into());
        self
    }

    fn fault(&self) -> Option<&'static str> {
        let plain =
            |token: &Arc<str>| token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
        if self.mail_subject.as_ref().is_some_and(|token| !plain(token)) {
            return Some(
                "the subject of a mail that unsubscribes is a token of A-Z a-z 0-9 - . _ ~ (RFC 6068)",
            );
        }
        match (&self.url, &self.mailto) {
            (None, None) => Some("give a link, an address, or both"),
            (None, _) if self.one_click => Some("one-click needs an https link (RFC 8058)"),
            (Some(url), _) if self.one_click && !url.is_https() => {
                Some("one-click needs an https link (RFC 8058)")
            }
            _ => None,
        }
    }

    /// The headers, ready to be written.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let link = self.url.iter().map(|url| format!("<{url}>"));
        let subject = self.mail_subject.iter().map(|token| format!("?subject={token}")).collect::<String>();
        let mail = self.mailto.iter().map(|address| format!("<mailto:{address}{subject}>"));
        let ways: Vec<String> = link.chain(mail).collect();
        let mut headers = vec![("List-Unsubscribe", ways.join(", "))];
        if self.one_click {
            headers.push(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
        }
        headers
    }
}

/// A template kept at the vendor, with its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VendorTemplate {
    /// The vendor's name of it.
    pub id: Arc<str>,
    /// What it is filled with.
    #[serde(default)]
    pub data: Map<String, Value>,
}

impl VendorTemplate {
    /// A template with its data.
    pub fn new(id: impl Into<Arc<str>>, data: Map<String, Value>) -> Self {
        Self { id: id.into(), data }
    }
}

impl Email {
    /// Starts an email.
    pub fn builder() -> Builder<Self> {
        Builder::new(Self::default())
    }

    /// The sender, which admission has made sure of.
    ///
    /// # Errors
    /// If neither the message nor a default names one.
    pub fn sender_mailbox(&self) -> Result<&Mailbox> {
        self.from.as_ref().ok_or_else(|| {
            Error::invalid("from", "there is no sender; set one on the message or a default with `Defaults`")
        })
    }

    /// Its recipients in the order of their indices.
    pub fn recipients(&self) -> impl Iterator<Item = &Mailbox> {
        self.to.iter().chain(&self.cc).chain(&self.bcc)
    }
}

impl Builder<Email> {
    /// Who writes.
    pub fn from<V: TryInto<Mailbox, Error: Into<Error>>>(self, from: V) -> Self {
        self.parsed("from", from, |email, from| email.from = Some(from))
    }

    /// Adds a recipient.
    pub fn to<V: TryInto<Mailbox, Error: Into<Error>>>(mut self, to: V) -> Self {
        self.addressed = true;
        let field = format!("to[{}]", self.message.to.len());
        self.parsed(field, to, |email, to| email.to.push(to))
    }

    /// Adds one who gets a copy.
    pub fn cc<V: TryInto<Mailbox, Error: Into<Error>>>(mut self, cc: V) -> Self {
        self.addressed = true;
        let field = format!("cc[{}]", self.message.cc.len());
        self.parsed(field, cc, |email, cc| email.cc.push(cc))
    }

    /// Adds one who gets a copy without the others seeing it.
    pub fn bcc<V: TryInto<Mailbox, Error: Into<Error>>>(mut self, bcc: V) -> Self {
        self.addressed = true;
        let field = format!("bcc[{}]", self.message.bcc.len());
        self.parsed(field, bcc, |email, bcc| email.bcc.push(bcc))
    }

    /// Adds an address for answers.
    pub fn reply_to<V: TryInto<Mailbox, Error: Into<Error>>>(self, to: V) -> Self {
        let field = format!("reply_to[{}]", self.message.reply_to.len());
        self.parsed(field, to, |email, to| email.reply_to.push(to))
    }

    /// The subject.
    pub fn subject(self, subject: impl Into<Arc<str>>) -> Self {
        self.with(|email| email.subject = subject.into())
    }

    /// The text part.
    pub fn text(self, text: impl Into<Arc<str>>) -> Self {
        self.with(|email| email.text = Some(text.into()))
    }

    /// The HTML part.
    pub fn html(self, html: impl Into<Arc<str>>) -> Self {
        self.with(|email| email.html = Some(html.into()))
    }

    /// The parts that a template rendered to.
    pub fn content(self, content: &Content) -> Self {
        self.with(|email| {
            if let Some(subject) = &content.subject {
                email.subject = Arc::clone(subject);
            }
            email.text = content.text.clone().or(email.text.take());
            email.html = content.html.clone().or(email.html.take());
        })
    }

    /// Adds a file or an inline image.
    pub fn attach(self, attachment: Attachment) -> Self {
        self.with(|email| email.attachments.push(attachment))
    }

    /// Adds a header of the caller's own.
    pub fn header(self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.with(|email| email.headers.push(Header { name: name.into(), value: value.into() }))
    }

    /// How urgent the mail says it is.
    pub fn priority(self, priority: Priority) -> Self {
        self.with(|email| email.priority = priority)
    }

    /// Adds a word by which the vendor groups its statistics.
    pub fn tag(self, tag: impl Into<Arc<str>>) -> Self {
        self.with(|email| email.tags.push(tag.into()))
    }

    /// Adds data that the vendor hands back with events.
    pub fn metadata(self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.with(|email| {
            email.metadata.insert(name.into(), value.into());
        })
    }

    /// How the reader unsubscribes.
    pub fn list_unsubscribe(self, way: ListUnsubscribe) -> Self {
        self.with(|email| email.list_unsubscribe = Some(way))
    }

    /// A template kept at the vendor.
    pub fn template(self, template: VendorTemplate) -> Self {
        self.with(|email| email.template = Some(template))
    }

    /// Data that the vendor fills in for one recipient.
    pub fn merge<V: TryInto<EmailAddress, Error: Into<Error>>>(
        self,
        whom: V,
        data: Map<String, Value>,
    ) -> Self {
        self.parsed("merge", whom, |email, whom| {
            email.merge.insert(whom, data);
        })
    }
}

impl sealed::Sealed for Email {
    const NEEDS: &'static [Need<Self>] = &[
        (Features::ATTACHMENTS, "attachments", |m| m.attachments.iter().any(|a| a.content_id.is_none())),
        (Features::INLINE_IMAGES, "attachments", |m| m.attachments.iter().any(|a| a.content_id.is_some())),
        (Features::BCC, "bcc", |m| !m.bcc.is_empty()),
        (Features::CC, "cc", |m| !m.cc.is_empty()),
        (Features::CUSTOM_HEADERS, "headers", |m| !m.headers.is_empty()),
        (Features::HTML, "html", |m| m.html.is_some()),
        (Features::LIST_UNSUBSCRIBE, "list_unsubscribe", |m| m.list_unsubscribe.is_some()),
        (Features::MERGE_DATA, "merge", |m| !m.merge.is_empty()),
        (Features::METADATA, "metadata", |m| !m.metadata.is_empty()),
        (Features::PRIORITY, "priority", |m| m.priority != Priority::Normal),
        (Features::REPLY_TO, "reply_to", |m| !m.reply_to.is_empty()),
        (Features::TAGS, "tags", |m| !m.tags.is_empty()),
        (Features::VENDOR_TEMPLATE, "template", |m| m.template.is_some()),
    ];

    fn faults(&self) -> Vec<Error> {
        let mut faults = Vec::new();
        if self.recipient_count() == 0 {
            faults.push(Error::invalid("to", "an email needs at least one recipient"));
        }
        if self.text.is_none()
            && self.html.is_none()
            && self.template.is_none()
            && self.attachments.is_empty()
        {
            faults.push(Error::invalid(
                "text",
                "an email needs a text, an HTML part, a template or an attachment",
            ));
        }
        if let Err(why) = header_safe(&self.subject) {
            faults.push(Error::invalid("subject", why));
        }
        for header in &self.headers {
            faults
                .extend(header.fault().map(|why| Error::invalid(format!("headers[{:?}]", header.name), why)));
        }
        for (index, tag) in self.tags.iter().enumerate() {
            faults.extend(header_safe(tag).err().map(|why| Error::invalid(format!("tags[{index}]"), why)));
        }
        for (name, value) in &self.metadata {
            let why = header_safe(name).and_then(|()| header_safe(value)).err();
            faults.extend(why.map(|why| Error::invalid(format!("metadata[{name:?}]"), why)));
        }
        for (index, attachment) in self.attachments.iter().enumerate() {
            faults.extend(
                attachment.check().err().map(|e| e.with_field(format!("attachments[{index}].content_id"))),
            );
        }
        let list = self.list_unsubscribe.as_ref().and_then(ListUnsubscribe::fault);
        faults.extend(list.map(|why| Error::invalid("list_unsubscribe", why)));
        for whom in self.merge.keys() {
            if !self.recipients().any(|mailbox| mailbox.address() == whom) {
                faults.push(Error::invalid("merge", "holds data for an address that is no recipient"));
            }
        }
        faults
    }

    fn options_mut(&mut self) -> &mut Vec<VendorOption> {
        &mut self.options
    }
}

impl Message for Email {
    const CHANNEL: Channel = Channel::Email;

    fn recipient_count(&self) -> usize {
        self.to.len() + self.cc.len() + self.bcc.len()
    }

    fn recipient(&self, index: usize) -> Option<Recipient<'_>> {
        self.recipients().nth(index).map(|mailbox| Recipient::Email(mailbox.address()))
    }

    fn sender(&self) -> Option<&str> {
        self.from.as_ref().map(|from| from.address().as_str())
    }

    fn only(&self, recipients: &[u32]) -> Self {
        let mut index = 0;
        let mut kept = |list: &[Mailbox]| {
            let kept = list.iter().filter(|_| {
                index += 1;
                recipients.contains(&(index - 1))
            });
            kept.cloned().collect::<Vec<_>>()
        };
        let (to, cc, bcc) = (kept(&self.to), kept(&self.cc), kept(&self.bcc));
        let mut merge = self.merge.clone();
        merge.retain(|whom, _| to.iter().chain(&cc).chain(&bcc).any(|mailbox| mailbox.address() == whom));
        Self { to, cc, bcc, merge, ..self.clone() }
    }

    fn size(&self) -> usize {
        let text = self.text.as_ref().map_or(0, |text| text.len());
        let html = self.html.as_ref().map_or(0, |html| html.len());
        // Base64 makes four octets of three.
        let files: usize = self.attachments.iter().map(|a| a.file.content.len().div_ceil(3) * 4).sum();
        self.subject.len() + text + html + files
    }

    fn options(&self) -> &[VendorOption] {
        &self.options
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::AnyMessage;

    fn email() -> Email {
        let built =
            Email::builder().to("a@x.org").to("b@x.org").cc("c@x.org").bcc("d@x.org").subject("s").text("t");
        built.build().expect("valid")
    }

    #[test]
    fn recipients_are_counted_to_cc_bcc() {
        let all: Vec<_> = email().recipients().map(|m| m.address().local().to_owned()).collect();
        assert_eq!(all, ["a", "b", "c", "d"]);
    }

    #[test]
    fn only_keeps_whom_it_is_told() {
        let only = email().only(&[1, 3]);
        assert_eq!((only.to.len(), only.cc.len(), only.bcc.len()), (1, 0, 1));
        assert_eq!(only.to[0].address().local(), "b");
    }

    #[test]
    fn header_tricks_are_named_with_their_field() {
        let cases: [(Builder<Email>, &str); 6] = [
            (Email::builder().subject("a\r\nBcc: x@y.org"), "subject"),
            (Email::builder().header("X-A\r\nBcc", "v"), "headers["),
            (Email::builder().header("X-A", "v\nBcc: x@y.org"), "headers["),
            (Email::builder().header("Subject", "again"), "headers["),
            (Email::builder().tag("a\0b"), "tags[0]"),
            (Email::builder().from("E\r\nvil <a@b.org>"), "from"),
        ];
        for (builder, field) in cases {
            let error = builder.to("a@x.org").text("t").build().expect_err(field);
            assert!(error.field().is_some_and(|f| f.starts_with(field)), "{field}: {error}");
        }
    }

    #[test]
    fn needs_name_feature_and_field() {
        let email = email();
        assert_eq!(email.needs(), Features::CC | Features::BCC);
        assert_eq!(email.field_of(Features::BCC), Some("bcc"));
        assert_eq!(email.field_of(Features::TAGS), None);
    }

    #[test]
    fn an_email_survives_json() {
        let email = email();
        let json = serde_json::to_string(&AnyMessage::from(email.clone())).expect("plain data");
        assert_eq!(serde_json::from_str::<AnyMessage>(&json).expect("own output"), AnyMessage::Email(email));
    }

    #[test]
    fn one_click_needs_https() {
        assert!(ListUnsubscribe::one_click("http://x.org/u").is_err());
        assert!(ListUnsubscribe::one_click("https://x.org/u").is_ok());
    }
}
