//! Chat: Telegram, Slack and their like.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Builder, Channel, Content, Features, Location, Media, MediaKind, Message, Need, Recipient, VendorOption,
    sealed,
    sms::{has, uploads},
};
use crate::{
    address::{ChatId, WebUrl},
    error::{Error, Result},
};

/// A message to a chat.
///
/// ```
/// use tidings::{Chat, message::Button};
///
/// let chat = Chat::builder()
///     .to("@harbour_news")
///     .markdown("*Storm* tonight")
///     .keyboard_row([Button::link("Forecast", "https://example.org/storm")?, Button::answer("Seen", "seen")])
///     .build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Chat {
    /// The chat.
    pub to: ChatId,
    /// The words; with media, the caption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Arc<str>>,
    /// How the words are marked up.
    #[serde(default)]
    pub format: TextFormat,
    /// Pictures and the like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
    /// A point on the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Answers offered in place of the reader's keyboard, in rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Vec<Arc<str>>>,
    /// Buttons under the message, in rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keyboard: Vec<Vec<Button>>,
    /// The vendor's id of the message that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Arc<str>>,
    /// The vendor's id of a thread within the chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<Arc<str>>,
    /// The vendor's id of the message in whose place this one is put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edits: Option<Arc<str>>,
    /// Wishes that only one vendor understands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<VendorOption>,
}

/// How words are marked up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TextFormat {
    /// In the vendor's own dialect of Markdown.
    Markdown,
    /// Not at all.
    #[default]
    Plain,
}

/// A button under a message.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Button {
    /// Its label.
    pub title: Arc<str>,
    /// What it does.
    pub action: ButtonAction,
}

/// What a button does.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ButtonAction {
    /// Sends this to the bot.
    Answer(Arc<str>),
    /// Opens this link.
    Link(WebUrl),
}

impl Button {
    /// A button that sends `answer` to the bot.
    pub fn answer(title: impl Into<Arc<str>>, answer: impl Into<Arc<str>>) -> Self {
        Self { title: title.into(), action: ButtonAction::Answer(answer.into()) }
    }

    /// A button that opens a link.
    ///
    /// # Errors
    /// If `url` is no web link.
    pub fn link(title: impl Into<Arc<str>>, url: &str) -> Result<Self> {
        Ok(Self { title: title.into(), action: ButtonAction::Link(url.parse()?) })
    }
}

impl Chat {
    /// Starts a message to a chat.
    pub fn builder() -> Builder<Self> {
        Builder::new(Self {
            to: ChatId::placeholder(),
            text: None,
            format: TextFormat::Plain,
            media: Vec::new(),
            location: None,
            buttons: Vec::new(),
            keyboard: Vec::new(),
            reply_to: None,
            thread: None,
            edits: None,
            options: Vec::new(),
        })
    }
}

impl Builder<Chat> {
    /// The chat.
    pub fn to<V: TryInto<ChatId, Error: Into<Error>>>(self, to: V) -> Self {
        self.addressed("to", to, |chat, to| chat.to = to)
    }

    /// Plain words.
    pub fn text(self, text: impl Into<Arc<str>>) -> Self {
        self.with(|chat| (chat.text, chat.format) = (Some(text.into()), TextFormat::Plain))
    }

    /// Words in the vendor's dialect of Markdown.
    pub fn markdown(self, text: impl Into<Arc<str>>) -> Self {
        self.with(|chat| (chat.text, chat.format) = (Some(text.into()), TextFormat::Markdown))
    }

    /// The parts that a template rendered to.
    pub fn content(self, content: &Content) -> Self {
        match content.short() {
            Some(text) => self.text(Arc::clone(text)),
            None => self,
        }
    }

    /// Adds a picture or the like.
    pub fn media(self, media: Media) -> Self {
        self.with(|chat| chat.media.push(media))
    }

    /// A point on the map.
    pub fn location(self, location: Location) -> Self {
        self.with(|chat| chat.location = Some(location))
    }

