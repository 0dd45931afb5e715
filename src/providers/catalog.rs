//! Every vendor that was compiled in: what can be set of it, what it can do, and how it is built from a table.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use super::schema::Schema;
use crate::{
    error::{Error, Result},
    message::{Channel, Chat, Email, Message, Push, Sms, WhatsApp},
    provider::{Capabilities, Provider, Vendor},
    webhook::Webhook,
};

/// A vendor that was compiled in.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Entry {
    /// Its name as people write it, such as `SendGrid`.
    pub title: &'static str,
    /// What can be set of it.
    pub schema: Schema,
    /// What it can do on each of its channels.
    pub channels: &'static [(Channel, Capabilities)],
    build: fn(Map<String, Value>) -> Result<Built>,
}

impl Entry {
    /// The vendor's bare name.
    pub fn vendor(&self) -> &'static str {
        self.schema.vendor
    }

    /// The provider that a table of options says.
    ///
    /// # Errors
    /// Of kind `config`, naming vendor and option.
    pub fn build(&self, table: Map<String, Value>) -> Result<Built> {
        (self.build)(table)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("vendor", &self.vendor()).finish_non_exhaustive()
    }
}

/// One instance of a vendor, as the sender of each of its channels.
#[derive(Clone)]
#[non_exhaustive]
pub struct Built {
    /// The vendor itself.
    pub vendor: Arc<dyn Vendor>,
    /// As the sender of chat messages.
    pub chat: Option<Arc<dyn Provider<Chat>>>,
    /// As the sender of email.
    pub email: Option<Arc<dyn Provider<Email>>>,
    /// As the sender of push messages.
    pub push: Option<Arc<dyn Provider<Push>>>,
    /// As the sender of text messages.
    pub sms: Option<Arc<dyn Provider<Sms>>>,
    /// As the sender of WhatsApp messages.
    pub whatsapp: Option<Arc<dyn Provider<WhatsApp>>>,
    /// As what understands the vendor's calls.
    pub webhook: Option<Arc<dyn Webhook>>,
}

impl Built {
    fn new(vendor: Arc<dyn Vendor>) -> Self {
        Self { vendor, chat: None, email: None, push: None, sms: None, whatsapp: None, webhook: None }
    }
}

impl fmt::Debug for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Built").field(&self.vendor.name()).finish()
    }
}

/// A message whose sender a vendor may be.
pub trait Role: Message {
    /// The vendor as the sender of these messages.
    fn of(built: &Built) -> Option<Arc<dyn Provider<Self>>>;
}

macro_rules! roles {
    ($($message:ident $field:ident),+) => {$(
        impl Role for $message {
            fn of(built: &Built) -> Option<Arc<dyn Provider<Self>>> {
                built.$field.clone()
            }
        }
    )+};
}

roles!(Chat chat, Email email, Push push, Sms sms, WhatsApp whatsapp);

/// A row: the configuration, the capabilities by channel, and in which other roles the provider serves.
macro_rules! row {
    ($title:literal, $config:path, [$($channel:ident $field:ident: $capabilities:expr),+] $(, $webhook:ident)?) => {{
        use $config as Config;
        Entry {
            title: $title,
            schema: Config::SCHEMA,
            channels: &[$((Channel::$channel, $capabilities)),+],
            build: |table| {
                let provider = Arc::new(Config::from_table(table)?.build()?);
                let mut built = Built::new(provider.clone());
                $(built.$field = Some(provider.clone());)+
                $(built.$webhook = Some(provider.clone());)?
                drop(provider);
                Ok(built)
            },
        }
    }};
}

