//! What Slack would refuse or cut, refused before the call.
//!
//! <https://docs.slack.dev/reference/methods/chat.postMessage>,
//! <https://docs.slack.dev/reference/block-kit/blocks>

use super::options::Options;
use crate::{
    error::{Error, ErrorKind, Result},
    message::{Button, ButtonAction, Chat, MediaKind, MediaSource, TextFormat},
};

/// "Messages containing more than 40,000 characters are truncated."
const MAX_TEXT: usize = 40_000;
/// "The `text` field cannot exceed 4,000 characters" (chat.update).
const MAX_EDIT: usize = 4_000;
/// Of a section block.
const MAX_SECTION: usize = 3_000;
/// Of an actions block.
const MAX_ROW: usize = 25;
/// Of a message.
const MAX_BLOCKS: usize = 50;
/// Of a button.
const MAX_TITLE: usize = 75;
const MAX_ANSWER: usize = 2_000;
/// Of an image block.
const MAX_CAPTION: usize = 2_000;
/// Of one file, 1 GB.
const MAX_FILE: usize = 1 << 30;

/// How a message goes out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// Words, and blocks where need be.
    Post,
    /// In place of an earlier message.
    Edit,
    /// Files, with words.
    Upload,
}

impl Shape {
    pub(super) fn of(chat: &Chat) -> Self {
        let uploads = chat.media.iter().any(|media| matches!(media.source, MediaSource::File(_)));
        match (uploads, &chat.edits) {
            (true, _) => Self::Upload,
            (false, Some(_)) => Self::Edit,
            (false, None) => Self::Post,
        }
    }
}

/// True if the words stand in a section of their own.
pub(super) fn has_blocks(chat: &Chat, shape: Shape) -> bool {
    let plain_edit = shape == Shape::Edit && chat.format == TextFormat::Plain;
    !chat.keyboard.is_empty() || !chat.media.is_empty() || plain_edit
}

pub(super) fn check(chat: &Chat, options: &Options<'_>) -> Result<Shape> {
    let shape = Shape::of(chat);
    check_parts(chat, options, shape)?;
    check_words(chat, options, shape)?;
    check_keyboard(chat)?;
    check_media(chat, shape)?;
    check_count(chat)?;
    options.fit(chat)?;
    Ok(shape)
}

fn unsupported(field: impl Into<std::borrow::Cow<'static, str>>, why: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, why).with_field(field)
}

/// The words that are not empty.
pub(super) fn words(chat: &Chat) -> Option<&str> {
    chat.text.as_deref().filter(|text| !text.is_empty())
}

fn check_parts(chat: &Chat, options: &Options<'_>, shape: Shape) -> Result<()> {
    if !chat.buttons.is_empty() {
        return Err(unsupported("buttons", "Slack has no keyboard of answers: use `keyboard`"));
    }
    if chat.location.is_some() {
        return Err(unsupported("location", "Slack shows no places: send a link to a map"));
    }
    if chat.reply_to.is_some() {
        return Err(unsupported("reply_to", "Slack quotes no message: answer in its `thread`"));
    }
    if chat.edits.is_some() && chat.thread.is_some() {
        return Err(unsupported("thread", "an edit does not move a message to another thread"));
    }
    if words(chat).is_none() && chat.media.is_empty() && options.blocks.is_none() {
        return Err(Error::invalid("text", "a message to Slack needs words or media"));
    }
    match shape {
        Shape::Upload if chat.edits.is_some() => {
            Err(unsupported("edits", "files cannot take the place of a message"))
        }
        Shape::Upload if !chat.keyboard.is_empty() => {
            Err(unsupported("keyboard", "Slack shows no buttons under uploaded files: send two messages"))
        }
        Shape::Upload => options.only(&[], "uploaded files have no options"),
        Shape::Edit => options.only(
            &["attachments", "blocks", "link_names", "metadata", "parse", "reply_broadcast"],
            "this option has no place in an edit",
        ),
        Shape::Post => Ok(()),
    }
}

fn check_words(chat: &Chat, options: &Options<'_>, shape: Shape) -> Result<()> {
    let Some(words) = words(chat) else { return Ok(()) };
    let most = match shape {
        _ if options.blocks.is_none() && has_blocks(chat, shape) && shape != Shape::Upload => MAX_SECTION,
        Shape::Edit => MAX_EDIT,
        Shape::Post | Shape::Upload => MAX_TEXT,
    };
    longer("text", words, most)
}

fn longer(field: impl Into<std::borrow::Cow<'static, str>>, text: &str, most: usize) -> Result<()> {
    let count = text.chars().count();
    if count <= most {
        return Ok(());
    }
    let why = format!("{count} characters; Slack takes at most {most} here");
    Err(Error::new(ErrorKind::PayloadTooLarge, why).with_field(field))
}

fn check_keyboard(chat: &Chat) -> Result<()> {
    for (r, row) in chat.keyboard.iter().enumerate() {
        if row.len() > MAX_ROW {
            let why = format!("{} buttons in a row; Slack takes at most {MAX_ROW}", row.len());
            return Err(Error::invalid(format!("keyboard[{r}]"), why));
        }
        for (b, button) in row.iter().enumerate() {
            check_button(button).map_err(|error| error.with_field(format!("keyboard[{r}][{b}]")))?;
        }
    }
    Ok(())
}

fn check_button(button: &Button) -> Result<()> {
    longer("keyboard", &button.title, MAX_TITLE)?;
    match &button.action {
        ButtonAction::Answer(answer) if answer.is_empty() => {
            Err(Error::invalid("keyboard", "a button's answer is not empty"))
        }
        ButtonAction::Answer(answer) => longer("keyboard", answer, MAX_ANSWER),
        ButtonAction::Link(_) => Ok(()),
    }
}

fn check_media(chat: &Chat, shape: Shape) -> Result<()> {
    for (index, media) in chat.media.iter().enumerate() {
        let field = || format!("media[{index}]");
        if let Some(caption) = &media.caption {
            longer(format!("media[{index}].caption"), caption, MAX_CAPTION)?;
        }
        match &media.source {
            MediaSource::File(file) if file.content.len() > MAX_FILE => {
                let why = format!("{} octets; Slack takes at most {MAX_FILE}", file.content.len());
                return Err(Error::new(ErrorKind::PayloadTooLarge, why).with_field(field()));
            }
            MediaSource::File(file) if file.content.is_empty() => {
                return Err(Error::invalid(field(), "Slack takes no empty files"));
            }
            MediaSource::File(_) => {}
            MediaSource::Url(_) if shape == Shape::Upload => {
                return Err(unsupported(field(), "media are all links or all bytes: send two messages"));
            }
            MediaSource::Url(_) if media.kind != MediaKind::Image => {
                return Err(unsupported(
                    field(),
                    "Slack fetches pictures only: hand over the bytes of others",
                ));
            }
            MediaSource::Url(_) => {}
        }
    }
    Ok(())
}

fn check_count(chat: &Chat) -> Result<()> {
    let count = 1 + chat.keyboard.len() + chat.media.len();
    if count <= MAX_BLOCKS {
        return Ok(());
    }
    let why =
        format!("words, media and rows of buttons make {count} blocks; Slack takes at most {MAX_BLOCKS}");
    Err(Error::invalid("media", why))
}