    /// Adds a row of answers offered in place of the reader's keyboard.
    pub fn button_row<T: Into<Arc<str>>>(self, row: impl IntoIterator<Item = T>) -> Self {
        self.with(|chat| chat.buttons.push(row.into_iter().map(Into::into).collect()))
    }

    /// Adds a row of buttons under the message.
    pub fn keyboard_row(self, row: impl IntoIterator<Item = Button>) -> Self {
        self.with(|chat| chat.keyboard.push(row.into_iter().collect()))
    }

    /// The vendor's id of the message that this one answers.
    pub fn reply_to(self, id: impl Into<Arc<str>>) -> Self {
        self.with(|chat| chat.reply_to = Some(id.into()))
    }

    /// The vendor's id of a thread within the chat.
    pub fn thread(self, id: impl Into<Arc<str>>) -> Self {
        self.with(|chat| chat.thread = Some(id.into()))
    }

    /// Puts this in place of the message of that id, as a receipt named it.
    pub fn edits(self, id: impl Into<Arc<str>>) -> Self {
        self.with(|chat| chat.edits = Some(id.into()))
    }
}

impl sealed::Sealed for Chat {
    const NEEDS: &'static [Need<Self>] = &[
        (Features::AUDIO, "media", |m| has(&m.media, MediaKind::Audio)),
        (Features::BUTTONS, "buttons", |m| !m.buttons.is_empty()),
        (Features::EDIT, "edits", |m| m.edits.is_some()),
        (Features::FILE, "media", |m| has(&m.media, MediaKind::File)),
        (Features::IMAGE, "media", |m| has(&m.media, MediaKind::Image)),
        (Features::INLINE_KEYBOARD, "keyboard", |m| !m.keyboard.is_empty()),
        (Features::LOCATION, "location", |m| m.location.is_some()),
        (Features::MARKDOWN, "format", |m| m.format == TextFormat::Markdown),
        (Features::MEDIA_UPLOAD, "media", |m| uploads(&m.media)),
        (Features::REPLY_CONTEXT, "reply_to", |m| m.reply_to.is_some()),
        (Features::THREAD, "thread", |m| m.thread.is_some()),
        (Features::VIDEO, "media", |m| has(&m.media, MediaKind::Video)),
    ];

    fn faults(&self) -> Vec<Error> {
        let mut faults = Vec::new();
        let wordless = self.text.as_ref().is_none_or(|text| text.is_empty());
        if wordless && self.media.is_empty() && self.location.is_none() {
            faults.push(Error::invalid("text", "a chat message needs words, media or a location"));
        }
        faults.extend(self.location.as_ref().and_then(|l| l.check().err()));
        if !self.buttons.is_empty() && !self.keyboard.is_empty() {
            faults.push(Error::invalid("buttons", "a message has buttons or an inline keyboard, not both"));
        }
        let mut titles =
            self.keyboard.iter().flatten().map(|b| &b.title).chain(self.buttons.iter().flatten());
        if titles.any(|title| title.is_empty()) {
            faults.push(Error::invalid("buttons", "every button needs a label"));
        }
        faults
    }

    fn options_mut(&mut self) -> &mut Vec<VendorOption> {
        &mut self.options
    }
}

impl Message for Chat {
    const CHANNEL: Channel = Channel::Chat;

    fn recipient(&self, index: usize) -> Option<Recipient<'_>> {
        (index == 0).then_some(Recipient::Chat(&self.to))
    }

    fn size(&self) -> usize {
        self.text.as_ref().map_or(0, |text| text.len()) + self.media.iter().map(Media::size).sum::<usize>()
    }

    fn options(&self) -> &[VendorOption] {
        &self.options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_right_is_named() {
        let to = || Chat::builder().to(-100_i64);
        assert!(to().build().is_err());
        let both = to().text("t").button_row(["Yes"]).keyboard_row([Button::answer("No", "n")]);
        assert_eq!(both.build().expect_err("two keyboards").field(), Some("buttons"));
        assert_eq!(to().markdown("*t*").build().expect("valid").needs(), Features::MARKDOWN);
    }
}
