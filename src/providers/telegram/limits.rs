//! What Telegram would refuse, refused before the call: <https://core.telegram.org/bots/api>.

use super::{
    markdown::visible,
    options::{Options, misplaced},
};
use crate::{
    error::{Error, ErrorKind, Result},
    message::{Button, ButtonAction, Chat, Location, Media, MediaKind, MediaSource, TextFormat},
};

/// "1-4096 characters after entities parsing".
const MAX_TEXT: usize = 4_096;
/// "0-1024 characters after entities parsing".
const MAX_CAPTION: usize = 1_024;
/// With all marks, in octets (`Client::get_formatted_text` of the server).
const MAX_MARKED: usize = 32_768;
/// "1-64 bytes".
const MAX_ANSWER: usize = 64;
/// "must include 2-10 items".
const MAX_ALBUM: usize = 10;
/// "10 MB max size for photos, 50 MB for other files".
const MAX_PICTURE: usize = 10 << 20;
pub(super) const MAX_FILE: usize = 50 << 20;
/// "Upload files up to 2000 MB" with a server of one's own.
pub(super) const MAX_LOCAL_FILE: usize = 2_000 << 20;

pub(super) fn check(chat: &Chat, options: Options, max_upload: usize) -> Result<()> {
    check_parts(chat)?;
    check_words(chat, options.edit_caption)?;
    check_keyboards(chat)?;
    check_album(&chat.media)?;
    chat.media.iter().enumerate().try_for_each(|(i, media)| check_upload(i, media, max_upload))?;
    chat.location.as_ref().map_or(Ok(()), check_location)?;
    check_options(chat, options)
}

fn unsupported(field: &'static str, why: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, why).with_field(field)
}

/// The words that are not empty.
pub(super) fn words(text: &Option<std::sync::Arc<str>>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// One call takes a text, or media with a caption, or a place.
fn check_parts(chat: &Chat) -> Result<()> {
    let text = words(&chat.text).is_some();
    let captions = chat.media.iter().any(|media| words(&media.caption).is_some());
    match (&chat.location, text, chat.media.is_empty()) {
        (Some(_), true, _) => {
            Err(unsupported("text", "Telegram shows a place without words: send two messages"))
        }
        (Some(_), _, false) => {
            Err(unsupported("media", "Telegram shows a place without media: send two messages"))
        }
        (None, false, true) => Err(Error::invalid("text", "a chat message needs words, media or a location")),
        (None, true, false) if captions => {
            Err(unsupported("text", "the text is the caption of the media: give it or captions, not both"))
        }
        _ => Ok(()),
    }
}

fn check_words(chat: &Chat, is_caption: bool) -> Result<()> {
    let text_alone = chat.media.is_empty() && !is_caption;
    let most = if text_alone { MAX_TEXT } else { MAX_CAPTION };
    let text = words(&chat.text).map(|text| ("text".to_owned(), text));
    let captions = chat.media.iter().enumerate();
    let captions = captions.filter_map(|(i, m)| Some((format!("media[{i}].caption"), words(&m.caption)?)));
    text.into_iter()
        .chain(captions)
        .try_for_each(|(field, words)| check_length(field, words, chat.format, most))
}

fn check_length(field: String, words: &str, format: TextFormat, most: usize) -> Result<()> {
    let count = match format {
        TextFormat::Markdown => visible(words),
        // Characters and not UTF-16 units: the milder reading, so that nothing good is refused.
        TextFormat::Plain => words.chars().count(),
    };
    let why = if count > most {
        format!("{count} characters; Telegram takes at most {most} here")
    } else if words.len() > MAX_MARKED {
        format!("{} octets with all marks; Telegram takes at most {MAX_MARKED}", words.len())
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::PayloadTooLarge, why).with_field(field))
}

fn check_keyboards(chat: &Chat) -> Result<()> {
    let (keyboard, buttons) = (!chat.keyboard.is_empty(), !chat.buttons.is_empty());
    if keyboard && buttons {
        return Err(Error::invalid("buttons", "a message has buttons or an inline keyboard, not both"));
    }
    if chat.media.len() > 1 && (keyboard || buttons) {
        let field = if keyboard { "keyboard" } else { "buttons" };
        return Err(unsupported(field, "Telegram shows no buttons under several media"));
    }
    for (r, row) in chat.keyboard.iter().enumerate() {
        for (b, button) in row.iter().enumerate() {
            check_answer(button).map_err(|error| error.with_field(format!("keyboard[{r}][{b}]")))?;
        }
    }
    Ok(())
}

fn check_answer(button: &Button) -> Result<()> {
    match &button.action {
        ButtonAction::Answer(answer) if !(1..=MAX_ANSWER).contains(&answer.len()) => {
            let why = format!("an answer has 1 to {MAX_ANSWER} octets, not {}", answer.len());
            Err(Error::invalid("keyboard", why))
        }
        _ => Ok(()),
    }
}

/// "Documents and audio files can be only grouped in an album with messages of the same type."
fn check_album(media: &[Media]) -> Result<()> {
    if media.len() > MAX_ALBUM {
        let why = format!("{} pieces; Telegram takes at most {MAX_ALBUM}", media.len());
        return Err(Error::invalid("media", why));
    }
    let alone = |kind| matches!(kind, MediaKind::Audio | MediaKind::File);
    let mixed = media.iter().any(|m| (alone(m.kind) || alone(media[0].kind)) && m.kind != media[0].kind);
    if mixed {
        let why = "Telegram groups pictures with videos, but sounds and files only with their own kind";
        return Err(unsupported("media", why));
    }
    Ok(())
}

fn check_upload(index: usize, media: &Media, max_upload: usize) -> Result<()> {
    let MediaSource::File(file) = &media.source else { return Ok(()) };
    let most = if media.kind == MediaKind::Image { MAX_PICTURE } else { max_upload };
    let size = file.content.len();
    if size <= most {
        return Ok(());
    }
    let why = format!("{size} octets; Telegram takes at most {most} here");
    Err(Error::new(ErrorKind::PayloadTooLarge, why).with_field(format!("media[{index}]")))
}

fn check_location(location: &Location) -> Result<()> {
    let fits = (-90.0..=90.0).contains(&location.latitude) && (-180.0..=180.0).contains(&location.longitude);
    if !fits {
        return Err(Error::invalid("location", "latitude is -90 to 90, longitude -180 to 180 degrees"));
    }
    match (words(&location.name), words(&location.address)) {
        (Some(_), None) => Err(unsupported(
            "location.name",
            "Telegram shows a name only with an address: give both or neither",
        )),
        (None, Some(_)) => Err(unsupported(
            "location.address",
            "Telegram shows an address only with a name: give both or neither",
        )),
        _ => Ok(()),
    }
}

fn check_options(chat: &Chat, options: Options) -> Result<()> {
    let media = &chat.media;
    if options.edit_caption && chat.edits.is_none() {
        return Err(misplaced("edit_caption", "this option needs `edits`, the message to be edited"));
    }
    if options.voice && !matches!(media[..], [Media { kind: MediaKind::Audio, .. }]) {
        return Err(misplaced("voice", "this option needs one piece of media, a sound"));
    }
    let seen =
        options.edit_caption || media.iter().any(|m| matches!(m.kind, MediaKind::Image | MediaKind::Video));
    let asked = [
        ("has_spoiler", options.has_spoiler),
        ("show_caption_above_media", options.show_caption_above_media),
    ];
    match asked.into_iter().find(|(_, asked)| *asked) {
        Some((name, _)) if !seen => Err(misplaced(name, "this option needs a picture or a video")),
        _ => Ok(()),
    }
}
