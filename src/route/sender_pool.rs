//! Who a text message comes from, by the country that it goes to.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    address::SmsSender,
    context::CallContext,
    error::Result,
    message::Sms,
    provider::{Capabilities, Health, Outgoing, Provider, Receipt, Route, Vendor},
};

/// Gives text messages that name no sender one of a pool: that of the longest beginning of the
/// recipient's number.
///
/// Of several senders of a country each person always gets the same one, so that his messages
/// are one thread; if the pool grows by one, only the new one's share moves. Countries that are not
/// listed are left to the provider. Defaults of the messenger come before the pool.
///
/// ```
/// use tidings::{providers::preview::Preview, route::SenderPool};
///
/// let pool = SenderPool::new(Preview::silent())
///     .senders("+1", ["+15005550006".parse()?, "+15005550007".parse()?])
///     .senders("+49", ["Bookshop".parse()?]);
/// # let _: &dyn tidings::SmsProvider = &pool;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Debug)]
pub struct SenderPool {
    inner: Arc<dyn Provider<Sms>>,
    pool: Pool,
}

type Pool = Vec<(Arc<str>, Arc<[SmsSender]>)>;

impl SenderPool {
    /// Messages go by `provider`, which may be a route.
    pub fn new(provider: impl Provider<Sms>) -> Self {
        Self { inner: Arc::new(provider), pool: Vec::new() }
    }

    /// Messages to numbers that begin with `prefix`, such as `+49`, come from one of these.
    #[must_use]
    pub fn senders(mut self, prefix: &str, senders: impl IntoIterator<Item = SmsSender>) -> Self {
        self.pool.push((prefix.into(), senders.into_iter().collect()));
        self
    }

    /// Messages to all other numbers come from one of these.
    #[must_use]
    pub fn otherwise(self, senders: impl IntoIterator<Item = SmsSender>) -> Self {
        self.senders("", senders)
    }

    /// Whom a message to this number comes from.
    fn choice(&self, to: &str) -> Option<&SmsSender> {
        let fitting = self.pool.iter().filter(|(prefix, _)| to.starts_with(&**prefix));
        let (_, senders) = fitting.max_by_key(|(prefix, _)| prefix.len())?;
        // Rendezvous hashing: whoever has the highest value keeps it, whoever else comes or goes.
        senders.iter().max_by_key(|sender| hash(to, sender.as_str()))
    }

    /// The message with its sender; `None` if it goes as it is.
    fn filled(&self, sms: &Sms) -> Option<Sms> {
        if sms.from.is_some() {
            return None;
        }
        let from = self.choice(sms.to.as_str())?.clone();
        Some(Sms { from: Some(from), ..sms.clone() })
    }
}

/// FNV-1a (64 bit), with a last mixing: the same in every process and version, which `Hash` does not promise.
fn hash(to: &str, sender: &str) -> u64 {
    let bytes = to.bytes().chain([0]).chain(sender.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // FNV's high bits change little with the last bytes, and those decide here.
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
}

#[async_trait]
impl Vendor for SenderPool {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn check(&self, cx: &CallContext) -> Result<Health> {
        self.inner.check(cx).await
    }
}

#[async_trait]
impl Provider<Sms> for SenderPool {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Sms>) -> Result<Receipt> {
        match self.filled(item.message()) {
            Some(sms) => self.inner.send(cx, item.cut(&sms, &[item.delivery(0).recipient])).await,
            None => self.inner.send(cx, item).await,
        }
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, Sms>]) -> Vec<Result<Receipt>> {
        let filled: Vec<_> =
            items.iter().map(|item| (self.filled(item.message()), [item.delivery(0).recipient])).collect();
        let going = items.iter().zip(&filled).map(|(item, (sms, recipient))| match sms {
            Some(sms) => item.cut(sms, recipient),
            None => *item,
        });
        let going: Vec<_> = going.collect();
        self.inner.send_batch(cx, &going).await
    }

    fn as_route(&self) -> Option<&dyn Route<Sms>> {
        Some(self)
    }
}

impl Route<Sms> for SenderPool {
    fn rebuild(
        &self,
        wrap: &dyn Fn(Arc<dyn Provider<Sms>>) -> Arc<dyn Provider<Sms>>,
    ) -> Arc<dyn Provider<Sms>> {
        Arc::new(Self { inner: wrap(Arc::clone(&self.inner)), pool: self.pool.clone() })
    }

    fn providers(&self) -> Vec<Arc<dyn Provider<Sms>>> {
        vec![Arc::clone(&self.inner)]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{
        id::{MessageId, TenantId},
        message::AnyMessage,
        testing::{Recorded, Recorder},
        time::Timestamp,
    };

    fn sender(text: &str) -> SmsSender {
        text.parse().expect("valid")
    }

    fn pool(recorder: &Recorder) -> SenderPool {
        let numbers = (0..5).map(|n| sender(&format!("+1500555000{n}")));
        SenderPool::new(recorder.clone())
            .senders("+1", numbers)
            .senders("+1242", [sender("Bahamas")])
            .senders("+49", [sender("Laden")])
    }

    fn sms(to: &str) -> Sms {
        Sms::builder().to(to).body("x").build().expect("valid")
    }

    #[tokio::test]
    async fn the_longest_beginning_counts_and_a_named_sender_stays() {
        let recorder = Recorder::new();
        let pool = pool(&recorder);
        let named = Sms::builder().from("Own").to("+4915112345678").body("x").build().expect("valid");
        let messages = [sms("+4915112345678"), sms("+12425550006"), sms("+447700900000"), named];
        let id = MessageId::new(Timestamp::default());
        let items: Vec<_> =
            messages.iter().map(|sms| Outgoing::new(sms, id, &TenantId::DEFAULT, "key")).collect();
        let cx = CallContext::default();
        for answer in pool.send_batch(&cx, &items).await {
            assert_eq!(answer.expect("accepted").outcomes.len(), 1);
        }
        pool.send(&cx, items[0]).await.expect("accepted");
        let from = |recorded: &Recorded| match &recorded.message {
            AnyMessage::Sms(sms) => sms.from.as_ref().map(ToString::to_string),
            _ => None,
        };
        let sent: Vec<_> = recorder.sent().iter().map(from).collect();
        let expected = [Some("Laden"), Some("Bahamas"), None, Some("Own"), Some("Laden")];
        assert_eq!(sent, expected.map(|from| from.map(str::to_owned)));
    }

    #[test]
    fn a_person_keeps_his_sender_and_all_senders_are_used() {
        let recorder = Recorder::new();
        let before = pool(&recorder);
        let grown = before.pool[0].1.iter().cloned().chain([sender("+15005550009")]);
        let after = SenderPool::new(recorder).senders("+1", grown);
        let (mut used, mut moved) = (HashMap::new(), 0);
        for number in 0..6_000 {
            let to = format!("+1500{number:07}");
            let first = before.choice(&to).expect("listed");
            assert_eq!(before.choice(&to), Some(first));
            *used.entry(first.as_str().to_owned()).or_insert(0) += 1;
            let now = after.choice(&to).expect("listed");
            moved += usize::from(now != first);
            assert!(now == first || now.as_str() == "+15005550009", "only the new one's share moves");
        }
        assert!(used.len() == 5 && used.values().all(|count| (900..1_500).contains(count)), "{used:?}");
        assert!((700..1_300).contains(&moved), "{moved}");
    }
}
