//! Every vendor: its contract by the public suite, its requests whole against golden files, and what the
//! catalog says of it. What other programs judge is in `tests/referees_*.rs`.

#![cfg(feature = "testing")]

#[cfg(feature = "apns")]
mod apns;
#[cfg(feature = "brevo")]
mod brevo;
#[cfg(feature = "discord")]
mod discord;
#[cfg(feature = "fcm")]
mod fcm;
#[cfg(feature = "gmail")]
mod gmail;
#[allow(dead_code, reason = "not every vendor has golden files")]
mod golden;
#[allow(dead_code, reason = "each vendor uses its part")]
mod known;
#[cfg(feature = "mailgun")]
mod mailgun;
#[cfg(feature = "meta")]
mod meta;
#[cfg(feature = "postmark")]
mod postmark;
#[cfg(feature = "resend")]
mod resend;
#[cfg(feature = "sendgrid")]
mod sendgrid;
#[cfg(feature = "ses")]
mod ses;
#[cfg(feature = "slack")]
mod slack;
#[cfg(feature = "sns")]
mod sns;
#[cfg(feature = "teams")]
mod teams;
#[cfg(feature = "telegram")]
mod telegram;
#[cfg(feature = "twilio")]
mod twilio;
#[cfg(feature = "vonage")]
mod vonage;
#[cfg(feature = "webpush")]
mod webpush;
