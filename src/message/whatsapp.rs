//! WhatsApp.

use std::{collections::HashSet, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Builder, Channel, Content, Features, Location, Media, MediaKind, MediaSource, Message, Need, Recipient,
    VendorOption, sealed,
};
use crate::{address::PhoneNumber, error::Error};

/// A WhatsApp message to one person.
///
/// Outside the 24 hours after a person's last message only approved templates
/// are delivered (WhatsApp Business policy).
///
/// ```
/// use tidings::{WhatsApp, message::WhatsAppTemplate};
///
/// let template = WhatsAppTemplate::new("order_shipped", "en").with("1", "Ada");
/// let message = WhatsApp::builder().to("+15005550006").template(template).build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WhatsApp {
    /// The business number that writes; the messenger's default sender if empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PhoneNumber>,
    /// Whom it is written to.
    pub to: PhoneNumber,
    /// What is said.
    pub content: WhatsAppContent,
    /// The vendor's id of the message that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Arc<str>>,
    /// What is sent in its place to a person who has not written for 24 hours; see [`Builder::stand_in`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<Box<WhatsAppTemplate>>,
    /// Wishes that only one vendor understands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<VendorOption>,
}

/// What a WhatsApp message says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WhatsAppContent {
    /// Words with one to three buttons, each of which answers with its id.
    Buttons {
        /// The words.
        body: Arc<str>,
        /// The buttons.
        buttons: Vec<ReplyButton>,
    },
    /// Words with a list of up to ten rows to choose from.
    List {
        /// The words.
        body: Arc<str>,
        /// The label of the button that opens the list, up to 20 characters.
        button: Arc<str>,
        /// The rows, in sections.
        sections: Vec<ListSection>,
    },
    /// A point on the map.
    Location(Location),
    /// A picture, film, sound or file.
    Media(Media),
    /// An approved template.
    Template(WhatsAppTemplate),
    /// Words, up to 4,096 characters.
    Text(Arc<str>),
}

/// A button that answers with its id.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ReplyButton {
    /// What comes back, up to 256 characters.
    pub id: Arc<str>,
    /// Its label, up to 20 characters.
    pub title: Arc<str>,
}

/// A section of a list.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ListSection {
    /// Its title, up to 24 characters.
    pub title: Arc<str>,
    /// Its rows.
    pub rows: Vec<ListRow>,
}

/// A row of a list.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ListRow {
    /// What comes back, up to 200 characters.
    pub id: Arc<str>,
    /// Its label, up to 24 characters.
    pub title: Arc<str>,
    /// A smaller line under it, up to 72 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Arc<str>>,
}

/// A template that WhatsApp has approved, with what fills it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WhatsAppTemplate {
    /// Its name at Meta, or its content SID at Twilio (`HX…`).
    pub name: Arc<str>,
    /// Its language, such as `en` or `de_AT`.
    pub language: Arc<str>,
    /// Its parameters by name or by number, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<(Arc<str>, Arc<str>)>,
    /// What stands above the words, if the template leaves that open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<TemplateHeader>,
    /// What fills the buttons that the template leaves open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<TemplateButton>,
}

/// What stands above the words of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TemplateHeader {
    /// A point on the map.
    Location(Location),
    /// A picture, film or file.
    Media(Media),
    /// What fills the one parameter of a header of words, by name or number.
    Text(Arc<str>, Arc<str>),
}

/// What fills one button of a template.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TemplateButton {
    /// Which of the template's buttons, from zero.
    pub index: u8,
    /// What fills it.
    pub value: TemplateButtonValue,
}

/// What a button of a template is filled with.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TemplateButtonValue {
    /// What the button answers with.
    Answer(Arc<str>),
    /// The code that the button copies.
    Code(Arc<str>),
    /// What is put behind the button's link.
    LinkEnd(Arc<str>),
}

