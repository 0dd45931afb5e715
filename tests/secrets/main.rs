//! Secrets appear in nothing that is printed: canaries stand in every place of
//! every configuration where a secret may, and all that comes out is searched.

#![cfg(all(
    feature = "testing",
    feature = "discord",
    feature = "dkim",
    feature = "fcm",
    feature = "meta",
    feature = "sendgrid",
    feature = "slack",
    feature = "smtp",
    feature = "teams",
    feature = "telegram",
    feature = "twilio",
    feature = "vonage"
))]

mod canaries;
mod chats;
mod configurations;
mod sends;
#[path = "../support/mod.rs"]
mod support;
