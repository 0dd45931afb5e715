//! The writer against lettre's, by way of a parser that belongs to neither.

use mail_parser::{Address as Parsed, HeaderForm, MessageParser, MimeHeaders, PartType};

use super::*;
use crate::message::ListUnsubscribe;

const ID: &str = "<018f.0@x.org>";

fn ours(email: &Email) -> Result<String> {
    write(email, ID.to_owned(), Timestamp::from_secs(784_111_777), None).map(|mail| mail.content)
}

/// What a reader gets of a message.
#[derive(Debug, PartialEq)]
struct Read {
    addresses: Vec<Vec<(Option<String>, Option<String>)>>,
    texts: Vec<Option<String>>,
    headers: Vec<(String, String)>,
    parts: Vec<Part>,
}

/// Type, file name, content id, content.
type Part = (String, Option<String>, Option<String>, Vec<u8>);

fn addresses(list: Option<&Parsed<'_>>) -> Vec<(Option<String>, Option<String>)> {
    let one = |a: &mail_parser::Addr<'_>| (a.name().map(unfolded), a.address().map(str::to_owned));
    list.map(|list| list.iter().map(one).collect()).unwrap_or_default()
}

/// A fold inside a quoted name stands for the space at which it was made.
fn unfolded(text: &str) -> String {
    text.replace("\r\n", "")
}

fn part(part: &mail_parser::MessagePart<'_>) -> Part {
    let kind = part.content_type().map(|kind| format!("{}/{:?}", kind.ctype(), kind.subtype()));
    let content = match &part.body {
        PartType::Text(text) | PartType::Html(text) => text.as_bytes().to_vec(),
        PartType::Binary(octets) | PartType::InlineBinary(octets) => octets.to_vec(),
        _ => Vec::new(),
    };
    let id = part.content_id().map(str::to_owned);
    (kind.unwrap_or_default(), part.attachment_name().map(str::to_owned), id, content)
}

fn read(content: &str) -> Read {
    let mail: mail_parser::Message<'_> = MessageParser::new().parse(content.as_bytes()).expect("a mail");
    let names = ["X-Own-0", "X-Own-1", "X-Own-2", "X-Priority", "Importance"];
    // The parser leaves headers that it does not know undecoded unless told what they are.
    let own = names.iter().flat_map(|name| {
        let values = mail.header_as(*name, HeaderForm::Text);
        values
            .into_iter()
            .map(move |value| ((*name).to_owned(), value.as_text().unwrap_or_default().to_owned()))
    });
    Read {
        addresses: vec![
            addresses(mail.from()),
            addresses(mail.reply_to()),
            addresses(mail.to()),
            addresses(mail.cc()),
        ],
        texts: [mail.subject(), mail.message_id()].map(|text| text.map(str::to_owned)).into(),
        headers: own.collect(),
        parts: mail.parts.iter().map(part).collect(),
    }
}

/// The last ones, by `ODD`, lettre writes in a way that a reader understands otherwise: what looks encoded it
/// lets stand, a tab in a name as well, and of two spaces between encoded words it loses both.
const WORDS: &[&str] = &[
    "a",
    "Order",
    "17",
    "größer",
    "日本",
    "\"quoted\"",
    "back\\slash",
    "(comment)",
    "a,b;c:d",
    "<x>",
    "@",
    ".",
    "😀😀😀😀😀😀😀😀😀😀😀😀",
    "averyveryverylongwordthatfillsmorethanhalfofalineofaheader",
    "Überlängenwörterkettenverkettungsmöglichkeitenüberprüfung",
    "-",
    "_",
    "",
    "tab\there",
    "=?utf-8?b?Zm9v?=",
    "=?",
    "?=",
];
const ODD: usize = 5;

const TEXTS: &[&str] = &[
    "",
    "plain",
    "one\r\ntwo\n.\n..three\rfour",
    "trailing spaces   \nand tabs\t\nend ",
    "Grüße aus Köln",
    "日本語の本文です。\n二行目。\n",
    "= equals =3D signs =\n=\n",
    "a\0b\u{7f}c",
    "--boundary\r\n--=_0\r\n",
    "mostly ASCII, with a 😀 in it, and enough around it that it is quoted, and a line that must be cut twice at least",
    "line after line\n\n\n\nof nothing\n",
    "From here\nFrom there\n",
];

const NAMES: &[&str] =
    &["a.txt", "with \"quotes\".pdf", "Rechnung für März.pdf", "日本.png", "x; filename=y.exe", "%41.txt"];

/// Made of random choices that can be made again from their seed.
struct Dice(fastrand::Rng, usize);

