use tidings::{
    Chat,
    providers::telegram::{Telegram, TelegramConfig},
};

use crate::known::{Known, is_in_the_catalog, json};

const BOT_TOKEN: &str = "123456:canary-token_zyx57W2v1u123ew11ABCDE";

fn provider() -> Telegram {
    TelegramConfig::new(BOT_TOKEN).build().expect("valid")
}

fn known() -> Known<Telegram, Chat> {
    let accepted = r#"{"ok":true,"result":{"message_id":7,"date":1,"chat":{"id":42,"type":"private"}}}"#;
    Known {
        provider,
        secret: BOT_TOKEN,
        message: Chat::builder().to(42_i64).text("Hi").build().expect("valid"),
        several: None,
        accepted: json(200, accepted),
    }
}

tidings::provider_conformance! { mod telegram_chat; channel: Chat; harness: known(); http: json }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog(&provider());
}
