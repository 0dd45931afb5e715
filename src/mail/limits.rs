//! How much a mail may be, looked at before any library sees it.

use super::tags::{self, Tag};
use crate::error::{Error, ErrorKind, Result};

/// How much HTML or MJML a mail may have.
///
/// The libraries that read it need time in proportion to octets, to tags, and to rules of CSS times tags, and some
/// of them recurse once for each level of nesting: so these are bounded, and with them time, memory and stack.
///
/// ```
/// use tidings::mail::{Mail, MailLimits};
///
/// let limits = MailLimits { source_bytes: 10, ..MailLimits::default() };
/// let error = Mail::from_html("<p>More than ten octets</p>").limits(limits).content().unwrap_err();
/// assert!(error.to_string().contains("MailLimits::source_bytes"));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MailLimits {
    /// Octets of the source: 512 KiB. Gmail shows no more than about 100 KiB of a mail.
    pub source_bytes: usize,
    /// Tags: 20,000.
    pub tags: usize,
    /// Elements within one another: 200.
    pub nesting: usize,
    /// Rules of CSS in `<style>` elements: 2,000.
    pub css_rules: usize,
}

impl Default for MailLimits {
    fn default() -> Self {
        Self { source_bytes: 512 * 1024, tags: 20_000, nesting: 200, css_rules: 2_000 }
    }
}

/// Elements whose end may be left out: another tag ends them (HTML standard, section 13.1.2.4).
const OPTIONAL_END: &[&str] =
    &["p", "li", "td", "tr", "th", "tbody", "thead", "tfoot", "dd", "dt", "option", "optgroup", "colgroup"];

/// Elements whose own end ends these. The end of any other, such as `</span>`, does not reach out of a paragraph.
const CONTAINERS: &[&str] = &[
    "article",
    "blockquote",
    "body",
    "center",
    "div",
    "dl",
    "form",
    "html",
    "ol",
    "section",
    "select",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
];

/// Elements that have no end.
const VOID: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];

impl MailLimits {
    /// Refuses what is too much.
    pub(super) fn admit(&self, source: &str) -> Result<()> {
        within(source.len(), self.source_bytes, "MailLimits::source_bytes", "octets")?;
        // A brace or comma may begin a rule or a selector; some of them do not.
        let rules = tags::styles(source).map(|css| css.matches(['{', ',', ';', '@']).count()).sum();
        within(rules, self.css_rules * 8, "MailLimits::css_rules", "parts of rules (eight for a rule)")?;
        let (mut open, mut count) = (Vec::new(), 0);
        for tag in tags::all(source) {
            count += 1;
            within(count, self.tags, "MailLimits::tags", "tags")?;
            step(&mut open, &tag);
            within(open.len(), self.nesting, "MailLimits::nesting", "elements within one another")?;
        }
        Ok(())
    }
}

/// What is open after `tag`. An end tag that does not fit the innermost element closes nothing, so that what is
/// counted is never less deep than what a parser builds.
fn step(open: &mut Vec<String>, tag: &Tag<'_>) {
    let name = tag.lower();
    if VOID.contains(&name.as_str()) || (tag.self_closing && !tag.closing) {
        return;
    }
    if !tag.closing {
        if OPTIONAL_END.contains(&name.as_str()) && open.last() == Some(&name) {
            open.pop();
        }
        open.push(name);
        return;
    }
    let reaches = CONTAINERS.contains(&name.as_str());
    let left_out = open
        .iter()
        .rev()
        .take_while(|o| reaches && **o != name && OPTIONAL_END.contains(&o.as_str()))
        .count();
    let fits = open.len().checked_sub(left_out + 1).filter(|at| open[*at] == name);
    if let Some(at) = fits {
        open.truncate(at);
    }
}

fn within(found: usize, most: usize, name: &str, unit: &str) -> Result<()> {
    if found <= most {
        return Ok(());
    }
    let text = format!("more than {most} {unit}; raise {name} if it is meant");
    Err(Error::new(ErrorKind::PayloadTooLarge, text).with_field("html"))
}