impl WhatsAppTemplate {
    /// A template without parameters.
    pub fn new(name: impl Into<Arc<str>>, language: impl Into<Arc<str>>) -> Self {
        let (name, language) = (name.into(), language.into());
        Self { name, language, parameters: Vec::new(), header: None, buttons: Vec::new() }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    fn media(&self) -> Option<&Media> {
        match &self.header {
            Some(TemplateHeader::Media(media)) => Some(media),
            _ => None,
        }
    }

    fn media_mut(&mut self) -> Option<&mut Media> {
        match &mut self.header {
            Some(TemplateHeader::Media(media)) => Some(media),
            _ => None,
        }
    }

    /// Sets what stands above the words.
    #[must_use]
    pub fn header(mut self, header: TemplateHeader) -> Self {
        self.header = Some(header);
        self
    }

    /// Fills the button at `index`, counted from zero.
    #[must_use]
    pub fn button(mut self, index: u8, value: TemplateButtonValue) -> Self {
        self.buttons.push(TemplateButton { index, value });
        self
    }
}

impl WhatsApp {
    /// Starts a WhatsApp message.
    pub fn builder() -> Builder<Self> {
        Builder::new(Self {
            from: None,
            to: PhoneNumber::placeholder(),
            content: WhatsAppContent::Text("".into()),
            reply_to: None,
            stand_in: None,
            options: Vec::new(),
        })
    }

    /// The piece of media that it is, or that its template has above the words.
    fn media(&self) -> Option<&Media> {
        match &self.content {
            WhatsAppContent::Media(media) => Some(media),
            WhatsAppContent::Template(template) => template.media(),
            _ => None,
        }
    }

    /// All media that it holds: its own, and that of its stand-in.
    pub(super) fn all_media(&self) -> [Option<&Media>; 2] {
        [self.media(), self.stand_in.as_ref().and_then(|template| template.media())]
    }

    /// The same, to be changed.
    pub(super) fn all_media_mut(&mut self) -> [Option<&mut Media>; 2] {
        let own = match &mut self.content {
            WhatsAppContent::Media(media) => Some(media),
            WhatsAppContent::Template(template) => template.media_mut(),
            _ => None,
        };
        [own, self.stand_in.as_mut().and_then(|template| template.media_mut())]
    }

    /// True if only a person who wrote in the last 24 hours may get it.
    pub fn is_free_form(&self) -> bool {
        !matches!(self.content, WhatsAppContent::Template(_))
    }

    fn is_media(&self, kind: MediaKind) -> bool {
        self.media().is_some_and(|media| media.kind == kind)
    }
}

impl Builder<WhatsApp> {
    /// The business number that writes.
    pub fn from<V: TryInto<PhoneNumber, Error: Into<Error>>>(self, from: V) -> Self {
        self.parsed("from", from, |message, from| message.from = Some(from))
    }

    /// Whom it is written to.
    pub fn to<V: TryInto<PhoneNumber, Error: Into<Error>>>(self, to: V) -> Self {
        self.addressed("to", to, |message, to| message.to = to)
    }

    /// Words.
    pub fn text(self, text: impl Into<Arc<str>>) -> Self {
        self.says(WhatsAppContent::Text(text.into()))
    }

    /// The parts that a template of ours rendered to.
    pub fn content(self, content: &Content) -> Self {
        match content.short() {
            Some(text) => self.text(Arc::clone(text)),
            None => self,
        }
    }

    /// An approved template.
    pub fn template(self, template: WhatsAppTemplate) -> Self {
        self.says(WhatsAppContent::Template(template))
    }

    /// A picture, film, sound or file.
    pub fn media(self, media: Media) -> Self {
        self.says(WhatsAppContent::Media(media))
    }

    /// A point on the map.
    pub fn location(self, location: Location) -> Self {
        self.says(WhatsAppContent::Location(location))
    }

