//! The canaries, where they stand, and the search for them.

use std::{
    error::Error as _,
    fmt::Debug,
    sync::atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use aws_lc_rs::{
    encoding::AsDer,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RsaKeyPair},
};
use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tidings::{
    CallContext, CredentialSource, Error, Issued, Result, WebSubscription,
    providers::{
        apns::ApnsConfig,
        brevo::BrevoConfig,
        fcm::{FcmConfig, ServiceAccount},
        mailgun::MailgunConfig,
        meta::MetaConfig,
        postmark::PostmarkConfig,
        resend::ResendConfig,
        sendgrid::SendGridConfig,
        smtp::SmtpConfig,
        telegram::TelegramConfig,
        twilio::TwilioConfig,
        vonage::VonageConfig,
        webpush::WebPushConfig,
    },
};

/// A part of every secret.
pub(crate) const CANARY: &str = "c4n4ry";
/// A secret that somebody wrote without quotes.
pub(crate) const NUMBER: u64 = 73_570_157;
pub(crate) const SID: &str = "AC0123456789abcdef0123456789abcdef";

/// All that was printed, and by whom.
pub(crate) struct Printed {
    pub(crate) secrets: Vec<String>,
    pub(crate) texts: Vec<(String, String)>,
}

impl Printed {
    pub(crate) fn new() -> Self {
        Self { secrets: vec![CANARY.to_owned(), NUMBER.to_string()], texts: Vec::new() }
    }

    pub(crate) fn text(&mut self, by: &str, text: impl Into<String>) {
        self.texts.push((by.to_owned(), text.into()));
    }

    pub(crate) fn debug(&mut self, by: &str, value: &dyn Debug) {
        self.text(by, format!("{value:?}"));
        self.text(by, format!("{value:#?}"));
    }

    pub(crate) fn error(&mut self, by: &str, error: &Error) {
        self.debug(by, error);
        self.text(by, error.to_string());
        self.text(by, error.public());
        let mut cause = error.source();
        while let Some(source) = cause {
            self.debug(by, &source);
            self.text(by, source.to_string());
            cause = source.source();
        }
    }

    pub(crate) fn result<T: Debug>(&mut self, by: &str, result: &Result<T>) {
        match result {
            Ok(value) => self.debug(by, value),
            Err(error) => self.error(by, error),
        }
    }

    pub(crate) fn is_clean(&self) {
        assert!(!self.texts.is_empty());
        for (by, text) in &self.texts {
            let found = self.secrets.iter().find(|secret| text.contains(secret.as_str()));
            assert!(found.is_none() && !hides_canary(text), "{by} shows {found:?}: {text}");
        }
    }
}

/// Base64 hides a secret from a search, but from nobody else.
fn hides_canary(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"+/-_".contains(c));
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engines = [&STANDARD, &URL_SAFE].map(|alphabet| GeneralPurpose::new(alphabet, config));
    words.map(|word| &word[..word.len() / 4 * 4]).any(|word| {
        let decoded = engines.iter().filter_map(|engine| engine.decode(word).ok());
        decoded.into_iter().any(|octets| octets.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()))
    })
}

#[test]
fn the_search_finds_what_is_shown_and_what_is_hidden() {
    for (text, found) in [("user:c4n4ry", false), ("Basic QUMxOmM0bjRyeS1hdXRo", true), ("Basic QUMx", false)]
    {
        assert_eq!(hides_canary(text), found, "{text}");
    }
}

/// A service account with a key of its own.
pub(crate) struct Account {
    pub(crate) json: Value,
    pub(crate) key_lines: Vec<String>,
}

impl Account {
    pub(crate) fn new() -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = key.as_der().expect("PKCS#8");
        let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
        let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned());
        let key_lines: Vec<String> = lines.collect();
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", key_lines.join("\n"));
        let json = json!({
            "type": "service_account",
            "project_id": "harbour",
            "private_key": pem,
            "client_email": "pusher@harbour.iam.gserviceaccount.com",
            "token_uri": "http://127.0.0.1:9/token",
        });
        Self { json, key_lines }
    }

    /// As an application of Vonage's.
    pub(crate) fn application(&self) -> VonageConfig {
        let pem = self.json["private_key"].as_str().unwrap_or_default().to_owned();
        VonageConfig::with_application("abcd1234", "78d335fa", pem)
    }

    pub(crate) fn account(&self) -> ServiceAccount {
        ServiceAccount::from_json(&self.json.to_string()).expect("whole")
    }

    pub(crate) fn config(&self) -> FcmConfig {
        FcmConfig::new(self.account())
    }
}

