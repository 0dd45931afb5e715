//! The document, changed so that html2text makes readable text of it.
//!
//! Everything here is a loop: a document may be deep.

use std::rc::Rc;

use html2text::{Document, Element, Handle, RcDom};

use crate::{error::Result, mail::tags};

/// A row whose cells are all of one line, and together no longer than this, stays in one line.
const ROW: usize = 90;

const SEPARATOR: &str = "<span> | </span>";

/// What nobody reads.
const UNREAD: &[&str] = &["head", "noscript", "object", "script", "style", "template", "title"];

const BLOCKS: &[&str] = &[
    "address",
    "article",
    "blockquote",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "li",
    "main",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
];

/// What is known of an element when all within it were looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    /// Characters that are read.
    chars: usize,
    /// Blocks of text within.
    lines: usize,
    /// Text that is in no block yet.
    loose: bool,
    /// Links within.
    links: usize,
}

impl Facts {
    fn add(&mut self, other: Self) {
        self.chars += other.chars;
        self.lines += other.lines;
        self.loose |= other.loose;
        self.links += other.links;
    }

    fn of_text(text: &str) -> Self {
        let chars = text.trim().chars().count();
        Self { chars, loose: chars > 0, ..Self::default() }
    }

    fn within_block(mut self) -> Self {
        self.lines += usize::from(self.loose);
        self.loose = false;
        self
    }
}

/// An element with where its parent is in the list.
struct Seen {
    node: Handle,
    parent: usize,
    name: Option<String>,
}

/// Changes `dom`; new elements come from `parse`, as html2text exports no way to make one.
pub(super) fn reshape(dom: &RcDom, parse: impl Fn(&str) -> Result<RcDom>) -> Result<()> {
    let seen = listed(&dom.document);
    let mut facts = vec![Facts::default(); seen.len()];
    // Those within come after those around them.
    for at in (0..seen.len()).rev() {
        let Seen { node, parent, name } = &seen[at];
        facts[at].add(own(node, name.as_deref()));
        if name.as_deref().is_some_and(|name| BLOCKS.contains(&name)) {
            facts[at] = facts[at].within_block();
        }
        if name.as_deref() == Some("a") {
            check_link(node, facts[at]);
            facts[at].links += 1;
        }
        if let Some(instead) = instead(&seen, &facts, at, &parse)? {
            moved(node, &instead);
            replace(&seen[*parent].node, node, &instead);
        }
        if at != *parent {
            let all = facts[at];
            facts[*parent].add(all);
        }
    }
    Ok(())
}

/// All that is read, parents first.
fn listed(document: &Handle) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    let mut waiting = vec![(Rc::clone(document), 0)];
    while let Some((node, parent)) = waiting.pop() {
        node.children.borrow_mut().retain(|child| !is_unread(child));
        let at = seen.len();
        waiting.extend(node.children.borrow().iter().rev().map(|child| (Rc::clone(child), at)));
        seen.push(Seen { name: node.element_name(), node, parent });
    }
    seen
}

fn is_unread(node: &Handle) -> bool {
    let Some(name) = node.element_name() else { return false };
    UNREAD.contains(&name.as_str())
        || attribute(node, "hidden").is_some()
        || attribute(node, "style").is_some_and(|style| hides(&style))
}

/// By the ways in which preheaders are hidden. `font-size:0` and `mso-hide` alone hide nothing from most readers.
fn hides(style: &str) -> bool {
    let style: String = style.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let says = |declaration: &str| {
        let mut declared = style.split(';').map(|d| d.trim_end_matches("!important"));
        declared.any(|d| d == declaration)
    };
    let none = |name: &str| says(&format!("{name}:0")) || says(&format!("{name}:0px"));
    says("display:none")
        || says("visibility:hidden")
        || (says("overflow:hidden") && (none("max-height") || none("height")))
        || says("opacity:0")
}

/// What an element that is no element of others is read as.
fn own(node: &Handle, name: Option<&str>) -> Facts {
    match name {
        None => Facts::of_text(&words(node)),
        Some("img") => Facts::of_text(&attribute(node, "alt").unwrap_or_default()),
        Some("br") => Facts { lines: 1, ..Facts::default() },
        Some(_) => Facts::default(),
    }
}

/// What stands in place of an element: blocks for tables, one line for a row of short cells.
fn instead(
    seen: &[Seen],
    facts: &[Facts],
    at: usize,
    parse: &impl Fn(&str) -> Result<RcDom>,
) -> Result<Option<Handle>> {
    let seed = match seen[at].name.as_deref() {
        Some("tr") if is_line(seen, facts, at) => {
            join(&seen[at].node, parse)?;
            "<div></div>"
        }
        Some("table" | "tbody" | "tfoot" | "thead" | "tr" | "center") => "<div></div>",
        Some("td" | "th") if facts[at].chars > 0 => "<p></p>",
        Some("td" | "th") => "<span></span>",
        _ => return Ok(None),
    };
    fresh(seed, parse).map(Some)
}

/// Two cells or more, each of one line, and short.
fn is_line(seen: &[Seen], facts: &[Facts], row: usize) -> bool {
    let cells = (row + 1..seen.len()).filter(|at| seen[*at].parent == row && facts[*at].chars > 0);
    let cells: Vec<usize> = cells.take(9).collect();
    let short = facts[row].chars <= ROW && cells.iter().all(|cell| facts[*cell].lines <= 1);
    (2..=8).contains(&cells.len()) && short
}