    /// Words with one to three buttons, given as id and label.
    pub fn buttons<'a>(
        self,
        body: impl Into<Arc<str>>,
        buttons: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let button = |(id, title): (&str, &str)| ReplyButton { id: id.into(), title: title.into() };
        let buttons = buttons.into_iter().map(button).collect();
        self.says(WhatsAppContent::Buttons { body: body.into(), buttons })
    }

    /// Words with a list to choose from.
    pub fn list(
        self,
        body: impl Into<Arc<str>>,
        button: impl Into<Arc<str>>,
        sections: Vec<ListSection>,
    ) -> Self {
        self.says(WhatsAppContent::List { body: body.into(), button: button.into(), sections })
    }

    /// The vendor's id of the message that this one answers.
    pub fn reply_to(self, id: impl Into<Arc<str>>) -> Self {
        self.with(|message| message.reply_to = Some(id.into()))
    }

    /// The template that is sent in place of free-form content to a person who has not written for 24
    /// hours, if the messenger has a [`WhatsAppWindow`](crate::messenger::WhatsAppWindow). It quotes nothing;
    /// options go with it.
    pub fn stand_in(self, template: WhatsAppTemplate) -> Self {
        self.with(|message| message.stand_in = Some(Box::new(template)))
    }

    fn says(self, content: WhatsAppContent) -> Self {
        self.with(|message| message.content = content)
    }
}

/// Up to `most` characters and at least one.
fn fits(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count())
}

/// The limits of Meta's Cloud API reference, "Messages".
fn fault(content: &WhatsAppContent) -> Option<(&'static str, &'static str)> {
    match content {
        WhatsAppContent::Buttons { body, buttons } => {
            let good = |b: &ReplyButton| fits(&b.title, 20) && fits(&b.id, 256);
            let distinct = buttons.iter().map(|b| &b.id).collect::<HashSet<_>>().len() == buttons.len();
            if !fits(body, 1_024) {
                return Some(("content.buttons.body", "1 to 1024 characters"));
            }
            let right = (1..=3).contains(&buttons.len()) && buttons.iter().all(good) && distinct;
            (!right).then_some((
                "content.buttons",
                "1 to 3 buttons, labels up to 20 and distinct ids up to 256 characters",
            ))
        }
        WhatsAppContent::List { body, button, sections } => list_fault(body, button, sections),
        WhatsAppContent::Location(location) => location
            .check()
            .is_err()
            .then_some(("content.location", "latitude is -90 to 90, longitude -180 to 180 degrees")),
        WhatsAppContent::Media(_) => None,
        WhatsAppContent::Template(template) => template_fault(template).map(|why| ("content.template", why)),
        WhatsAppContent::Text(text) => {
            (!fits(text, 4_096)).then_some(("content.text", "1 to 4096 characters"))
        }
    }
}

fn template_fault(template: &WhatsAppTemplate) -> Option<&'static str> {
    let right = fits(&template.name, 512) && fits(&template.language, 16);
    (!right).then_some("a template has a name and a language, such as en or de_AT")
}

fn list_fault(body: &str, button: &str, sections: &[ListSection]) -> Option<(&'static str, &'static str)> {
    let rows: usize = sections.iter().map(|s| s.rows.len()).sum();
    let row_fits = |r: &ListRow| {
        fits(&r.id, 200)
            && fits(&r.title, 24)
            && r.description.as_ref().is_none_or(|d| d.chars().count() <= 72)
    };
    if !fits(body, 4_096) || !fits(button, 20) {
        return Some(("content.list", "the body has 1 to 4096 characters, the button's label 1 to 20"));
    }
    let right = (1..=10).contains(&rows)
        && sections.iter().all(|s| s.title.chars().count() <= 24 && s.rows.iter().all(row_fits));
    (!right).then_some((
        "content.list.sections",
        "1 to 10 rows; ids up to 200, titles up to 24, descriptions up to 72 characters",
    ))
}

