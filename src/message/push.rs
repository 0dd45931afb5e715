//! Push notifications.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Builder, Channel, Content, Features, Message, Need, Priority, Recipient, VendorOption,
    condition::check_condition, sealed,
};
use crate::{
    address::{DeviceToken, Topic, WebSubscription, WebUrl, is_hostile},
    error::Error,
};

/// A notification to a device, a browser, a topic, or a condition over topics.
///
/// ```
/// use tidings::Push;
///
/// let push = Push::builder().token("a-device-token").title("Ready").body("Your table is ready.").build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Push {
    /// Where it goes.
    pub to: PushTarget,
    /// The title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Arc<str>>,
    /// The words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Arc<str>>,
    /// A picture, fetched by the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<WebUrl>,
    /// Data for the app.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<Arc<str>, Arc<str>>,
    /// Buttons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<PushAction>,
    /// The number on the app's icon; zero clears it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<u32>,
    /// A sound of the app's own, or `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound: Option<Arc<str>>,
    /// A later push of the same key replaces this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collapse_key: Option<Arc<str>>,
    /// How long the vendor keeps trying; zero is now or never. Whole seconds count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
    /// Whether it wakes a sleeping device.
    #[serde(default, skip_serializing_if = "Priority::is_normal")]
    pub priority: Priority,
    /// Wishes that only one vendor understands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<VendorOption>,
}

/// Where a push goes.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PushTarget {
    /// All who match a condition such as `'news' in topics && 'de' in topics`.
    Condition(Arc<str>),
    /// One browser.
    Subscription(WebSubscription),
    /// One device.
    Token(DeviceToken),
    /// All subscribers of a topic.
    Topic(Topic),
}

/// A button on a notification.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct PushAction {
    /// What the app is told.
    pub id: Arc<str>,
    /// Its label.
    pub title: Arc<str>,
}

impl Push {
    /// Starts a notification.
    pub fn builder() -> Builder<Self> {
        Builder::new(Self {
            to: PushTarget::Condition("".into()),
            title: None,
            body: None,
            image: None,
            data: BTreeMap::new(),
            actions: Vec::new(),
            badge: None,
            sound: None,
            collapse_key: None,
            ttl: None,
            priority: Priority::Normal,
            options: Vec::new(),
        })
    }
}

impl Builder<Push> {
    /// To one device.
    pub fn token<V: TryInto<DeviceToken, Error: Into<Error>>>(self, token: V) -> Self {
        self.addressed("to.token", token, |push, token| push.to = PushTarget::Token(token))
    }

    /// To one browser: what its `PushSubscription` says as JSON.
    pub fn subscription<V: TryInto<WebSubscription, Error: Into<Error>>>(self, browser: V) -> Self {
        self.addressed("to.subscription", browser, |push, browser| {
            push.to = PushTarget::Subscription(browser);
        })
    }

    /// To all subscribers of a topic.
    pub fn topic<V: TryInto<Topic, Error: Into<Error>>>(self, topic: V) -> Self {
        self.addressed("to.topic", topic, |push, topic| push.to = PushTarget::Topic(topic))
    }

    /// To all who match a condition such as `'news' in topics && 'de' in topics`.
    pub fn condition(mut self, condition: impl Into<Arc<str>>) -> Self {
        self.addressed = true;
        self.with(|push| push.to = PushTarget::Condition(condition.into()))
    }

    /// The title.
    pub fn title(self, title: impl Into<Arc<str>>) -> Self {
        self.with(|push| push.title = Some(title.into()))
    }

    /// The words.
    pub fn body(self, body: impl Into<Arc<str>>) -> Self {
        self.with(|push| push.body = Some(body.into()))
    }

    /// The parts that a template rendered to.
    pub fn content(self, content: &Content) -> Self {
        self.with(|push| {
            push.title = content.title.clone().or(push.title.take());
            push.body = content.short().cloned().or(push.body.take());
        })
    }

    /// A picture.
    pub fn image<V: TryInto<WebUrl, Error: Into<Error>>>(self, url: V) -> Self {
        self.parsed("image", url, |push, url| push.image = Some(url))
    }

