//! What is said: five kinds of message, one for each channel.
//!
//! A message is a plain value. Builders check it field by field; admission
//! checks it again, since a value may also come from JSON or be changed by hand.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    address::{ChatId, DeviceToken, EmailAddress, PhoneNumber, Topic, WebSubscription},
    error::{Error, Result},
};

mod builder;
mod chat;
mod condition;
mod content;
mod email;
mod features;
mod files;
mod media;
mod money;
mod payload;
mod push;
mod sms;
mod whatsapp;

pub use builder::Builder;
pub use chat::{Button, ButtonAction, Chat, TextFormat};
pub use content::Content;
pub use email::{Email, Header, ListUnsubscribe, VendorTemplate};
pub use features::Features;
pub use media::{Attachment, ContentType, File, FileName, Location, Media, MediaKind, MediaSource};
pub use money::Money;
pub use payload::Payload;
pub use push::{Push, PushAction, PushTarget};
pub use sms::{PriceList, Sms, SmsEncoding, SmsLength};
pub use whatsapp::{
    ListRow, ListSection, ReplyButton, TemplateButton, TemplateButtonValue, TemplateHeader, WhatsApp,
    WhatsAppContent, WhatsAppTemplate,
};

/// The way by which a message reaches its reader.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Channel {
    /// Telegram, Slack and other chats.
    Chat,
    /// Email.
    Email,
    /// Push notifications on devices.
    Push,
    /// Text messages to telephones.
    Sms,
    /// WhatsApp.
    #[serde(rename = "whatsapp")]
    WhatsApp,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 5] = [Self::Chat, Self::Email, Self::Push, Self::Sms, Self::WhatsApp];

    /// A stable word for storage and metrics, such as `email`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Email => "email",
            Self::Push => "push",
            Self::Sms => "sms",
            Self::WhatsApp => "whatsapp",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How urgent a message is.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Priority {
    /// Before others.
    High,
    /// After others.
    Low,
    /// As usual.
    #[default]
    Normal,
}

impl Priority {
    /// Every priority, the most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// Its word in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    pub(crate) fn is_normal(&self) -> bool {
        *self == Self::Normal
    }
}

