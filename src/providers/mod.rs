//! Vendors: one folder each, behind a feature of its name.

#[cfg(feature = "http-client")]
#[cfg_attr(not(feature = "full"), allow(dead_code, reason = "each vendor uses its part"))]
mod echo;
#[cfg_attr(
    not(feature = "full"),
    allow(dead_code, unused_imports, unused_macros, reason = "each vendor uses its part")
)]
mod shared;

#[cfg_attr(
    not(feature = "full"),
    allow(dead_code, unused_imports, unused_macros, reason = "each vendor uses its part")
)]
pub mod catalog;
pub mod preview;
#[cfg_attr(
    not(feature = "full"),
    allow(dead_code, unused_imports, unused_macros, reason = "each vendor uses its part")
)]
pub mod schema;

#[cfg(feature = "apns")]
pub mod apns;
#[cfg(feature = "brevo")]
pub mod brevo;
#[cfg(feature = "discord")]
pub mod discord;
#[cfg(feature = "fcm")]
pub mod fcm;
#[cfg(feature = "gmail")]
pub mod gmail;
#[cfg(feature = "mailgun")]
pub mod mailgun;
#[cfg(feature = "meta")]
pub mod meta;
#[cfg(feature = "postmark")]
pub mod postmark;
#[cfg(feature = "resend")]
pub mod resend;
#[cfg(feature = "sendgrid")]
pub mod sendgrid;
#[cfg(feature = "ses")]
pub mod ses;
#[cfg(feature = "slack")]
pub mod slack;
#[cfg(feature = "smtp")]
pub mod smtp;
#[cfg(feature = "sns")]
pub mod sns;
#[cfg(feature = "teams")]
pub mod teams;
#[cfg(feature = "telegram")]
pub mod telegram;
#[cfg(feature = "twilio")]
pub mod twilio;
#[cfg(feature = "vonage")]
pub mod vonage;
#[cfg(feature = "webpush")]
pub mod webpush;

#[cfg(feature = "dkim")]
pub use shared::dkim;
