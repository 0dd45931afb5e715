//! Email made well: from HTML or MJML to a mail that mailboxes show as it was meant.
//!
//! Each step is asked for, does one thing, and needs a feature only if a library does its work:
//!
//! | step | does | feature |
//! |---|---|---|
//! | [`Mail::from_mjml`] | makes HTML of MJML | `mjml` |
//! | [`Mail::inline_css`] | puts the rules of `<style>` into `style` attributes | `css-inline` |
//! | [`Mail::derive_text`] | makes the text part of the HTML, where there is none | `html-text` |
//! | [`Mail::preheader`] | the words beside the subject in a list of mails | |
//! | [`Mail::lang`] | the language, for those who listen to mail | |
//! | [`Mail::dark_mode`] | says that the mail is made for dark mode as well | |
//!
//! [`Mail::into_email`] checks besides that every `cid:` names an inline image of the mail.
//!
//! Make mail of what a template *rendered*, not of its source: to a parser of HTML, a `{{#each}}` between the rows of a table
//! is text in the wrong place, and moved out of the table. MJML does not move it.
//!
//! # Nothing is read and nothing is fetched
//!
//! The room is pure: no step opens a file or a connection. `css-inline` is built without its features `http` and
//! `file`, its loading of stylesheets is switched off and its resolver refuses; `mrml` is built without loaders and
//! `mj-include` is an error. Fonts are linked only where the source says so (`mj-font`), as a reader's
//! visit to a font server tells that server who reads.
//!
//! # A hostile source does no harm
//!
//! What the libraries do is bounded by what they are given: [`MailLimits`] bound octets, tags, nesting and rules of
//! CSS before a library sees the source.
//!
//! Sources: the MJML of mrml, <https://docs.rs/mrml/6.0.1>; the options of css-inline,
//! <https://docs.rs/css-inline/latest/css_inline/struct.InlineOptions.html>; those of html2text,
//! <https://docs.rs/html2text/0.17.4/html2text/config/struct.Config.html>.

#[cfg(feature = "css-inline")]
mod css;
mod frame;
mod images;
mod limits;
#[cfg(feature = "mjml")]
mod mjml;
mod reading;
mod tags;
#[cfg(feature = "html-text")]
mod text;

#[cfg(test)]
mod tests;

#[cfg(any(feature = "css-inline", feature = "html-text", feature = "mjml"))]
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub use self::limits::MailLimits;
pub(crate) use self::reading::{decoded, reading};
#[cfg(any(feature = "css-inline", feature = "html-text", feature = "mjml"))]
use crate::error::ErrorKind;
use crate::{
    error::{Error, Result},
    message::{Builder, Content, Email},
};

/// A mail in the making.
///
/// Steps are remembered and done by [`content`](Self::content) or [`into_email`](Self::into_email), always in the
/// same order: MJML, CSS, text, frame. What fails is reported there.
///
/// ```
/// use tidings::{Email, mail::Mail};
///
/// let email = Mail::from_html("<p>Your order is on its way.</p>")
///     .lang("en")
///     .preheader("It should reach you tomorrow.")
///     .into_email(Email::builder().to("ada@example.org").subject("Your order"))?;
/// assert!(email.html.as_deref().is_some_and(|html| html.contains("<html lang=\"en\">")));
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a mail in the making does nothing until `content` or `into_email` is called"]
pub struct Mail {
    content: Content,
    mjml: bool,
    limits: MailLimits,
    inline_css: bool,
    derive_text: bool,
    dark_mode: bool,
    preheader: Option<Arc<str>>,
    lang: Option<Arc<str>>,
}

impl Mail {
    /// A mail of HTML: a whole document, or what belongs into its body.
    pub fn from_html(html: impl Into<Arc<str>>) -> Self {
        Self::from_content(Content { html: Some(html.into()), ..Content::default() })
    }

    /// A mail of MJML.
    #[cfg(feature = "mjml")]
    pub fn from_mjml(source: impl Into<Arc<str>>) -> Self {
        Self { mjml: true, ..Self::from_html(source) }
    }

    /// What a template rendered to. An HTML part that begins with `<mjml` is MJML.
    ///
    /// ```
    /// # #[cfg(feature = "templates")] {
    /// use tidings::{mail::Mail, template::{Parts, Templates}};
    ///
    /// let templates = Templates::new();
    /// templates.register("hi", Parts::new().subject("Hello").html("<p>Hello, {{name}}.</p>"))?;
    /// let rendered = templates.render("hi", &serde_json::json!({"name": "Ada"}))?;
    /// let content = Mail::from_content(rendered).lang("en").content()?;
    /// assert_eq!(content.subject.as_deref(), Some("Hello"));
    /// # }
    /// # Ok::<(), tidings::Error>(())
    /// ```
    pub fn from_content(content: Content) -> Self {
        let mjml = content.html.as_deref().is_some_and(is_mjml);
        Self { content, mjml, ..Self::default() }
    }

