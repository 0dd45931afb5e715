//! Configurations: shown, wrong, and read from files, variables and URLs.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tidings::{
    Credential, Messenger, Result,
    http::ReqwestTransport,
    providers::{
        apns::ApnsConfig, brevo::BrevoConfig, fcm::FcmConfig, mailgun::MailgunConfig, meta::MetaConfig,
        postmark::PostmarkConfig, resend::ResendConfig, sendgrid::SendGridConfig, smtp::SmtpConfig,
        telegram::TelegramConfig, twilio::TwilioConfig, vonage::VonageConfig, webpush::WebPushConfig,
    },
};

use crate::canaries::{
    Account, AppleKey, NUMBER, Printed, SID, VAPID, Vault, brevo, browser, mailgun, meta, postmark, resend,
    sendgrid, smtp, telegram, twilio, twilio_by_key, vonage, webpush,
};

#[test]
fn debug_of_configurations_vendors_and_messengers() {
    let (account, login) = (Account::new(), "https://user:c4n4ry@example.org/c4n4ry");
    let mut printed = Printed::new();
    printed.secrets.extend(account.key_lines.iter().cloned());
    let fetched = Credential::fetched(Vault::default());
    let fcm = FcmConfig::with_credential("harbour", "ya29.c4n4ry");
    let apple = AppleKey::new();
    printed.secrets.extend(apple.0.iter().cloned());
    let configs: [&dyn Debug; 31] = [
        &brevo(),
        &brevo().base_url(login),
        &mailgun(),
        &mailgun().base_url(login),
        &postmark(),
        &postmark().base_url(login),
        &resend(),
        &resend().base_url(login),
        &apple.config(),
        &apple.config().base_url(login),
        &webpush(),
        &webpush().public_key("c4n4ry?"),
        &browser(),
        &sendgrid().webhook_key("c4n4ry-webhook"),
        &sendgrid().base_url(login),
        &twilio(),
        &twilio().base_url(login),
        &twilio_by_key(),
        &meta(),
        &meta().base_url(login),
        &vonage(),
        &vonage().base_url(login),
        &account.application(),
        &telegram(),
        &telegram().base_url(login),
        &account.config(),
        &account.config().base_url(login),
        &fcm,
        &smtp(),
        &SmtpConfig::new("smtp://shop:c4n4ry@mail.example.org").login("shop", "c4n4ry"),
        &SendGridConfig::new(fetched.clone()),
    ];
    for (index, config) in configs.into_iter().enumerate() {
        printed.debug(&format!("configuration {index}"), config);
    }
    printed.result("apns", &apple.config().build());
    printed.result("apns with a login", &apple.config().base_url(login).build());
    printed.result("webpush", &webpush().build());
    printed.result("webpush with another key", &webpush().public_key("c4n4ry").build());
    printed.result("sendgrid", &sendgrid().build());
    printed.result("sendgrid with a wrong key", &sendgrid().webhook_key("c4n4ry-webhook").build());
    printed.result("sendgrid with a login", &sendgrid().base_url(login).build());
    printed.result("brevo", &brevo().build());
    printed.result("brevo with a login", &brevo().base_url(login).build());
    printed.result("mailgun", &mailgun().build());
    printed.result("mailgun with a login", &mailgun().base_url(login).build());
    printed.result("postmark", &postmark().build());
    printed.result("postmark with a login", &postmark().base_url(login).build());
    printed.result("resend", &resend().build());
    printed.result("resend with a login", &resend().base_url(login).build());
    printed.result("resend with a wrong key", &resend().webhook_secret("c4n4ry".to_owned()).build());
    printed.result("twilio", &twilio().build());
    printed.result("twilio by key", &twilio_by_key().build());
    printed.result("twilio with a login", &twilio().base_url(login).build());
    printed.result("meta", &meta().build());
    printed.result("meta with a login", &meta().base_url(login).build());
    printed.result("vonage", &vonage().build());
    printed.result("vonage with a login", &vonage().base_url(login).build());
    printed.result("vonage with an application", &account.application().build());
    printed.result("telegram", &telegram().build());
    printed.result("telegram with a login", &telegram().base_url(login).build());
    printed.result("fcm", &account.config().build());
    printed.result("fcm with a login", &account.config().base_url(login).build());
    printed.result("fcm with a token", &fcm.build());
    printed.result("smtp", &smtp().build());
    printed
        .result("smtp with a URL for a host", &SmtpConfig::new("smtp://u:c4n4ry@mail.example.org").build());
    let proxy = ReqwestTransport::with_proxy("http://user:c4n4ry@127.0.0.1:9").expect("a proxy");
    printed.debug("the transport", &proxy);
    printed.result("a wrong proxy", &ReqwestTransport::with_proxy("http://user:c4n4ry@[::"));
    let builder = Messenger::builder()
        .email(sendgrid().build())
        .sms(twilio().build())
        .push(account.config().build())
        .chat(telegram().build())
        .http(proxy);
    printed.debug("the builder", &builder);
    printed.result("the messenger", &builder.build());
    printed.debug("credentials", &(Credential::from("c4n4ry"), fetched));
    printed.is_clean();
}

