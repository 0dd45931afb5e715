//! Reach your customers from Rust.

pub mod address;
mod context;
mod error;
mod event;
pub mod http;
mod id;
pub mod message;
pub mod messenger;
pub mod middleware;
pub mod provider;
pub mod providers;
pub mod route;
mod secret;
pub mod storage;
#[cfg(feature = "templates")]
pub mod template;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod time;
pub mod webhook;

pub use address::{
    ChatId, DeviceToken, EmailAddress, Mailbox, PhoneNumber, SenderName, ShortCode, SmsSender, Topic, WebUrl,
};
pub use context::CallContext;
pub use error::{Certainty, Error, ErrorKind, Fault, Result, Retry};
pub use event::{Event, EventId, EventKind, Status};
pub use id::{DeliveryId, MessageId, TenantId};
pub use message::{
    AnyMessage, Attachment, Channel, Chat, Email, Features, Location, Media, Message, Push, Sms, WhatsApp,
};
pub use messenger::{Defaults, Messenger, MessengerBuilder, Sent};
pub use provider::{
    Capabilities, ChatProvider, EmailProvider, Health, OnUnknown, Outcome, Outgoing, Provider,
    ProviderSource, PushProvider, Receipt, Route, SmsProvider, Vendor, WhatsAppProvider,
};
pub use secret::{Credential, CredentialSource, Issued};
pub use time::{Clock, Monotonic, SystemClock, Timestamp};
