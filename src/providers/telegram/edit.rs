//! A message in place of one that was sent before.
//!
//! <https://core.telegram.org/bots/api#updating-messages>

use super::{
    form::{Call, LinkPreview},
    limits::words,
    options::{Options, misplaced},
    wire::{chat_id, markup, message_id, parse_mode, piece, source},
};
use crate::{
    error::{Error, ErrorKind, Result},
    message::Chat,
};

/// `editMessageText`, `editMessageCaption` or `editMessageMedia`.
pub(super) fn call<'a>(chat: &'a Chat, id: &str, options: Options) -> Result<Call<'a>> {
    check(chat, options)?;
    let mut call = Call::new(method(chat, options));
    call.push("chat_id", chat_id(&chat.to)?);
    call.push("message_id", target(chat, id)?);
    match &chat.media[..] {
        [media] => {
            let source = source(&mut call, media, 0);
            let caption = words(&chat.text).or_else(|| words(&media.caption));
            let piece = piece(source, media, caption, chat, options);
            call.push("media", piece);
        }
        _ if options.edit_caption => {
            call.push_some("caption", words(&chat.text));
            call.push_some("parse_mode", parse_mode(chat));
            call.push_true("show_caption_above_media", options.show_caption_above_media);
        }
        _ => {
            call.push_some("text", words(&chat.text));
            call.push_some("parse_mode", parse_mode(chat));
            let hidden = options.no_link_preview.then_some(LinkPreview { is_disabled: true });
            call.push_some("link_preview_options", hidden);
        }
    }
    call.push_some("reply_markup", markup(chat));
    Ok(call)
}

fn method(chat: &Chat, options: Options) -> &'static str {
    match (chat.media.is_empty(), options.edit_caption) {
        (false, _) => "editMessageMedia",
        (true, true) => "editMessageCaption",
        (true, false) => "editMessageText",
    }
}

/// The number of the message, which must be one of this chat.
fn target(chat: &Chat, id: &str) -> Result<i64> {
    let wrong =
        || Error::invalid("edits", "expected the number of a message, such as 17 or -1001234567890:17");
    let (of, message) = message_id(id).ok_or_else(wrong)?;
    let here: Option<i64> = chat.to.as_str().parse().ok();
    match (of, here) {
        (Some(of), Some(here)) if of != here => {
            Err(Error::invalid("edits", "the message belongs to another chat than `to`"))
        }
        _ => Ok(message),
    }
}

/// What an edit has no place for.
fn check(chat: &Chat, options: Options) -> Result<()> {
    let fields = [
        ("buttons", !chat.buttons.is_empty(), "a message keeps its keyboard of answers when it is edited"),
        ("location", chat.location.is_some(), "Telegram puts no place in the place of a message"),
        ("media", chat.media.len() > 1, "of an album only one piece is edited at a time"),
        ("reply_to", chat.reply_to.is_some(), "an edit does not change what a message answers"),
        ("thread", chat.thread.is_some(), "an edit does not move a message to another thread"),
    ];
    if let Some((field, _, why)) = fields.into_iter().find(|(_, asked, _)| *asked) {
        return Err(Error::new(ErrorKind::Unsupported, why).with_field(field));
    }
    let asked = [
        ("allow_paid_broadcast", options.allow_paid_broadcast),
        ("allow_sending_without_reply", options.allow_sending_without_reply),
        ("disable_notification", options.disable_notification),
        ("protect_content", options.protect_content),
        ("edit_caption", options.edit_caption && !chat.media.is_empty()),
        ("voice", options.voice),
    ];
    match asked.into_iter().find(|(_, asked)| *asked) {
        Some((name, _)) => Err(misplaced(name, "this option has no place in an edit of this kind")),
        None => Ok(()),
    }
}
