//! Templates with their components, as Meta takes them.

use serde::Serialize;

use super::body::{Piece, Place, piece};
use crate::{
    error::{Error, ErrorKind, Result},
    message::{Media, MediaKind, TemplateButton, TemplateButtonValue, TemplateHeader, WhatsAppTemplate},
};

/// Buttons are counted from 0 to 9 (template component object, `index`).
const LAST_BUTTON: u8 = 9;

#[derive(Serialize)]
pub(super) struct Template<'a> {
    name: &'a str,
    language: Language<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    components: Vec<Component<'a>>,
}

#[derive(Serialize)]
struct Language<'a> {
    policy: &'static str,
    code: &'a str,
}

#[derive(Serialize)]
struct Component<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<String>,
    parameters: Vec<Parameter<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Parameter<'a> {
    CouponCode {
        coupon_code: &'a str,
    },
    Document {
        document: Piece<'a>,
    },
    Image {
        image: Piece<'a>,
    },
    Location {
        location: Place<'a>,
    },
    Payload {
        payload: &'a str,
    },
    Text {
        #[serde(skip_serializing_if = "Option::is_none")]
        parameter_name: Option<&'a str>,
        text: &'a str,
    },
    Video {
        video: Piece<'a>,
    },
}

pub(super) fn filled<'a>(template: &'a WhatsAppTemplate, uploaded: Option<&'a str>) -> Result<Template<'a>> {
    let mut components = Vec::with_capacity(2 + template.buttons.len());
    if let Some(header) = &template.header {
        components.push(component("header", vec![above(header, uploaded)?]));
    }
    if !template.parameters.is_empty() {
        components.push(component("body", words(template)?));
    }
    for button in &template.buttons {
        components.push(pressed(button)?);
    }
    let language = Language { policy: "deterministic", code: &template.language };
    Ok(Template { name: &template.name, language, components })
}

fn component<'a>(kind: &'static str, parameters: Vec<Parameter<'a>>) -> Component<'a> {
    Component { kind, sub_type: None, index: None, parameters }
}

/// A name of digits is a place: those parameters have no name.
fn place(name: &str) -> Option<u32> {
    name.parse().ok()
}

fn text<'a>(name: &'a str, text: &'a str) -> Parameter<'a> {
    Parameter::Text { parameter_name: place(name).is_none().then_some(name), text }
}

/// The parameters of the words: all by number, in the order of the numbers, or all by name.
fn words(template: &WhatsAppTemplate) -> Result<Vec<Parameter<'_>>> {
    let wrong = |why| Err(Error::invalid("content.template.parameters", why));
    let mut pairs: Vec<_> = template.parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
    match pairs.iter().filter(|(name, _)| place(name).is_some()).count() {
        0 => {}
        numbered if numbered == pairs.len() => {
            pairs.sort_by_key(|(name, _)| place(name));
            let expected = (1..).take(pairs.len());
            if pairs.iter().zip(expected).any(|((name, _), number)| place(name) != Some(number)) {
                return wrong("numbered parameters are 1, 2, 3 and so on, each once");
            }
        }
        _ => return wrong("parameters are all numbered (1, 2, …) or all named, as the template has them"),
    }
    if pairs
        .iter()
        .enumerate()
        .any(|(index, (name, _))| pairs[..index].iter().any(|(other, _)| other == name))
    {
        return wrong("two parameters have the same name");
    }
    Ok(pairs.into_iter().map(|(name, value)| text(name, value)).collect())
}

fn above<'a>(header: &'a TemplateHeader, uploaded: Option<&'a str>) -> Result<Parameter<'a>> {
    Ok(match header {
        TemplateHeader::Location(place) => Parameter::Location { location: place.into() },
        TemplateHeader::Media(media) => picture(media, uploaded)?,
        TemplateHeader::Text(name, value) => text(name, value),
    })
}

fn picture<'a>(media: &'a Media, uploaded: Option<&'a str>) -> Result<Parameter<'a>> {
    let field = "content.template.header";
    let refused = |why: &'static str| Err(Error::new(ErrorKind::Unsupported, why).with_field(field));
    if media.caption.is_some() {
        return refused("a template's words are its own: its media have no caption");
    }
    let piece = piece(media, uploaded, None, field)?;
    match media.kind {
        MediaKind::Audio => refused("a template's header is a picture, a film, a file, a place or words"),
        MediaKind::File => Ok(Parameter::Document { document: piece }),
        MediaKind::Image => Ok(Parameter::Image { image: piece }),
        MediaKind::Video => Ok(Parameter::Video { video: piece }),
    }
}

fn pressed(button: &TemplateButton) -> Result<Component<'_>> {
    if button.index > LAST_BUTTON {
        let why = format!("buttons are counted from 0 to {LAST_BUTTON}, not {}", button.index);
        return Err(Error::invalid("content.template.buttons", why));
    }
    let (sub_type, parameter) = match &button.value {
        TemplateButtonValue::Answer(payload) => ("quick_reply", Parameter::Payload { payload }),
        TemplateButtonValue::Code(code) => ("copy_code", Parameter::CouponCode { coupon_code: code }),
        TemplateButtonValue::LinkEnd(end) => ("url", Parameter::Text { parameter_name: None, text: end }),
    };
    let (sub_type, index) = (Some(sub_type), Some(button.index.to_string()));
    Ok(Component { kind: "button", sub_type, index, parameters: vec![parameter] })
}
