//! A provider that takes everything and remembers it.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;

use super::{Matcher, lock, no_options};
use crate::{
    context::CallContext,
    error::Result,
    id::{MessageId, TenantId},
    message::{AnyMessage, Channel, Features, Message},
    provider::{Capabilities, Outgoing, Provider, Receipt, Vendor},
    time::Timestamp,
};

/// How many near misses a failed assertion lists.
const MISSES: usize = 3;

/// A message that a [`Recorder`] took.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Recorded {
    /// The message's id.
    pub id: MessageId,
    /// On whose behalf it was sent.
    pub tenant: TenantId,
    /// Its idempotency key.
    pub key: Arc<str>,
    /// The attempt, counted from one.
    pub attempt: u32,
    /// When it was taken.
    pub at: Timestamp,
    /// The id under which it was taken: `recorder-1`, `recorder-2`, …
    pub vendor_id: Arc<str>,
    /// The message.
    pub message: AnyMessage,
}

impl Recorded {
    /// Its channel.
    pub fn channel(&self) -> Channel {
        self.message.channel()
    }
}

/// A provider of every channel that takes all messages and remembers them.
///
/// Cheap to clone; clones share what they remember. It keeps everything until
/// [`clear`](Self::clear): it is made for tests, not for days.
///
/// Assertions that fail list the messages that came nearest, and why they are not it.
#[derive(Clone)]
pub struct Recorder {
    name: Arc<str>,
    capabilities: Capabilities,
    sent: Arc<Mutex<Vec<Recorded>>>,
}

impl Recorder {
    const NAME: &str = "recorder";

    /// A recorder with every feature and without limits.
    pub fn new() -> Self {
        let capabilities = Capabilities::new(Self::NAME, Features::ALL);
        Self { name: Self::NAME.into(), capabilities, sent: Arc::default() }
    }

    /// The same under another name, for tests with several.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The same saying of itself that it can do this.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// All that it took, the oldest first.
    pub fn sent(&self) -> Vec<Recorded> {
        lock(&self.sent).clone()
    }

    /// Those that match, the oldest first.
    pub fn matching(&self, matcher: &Matcher) -> Vec<Recorded> {
        lock(&self.sent).iter().filter(|sent| matcher.matches(sent)).cloned().collect()
    }

    /// Forgets what it took.
    pub fn clear(&self) {
        lock(&self.sent).clear();
    }

    /// The first message that matches.
    ///
    /// # Panics
    /// If there is none, listing the nearest misses.
    #[track_caller]
    pub fn assert_sent(&self, matcher: Matcher) -> Recorded {
        match self.matching(&matcher).into_iter().next() {
            Some(sent) => sent,
            None => panic!("no message was sent {matcher}\n{}", self.misses(&matcher)),
        }
    }

    /// Checks that no message matches.
    ///
    /// # Panics
    /// If one does, listing those that do.
    #[track_caller]
    pub fn assert_none_sent(&self, matcher: Matcher) {
        let found = self.matching(&matcher);
        if !found.is_empty() {
            panic!("{} sent {matcher}, expected none:\n{}", count(found.len()), listed(&found));
        }
    }

    /// Checks that exactly `expected` messages match.
    ///
    /// # Panics
    /// If more or fewer do, listing them and the nearest misses.
    #[track_caller]
    pub fn assert_count(&self, expected: usize, matcher: Matcher) {
        let found = self.matching(&matcher);
        if found.len() != expected {
            let misses = if found.len() < expected { self.misses(&matcher) } else { String::new() };
            let heading = format!("{} sent {matcher}, expected {expected}:", count(found.len()));
            panic!("{heading}\n{}{misses}", listed(&found));
        }
    }

    fn misses(&self, matcher: &Matcher) -> String {
        let sent = self.sent();
        let mut misses: Vec<_> = sent.iter().map(|sent| (matcher.failures(sent), sent)).collect();
        misses.retain(|(failures, _)| !failures.is_empty());
        if misses.is_empty() {
            return format!("{} sent in all\n", count(sent.len()));
        }
        misses.sort_by_key(|(failures, _)| failures.len());
        let mut text = format!("{} sent in all; the nearest misses:\n", count(sent.len()));
        for (failures, sent) in misses.into_iter().take(MISSES) {
            let met = matcher.len() - failures.len();
            text += &format!("  - {} ({met} of {} conditions met)\n", summary(sent), matcher.len());
            for failure in failures {
                text += &format!("      {failure}\n");
            }
        }
        text
    }
}

fn count(messages: usize) -> String {
    match messages {
        0 => "no message was".to_owned(),
        1 => "1 message was".to_owned(),
        n => format!("{n} messages were"),
    }
}

fn listed(sent: &[Recorded]) -> String {
    sent.iter().map(|sent| format!("  - {}\n", summary(sent))).collect()
}

fn summary(sent: &Recorded) -> String {
    let recipients = super::matcher::recipients(sent).join(", ");
    let subject = super::matcher::subject_of(&sent.message);
    let subject = subject.map_or(String::new(), |subject| format!(", subject {subject:?}"));
    format!("{}: {} to {recipients}{subject}", sent.vendor_id, sent.channel())
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

// Says how many and not what: messages are personal data.
impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = lock(&self.sent).len();
        f.debug_struct("Recorder").field("name", &self.name).field("sent", &sent).finish_non_exhaustive()
    }
}

impl Vendor for Recorder {
    fn name(&self) -> &str {
        &self.name
    }
}

