//! Secrets appear in nothing that is printed: canaries stand in every place of
//! every configuration where a secret may, and all that comes out is searched.

#![cfg(all(
    feature = "testing",
    feature = "apns",
    feature = "brevo",
    feature = "discord",
    feature = "dkim",
    feature = "fcm",
    feature = "mailgun",
    feature = "meta",
    feature = "postmark",
    feature = "resend",
    feature = "sendgrid",
    feature = "slack",
    feature = "smtp",
    feature = "teams",
    feature = "telegram",
    feature = "twilio",
    feature = "vonage",
    feature = "webpush"
))]

mod canaries;
mod chats;
#[cfg(all(feature = "gmail", feature = "ses", feature = "sns"))]
mod clouds;
mod configurations;
mod sends;
#[path = "../support/mod.rs"]
mod support;