impl sealed::Sealed for WhatsApp {
    const NEEDS: &'static [Need<Self>] = &[
        (Features::AUDIO, "content.media", |m| m.is_media(MediaKind::Audio)),
        (Features::BUTTONS, "content.buttons", |m| matches!(m.content, WhatsAppContent::Buttons { .. })),
        (Features::FILE, "content.media", |m| m.is_media(MediaKind::File)),
        (Features::IMAGE, "content.media", |m| m.is_media(MediaKind::Image)),
        (Features::LISTS, "content.list", |m| matches!(m.content, WhatsAppContent::List { .. })),
        (Features::LOCATION, "content.location", |m| matches!(m.content, WhatsAppContent::Location(_))),
        (Features::MEDIA_UPLOAD, "content.media", |m| {
            m.media().is_some_and(|media| matches!(media.source, MediaSource::File(_)))
        }),
        (Features::REPLY_CONTEXT, "reply_to", |m| m.reply_to.is_some()),
        (Features::VENDOR_TEMPLATE, "content.template", |m| {
            matches!(m.content, WhatsAppContent::Template(_))
        }),
        (Features::VIDEO, "content.media", |m| m.is_media(MediaKind::Video)),
    ];

    fn faults(&self) -> Vec<Error> {
        let stand_in = self.stand_in.as_deref().and_then(template_fault).map(|why| ("stand_in", why));
        let faults = fault(&self.content).into_iter().chain(stand_in);
        faults.map(|(field, why)| Error::invalid(field, why)).collect()
    }

    fn options_mut(&mut self) -> &mut Vec<VendorOption> {
        &mut self.options
    }
}

impl Message for WhatsApp {
    const CHANNEL: Channel = Channel::WhatsApp;

    fn recipient(&self, index: usize) -> Option<Recipient<'_>> {
        (index == 0).then_some(Recipient::Phone(&self.to))
    }

    fn sender(&self) -> Option<&str> {
        self.from.as_ref().map(PhoneNumber::as_str)
    }

    fn size(&self) -> usize {
        match &self.content {
            WhatsAppContent::Buttons { body, .. } | WhatsAppContent::List { body, .. } => body.len(),
            WhatsAppContent::Location(_) => 64,
            WhatsAppContent::Media(media) => media.size(),
            WhatsAppContent::Template(template) => {
                template.parameters.iter().map(|(n, v)| n.len() + v.len()).sum()
            }
            WhatsAppContent::Text(text) => text.len(),
        }
    }

    fn options(&self) -> &[VendorOption] {
        &self.options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_buttons_and_lists() {
        let to = || WhatsApp::builder().to("+15005550006");
        assert!(to().buttons("Well?", [("y", "Yes"), ("n", "No")]).build().is_ok());
        assert!(to().buttons("Well?", [("y", "Yes"), ("y", "No")]).build().is_err());
        assert!(to().buttons("Well?", []).build().is_err());
        let row = |id: usize| ListRow { id: id.to_string().into(), title: "Row".into(), description: None };
        let section = |n| vec![ListSection { title: "All".into(), rows: (0..n).map(row).collect() }];
        assert!(to().list("Choose", "Open", section(10)).build().is_ok());
        assert!(to().list("Choose", "Open", section(11)).build().is_err());
    }

    #[test]
    fn a_stand_in_is_checked_as_a_template_is() {
        let to = || WhatsApp::builder().to("+15005550006").text("Hi");
        assert!(to().stand_in(WhatsAppTemplate::new("hello", "en")).build().expect("valid").is_free_form());
        let error = to().stand_in(WhatsAppTemplate::new("", "en")).build().expect_err("no name");
        assert_eq!(error.field(), Some("stand_in"));
    }

    #[test]
    fn needs_follow_the_content() {
        let to = || WhatsApp::builder().to("+15005550006");
        let media = Media::image("https://x.org/a.png").expect("valid");
        assert_eq!(to().media(media).build().expect("valid").needs(), Features::IMAGE);
        assert_eq!(to().text("hi").build().expect("valid").needs(), Features::NONE);
    }
}
