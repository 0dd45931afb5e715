//! Buttons and lists as Meta takes them.

use serde::Serialize;

use super::options::Wishes;
use crate::{
    error::{Error, Result},
    message::{ListRow, ListSection, ReplyButton},
};

#[derive(Serialize)]
pub(super) struct Interactive<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<Header<'a>>,
    body: Words<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    footer: Option<Words<'a>>,
    action: Action<'a>,
}

#[derive(Serialize)]
struct Words<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Header<'a> {
    Text { text: &'a str },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Action<'a> {
    Buttons { buttons: Vec<Button<'a>> },
    List { button: &'a str, sections: Vec<Section<'a>> },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Button<'a> {
    Reply { reply: &'a ReplyButton },
}

#[derive(Serialize)]
struct Section<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    rows: &'a [ListRow],
}

pub(super) fn buttons<'a>(body: &'a str, buttons: &'a [ReplyButton], wishes: &Wishes<'a>) -> Interactive<'a> {
    let buttons = buttons.iter().map(|reply| Button::Reply { reply }).collect();
    framed("button", body, Action::Buttons { buttons }, wishes)
}

pub(super) fn list<'a>(
    body: &'a str,
    button: &'a str,
    sections: &'a [ListSection],
    wishes: &Wishes<'a>,
) -> Result<Interactive<'a>> {
    // "Required if the message has more than one section" (section object, `title`).
    if sections.len() > 1 && sections.iter().any(|section| section.title.is_empty()) {
        let why = "each of several sections has a title of 1 to 24 characters";
        return Err(Error::invalid("content.list.sections", why));
    }
    let sections = sections.iter().map(|section| Section { title: &section.title, rows: &section.rows });
    Ok(framed("list", body, Action::List { button, sections: sections.collect() }, wishes))
}

fn framed<'a>(kind: &'static str, body: &'a str, action: Action<'a>, wishes: &Wishes<'a>) -> Interactive<'a> {
    Interactive {
        kind,
        header: wishes.header.map(|text| Header::Text { text }),
        body: Words { text: body },
        footer: wishes.footer.map(|text| Words { text }),
        action,
    }
}
