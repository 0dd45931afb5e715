//! Vendors: one folder each, behind a feature of its name.

#[cfg(feature = "fcm")]
pub mod fcm;
pub mod preview;
#[cfg(feature = "sendgrid")]
pub mod sendgrid;
#[cfg(feature = "smtp")]
pub mod smtp;
#[cfg(feature = "telegram")]
pub mod telegram;
#[cfg(feature = "twilio")]
pub mod twilio;