/// Reads `json` as a configuration, both ways, and builds what can be read.
fn read<C: DeserializeOwned + Debug, V: Debug>(
    printed: &mut Printed,
    json: &Value,
    build: fn(C) -> Result<V>,
) {
    let by = std::any::type_name::<C>();
    for read in [serde_json::from_value::<C>(json.clone()), serde_json::from_str(&json.to_string())] {
        match read {
            Ok(config) => {
                printed.debug(by, &config);
                printed.result(by, &build(config));
            }
            Err(error) => {
                printed.debug(by, &error);
                printed.text(by, error.to_string());
            }
        }
    }
}

/// Puts into the place of each secret what is none, and a secret into places where none belongs.
pub(crate) fn read_wrongly<C: DeserializeOwned + Debug, V: Debug>(
    printed: &mut Printed,
    good: &Value,
    secrets: &[&str],
    build: fn(C) -> Result<V>,
) {
    read(printed, good, build);
    for whole in [json!("smtp://shop:c4n4ry@mail.example.org"), json!(["c4n4ry"]), json!(NUMBER)] {
        read(printed, &whole, build);
    }
    for pointer in secrets {
        let texts = [json!(""), json!("c4n4ry\r\n"), json!("c4n4ry ü")];
        for wrong in texts.into_iter().chain([json!(["c4n4ry"]), json!({"c4n4ry": 1}), json!(NUMBER)]) {
            let mut file = good.clone();
            *file.pointer_mut(pointer).expect("a field") = wrong;
            read(printed, &file, build);
        }
        let mut file = good.clone();
        let secret = file.pointer_mut(pointer).expect("a field").take();
        file["a-wrong-name"] = secret;
        read(printed, &file, build);
    }
}

