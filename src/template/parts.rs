//! The parts of a message that a template can give.

use std::{collections::BTreeMap, fmt};

/// A part of a message.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Part {
    /// What an SMS, a chat message or a push notification says.
    Body,
    /// The HTML of an e-mail: the only part where values are escaped.
    Html,
    /// The subject of an e-mail.
    Subject,
    /// The plain text of an e-mail.
    Text,
    /// The title of a push notification.
    Title,
}

impl Part {
    /// Every part.
    pub const ALL: &'static [Self] = &[Self::Body, Self::Html, Self::Subject, Self::Text, Self::Title];

    /// Its name, as errors write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Html => "html",
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Title => "title",
        }
    }

    /// Whether values are escaped in it.
    pub const fn is_escaped(self) -> bool {
        matches!(self, Self::Html)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Sources for the parts of a message.
///
/// ```
/// use tidings::template::Parts;
///
/// let parts = Parts::new().subject("Order {{number}}").text("Thank you, {{name}}.");
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[must_use]
pub struct Parts(BTreeMap<Part, String>);

impl Parts {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The source of one part.
    pub fn part(mut self, part: Part, source: impl Into<String>) -> Self {
        self.0.insert(part, source.into());
        self
    }

    /// What an SMS, a chat message or a push notification says.
    pub fn body(self, source: impl Into<String>) -> Self {
        self.part(Part::Body, source)
    }

    /// The HTML of an e-mail.
    pub fn html(self, source: impl Into<String>) -> Self {
        self.part(Part::Html, source)
    }

    /// The subject of an e-mail.
    pub fn subject(self, source: impl Into<String>) -> Self {
        self.part(Part::Subject, source)
    }

    /// The plain text of an e-mail.
    pub fn text(self, source: impl Into<String>) -> Self {
        self.part(Part::Text, source)
    }

    /// The title of a push notification.
    pub fn title(self, source: impl Into<String>) -> Self {
        self.part(Part::Title, source)
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = (Part, &str)> {
        self.0.iter().map(|(part, source)| (*part, source.as_str()))
    }
}
