//! Secrets appear in nothing that is printed: canaries stand in every place of
//! every configuration where a secret may, and all that comes out is searched.

#![cfg(all(
    feature = "testing",
    feature = "fcm",
    feature = "meta",
    feature = "sendgrid",
    feature = "smtp",
    feature = "telegram",
    feature = "twilio",
    feature = "vonage"
))]

mod canaries;
mod configurations;
mod sends;
#[path = "../support/mod.rs"]
mod support;