/// The vendors that were compiled in, by their names.
pub const ENTRIES: &[Entry] = &[
    #[cfg(feature = "apns")]
    row!("Apple Push Notification service", super::apns::ApnsConfig, [Push push: super::apns::CAPABILITIES]),
    #[cfg(feature = "brevo")]
    row!("Brevo", super::brevo::BrevoConfig, [Email email: super::brevo::CAPABILITIES], webhook),
    #[cfg(feature = "discord")]
    row!("Discord", super::discord::DiscordConfig, [Chat chat: super::discord::CAPABILITIES], webhook),
    #[cfg(feature = "fcm")]
    row!("Firebase Cloud Messaging", super::fcm::FcmConfig, [Push push: super::fcm::CAPABILITIES]),
    #[cfg(feature = "gmail")]
    row!("Gmail", super::gmail::GmailConfig, [Email email: super::gmail::CAPABILITIES]),
    #[cfg(feature = "mailgun")]
    row!("Mailgun", super::mailgun::MailgunConfig, [Email email: super::mailgun::CAPABILITIES], webhook),
    #[cfg(feature = "meta")]
    row!("Meta Cloud API", super::meta::MetaConfig, [WhatsApp whatsapp: super::meta::CAPABILITIES], webhook),
    #[cfg(feature = "postmark")]
    row!("Postmark", super::postmark::PostmarkConfig, [Email email: super::postmark::CAPABILITIES], webhook),
    #[cfg(feature = "resend")]
    row!("Resend", super::resend::ResendConfig, [Email email: super::resend::CAPABILITIES], webhook),
    #[cfg(feature = "sendgrid")]
    row!("SendGrid", super::sendgrid::SendGridConfig, [Email email: super::sendgrid::CAPABILITIES], webhook),
    #[cfg(feature = "ses")]
    row!("Amazon SES", super::ses::SesConfig, [Email email: super::ses::CAPABILITIES], webhook),
    #[cfg(feature = "slack")]
    row!("Slack", super::slack::SlackConfig, [Chat chat: super::slack::CAPABILITIES], webhook),
    #[cfg(feature = "smtp")]
    row!("SMTP", super::smtp::SmtpConfig, [Email email: super::smtp::CAPABILITIES]),
    #[cfg(feature = "sns")]
    row!("Amazon SNS", super::sns::SnsConfig, [Sms sms: super::sns::CAPABILITIES], webhook),
    #[cfg(feature = "teams")]
    row!("Microsoft Teams", super::teams::TeamsConfig, [Chat chat: super::teams::CAPABILITIES]),
    #[cfg(feature = "telegram")]
    row!("Telegram", super::telegram::TelegramConfig, [Chat chat: super::telegram::CAPABILITIES], webhook),
    #[cfg(feature = "twilio")]
    row!(
        "Twilio",
        super::twilio::TwilioConfig,
        [Sms sms: super::twilio::SMS, WhatsApp whatsapp: super::twilio::WHATSAPP],
        webhook
    ),
    #[cfg(feature = "vonage")]
    row!("Vonage", super::vonage::VonageConfig, [Sms sms: super::vonage::CAPABILITIES], webhook),
    #[cfg(feature = "webpush")]
    row!("Web Push", super::webpush::WebPushConfig, [Push push: super::webpush::CAPABILITIES]),
];

/// The vendor of this name.
///
/// # Errors
/// Of kind `config`, naming the vendors that were compiled in, and the feature to switch on for others.
pub fn entry(vendor: &str) -> Result<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.vendor() == vendor).ok_or_else(|| {
        let known: Vec<&str> = ENTRIES.iter().map(Entry::vendor).collect();
        Error::config(format!(
            "no vendor of this name was compiled in; there are {} (each has a feature of its name)",
            known.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_are_in_order_and_settings_unlike() {
        assert!(ENTRIES.windows(2).all(|pair| pair[0].vendor() < pair[1].vendor()));
        for entry in ENTRIES {
            assert!(entry.channels.iter().all(|(_, can)| can.vendor == entry.vendor()), "{entry:?}");
            let mut names: Vec<&str> = entry.schema.settings.iter().map(|setting| setting.name).collect();
            names.sort_unstable();
            assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{entry:?}: {names:?}");
            assert!(names.contains(&"name"), "{entry:?} can be named");
        }
    }

    #[test]
    fn an_unknown_vendor_is_told_which_are_there() {
        let error = entry("pigeon").expect_err("none");
        assert!(ENTRIES.iter().all(|entry| error.message().contains(entry.vendor())), "{error}");
    }
}