impl Dice {
    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.0.usize(..of.len())]
    }

    fn words(&mut self, most: usize) -> String {
        let words: Vec<&str> = (0..self.0.usize(..=most)).map(|_| self.one(&WORDS[..self.1])).collect();
        words.join(" ")
    }

    fn mailbox(&mut self) -> Mailbox {
        let address =
            self.one(&["a@x.org", "o'hara+tag@mail.example.org", "u@bücher.example", "x@[192.0.2.1]"]);
        let address: EmailAddress = address.parse().expect("valid");
        match self.0.bool() {
            true => Mailbox::named(&self.words(6), address).expect("no controls but tabs"),
            false => Mailbox::from(address),
        }
    }

    fn text(&mut self) -> String {
        let lines = self.0.usize(..4);
        (0..=lines).map(|_| self.one(TEXTS)).collect::<Vec<_>>().join("\n")
    }

    fn attachment(&mut self) -> Attachment {
        let (name, kind) =
            (self.one(NAMES), self.one(&["application/pdf", "text/csv; charset=utf-8", "image/png"]));
        // A parser hands texts out as letters.
        let most = if kind.starts_with("text/") { 0x7f } else { 0xff };
        let size = self.0.usize(..200);
        let content: Vec<u8> = (0..size).map(|_| self.0.u8(..=most)).collect();
        let long = format!("{}{name}", "long".repeat(self.0.usize(..40)));
        match self.0.bool() {
            true => Attachment::new(&long, kind, content).expect("valid"),
            false => Attachment::inline(&format!("id{}", self.0.u8(..)), name, kind, content).expect("valid"),
        }
    }

    fn email(&mut self) -> Email {
        let mut email =
            Email { from: Some(self.mailbox()), subject: self.words(12).into(), ..Email::default() };
        email.to = (0..=self.0.usize(..5)).map(|_| self.mailbox()).collect();
        email.cc = (0..self.0.usize(..30)).map(|_| self.mailbox()).collect();
        email.reply_to = (0..self.0.usize(..2)).map(|_| self.mailbox()).collect();
        email.text = (self.0.u8(..4) > 0).then(|| self.text().into());
        email.html = self.0.bool().then(|| self.text().into());
        email.attachments = (0..self.0.usize(..3)).map(|_| self.attachment()).collect();
        email.headers = (0..self.0.usize(..3))
            .map(|n| Header::new(format!("X-Own-{n}"), self.words(8)).expect("valid"))
            .collect();
        email.priority = [Priority::High, Priority::Low, Priority::Normal][self.0.usize(..3)];
        if email.text.is_none() && email.html.is_none() {
            email.text = Some(self.text().into());
        }
        email
    }
}

/// What a reader is to get back, whatever was in it.
fn assert_faithful(email: &Email, content: &str, seed: u64) {
    let read = read(content);
    let spaces = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let subject = read.texts[0].as_deref().unwrap_or_default();
    assert_eq!(spaces(subject), spaces(&email.subject), "seed {seed}: {content}");
    let boxes = |list: &[Mailbox]| -> Vec<_> {
        list.iter().map(|m| (m.name().map(spaces), Some(plain(m.address()).into_owned()))).collect()
    };
    let found = |n: usize| -> Vec<_> {
        read.addresses[n]
            .iter()
            .map(|(name, address)| (name.as_deref().map(spaces), address.clone()))
            .collect()
    };
    for (n, list) in [email.from.as_slice(), &email.reply_to, &email.to, &email.cc].into_iter().enumerate() {
        assert_eq!(found(n), boxes(list), "seed {seed}: {content}");
    }
    for own in &email.headers {
        let found = read.headers.iter().find(|(name, _)| *name == *own.name).map(|(_, value)| spaces(value));
        assert_eq!(found.unwrap_or_default(), spaces(&own.value), "seed {seed}: {content}");
    }
    let mut text = String::new();
    for part in [&email.text, &email.html].into_iter().flatten() {
        text.clear();
        let mut rest = &**part;
        while let Some(at) = rest.find(['\r', '\n']) {
            text.extend([&rest[..at], "\r\n"]);
            rest = rest[at..].strip_prefix("\r\n").unwrap_or(&rest[at + 1..]);
        }
        text.push_str(rest);
        let whole = |content: &[u8]| {
            content == text.as_bytes() || content.strip_suffix(b"\r\n") == Some(text.as_bytes())
        };
        assert!(read.parts.iter().any(|(.., content)| whole(content)), "seed {seed}: {text:?} in {content}");
    }
    for attachment in &email.attachments {
        let same = |(_, name, id, content): &Part| {
            name.as_deref() == Some(attachment.file.name.as_str())
                && id.as_deref() == attachment.content_id.as_deref()
                && content[..] == attachment.file.content[..]
        };
        assert!(read.parts.iter().any(same), "seed {seed}: {:?} in {content}", attachment.file.name);
    }
}

