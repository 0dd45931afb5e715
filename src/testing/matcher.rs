//! What a recorded message is asked for.

use std::{fmt, sync::Arc};

use super::Recorded;
use crate::message::{AnyMessage, Channel, Media, Message, WhatsAppContent, on_any};

/// The longest part of a text that a failure shows, in characters.
const EXCERPT: usize = 120;

type Check = Arc<dyn Fn(&Recorded) -> Result<(), String> + Send + Sync>;

/// Conditions that a message has to meet, all of them.
///
/// Begun by [`to`] or [`any`].
#[derive(Clone)]
#[must_use = "a matcher does nothing until it is given to an assertion"]
pub struct Matcher {
    conditions: Vec<Condition>,
}

#[derive(Clone)]
struct Condition {
    phrase: String,
    check: Check,
}

/// Messages of which one recipient is `recipient`: an address, a number, a
/// token, a topic, a chat. Letters of either case are the same.
pub fn to(recipient: &str) -> Matcher {
    any().to(recipient)
}

/// All messages.
pub fn any() -> Matcher {
    Matcher { conditions: Vec::new() }
}

impl Matcher {
    /// One of whose recipients is this.
    pub fn to(self, recipient: &str) -> Self {
        self.one_of("to", format!("to {recipient:?}"), recipient, same_letters, recipients)
    }

    /// That name this sender: the address, number or name.
    pub fn from(self, sender: &str) -> Self {
        let senders = |sent: &Recorded| sender_of(&sent.message).into_iter().map(str::to_owned).collect();
        self.one_of("from", format!("from {sender:?}"), sender, same_letters, senders)
    }

    /// Of this channel.
    pub fn channel(self, channel: Channel) -> Self {
        self.and(format!("on channel {channel}"), move |sent| match sent.channel() {
            actual if actual == channel => Ok(()),
            actual => Err(format!("channel: expected {channel}, was {actual}")),
        })
    }

    /// Whose subject, or a push message's title, is this.
    pub fn subject(self, subject: &str) -> Self {
        let phrase = format!("with the subject {subject:?}");
        self.one_of("subject", phrase, subject, |actual, expected| actual == expected, subjects)
    }

    /// Whose subject, or a push message's title, has this in it.
    pub fn subject_contains(self, part: &str) -> Self {
        self.contains("subject", part, subjects)
    }

    /// One of whose texts has this in it: text, HTML, body or caption.
    pub fn body_contains(self, part: &str) -> Self {
        self.contains("body", part, |sent| bodies(&sent.message))
    }

    /// Sent on behalf of this tenant.
    pub fn tenant(self, tenant: &str) -> Self {
        let tenants = |sent: &Recorded| vec![sent.tenant.as_str().to_owned()];
        self.one_of("tenant", format!("for tenant {tenant:?}"), tenant, |a, e| a == e, tenants)
    }

    /// With this tag.
    pub fn tag(self, tag: &str) -> Self {
        let phrase = format!("with the tag {tag:?}");
        self.one_of(
            "tag",
            phrase,
            tag,
            |a, e| a == e,
            |sent| match &sent.message {
                AnyMessage::Email(email) => email.tags.iter().map(|tag| tag.to_string()).collect(),
                _ => Vec::new(),
            },
        )
    }

    /// With an attachment of this name.
    pub fn attachment(self, name: &str) -> Self {
        let phrase = format!("with the attachment {name:?}");
        self.one_of(
            "attachment",
            phrase,
            name,
            |a, e| a == e,
            |sent| match &sent.message {
                AnyMessage::Email(email) => {
                    email.attachments.iter().map(|a| a.file.name.to_string()).collect()
                }
                _ => Vec::new(),
            },
        )
    }

    /// Of which `check` is true; `description` completes "a message that …".
    pub fn is(
        self,
        description: impl Into<String>,
        check: impl Fn(&Recorded) -> bool + Send + Sync + 'static,
    ) -> Self {
        let description = description.into();
        let why = format!("it is not true that it {description}");
        let check = move |sent: &Recorded| if check(sent) { Ok(()) } else { Err(why.clone()) };
        self.and(format!("that {description}"), check)
    }

