//! What an attribute does with its value, and how far a link's address is known.

/// Attributes that hold an address.
const LINKS: &[&str] = &[
    "action",
    "background",
    "cite",
    "data",
    "formaction",
    "href",
    "icon",
    "longdesc",
    "manifest",
    "ping",
    "poster",
    "src",
    "srcset",
    "usemap",
    "xlink:href",
];

/// The schemes that data may choose; any other is written in the template.
const SCHEMES: &[&str] = &["cid", "http", "https", "mailto", "sms", "tel"];

/// Schemes whose address is code or a document of its own.
const CODE: &[&str] = &["data", "javascript", "vbscript"];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Attribute {
    /// An event handler, a document, or a link with a scheme that runs: no place for data.
    Code,
    Link(Stage),
    Other,
}

/// How much of a link's address is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// Its scheme, or that it has none.
    Decided,
    /// Data may have been the scheme, or part of it.
    Given,
    /// Text of the template that may be the start of a scheme.
    Started,
    /// Nothing.
    Unknown,
}

impl Attribute {
    pub(super) fn named(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "srcdoc" => Self::Code,
            on if on.starts_with("on") => Self::Code,
            link if LINKS.contains(&link) => Self::Link(Stage::Unknown),
            _ => Self::Other,
        }
    }

    /// After a value.
    pub(super) fn given(self) -> Self {
        match self {
            Self::Link(Stage::Started | Stage::Unknown) => Self::Link(Stage::Given),
            other => other,
        }
    }

    /// After text of the template; `None` if data would be the scheme of a link.
    pub(super) fn after(self, text: &str) -> Option<Self> {
        let Self::Link(stage) = self else { return Some(self) };
        if stage == Stage::Decided || text.trim().is_empty() {
            return Some(self);
        }
        let Some(end) = text.find([':', '/', '?', '#']) else {
            let same = stage == Stage::Given;
            return Some(Self::Link(if same { stage } else { Stage::Started }));
        };
        let scheme = text[..end].trim().to_ascii_lowercase();
        match (stage, text.as_bytes()[end]) {
            (Stage::Given, b':') => None,
            (Stage::Unknown, b':') if !CODE.contains(&scheme.as_str()) => Some(Self::Link(Stage::Decided)),
            (_, b':') => Some(Self::Code),
            _ => Some(Self::Link(Stage::Decided)),
        }
    }

    /// The more careful of two.
    pub(super) fn joined(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Link(a), Self::Link(b)) if a == b => Some(self),
            (Self::Link(_), Self::Link(_)) => Some(Self::Link(Stage::Given)),
            (Self::Code, Self::Link(_)) | (Self::Link(_), Self::Code) => Some(Self::Code),
            _ => (self == other).then_some(self),
        }
    }
}

/// The scheme of an address that data may not choose, as browsers read it
/// (<https://url.spec.whatwg.org/#url-parsing>): after leading controls and
/// spaces, and without tabs and line breaks. The address may be escaped.
pub(in super::super) fn scheme_of(address: &[&str]) -> Option<String> {
    let letters = address.iter().flat_map(|part| part.chars()).skip_while(|c| *c <= ' ');
    let mut scheme = String::new();
    for letter in letters.filter(|c| !matches!(c, '\t' | '\n' | '\r')) {
        match letter {
            ':' => return (!SCHEMES.contains(&scheme.as_str())).then_some(scheme),
            'a'..='z' | 'A'..='Z' | '0'..='9' | '+' | '-' | '.' => scheme.push(letter.to_ascii_lowercase()),
            _ => return None,
        }
        if scheme.len() > 64 {
            return Some(scheme);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_read_as_browsers_read_them() {
        let refused = |parts: &[&str]| scheme_of(parts);
        for bad in
            ["javascript:x", " JavaScript:x", "java\nscript:x", "\u{1}\tdata:x", "vbscript:", "acme://x"]
        {
            assert!(refused(&[bad]).is_some(), "{bad:?}");
        }
        for good in
            ["", "https://x", "HTTP://x", "mailto:a@b", "/a:b", "?x:y", "#a:b", "a b:c", "//x:1", "é:x"]
        {
            assert_eq!(refused(&[good]), None, "{good:?}");
        }
        assert_eq!(refused(&["java", "script:x"]).as_deref(), Some("javascript"));
    }
}
