//! What Discord would refuse, refused before the call.
//!
//! <https://docs.discord.com/developers/resources/message#create-message>,
//! <https://docs.discord.com/developers/components/reference#button>

use std::collections::HashSet;

use super::options::{Options, misplaced};
use crate::{
    error::{Error, ErrorKind, Result},
    message::{Button, ButtonAction, Chat, MediaKind, MediaSource},
};

/// "Message contents (up to 2000 characters)".
const MAX_TEXT: usize = 2_000;
/// "Up to 10 `rich` embeds".
const MAX_EMBEDS: usize = 10;
/// "Maximum number of attachments in a message reached (10)".
const MAX_FILES: usize = 10;
/// "The maximum request size when sending a message is 25 MiB".
const MAX_REQUEST: usize = 25 << 20;
/// Of an attachment, and of an embed.
const MAX_FILE_CAPTION: usize = 1_024;
const MAX_EMBED_CAPTION: usize = 4_096;
const MAX_EMBED_TEXT: usize = 6_000;
/// "Up to 5 buttons" in a row, and 5 rows.
const MAX_ROWS: usize = 5;
const MAX_ROW: usize = 5;
const MAX_TITLE: usize = 80;
const MAX_ANSWER: usize = 100;
const MAX_LINK: usize = 512;

/// `text` is what the message's words become.
pub(super) fn check(chat: &Chat, options: &Options<'_>, text: Option<&str>) -> Result<()> {
    check_parts(chat, options, text)?;
    longer("text", text.unwrap_or_default(), MAX_TEXT)?;
    check_keyboard(chat)?;
    check_media(chat)
}

fn unsupported(field: impl Into<std::borrow::Cow<'static, str>>, why: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, why).with_field(field)
}

fn check_parts(chat: &Chat, options: &Options<'_>, text: Option<&str>) -> Result<()> {
    if !chat.buttons.is_empty() {
        return Err(unsupported("buttons", "Discord has no keyboard of answers: use `keyboard`"));
    }
    if chat.location.is_some() {
        return Err(unsupported("location", "Discord shows no places: send a link to a map"));
    }
    if text.is_none() && chat.media.is_empty() && options.embeds.is_none() {
        return Err(Error::invalid("text", "a message to Discord needs words, media or embeds"));
    }
    if chat.edits.is_some() && chat.reply_to.is_some() {
        return Err(unsupported("reply_to", "an edit does not change what a message answers"));
    }
    if options.embeds.is_some() && chat.media.iter().any(|media| matches!(media.source, MediaSource::Url(_)))
    {
        return Err(misplaced("embeds", "embeds take the place of pictures by link: put those among them"));
    }
    if options.components.is_some() && !chat.keyboard.is_empty() {
        return Err(misplaced("components", "components take the place of the keyboard"));
    }
    if options.fail_if_not_exists.is_some() && chat.reply_to.is_none() {
        return Err(misplaced("fail_if_not_exists", "this option needs `reply_to`"));
    }
    Ok(())
}

fn longer(field: impl Into<std::borrow::Cow<'static, str>>, text: &str, most: usize) -> Result<()> {
    let count = text.chars().count();
    if count <= most {
        return Ok(());
    }
    let why = format!("{count} characters, escapes among them; Discord takes at most {most} here");
    Err(Error::new(ErrorKind::PayloadTooLarge, why).with_field(field))
}

fn check_keyboard(chat: &Chat) -> Result<()> {
    if chat.keyboard.len() > MAX_ROWS {
        let why = format!("{} rows of buttons; Discord takes at most {MAX_ROWS}", chat.keyboard.len());
        return Err(Error::invalid("keyboard", why));
    }
    let mut answers = HashSet::new();
    for (r, row) in chat.keyboard.iter().enumerate() {
        if row.len() > MAX_ROW {
            let why = format!("{} buttons in a row; Discord takes at most {MAX_ROW}", row.len());
            return Err(Error::invalid(format!("keyboard[{r}]"), why));
        }
        for (b, button) in row.iter().enumerate() {
            check_button(button, &mut answers)
                .map_err(|error| error.with_field(format!("keyboard[{r}][{b}]")))?;
        }
    }
    Ok(())
}

fn check_button<'a>(button: &'a Button, answers: &mut HashSet<&'a str>) -> Result<()> {
    longer("keyboard", &button.title, MAX_TITLE)?;
    match &button.action {
        ButtonAction::Answer(answer) if answer.is_empty() => {
            Err(Error::invalid("keyboard", "a button's answer is not empty"))
        }
        ButtonAction::Answer(answer) if !answers.insert(answer) => {
            Err(Error::invalid("keyboard", "Discord takes no two buttons with the same answer"))
        }
        ButtonAction::Answer(answer) => longer("keyboard", answer, MAX_ANSWER),
        ButtonAction::Link(link) => longer("keyboard", link.as_str(), MAX_LINK),
    }
}

fn check_media(chat: &Chat) -> Result<()> {
    let (mut links, mut files, mut octets, mut captions) = (0, 0, 0, 0);
    for (index, media) in chat.media.iter().enumerate() {
        let caption = media.caption.as_deref().unwrap_or_default();
        let most = match &media.source {
            MediaSource::Url(_) if media.kind != MediaKind::Image => {
                let why = "Discord fetches pictures only: hand over the bytes of others";
                return Err(unsupported(format!("media[{index}]"), why));
            }
            MediaSource::Url(_) => {
                (links, captions) = (links + 1, captions + caption.chars().count());
                MAX_EMBED_CAPTION
            }
            MediaSource::File(file) => {
                (files, octets) = (files + 1, octets + file.content.len());
                MAX_FILE_CAPTION
            }
        };
        longer(format!("media[{index}].caption"), caption, most)?;
    }
    for (what, count, most) in [("pictures by link", links, MAX_EMBEDS), ("files", files, MAX_FILES)] {
        if count > most {
            return Err(Error::invalid("media", format!("{count} {what}; Discord takes at most {most}")));
        }
    }
    for (what, count, most) in
        [("octets", octets, MAX_REQUEST), ("characters of captions", captions, MAX_EMBED_TEXT)]
    {
        if count > most {
            let why = format!("{count} {what} together; Discord takes at most {most}");
            return Err(Error::new(ErrorKind::PayloadTooLarge, why).with_field("media"));
        }
    }
    Ok(())
}
