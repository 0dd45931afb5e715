//! Reach your customers from Rust: email, SMS, WhatsApp, push and chat behind one [`Messenger`].
//!
//! A message is composed, admitted, recorded, delivered through a stack of layers to one vendor of
//! several, and followed until its vendor has told what became of it. The unit of truth is the
//! delivery: every recipient of every message is accepted, refused, or **unknown**, and what is
//! unknown is never sent a second time behind your back.
//!
//! ```
//! use tidings::{Email, Messenger, Status, providers::preview::Preview};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! // A preview shows messages and sends nothing; put a vendor in its place to send.
//! let messenger = Messenger::builder().email(Preview::new()).build()?;
//!
//! let email = Email::builder()
//!     .from("Corner Shop <shop@example.org>")
//!     .to("Ada Lovelace <ada@example.org>")
//!     .subject("Your order is on its way")
//!     .text("It should reach you tomorrow.")
//!     .build()?;
//! let sent = messenger.send(email).key("order-17").category("receipt").await?;
//!
//! println!("{sent}");
//! assert_eq!(messenger.statuses(sent.id).await?, [Status::Accepted]);
//! for event in messenger.timeline(sent.id).await? {
//!     println!("{} {}", event.at, event.kind);
//! }
//! # Ok::<(), tidings::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to go
//!
//! - [`Messenger`] sends; [`message`] holds what is said, [`address`] to whom.
//! - [`config`] makes a messenger of a file, of environment variables or of URLs; the guide has a table of
//!   what [each vendor can do](guide::capabilities).
//! - [`providers`] are the vendors, [`route`] joins several of them, [`middleware`] stands around each.
//! - [`Messenger::enqueue`] makes a message durable and a [`worker`] delivers it: see the guide on the
//!   [outbox](guide::outbox); [`storage`] is where all is kept.
//! - [`mail`] makes HTML and MJML into email that mailboxes show well; [`policy`] keeps the law of marketing mail.
//! - [`Error`] says whether a vendor could have taken the message; the guide has a chapter on
//!   [errors](guide::errors) and one on the [concepts](guide::concepts).
//! - To extend: [write a provider](guide::provider), [write a layer](guide::layer),
//!   [write a store](guide::storage), [bring your own HTTP](guide::http).
//!
//! # Features
//!
//! | feature | brings | channels |
//! |---|---|---|
//! | `smtp` | any SMTP server, over rustls | email |
//! | `sendgrid` | SendGrid v3, with its event webhook | email |
//! | `ses` | Amazon SES v2, signed by reqsign, with its events over SNS | email |
//! | `gmail` | Gmail as a person or by a service account | email |
//! | `brevo` | Brevo v3: versions of one mail, templates, its webhooks | email |
//! | `mailgun` | Mailgun in both regions: batches, templates, signed webhooks | email |
//! | `postmark` | Postmark: batches, message streams, templates, its webhooks | email |
//! | `resend` | Resend: batches, idempotency keys, templates, signed webhooks | email |
//! | `twilio` | Twilio, with status callbacks and answers | SMS, WhatsApp |
//! | `sns` | Amazon SNS: text messages, and answers over a topic | SMS |
//! | `vonage` | Vonage's SMS API or Messages API, with signed receipts and answers | SMS |
//! | `meta` | WhatsApp over Meta's Cloud API, with its webhook | WhatsApp |
//! | `fcm` | Firebase Cloud Messaging, HTTP v1 | push |
//! | `apns` | Apple Push Notification service, by HTTP/2 and provider tokens | push |
//! | `webpush` | Web Push with VAPID, to browsers' subscriptions | push |
//! | `telegram` | Telegram Bot API, with its webhook | chat |
//! | `slack` | Slack as a bot or by an incoming webhook | chat |
//! | `discord` | Discord as a bot or by a webhook | chat |
//! | `teams` | Microsoft Teams through a workflow | chat |
//! | `dkim` | signatures of the sender's domain; with `smtp` | email |
//! | `sqlite` (default) | the outbox in one SQLite file, over sqlx | all |
//! | `postgres` | the outbox in Postgres, for many workers, over sqlx | all |
//! | `templates` (default) | handlebars templates with limits | all |
//! | `mjml` | mail from MJML, over mrml; no includes, no foreign fonts | email |
//! | `css-inline` | CSS put into `style` attributes; nothing is fetched | email |
//! | `html-text` | the text part made of the HTML | email |
//! | `http-client` | HTTP over hyper and rustls, over reqwest where there is a proxy; vendors that speak HTTP switch it on | |
//! | `full` | all of the above | |
//! | `testing` | recorder, scripted faults, manual clock, `provider_conformance!`, `storage_conformance!` | all |
//! | `backoff` | only `From<backoff::ExponentialBackoff>` for [`RetryPolicy`](middleware::RetryPolicy) | |
//!
//! Features only add: none changes what another does. The crate `backoff` is unmaintained
//! (RUSTSEC-2025-0012), which is why it is in neither `default` nor `full`.

pub mod address;
mod concurrent;
pub mod config;
mod context;
mod error;
mod event;
pub mod guide;
pub mod http;
mod id;
pub mod mail;
pub mod message;
pub mod messenger;
pub mod middleware;
pub mod policy;
pub mod provider;
pub mod providers;
pub mod route;
mod secret;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod sqlx_0_9;
pub mod storage;
#[cfg(feature = "templates")]
pub mod template;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod time;
pub mod webhook;
mod window;
pub mod worker;

pub use address::{
    ChatId, DeviceToken, EmailAddress, Mailbox, PhoneNumber, SenderName, ShortCode, SmsSender, Topic,
    WebSubscription, WebUrl,
};
pub use context::CallContext;
pub use error::{Certainty, Error, ErrorKind, Fault, Result, Retry};
pub use event::{Event, EventId, EventKind, Status};
pub use id::{DeliveryId, Fingerprint, MessageId, TenantId};
pub use message::{
    AnyMessage, Attachment, Channel, Chat, Email, Features, Location, Media, Message, Push, Sms, WhatsApp,
};
pub use messenger::{Defaults, Draft, Messenger, MessengerBuilder, Sent};
pub use provider::{
    Capabilities, ChatProvider, EmailProvider, Health, OnUnknown, Outcome, Outgoing, Provider,
    ProviderSource, PushProvider, Receipt, Route, SmsProvider, Vendor, WhatsAppProvider,
};
pub use secret::{Credential, CredentialSource, Issued};
pub use time::{Clock, Monotonic, SystemClock, Timestamp};

/// Compiles and runs the README's programs; they name vendors, so all their features must be on.
#[cfg(all(doctest, feature = "smtp", feature = "twilio"))]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct ReadmeDoctests;