    /// Adds data for the app.
    pub fn data(self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.with(|push| {
            push.data.insert(name.into(), value.into());
        })
    }

    /// Adds a button.
    pub fn action(self, id: impl Into<Arc<str>>, title: impl Into<Arc<str>>) -> Self {
        self.with(|push| push.actions.push(PushAction { id: id.into(), title: title.into() }))
    }

    /// The number on the app's icon.
    pub fn badge(self, badge: u32) -> Self {
        self.with(|push| push.badge = Some(badge))
    }

    /// A sound.
    pub fn sound(self, sound: impl Into<Arc<str>>) -> Self {
        self.with(|push| push.sound = Some(sound.into()))
    }

    /// A later push of the same key replaces this one.
    pub fn collapse_key(self, key: impl Into<Arc<str>>) -> Self {
        self.with(|push| push.collapse_key = Some(key.into()))
    }

    /// How long the vendor keeps trying.
    pub fn ttl(self, ttl: Duration) -> Self {
        self.with(|push| push.ttl = Some(ttl))
    }

    /// Whether it wakes a sleeping device.
    pub fn priority(self, priority: Priority) -> Self {
        self.with(|push| push.priority = priority)
    }
}

impl sealed::Sealed for Push {
    const NEEDS: &'static [Need<Self>] = &[
        (Features::ACTIONS, "actions", |m| !m.actions.is_empty()),
        (Features::BADGE, "badge", |m| m.badge.is_some()),
        (Features::COLLAPSE_KEY, "collapse_key", |m| m.collapse_key.is_some()),
        (Features::CONDITION, "to.condition", |m| matches!(m.to, PushTarget::Condition(_))),
        (Features::DATA, "data", |m| !m.data.is_empty()),
        (Features::IMAGE, "image", |m| m.image.is_some()),
        (Features::PRIORITY, "priority", |m| m.priority != Priority::Normal),
        (Features::SOUND, "sound", |m| m.sound.is_some()),
        (Features::SUBSCRIPTION, "to.subscription", |m| matches!(m.to, PushTarget::Subscription(_))),
        (Features::TOPIC, "to.topic", |m| matches!(m.to, PushTarget::Topic(_))),
        (Features::TTL, "ttl", |m| m.ttl.is_some()),
    ];

    fn faults(&self) -> Vec<Error> {
        let mut faults = Vec::new();
        if let PushTarget::Condition(condition) = &self.to {
            faults.extend(check_condition(condition).err());
        }
        if self.title.is_none() && self.body.is_none() && self.data.is_empty() {
            faults.push(Error::invalid("body", "a push message needs a title, a body or data"));
        }
        // Headers carry them at some vendors (apns-collapse-id, Topic).
        let key = self.collapse_key.as_deref().filter(|key| key.is_empty() || key.chars().any(is_hostile));
        faults.extend(key.map(|_| Error::invalid("collapse_key", "must not be empty or hold controls")));
        faults
    }

    fn options_mut(&mut self) -> &mut Vec<VendorOption> {
        &mut self.options
    }
}

impl Message for Push {
    const CHANNEL: Channel = Channel::Push;

    fn recipient(&self, index: usize) -> Option<Recipient<'_>> {
        (index == 0).then_some(match &self.to {
            PushTarget::Condition(condition) => Recipient::Condition(condition),
            PushTarget::Subscription(browser) => Recipient::Subscription(browser),
            PushTarget::Token(token) => Recipient::Device(token),
            PushTarget::Topic(topic) => Recipient::Topic(topic),
        })
    }

    fn size(&self) -> usize {
        let texts = [&self.title, &self.body].into_iter().flatten().map(|text| text.len()).sum::<usize>();
        texts + self.data.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
    }

    fn options(&self) -> &[VendorOption] {
        &self.options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_checked() {
        assert!(Push::builder().token("").title("t").build().is_err());
        assert!(Push::builder().title("t").build().is_err());
        assert!(Push::builder().condition("news").title("t").build().is_err());
        let push = Push::builder().condition("'news' in topics").title("t").build().expect("valid");
        assert_eq!(push.needs(), Features::CONDITION);
    }
}