/// One of a message's recipients.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Recipient<'a> {
    /// A chat.
    Chat(&'a ChatId),
    /// All who match a condition over topics.
    Condition(&'a str),
    /// A device.
    Device(&'a DeviceToken),
    /// An email address.
    Email(&'a EmailAddress),
    /// A telephone.
    Phone(&'a PhoneNumber),
    /// A browser; its text is the endpoint.
    Subscription(&'a WebSubscription),
    /// All subscribers of a topic.
    Topic(&'a Topic),
}

impl<'a> Recipient<'a> {
    /// The address as text.
    pub fn as_str(&self) -> &'a str {
        match self {
            Self::Chat(chat) => chat.as_str(),
            Self::Condition(condition) => condition,
            Self::Device(token) => token.as_str(),
            Self::Email(address) => address.as_str(),
            Self::Phone(number) => number.as_str(),
            Self::Subscription(browser) => browser.endpoint().as_str(),
            Self::Topic(topic) => topic.as_str(),
        }
    }

    /// The address as text, shared where it can be.
    pub(crate) fn shared(&self) -> Arc<str> {
        match self {
            Self::Chat(chat) => chat.shared(),
            Self::Condition(condition) => Arc::from(*condition),
            Self::Device(token) => token.shared(),
            Self::Email(address) => address.shared(),
            Self::Phone(number) => number.shared(),
            Self::Subscription(browser) => browser.endpoint().shared(),
            Self::Topic(topic) => topic.shared(),
        }
    }

    /// The domain of an email address.
    pub fn domain(&self) -> Option<&'a str> {
        match self {
            Self::Email(address) => Some(address.domain()),
            _ => None,
        }
    }
}

/// A wish that only one vendor understands.
///
/// When another vendor sends the message the wish is skipped and a trace
/// entry says so, unless it is `required`: then that vendor refuses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VendorOption {
    /// The vendor's name, such as `sendgrid`.
    pub vendor: Arc<str>,
    /// The option's name, as that vendor's docs page lists it.
    pub name: Arc<str>,
    /// Its value.
    pub value: Value,
    /// True if no other vendor may send the message.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

impl VendorOption {
    /// A wish that is skipped by other vendors.
    pub fn new(vendor: impl Into<Arc<str>>, name: impl Into<Arc<str>>, value: impl Into<Value>) -> Self {
        Self { vendor: vendor.into(), name: name.into(), value: value.into(), required: false }
    }

    /// The same, but no other vendor may send the message.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// One thing that a message may need: the feature, the field that asks for it, and whether it does.
pub(crate) type Need<M> = (Features, &'static str, fn(&M) -> bool);

pub(crate) mod sealed {
    use super::{Need, VendorOption};
    use crate::error::Error;

    /// What only this crate asks of a message.
    pub trait Sealed: Sized + 'static {
        /// All that it may need: the one table behind `needs` and `field_of`.
        const NEEDS: &'static [Need<Self>];
        /// Every fault of its fields.
        fn faults(&self) -> Vec<Error>;
        /// The list of its vendor options, to be added to.
        fn options_mut(&mut self) -> &mut Vec<VendorOption>;
    }
}

/// A message of one channel. Sealed: the five types of this module.
pub trait Message:
    sealed::Sealed + Clone + fmt::Debug + Into<AnyMessage> + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The channel.
    const CHANNEL: Channel;

    /// How many recipients there are.
    fn recipient_count(&self) -> usize {
        1
    }

    /// The recipient of this index: `to` first, then `cc`, then `bcc`.
    fn recipient(&self, index: usize) -> Option<Recipient<'_>>;

    /// The sender, as far as the message names one.
    fn sender(&self) -> Option<&str> {
        None
    }

    /// The same message to the recipients of these indices only.
    #[must_use]
    fn only(&self, recipients: &[u32]) -> Self {
        let _ = recipients;
        self.clone()
    }

    /// About how many octets it has on the wire.
    fn size(&self) -> usize;

    /// Wishes that only one vendor understands.
    fn options(&self) -> &[VendorOption];

    /// What a provider must be able to do to send it.
    fn needs(&self) -> Features {
        let needed = Self::NEEDS.iter().filter(|(_, _, asks)| asks(self));
        needed.fold(Features::NONE, |all, (feature, _, _)| all | *feature)
    }

    /// The field that asks for `feature`.
    fn field_of(&self, feature: Features) -> Option<&'static str> {
        let asking = Self::NEEDS.iter().find(|(offered, _, asks)| *offered == feature && asks(self));
        asking.map(|(_, field, _)| *field)
    }

    /// Checks every field, without I/O.
    ///
    /// # Errors
    /// Names each field that cannot be right and what would have been.
    fn validate(&self) -> Result<()> {
        Error::all(self.faults()).map_or(Ok(()), Err)
    }
}

/// A message of any channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "channel", rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant is its channel's message")]
pub enum AnyMessage {
    Chat(Chat),
    Email(Email),
    Push(Push),
    Sms(Sms),
    #[serde(rename = "whatsapp")]
    WhatsApp(WhatsApp),
}

/// Runs the same expression on whichever message it is.
macro_rules! on_any {
    ($any:expr, $message:ident => $work:expr) => {
        match $any {
            $crate::message::AnyMessage::Chat($message) => $work,
            $crate::message::AnyMessage::Email($message) => $work,
            $crate::message::AnyMessage::Push($message) => $work,
            $crate::message::AnyMessage::Sms($message) => $work,
            $crate::message::AnyMessage::WhatsApp($message) => $work,
        }
    };
}

pub(crate) use on_any;

impl AnyMessage {
    /// Its channel.
    pub fn channel(&self) -> Channel {
        on_any!(self, message => channel_of(message))
    }

    /// The recipient of this index.
    pub fn recipient(&self, index: usize) -> Option<Recipient<'_>> {
        on_any!(self, message => message.recipient(index))
    }

    /// How many recipients there are.
    pub fn recipient_count(&self) -> usize {
        on_any!(self, message => message.recipient_count())
    }

    /// Checks every field, without I/O.
    ///
    /// # Errors
    /// Names each field that cannot be right and what would have been.
    pub fn validate(&self) -> Result<()> {
        on_any!(self, message => message.validate())
    }
}

fn channel_of<M: Message>(_: &M) -> Channel {
    M::CHANNEL
}

macro_rules! into_any {
    ($($name:ident),*) => {$(
        impl From<$name> for AnyMessage {
            fn from(message: $name) -> Self {
                Self::$name(message)
            }
        }
    )*};
}

into_any!(Chat, Email, Push, Sms, WhatsApp);
