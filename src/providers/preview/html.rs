//! A crude reading of HTML as text: for eyes in a terminal, not for sending.

/// Elements of which nothing is shown.
const UNSEEN: &[&str] = &["head", "script", "style", "title"];
/// Elements that stand on lines of their own.
const BLOCKS: &[&str] = &[
    "blockquote",
    "br",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "table",
    "tr",
    "ul",
];

/// The words of `html`, with the targets of its links.
pub(super) fn text_of(html: &str) -> String {
    let mut page = Page::default();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        page.words(&rest[..start]);
        let tag = &rest[start + 1..];
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(end) = tag.find('>') else {
            rest = "";
            break;
        };
        page.tag(&tag[..end]);
        rest = &tag[end + 1..];
    }
    page.words(rest);
    page.text.trim().to_owned()
}

#[derive(Default)]
struct Page {
    text: String,
    unseen: Option<String>,
    link: Option<String>,
}

impl Page {
    fn words(&mut self, raw: &str) {
        if self.unseen.is_some() {
            return;
        }
        for c in decoded(raw).chars() {
            let blank = c.is_ascii_whitespace();
            if !blank {
                self.text.push(c);
            } else if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
                self.text.push(' ');
            }
        }
    }

    fn tag(&mut self, tag: &str) {
        let closing = tag.starts_with('/');
        let name = tag.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next();
        let name = name.unwrap_or_default().to_ascii_lowercase();
        match &self.unseen {
            Some(unseen) if closing && *unseen == name => self.unseen = None,
            Some(_) => {}
            None if !closing && UNSEEN.contains(&name.as_str()) => self.unseen = Some(name),
            None if name == "a" && closing => self.end_link(),
            None if name == "a" => self.link = attribute(tag, "href"),
            None if name == "img" => self.text.extend(attribute(tag, "alt").map(|alt| format!("[{alt}]"))),
            None if BLOCKS.contains(&name.as_str()) => self.new_line(),
            None => {}
        }
    }

    fn end_link(&mut self) {
        if let Some(target) = self.link.take().filter(|target| !self.text.ends_with(target.as_str())) {
            self.text.push_str(&format!(" <{target}>"));
        }
    }

    fn new_line(&mut self) {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        // At most one empty line in a row.
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let lower = tag.to_ascii_lowercase();
    let start = lower.find(&format!(" {name}="))? + name.len() + 2;
    // Lower-casing ASCII moves no byte, so the positions hold for `tag`.
    let value = &tag[start..];
    let value = match value.chars().next()? {
        quote @ ('"' | '\'') => value[1..].split(quote).next()?,
        _ => value.split([' ', '/']).next()?,
    };
    Some(decoded(value))
}

fn decoded(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " ")];
    let text = entities.iter().fold(text.to_owned(), |text, (entity, sign)| text.replace(entity, sign));
    // Last, or `&amp;lt;` would become `<`.
    text.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::text_of;

    #[test]
    fn words_lines_and_links_are_read() {
        let table = [
            ("<p>One &amp; two</p><p>Three</p>", "One & two\n\nThree"),
            ("a<br>b<br/>c", "a\nb\nc"),
            ("<style>p{color:red}</style><h1>Hi</h1>", "Hi"),
            ("<a class=x HREF=\"https://x.org/?a=1&amp;b=2\">Reset</a>", "Reset <https://x.org/?a=1&b=2>"),
            ("<img src=cid:logo alt='Logo'>", "[Logo]"),
            ("a <!-- <p>unseen</p> --> b", "a b"),
            ("&amp;lt;", "&lt;"),
        ];
        for (html, text) in table {
            assert_eq!(text_of(html), text, "{html}");
        }
    }

    #[test]
    fn broken_html_is_read_without_panic() {
        for html in [
            "<",
            "<a",
            "<a href=",
            "<a href=\"",
            "</",
            "<>",
            "<!--",
            "ä<ß href='ü",
            "<a href=é>x</a>",
            "<script>x",
        ] {
            let _ = text_of(html);
        }
    }
}