    /// Other limits than the usual.
    pub fn limits(mut self, limits: MailLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Puts the rules of `<style>` elements into `style` attributes, as some mailboxes drop the former. Rules that
    /// an attribute cannot say, such as `@media` and `:hover`, stay where they are.
    #[cfg(feature = "css-inline")]
    pub fn inline_css(mut self) -> Self {
        self.inline_css = true;
        self
    }

    /// Makes the text part of the HTML, unless there is one: links are numbered and listed at the end, tables of
    /// layout are undone, hidden words are left out.
    #[cfg(feature = "html-text")]
    pub fn derive_text(mut self) -> Self {
        self.derive_text = true;
        self
    }

    /// The words that a list of mails shows after the subject; hidden in the mail itself. 250 characters at most.
    pub fn preheader(mut self, words: impl Into<Arc<str>>) -> Self {
        self.preheader = Some(words.into());
        self
    }

    /// The language of the mail, such as `de-AT` (BCP 47), where the HTML does not say it.
    pub fn lang(mut self, tag: impl Into<Arc<str>>) -> Self {
        self.lang = Some(tag.into());
        self
    }

    /// Says that the mail has colours for light and dark: `color-scheme` and `supported-color-schemes`, where the
    /// HTML does not say it.
    pub fn dark_mode(mut self) -> Self {
        self.dark_mode = true;
        self
    }

    /// The parts, made well.
    ///
    /// # Errors
    /// Of kind `invalid_message` if there is no HTML, or more than the limits allow; of kind `template` if the
    /// MJML cannot be read, with line and column.
    pub fn content(self) -> Result<Content> {
        let mut content = self.content.clone();
        let html =
            self.content.html.as_deref().ok_or_else(|| Error::invalid("html", "there is no HTML part"))?;
        self.limits.admit(html)?;
        self.lang.as_deref().map_or(Ok(()), frame::check_lang)?;
        let html = self.inlined(self.html_of(html)?)?;
        if self.derive_text && content.text.is_none() {
            content.text = Some(self.text_of(&html)?.into());
        }
        content.html = Some(self.framed(html)?.into());
        Ok(content)
    }

    /// The email: `builder` with the parts in it.
    ///
    /// # Errors
    /// Those of [`content`](Self::content) and of the builder; and if the HTML shows an image by a `cid:` that no
    /// inline attachment has.
    pub fn into_email(self, builder: Builder<Email>) -> Result<Email> {
        let email = builder.content(&self.content()?).build()?;
        images::check(&email)?;
        Ok(email)
    }

    #[cfg(feature = "mjml")]
    fn html_of(&self, source: &str) -> Result<String> {
        if self.mjml {
            guarded(|| mjml::html(source, self.lang.as_deref(), &self.limits))
        } else {
            Ok(source.to_owned())
        }
    }

    #[cfg(not(feature = "mjml"))]
    fn html_of(&self, source: &str) -> Result<String> {
        if self.mjml {
            return Err(Error::invalid("html", "this is MJML: switch on the feature `mjml`"));
        }
        Ok(source.to_owned())
    }

    #[cfg(feature = "css-inline")]
    fn inlined(&self, html: String) -> Result<String> {
        if self.inline_css { guarded(|| css::inline(&html)) } else { Ok(html) }
    }

    #[cfg(not(feature = "css-inline"))]
    fn inlined(&self, html: String) -> Result<String> {
        debug_assert!(!self.inline_css, "only the feature `css-inline` sets it");
        Ok(html)
    }

    #[cfg(feature = "html-text")]
    fn text_of(&self, html: &str) -> Result<String> {
        guarded(|| text::text(html))
    }

    #[cfg(not(feature = "html-text"))]
    fn text_of(&self, _: &str) -> Result<String> {
        Err(Error::invalid("text", "to derive the text part, switch on the feature `html-text`"))
    }

    fn framed(&self, html: String) -> Result<String> {
        let mut html = frame::whole(html);
        if let Some(tag) = &self.lang {
            html = frame::lang(html, tag);
        }
        if self.dark_mode {
            html = frame::color_schemes(html);
        }
        match &self.preheader {
            Some(words) => frame::preheader(html, words),
            None => Ok(html),
        }
    }
}

/// What a library answers; one that panics is reported as an error like others.
#[cfg(any(feature = "css-inline", feature = "html-text", feature = "mjml"))]
fn guarded(work: impl FnOnce() -> Result<String>) -> Result<String> {
    let panicked = || Err(Error::new(ErrorKind::Template, "this HTML cannot be read").with_field("html"));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| panicked())
}

fn is_mjml(source: &str) -> bool {
    let start = source.trim_start();
    start.get(..5).is_some_and(|name| name.eq_ignore_ascii_case("<mjml"))
}