fn assert_well_formed(content: &str, seed: u64) {
    assert!(content.is_ascii() && !content.contains('\0'), "seed {seed}: {content:?}");
    assert!(!content.replace("\r\n", "").contains(['\r', '\n']), "seed {seed}: {content:?}");
    assert!(content.split("\r\n").all(|line| line.len() <= LONGEST), "seed {seed}: {content:?}");
    let (head, _) = content.split_once("\r\n\r\n").expect("a header and a body");
    for line in head.split("\r\n") {
        assert!(!line.trim().is_empty(), "seed {seed}: an empty line of a header in {content:?}");
        let name = line.split(':').next().unwrap_or_default();
        assert!(line.starts_with(' ') || name.bytes().all(|b| b.is_ascii_graphic()), "seed {seed}: {line:?}");
    }
}

const LONGEST: usize = 998;

#[test]
fn a_reader_gets_what_was_written() {
    for seed in 0..2_000 {
        let email = Dice(fastrand::Rng::with_seed(seed), WORDS.len()).email();
        let content = ours(&email).expect("can be written");
        assert_well_formed(&content, seed);
        assert_faithful(&email, &content, seed);
    }
}

#[test]
fn a_reader_gets_the_same_from_lettre() {
    for seed in 0..2_000 {
        let email = Dice(fastrand::Rng::with_seed(seed), WORDS.len() - ODD).email();
        let theirs =
            by_lettre::write(&email, ID.to_owned(), Timestamp::from_secs(784_111_777)).expect("valid");
        assert_eq!(
            normal(read(&ours(&email).expect("valid"))),
            normal(read(&theirs)),
            "seed {seed}:\n{theirs}"
        );
    }
}

/// Without what does not matter: how many spaces stand at a fold, and line breaks at a text's end.
fn normal(mut read: Read) -> Read {
    let spaces = |text: &mut String| *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    read.texts.iter_mut().flatten().for_each(spaces);
    read.headers.iter_mut().for_each(|(_, value)| spaces(value));
    read.addresses.iter_mut().flatten().filter_map(|(name, _)| name.as_mut()).for_each(spaces);
    for (.., content) in &mut read.parts {
        while content.ends_with(b"\r\n") {
            content.truncate(content.len() - 2);
        }
    }
    read
}

#[test]
fn a_long_list_is_folded() {
    let to = (0..300).map(|n| format!("recipient-number-{n}@example.org").parse::<Mailbox>().expect("valid"));
    let email = Email {
        from: Some("a@x.org".parse().expect("valid")),
        to: to.collect(),
        text: Some("t".into()),
        ..Email::default()
    };
    let content = ours(&email).expect("valid");
    let (head, _) = content.split_once("\r\n\r\n").expect("a header");
    assert!(head.split("\r\n").all(|line| line.len() <= 78), "{head}");
    assert_faithful(&email, &content, 0);
}

#[test]
fn media_types_are_checked() {
    let file = |kind: &str| Attachment::new("a", kind, vec![1]).expect("of some kind");
    let content = |kind: &str| {
        let email = Email {
            from: Some("a@x.org".parse().expect("valid")),
            attachments: vec![file(kind)],
            ..Email::default()
        };
        ours(&email)
    };
    for kind in ["image/png", "text/csv; charset=utf-8", "text/plain;format=flowed; x=\"a b\"", "a/b ; c=d"] {
        assert!(content(kind).is_ok(), "{kind}");
    }
    for kind in ["a/b;", "a/b; c", "a/b; c=", "a/b; c=\"d", "a/b; c=d e", "a/b; c=\"\\\"", "a/b; =d"] {
        let error = content(kind).expect_err(kind);
        assert_eq!(error.field(), Some("attachments[0].content_type"), "{kind}");
    }
}

#[test]
fn an_unsubscribe_link_longer_than_a_line_stays_whole() {
    let url = format!("https://x.org/{}", "u".repeat(500));
    let mut email =
        Email { from: Some("a@x.org".parse().expect("valid")), text: Some("t".into()), ..Email::default() };
    email.list_unsubscribe = Some(ListUnsubscribe::one_click(&url).expect("valid"));
    assert!(ours(&email).expect("valid").contains(&format!("List-Unsubscribe: <{url}>\r\n")));
}
