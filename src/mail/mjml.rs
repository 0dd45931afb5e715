//! MJML into HTML, by mrml.

use mrml::{
    mj_head::MjHeadChild,
    mjml::Mjml,
    prelude::{
        parser::{self, ParserOptions, noop_loader::NoopIncludeLoader},
        render::RenderOptions,
    },
};

use super::{limits::MailLimits, tags};
use crate::error::{Error, ErrorKind, Result};

/// The HTML of an MJML source, in this language if the source says none.
pub(super) fn html(source: &str, lang: Option<&str>, limits: &MailLimits) -> Result<String> {
    let options = ParserOptions { include_loader: Box::new(NoopIncludeLoader) };
    let parsed = mrml::parse_with_options(source, &options).map_err(|error| unread(source, &error))?;
    let mut mjml = parsed.element;
    keep_inline_styles(&mut mjml);
    mjml.attributes.lang = mjml.attributes.lang.take().or_else(|| lang.map(str::to_owned));
    // Without mrml's list of fonts only those are linked that the source names by `mj-font`.
    let options = RenderOptions { fonts: Default::default(), ..RenderOptions::default() };
    let html =
        mjml.render(&options).map_err(|error| fault(format!("the MJML cannot be rendered: {error}")))?;
    check_known(source, &html)?;
    // It grows: what follows reads the HTML, so that it is measured again.
    MailLimits { source_bytes: limits.source_bytes.saturating_mul(4), ..*limits }.admit(&html)?;
    Ok(html)
}

/// mrml passes elements on that it does not know, and mailboxes drop them.
fn check_known(source: &str, html: &str) -> Result<()> {
    let Some(unknown) = tags::all(html).find(|tag| tag.name.starts_with("mj-")) else { return Ok(()) };
    let at = tags::all(source).find(|tag| tag.name == unknown.name).map(|tag| place(source, tag.start));
    let (name, at) = (unknown.name, at.unwrap_or_default());
    Err(fault(format!("the MJML cannot be read{at}: {name:.40} is no element of MJML, or not in this place")))
}

/// `mj-style inline="inline"` is left out by an mrml that is built without css-inline; as a `<style>` it stays, and
/// is inlined with all others.
fn keep_inline_styles(mjml: &mut Mjml) {
    let head = mjml.children.head.as_mut().map(|head| &mut head.children);
    for child in head.into_iter().flatten() {
        if let MjHeadChild::MjStyle(style) = child {
            style.attributes.inline = None;
        }
    }
}

fn fault(text: String) -> Error {
    Error::new(ErrorKind::Template, text).with_field("html")
}

fn unread(source: &str, error: &parser::Error) -> Error {
    let place = position(error).map(|at| place(source, at)).unwrap_or_default();
    let hint = match error {
        parser::Error::IncludeLoaderError { .. } => {
            "; `mj-include` reads nothing here: write a partial, as in {{> footer}}"
        }
        parser::Error::NoRootNode => "; a source begins with <mjml>",
        _ => "",
    };
    fault(format!("the MJML cannot be read{place}: {error}{hint}"))
}

fn position(error: &parser::Error) -> Option<usize> {
    match error {
        parser::Error::IncludeLoaderError { position, .. }
        | parser::Error::InvalidAttribute { position, .. }
        | parser::Error::InvalidFormat { position, .. }
        | parser::Error::MissingAttribute { position, .. }
        | parser::Error::UnexpectedElement { position, .. }
        | parser::Error::UnexpectedToken { position, .. } => Some(position.start),
        _ => None,
    }
}

fn place(source: &str, at: usize) -> String {
    let before = source.get(..at).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!(" (line {line}, column {column})")
}