    /// True if `sent` meets all conditions.
    pub fn matches(&self, sent: &Recorded) -> bool {
        self.conditions.iter().all(|condition| (condition.check)(sent).is_ok())
    }

    pub(super) fn failures(&self, sent: &Recorded) -> Vec<String> {
        self.conditions.iter().filter_map(|condition| (condition.check)(sent).err()).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.conditions.len()
    }

    fn contains(self, name: &'static str, part: &str, actual: fn(&Recorded) -> Vec<String>) -> Self {
        let (phrase, part) = (format!("with a {name} that contains {part:?}"), part.to_owned());
        self.and(phrase, move |sent| match actual(sent) {
            all if all.iter().any(|text| text.contains(&part)) => Ok(()),
            all => Err(format!("{name}: expected to contain {part:?}, was {}", shown(&all))),
        })
    }

    fn one_of(
        self,
        name: &'static str,
        phrase: String,
        expected: &str,
        same: fn(&str, &str) -> bool,
        actual: impl Fn(&Recorded) -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        let expected = expected.to_owned();
        self.and(phrase, move |sent| match actual(sent) {
            all if all.iter().any(|one| same(one, &expected)) => Ok(()),
            all => Err(format!("{name}: expected {expected:?}, was {}", shown(&all))),
        })
    }

    fn and(
        mut self,
        phrase: String,
        check: impl Fn(&Recorded) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.conditions.push(Condition { phrase, check: Arc::new(check) });
        self
    }
}

/// Completes "a message was sent …".
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phrases: Vec<_> = self.conditions.iter().map(|condition| condition.phrase.as_str()).collect();
        f.write_str(if phrases.is_empty() { "at all" } else { "" })?;
        f.write_str(&phrases.join(", "))
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matcher({self})")
    }
}

fn same_letters(actual: &str, expected: &str) -> bool {
    actual.to_lowercase() == expected.to_lowercase()
}

fn shown(texts: &[String]) -> String {
    let shown = texts.iter().map(|text| match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    });
    let shown: Vec<_> = shown.collect();
    if shown.is_empty() { "absent".to_owned() } else { shown.join(" or ") }
}

pub(super) fn recipients(sent: &Recorded) -> Vec<String> {
    let all = 0..sent.message.recipient_count();
    all.filter_map(|index| sent.message.recipient(index)).map(|whom| whom.as_str().to_owned()).collect()
}

fn sender_of(message: &AnyMessage) -> Option<&str> {
    on_any!(message, message => message.sender())
}

pub(super) fn subject_of(message: &AnyMessage) -> Option<&str> {
    match message {
        AnyMessage::Email(email) => Some(&email.subject),
        AnyMessage::Push(push) => push.title.as_deref(),
        _ => None,
    }
}

fn subjects(sent: &Recorded) -> Vec<String> {
    subject_of(&sent.message).into_iter().map(str::to_owned).collect()
}

fn bodies(message: &AnyMessage) -> Vec<String> {
    let texts: Vec<&Arc<str>> = match message {
        AnyMessage::Chat(chat) => chat.text.iter().chain(captions(&chat.media)).collect(),
        AnyMessage::Email(email) => email.text.iter().chain(&email.html).collect(),
        AnyMessage::Push(push) => push.body.iter().collect(),
        AnyMessage::Sms(sms) => std::iter::once(&sms.body).chain(captions(&sms.media)).collect(),
        AnyMessage::WhatsApp(message) => match &message.content {
            WhatsAppContent::Buttons { body, .. } | WhatsAppContent::List { body, .. } => vec![body],
            WhatsAppContent::Location(location) => location.name.iter().chain(&location.address).collect(),
            WhatsAppContent::Media(media) => media.caption.iter().collect(),
            WhatsAppContent::Template(template) => {
                template.parameters.iter().map(|(_, value)| value).collect()
            }
            WhatsAppContent::Text(text) => vec![text],
        },
    };
    texts.into_iter().map(|text| text.to_string()).collect()
}

fn captions(media: &[Media]) -> impl Iterator<Item = &Arc<str>> {
    media.iter().filter_map(|piece| piece.caption.as_ref())
}