#[async_trait]
impl<M: Message> Provider<M> for Recorder {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
        no_options(item.message(), self.capabilities.vendor, &self.name)?;
        let mut all = lock(&self.sent);
        let vendor_id: Arc<str> = format!("{}-{}", self.name, all.len() + 1).into();
        all.push(Recorded {
            id: item.id(),
            tenant: item.tenant().clone(),
            key: item.key().into(),
            attempt: item.attempt(),
            at: cx.clock().now(),
            vendor_id: Arc::clone(&vendor_id),
            message: item.message().clone().into(),
        });
        Ok(Receipt::accepted(item.message().recipient_count(), Some(vendor_id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Attachment, Email, Media, Push, Sms, WhatsApp,
        testing::{any, to},
    };

    async fn send<M: Message>(recorder: &Recorder, message: M) {
        let cx = CallContext::default();
        let tenant: TenantId = "north".parse().unwrap();
        let id = MessageId::new(cx.clock().now());
        recorder.send(&cx, Outgoing::new(&message, id, &tenant, "key")).await.expect("taken");
    }

    async fn recorded() -> Recorder {
        let recorder = Recorder::new();
        let mail = Email::builder().from("Shop <shop@x.org>").to("Ada <a@x.org>").bcc("b@x.org").tag("order");
        let mail = mail.subject("Your order").text("It is on its way").html("<b>On its way</b>");
        let file = Attachment::new("invoice.pdf", "application/pdf", &b"%PDF"[..]).unwrap();
        send(&recorder, mail.attach(file).build().unwrap()).await;
        send(&recorder, Sms::builder().to("+15005550006").body("Your code is 123").build().unwrap()).await;
        let photo = Media::image("https://x.org/a.jpg").unwrap().with_caption("Your room");
        send(&recorder, WhatsApp::builder().to("+15005550006").media(photo).build().unwrap()).await;
        send(&recorder, Push::builder().token("tok").title("Ready").body("Come").build().unwrap()).await;
        recorder
    }

    fn panic_of(work: impl FnOnce() + std::panic::UnwindSafe) -> String {
        *std::panic::catch_unwind(work).expect_err("it panics").downcast::<String>().expect("a text")
    }

    #[tokio::test]
    async fn every_condition_can_be_met_and_missed() {
        let recorder = recorded().await;
        let table = [
            (to("a@x.org"), 1),
            (to("A@x.org"), 1),
            (to("b@x.org"), 1),
            (to("c@x.org"), 0),
            (to("+15005550006"), 2),
            (to("+15005550006").channel(Channel::WhatsApp), 1),
            (any().from("shop@x.org"), 1),
            (any().from("a@x.org"), 0),
            (any().subject("Your order"), 1),
            (any().subject("Your"), 0),
            (any().subject("Ready"), 1),
            (any().subject_contains("order"), 1),
            (any().body_contains("on its way"), 1),
            (any().body_contains("<b>"), 1),
            (any().body_contains("123"), 1),
            (any().body_contains("Your room"), 1),
            (any().body_contains("Come"), 1),
            (any().tenant("north"), 4),
            (any().tenant("south"), 0),
            (any().tag("order"), 1),
            (any().tag("ord"), 0),
            (any().attachment("invoice.pdf"), 1),
            (any().attachment("logo.png"), 0),
            (any().is("is the first", |sent| &*sent.vendor_id == "recorder-1"), 1),
            (any(), 4),
        ];
        for (matcher, expected) in table {
            recorder.assert_count(expected, matcher);
        }
    }

    #[tokio::test]
    async fn the_panic_lists_the_nearest_misses_first() {
        let recorder = recorded().await;
        let text = panic_of(move || {
            recorder.assert_sent(to("+15005550006").channel(Channel::Sms).body_contains("456"));
        });
        assert_eq!(
            text,
            "no message was sent to \"+15005550006\", on channel sms, with a body that contains \"456\"
4 messages were sent in all; the nearest misses:
  - recorder-2: sms to +15005550006 (2 of 3 conditions met)
      body: expected to contain \"456\", was \"Your code is 123\"
  - recorder-3: whatsapp to +15005550006 (1 of 3 conditions met)
      channel: expected sms, was whatsapp
      body: expected to contain \"456\", was \"Your room\"
  - recorder-1: email to a@x.org, b@x.org, subject \"Your order\" (0 of 3 conditions met)
      to: expected \"+15005550006\", was \"a@x.org\" or \"b@x.org\"
      channel: expected sms, was email
      body: expected to contain \"456\", was \"It is on its way\" or \"<b>On its way</b>\"
"
        );
    }

    #[tokio::test]
    async fn what_should_not_be_there_is_listed() {
        let recorder = recorded().await;
        let text = panic_of(move || recorder.assert_none_sent(to("a@x.org")));
        assert_eq!(
            text,
            "1 message was sent to \"a@x.org\", expected none:\n  - recorder-1: email to a@x.org, b@x.org, subject \"Your order\"\n"
        );
        let text = panic_of(|| Recorder::new().assert_count(2, any()));
        assert!(text.starts_with("no message was sent at all, expected 2:\n"), "{text}");
    }

    #[tokio::test]
    async fn clones_share_and_others_do_not() {
        let recorder = recorded().await;
        assert_eq!(recorder.clone().named("other").sent().len(), 4);
        assert!(Recorder::new().sent().is_empty());
        recorder.clear();
        recorder.assert_none_sent(any());
    }

    #[tokio::test]
    async fn parallel_senders_lose_nothing() {
        let recorder = Recorder::new();
        let tasks: Vec<_> = (0..50)
            .map(|n| {
                let recorder = recorder.clone();
                tokio::spawn(async move {
                    let body = format!("message {n}.");
                    send(&recorder, Sms::builder().to("+15005550006").body(body).build().unwrap()).await;
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("sent");
        }
        for n in 0..50 {
            recorder.assert_count(1, any().body_contains(&format!("message {n}.")));
        }
    }
}