#[test]
fn configuration_files_that_are_wrong() {
    let account = Account::new();
    let mut printed = Printed::new();
    printed.secrets.extend(account.key_lines.iter().cloned());
    let file = json!({"api_key": "c4n4ry", "echo_key": "c4n4ry", "webhook_key": "c4n4ry"});
    read_wrongly(&mut printed, &file, &["/api_key", "/echo_key", "/webhook_key"], SendGridConfig::build);
    let file = json!({"api_key": "c4n4ry", "echo_key": "c4n4ry", "webhook_secret": "c4n4ry"});
    read_wrongly(&mut printed, &file, &["/api_key", "/echo_key", "/webhook_secret"], BrevoConfig::build);
    read_wrongly(&mut printed, &file, &["/api_key", "/echo_key", "/webhook_secret"], ResendConfig::build);
    let file = json!({"api_key": "c4n4ry", "domain": "mg.example.org", "echo_key": "c4n4ry", "webhook_key": "c4n4ry"});
    read_wrongly(&mut printed, &file, &["/api_key", "/echo_key", "/webhook_key"], MailgunConfig::build);
    let file = json!({"server_token": "c4n4ry", "echo_key": "c4n4ry", "webhook_secret": "c4n4ry"});
    let fields = ["/server_token", "/echo_key", "/webhook_secret"];
    read_wrongly(&mut printed, &file, &fields, PostmarkConfig::build);
    let file = json!({"account_sid": SID, "auth_token": "c4n4ry", "api_key": SID.replace("AC", "SK"),
        "api_secret": "c4n4ry", "echo_key": "c4n4ry"});
    read_wrongly(&mut printed, &file, &["/auth_token", "/api_secret", "/echo_key"], TwilioConfig::build);
    let file = json!({"phone_number_id": "106540352242922", "access_token": "c4n4ry", "app_secret": "c4n4ry",
        "verify_token": "c4n4ry", "echo_key": "c4n4ry"});
    let fields = ["/access_token", "/app_secret", "/verify_token", "/echo_key"];
    read_wrongly(&mut printed, &file, &fields, MetaConfig::build);
    let file = json!({"api_key": "abcd1234", "api_secret": "c4n4ry", "signature_secret": "c4n4ry", "echo_key": "c4n4ry"});
    let fields = ["/api_secret", "/signature_secret", "/echo_key"];
    read_wrongly(&mut printed, &file, &fields, VonageConfig::build);
    let file = json!({"api_key": "abcd1234", "api": "messages", "application_id": "78d335fa",
        "private_key": account.json["private_key"]});
    read_wrongly(&mut printed, &file, &["/private_key"], VonageConfig::build);
    read_wrongly(&mut printed, &json!({"token": "123:c4n4ry"}), &["/token"], TelegramConfig::build);
    let file = json!({"host": "127.0.0.1", "user": "shop", "password": "c4n4ry"});
    read_wrongly(&mut printed, &file, &["/password"], SmtpConfig::build);
    let fields = ["/service_account", "/service_account/private_key"];
    read_wrongly(&mut printed, &json!({"service_account": account.json}), &fields, FcmConfig::build);
    let apple = AppleKey::new();
    printed.secrets.extend(apple.0.iter().cloned());
    let file =
        json!({"key": apple.pem(), "key_id": "ABC123DEFG", "team_id": "DEF123GHIJ", "topic": "org.example"});
    read_wrongly(&mut printed, &file, &["/key"], ApnsConfig::build);
    let file = json!({"private_key": VAPID, "subject": "mailto:push@example.org"});
    read_wrongly(&mut printed, &file, &["/private_key"], WebPushConfig::build);
    let text = json!({"service_account": account.json.to_string()});
    read_wrongly(&mut printed, &text, &["/service_account"], FcmConfig::build);
    printed.is_clean();
}

/// Sets each variable wrongly in turn; errors must not quote it, whichever it is.
pub(crate) fn vary<C: Debug, V: Debug>(
    printed: &mut Printed,
    good: &[(&str, &str)],
    from_vars: impl Fn(&dyn Fn(&str) -> Option<String>) -> Result<Option<C>>,
    build: fn(C) -> Result<V>,
) {
    let whole = from_vars(&|name| good.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()));
    let config = whole.expect("good variables").expect("set");
    printed.debug(std::any::type_name::<C>(), &config);
    printed.result(std::any::type_name::<C>(), &build(config));
    for (wrong, _) in good {
        for value in ["c4n4ry <\u{7f}>", "https://u:c4n4ry@[", "\"c4n4ry\"", "{\"c4n4ry\":", ""] {
            let lookup = |name: &str| {
                let set = good.iter().find(|(n, _)| *n == name);
                set.map(|(n, v)| if n == wrong { value.to_owned() } else { (*v).to_owned() })
            };
            let built = from_vars(&lookup).and_then(|config| config.map(build).transpose());
            if let Err(error) = built {
                printed.error(wrong, &error);
            }
        }
    }
}

