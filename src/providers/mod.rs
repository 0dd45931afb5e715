//! Vendors: one folder each, behind a feature of its name.

#[cfg(feature = "dkim")]
pub use shared::dkim;

#[cfg(any(feature = "sendgrid", feature = "twilio"))]
mod echo;
#[cfg(feature = "fcm")]
pub mod fcm;
pub mod preview;
#[cfg(feature = "sendgrid")]
pub mod sendgrid;
#[cfg(any(
    feature = "dkim",
    feature = "fcm",
    feature = "sendgrid",
    feature = "smtp",
    feature = "telegram",
    feature = "twilio"
))]
#[cfg_attr(
    not(all(
        feature = "dkim",
        feature = "fcm",
        feature = "sendgrid",
        feature = "smtp",
        feature = "telegram",
        feature = "twilio"
    )),
    allow(dead_code, reason = "each vendor uses its part")
)]
mod shared;
#[cfg(feature = "smtp")]
pub mod smtp;
#[cfg(feature = "telegram")]
pub mod telegram;
#[cfg(feature = "twilio")]
pub mod twilio;
