use tidings::{
    Push,
    providers::fcm::{Fcm, FcmConfig},
};

use crate::known::{Known, is_in_the_catalog, json};

const ACCESS_TOKEN: &str = "ya29.canary-token";

fn provider() -> Fcm {
    FcmConfig::with_credential("harbour", ACCESS_TOKEN).build().expect("valid")
}

fn known() -> Known<Fcm, Push> {
    Known {
        provider,
        secret: ACCESS_TOKEN,
        message: Push::builder().token("a-device-token").title("Hi").build().expect("valid"),
        several: None,
        accepted: json(200, r#"{"name":"projects/harbour/messages/7"}"#),
    }
}

tidings::provider_conformance! { mod fcm_push; channel: Push; harness: known(); http: json }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog(&provider());
}
