//! The rendered parts of a message.

use std::sync::Arc;

/// What a template renders to: the parts that it has.
///
/// Builders take it by `.content(&content)` and use the parts that their
/// channel knows: an email subject, text and HTML; an SMS, WhatsApp or chat
/// message the body, or the text in its place; a push message title and body.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Content {
    /// The body of a short message.
    pub body: Option<Arc<str>>,
    /// The HTML part of an email.
    pub html: Option<Arc<str>>,
    /// The subject of an email.
    pub subject: Option<Arc<str>>,
    /// The text part of an email.
    pub text: Option<Arc<str>>,
    /// The title of a push message.
    pub title: Option<Arc<str>>,
}

impl Content {
    /// The words of a short message: the body, or the text in its place.
    pub fn short(&self) -> Option<&Arc<str>> {
        self.body.as_ref().or(self.text.as_ref())
    }
}
