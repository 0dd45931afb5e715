use tidings::{
    Sms,
    message::{Builder, VendorOption},
    providers::vonage::{Vonage, VonageApi, VonageConfig},
};

use crate::{
    golden,
    known::{Known, is_in_the_catalog, json},
};

const SECRET: &str = "canary-secret";
const PARTS: &str = r#"{"message-count":"1","messages":[{"to":"15005550007","message-id":"0C000000217B7F02","status":"0","remaining-balance":"15.53590000","message-price":"0.03330000","network":"23410"}]}"#;
const TAKEN: &str = r#"{"message_uuid":"aaaaaaaa-bbbb-cccc-dddd-0123456789ab"}"#;

fn config(api: VonageApi) -> VonageConfig {
    VonageConfig::new("abcd1234", SECRET).api(api)
}

fn start() -> Builder<Sms> {
    Sms::builder().from("+15005550006").to("+15005550007").body("Hi")
}

fn known(provider: fn() -> Vonage, status: u16, accepted: &'static str) -> Known<Vonage, Sms> {
    let message = start().build().expect("valid");
    Known { provider, secret: SECRET, message, several: None, accepted: json(status, accepted) }
}

fn by_sms() -> Known<Vonage, Sms> {
    known(|| config(VonageApi::Sms).build().expect("valid"), 200, PARTS)
}

fn by_messages() -> Known<Vonage, Sms> {
    known(|| config(VonageApi::Messages).build().expect("valid"), 202, TAKEN)
}

tidings::provider_conformance! { mod vonage_sms_api; channel: Sms; harness: by_sms(); http: json }
tidings::provider_conformance! { mod vonage_messages_api; channel: Sms; harness: by_messages(); http: json }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog::<Sms>(&config(VonageApi::Sms).build().expect("valid"));
}

#[tokio::test]
async fn requests_are_golden() {
    let option = |name: &str, value: serde_json::Value| VendorOption::new("vonage", name, value);
    let full = || {
        start()
            .from("Bookshop")
            .body("Grüße – 20 €")
            .option(option("ttl", 60.into()))
            .option(option("entity_id", "17".into()))
    };
    for (name, api, sms, status, answer) in [
        ("vonage/sms", VonageApi::Sms, start(), 200, PARTS),
        ("vonage/sms_options", VonageApi::Sms, full(), 200, PARTS),
        ("vonage/messages", VonageApi::Messages, start(), 202, TAKEN),
        ("vonage/messages_options", VonageApi::Messages, full(), 202, TAKEN),
    ] {
        let callback = "https://shop.example.org/hooks/vonage".parse().expect("valid");
        let vonage =
            config(api).status_callback(callback).echo_key("echo".to_owned()).build().expect("valid");
        golden::sends(name, &vonage, &sms.build().expect("valid"), [json(status, answer)]).await;
    }
}