pub(crate) fn sendgrid() -> SendGridConfig {
    SendGridConfig::new("SG.c4n4ry-key").echo_key("c4n4ry-echo".to_owned())
}

pub(crate) fn twilio() -> TwilioConfig {
    TwilioConfig::new(SID, "c4n4ry-auth")
        .echo_key("c4n4ry-echo".to_owned())
        .status_callback("https://hook:c4n4ry@example.org/in?token=c4n4ry".parse().expect("a link"))
}

pub(crate) fn twilio_by_key() -> TwilioConfig {
    let key = SID.replace("AC", "SK");
    TwilioConfig::with_api_key(SID, key, "c4n4ry-secret").auth_token("c4n4ry-auth")
}

pub(crate) fn brevo() -> BrevoConfig {
    BrevoConfig::new("xkeysib-c4n4ry")
        .webhook_secret("hook:c4n4ry".to_owned())
        .echo_key("c4n4ry-echo".to_owned())
}

pub(crate) fn mailgun() -> MailgunConfig {
    MailgunConfig::new("mg.example.org", "key-c4n4ry")
        .webhook_key("c4n4ry-webhook".to_owned())
        .echo_key("c4n4ry-echo".to_owned())
}

pub(crate) fn postmark() -> PostmarkConfig {
    PostmarkConfig::new("c4n4ry-token")
        .webhook_secret("hook:c4n4ry".to_owned())
        .echo_key("c4n4ry-echo".to_owned())
}

pub(crate) fn resend() -> ResendConfig {
    ResendConfig::new("re_c4n4ry")
        .webhook_secret("whsec_YzRuNHJ5".to_owned())
        .echo_key("c4n4ry-echo".to_owned())
}

pub(crate) fn meta() -> MetaConfig {
    MetaConfig::new("106540352242922", "EAAG-c4n4ry")
        .app_secret("c4n4ry-app".to_owned())
        .verify_token("c4n4ry-verify".to_owned())
        .echo_key("c4n4ry-echo".to_owned())
}

pub(crate) fn vonage() -> VonageConfig {
    VonageConfig::new("abcd1234", "c4n4ry-secret")
        .signature_secret("c4n4ry-signature".to_owned())
        .echo_key("c4n4ry-echo".to_owned())
        .status_callback("https://hook:c4n4ry@example.org/in?token=c4n4ry".parse().expect("a link"))
}

pub(crate) fn telegram() -> TelegramConfig {
    TelegramConfig::new("123456:c4n4ry-token_zyx57W2v1u123ew11")
}

/// A key as Apple hands it out: the lines of its PEM.
pub(crate) struct AppleKey(pub(crate) Vec<String>);

impl AppleKey {
    pub(crate) fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let der = key.to_pkcs8v1().expect("PKCS#8");
        let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
        let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned());
        Self(lines.collect())
    }

    pub(crate) fn pem(&self) -> String {
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", self.0.join("\n"))
    }

    pub(crate) fn config(&self) -> ApnsConfig {
        ApnsConfig::new(self.pem(), "ABC123DEFG", "DEF123GHIJ", "org.example.app")
    }
}

/// 32 octets, and all of its text is the canary's.
pub(crate) const VAPID: &str = "c4n4ryc4n4ryc4n4ryc4n4ryc4n4ryc4n4ryc4n4ryA";

pub(crate) fn webpush() -> WebPushConfig {
    WebPushConfig::new(VAPID, "mailto:push@example.org")
}

/// What a browser hands out is a secret of the browser.
pub(crate) fn browser() -> WebSubscription {
    let p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    let endpoint = "https://push.example.net/p/c4n4ry?c4n4ry";
    WebSubscription::new(endpoint, p256dh, "c4n4ryc4n4ryc4n4ryc4nA").expect("valid")
}

pub(crate) fn smtp() -> SmtpConfig {
    SmtpConfig::from_url("smtp://shop:c4n4ry%2Fpw@127.0.0.1:9?tls=none").expect("valid")
}

/// Fetches another canary every time.
#[derive(Debug, Default)]
pub(crate) struct Vault(AtomicU32);

#[async_trait]
impl CredentialSource for Vault {
    async fn fetch(&self, _: &CallContext) -> Result<Issued<SecretString>> {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Issued { value: format!("c4n4ry-fetched-{number}").into(), expires: None })
    }
}