#[test]
fn variables_that_are_wrong() {
    let account = Account::new();
    let mut printed = Printed::new();
    printed.secrets.extend(account.key_lines.iter().cloned());
    let key = SID.replace("AC", "SK");
    let vars = [
        ("SENDGRID_API_KEY", "SG.c4n4ry"),
        ("SENDGRID_ECHO_KEY", "c4n4ry"),
        ("SENDGRID_REGION", "eu"),
        ("SENDGRID_SANDBOX", "1"),
    ];
    vary(&mut printed, &vars, |vars| SendGridConfig::from_vars(vars), SendGridConfig::build);
    let vars = [
        ("BREVO_API_KEY", "c4n4ry"),
        ("BREVO_ECHO_KEY", "c4n4ry"),
        ("BREVO_SANDBOX", "1"),
        ("BREVO_WEBHOOK_SECRET", "c4n4ry"),
    ];
    vary(&mut printed, &vars, |vars| BrevoConfig::from_vars(vars), BrevoConfig::build);
    let vars = [
        ("MAILGUN_API_KEY", "c4n4ry"),
        ("MAILGUN_DOMAIN", "mg.example.org"),
        ("MAILGUN_ECHO_KEY", "c4n4ry"),
        ("MAILGUN_REGION", "eu"),
        ("MAILGUN_SANDBOX", "1"),
        ("MAILGUN_WEBHOOK_SIGNING_KEY", "c4n4ry"),
    ];
    vary(&mut printed, &vars, |vars| MailgunConfig::from_vars(vars), MailgunConfig::build);
    let vars = [
        ("POSTMARK_SERVER_TOKEN", "c4n4ry"),
        ("POSTMARK_ECHO_KEY", "c4n4ry"),
        ("POSTMARK_MESSAGE_STREAM", "outbound"),
        ("POSTMARK_SANDBOX", "1"),
        ("POSTMARK_WEBHOOK_SECRET", "c4n4ry"),
    ];
    vary(&mut printed, &vars, |vars| PostmarkConfig::from_vars(vars), PostmarkConfig::build);
    let vars = [
        ("RESEND_API_KEY", "c4n4ry"),
        ("RESEND_ECHO_KEY", "c4n4ry"),
        ("RESEND_WEBHOOK_SECRET", "whsec_YzRuNHJ5"),
    ];
    vary(&mut printed, &vars, |vars| ResendConfig::from_vars(vars), ResendConfig::build);
    let vars = [
        ("TWILIO_ACCOUNT_SID", SID),
        ("TWILIO_AUTH_TOKEN", "c4n4ry"),
        ("TWILIO_API_KEY", &key),
        ("TWILIO_API_SECRET", "c4n4ry"),
        ("TWILIO_FROM", "+15005550006"),
        ("TWILIO_WHATSAPP_FROM", "+15005550006"),
        ("TWILIO_MESSAGING_SERVICE_SID", "MG0123456789abcdef0123456789abcdef"),
        ("TWILIO_STATUS_CALLBACK", "https://hook:c4n4ry@example.org"),
        ("TWILIO_ECHO_KEY", "c4n4ry"),
    ];
    vary(&mut printed, &vars, |vars| TwilioConfig::from_vars(vars), TwilioConfig::build);
    let vars = [
        ("WHATSAPP_PHONE_NUMBER_ID", "106540352242922"),
        ("WHATSAPP_ACCESS_TOKEN", "c4n4ry"),
        ("WHATSAPP_APP_SECRET", "c4n4ry"),
        ("WHATSAPP_VERIFY_TOKEN", "c4n4ry"),
        ("WHATSAPP_NUMBER", "+15005550006"),
        ("WHATSAPP_ECHO_KEY", "c4n4ry"),
    ];
    vary(&mut printed, &vars, |vars| MetaConfig::from_vars(vars), MetaConfig::build);
    let vars = [
        ("VONAGE_API_KEY", "abcd1234"),
        ("VONAGE_API_SECRET", "c4n4ry"),
        ("VONAGE_API", "sms"),
        ("VONAGE_FROM", "Shop"),
        ("VONAGE_STATUS_CALLBACK", "https://hook:c4n4ry@example.org"),
        ("VONAGE_SIGNATURE_SECRET", "c4n4ry"),
        ("VONAGE_ECHO_KEY", "c4n4ry"),
    ];
    vary(&mut printed, &vars, |vars| VonageConfig::from_vars(vars), VonageConfig::build);
    let vars =
        [("TELEGRAM_BOT_TOKEN", "123:c4n4ry"), ("TELEGRAM_BASE_URL", "http://bots.internal:8081/c4n4ry")];
    vary(&mut printed, &vars, |vars| TelegramConfig::from_vars(vars), TelegramConfig::build);
    let json = account.json.to_string();
    let vars = [("FCM_SERVICE_ACCOUNT_JSON", json.as_str()), ("FCM_PROJECT_ID", "quay")];
    vary(&mut printed, &vars, |vars| FcmConfig::from_vars(vars), FcmConfig::build);
    let apple = AppleKey::new();
    printed.secrets.extend(apple.0.iter().cloned());
    let pem = apple.pem();
    let vars = [
        ("APNS_KEY", &*pem),
        ("APNS_KEY_ID", "ABC123DEFG"),
        ("APNS_TEAM_ID", "DEF123GHIJ"),
        ("APNS_TOPIC", "org.example.app"),
        ("APNS_SANDBOX", "true"),
    ];
    vary(&mut printed, &vars, |vars| ApnsConfig::from_vars(vars), ApnsConfig::build);
    let public = webpush().build().expect("valid").public_key().to_owned();
    let vars = [
        ("VAPID_PRIVATE_KEY", VAPID),
        ("VAPID_SUBJECT", "mailto:push@example.org"),
        ("VAPID_PUBLIC_KEY", &public),
    ];
    vary(&mut printed, &vars, |vars| WebPushConfig::from_vars(vars), WebPushConfig::build);
    let vars = [
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_PORT", "25"),
        ("SMTP_TLS", "none"),
        ("SMTP_USER", "shop"),
        ("SMTP_PASS", "c4n4ry"),
    ];
    vary(&mut printed, &vars, |vars| SmtpConfig::from_vars(vars), SmtpConfig::build);
    let vars = [("SMTP_URL", "smtp://shop:c4n4ry@127.0.0.1?tls=none")];
    vary(&mut printed, &vars, |vars| SmtpConfig::from_vars(vars), SmtpConfig::build);
    printed.is_clean();
}

#[test]
fn urls_that_are_wrong() {
    let mut printed = Printed::new();
    for url in [
        "c4n4ry",
        "smtp://shop:c4n4ry",
        "smtp://shop:c4n4ry@",
        "smtp://shop:c4n4ry@host:port",
        "smtp://shop:c4n4ry@host:99999",
        "smtp://shop:c4n4ry/x@host",
        "smtp://shop:c4n4ry#x@host",
        "smtp://shop:c4n4ry%zz@host",
        "smtp://shop:c4n4ry%ff@host",
        "smtp://:c4n4ry@host",
        "smtp://c4n4ry@host",
        "smtp://shop:c4n4ry@ho st",
        "smtp://shop:c4n4ry@host?tls=c4n4ry",
        "smtp://shop:c4n4ry@host?c4n4ry=1",
        "smtp://shop:c4n4ry@host?pool=c4n4ry",
        "smtps://shop:c4n4ry@host?tls=none",
        "https://shop:c4n4ry@host",
    ] {
        printed.error(url, &SmtpConfig::from_url(url).expect_err(url));
    }
    // By whom is not what was printed.
    printed.texts.iter_mut().for_each(|(by, _)| *by = "a URL".to_owned());
    printed.is_clean();
}