/// Makes a line of the cells of a row, which are paragraphs already.
fn join(row: &Handle, parse: &impl Fn(&str) -> Result<RcDom>) -> Result<()> {
    let cells: Vec<Handle> =
        row.children.borrow().iter().filter(|c| !words(c).trim().is_empty()).cloned().collect();
    let mut line: Vec<Handle> = Vec::with_capacity(cells.len() * 2);
    for cell in cells {
        if !line.is_empty() {
            line.push(fresh(SEPARATOR, parse)?);
        }
        line.push(unblocked(&cell, parse)?);
    }
    *row.children.borrow_mut() = line;
    Ok(())
}

/// The same without blocks.
fn unblocked(cell: &Handle, parse: &impl Fn(&str) -> Result<RcDom>) -> Result<Handle> {
    let inline = fresh("<span></span>", parse)?;
    moved(cell, &inline);
    let mut waiting = vec![Rc::clone(&inline)];
    while let Some(node) = waiting.pop() {
        let children: Vec<Handle> = node.children.borrow().clone();
        for child in children {
            let Some(name) = child.element_name() else { continue };
            let child = if BLOCKS.contains(&name.as_str()) {
                let span = fresh("<span></span>", parse)?;
                moved(&child, &span);
                replace(&node, &child, &span);
                span
            } else {
                child
            };
            waiting.push(child);
        }
    }
    Ok(inline)
}

/// The element that `seed` says.
fn fresh(seed: &str, parse: &impl Fn(&str) -> Result<RcDom>) -> Result<Handle> {
    let dom = parse(seed)?;
    // document, html, the body after the head, the element
    let body = dom.document.nth_child(1).and_then(|html| html.nth_child(2));
    let element = body.as_ref().and_then(|body| body.nth_child(1));
    // A document that is dropped empties what it still holds.
    body.iter().for_each(|body| body.children.borrow_mut().clear());
    element.ok_or_else(|| super::fault(html2text::Error::Fail))
}

fn moved(from: &Handle, to: &Handle) {
    let children = std::mem::take(&mut *from.children.borrow_mut());
    if !children.is_empty() {
        *to.children.borrow_mut() = children;
    }
}

fn replace(parent: &Handle, old: &Handle, new: &Handle) {
    let mut children = parent.children.borrow_mut();
    if let Some(place) = children.iter_mut().find(|child| Rc::ptr_eq(child, old)) {
        *place = Rc::clone(new);
    }
}

/// A link that leads nowhere, says nothing, or says where it leads needs no footnote.
fn check_link(node: &Handle, facts: Facts) {
    let href = attribute(node, "href").unwrap_or_default();
    let href = href.trim();
    let lower = href.to_ascii_lowercase();
    let nowhere =
        href.is_empty() || href.starts_with('#') || lower == "mailto:" || lower.starts_with("javascript:");
    // Of links within one another, which only torn HTML has, the inner ones say where they lead.
    if nowhere || facts.chars == 0 || facts.links > 0 || says(&words(node), href) {
        set_href(node, None);
    } else {
        set_href(node, Some(href));
    }
}

fn says(words: &str, href: &str) -> bool {
    let bare = |text: &str| text.trim().trim_end_matches('/').to_ascii_lowercase();
    let href = bare(href);
    let shown = bare(words);
    let schemes = ["", "https://", "http://", "https://www.", "http://www.", "mailto:", "tel:"];
    schemes.iter().any(|scheme| href.strip_prefix(scheme).is_some_and(|rest| rest == shown))
}

fn set_href(node: &Handle, href: Option<&str>) {
    if let Element { attrs, .. } = &node.data {
        let mut attrs = attrs.borrow_mut();
        match href {
            None => attrs.retain(|attr| &*attr.name.local != "href"),
            Some(href) => attrs
                .iter_mut()
                .filter(|attr| &*attr.name.local == "href")
                .for_each(|attr| attr.value = href.into()),
        }
    }
}

fn attribute(node: &Handle, name: &str) -> Option<String> {
    let Element { attrs, .. } = &node.data else { return None };
    let attrs = attrs.borrow();
    attrs.iter().find(|attr| &*attr.name.local == name).map(|attr| attr.value.to_string())
}

/// The text of a node. html2text exports no other way to it than its HTML.
fn words(node: &Handle) -> String {
    if matches!(node.data, Document) {
        return String::new();
    }
    let mut html = Vec::new();
    // A Vec takes all that is written.
    let _ = node.serialize(&mut html);
    let html = String::from_utf8_lossy(&html);
    if html.starts_with("<!--") || html.starts_with("<!") {
        return String::new();
    }
    let mut text = String::with_capacity(html.len());
    let mut end = 0;
    for tag in tags::all(&html) {
        text.push_str(&html[end..tag.start]);
        if tag.is("img") {
            text.push_str(tag.attribute("alt").unwrap_or_default());
        }
        end = tag.end;
    }
    text.push_str(&html[end..]);
    text.replace("&nbsp;", " ").replace("&amp;", "&")
}
