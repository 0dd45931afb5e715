use tidings::{
    Email,
    message::{ListUnsubscribe, Priority},
    providers::gmail::{Gmail, GmailConfig},
};

use crate::{
    golden,
    known::{Known, is_in_the_catalog, json},
};

const TOKEN: &str = "ya29.canary-token";

fn provider() -> Gmail {
    GmailConfig::with_credential("me", TOKEN).build().expect("valid")
}

fn known() -> Known<Gmail, Email> {
    let mail = || Email::builder().from("shop@example.org").to("a@example.org").subject("News").text("Hi");
    Known {
        provider,
        secret: TOKEN,
        message: mail().build().expect("valid"),
        several: Some(mail().cc("b@example.org").bcc("c@example.org").build().expect("valid")),
        accepted: json(200, r#"{"id":"15289b1d6b652c17","threadId":"15289b1d6b652c17","labelIds":["SENT"]}"#),
    }
}

tidings::provider_conformance! { mod gmail_email; channel: Email; harness: known(); http: json }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog(&provider());
}

#[test]
fn the_same_from_variables_a_table_and_a_url() {
    let vars = |name: &str| match name {
        "GMAIL_USER" => Some("shop@example.org".to_owned()),
        "GMAIL_CLIENT_ID" => Some("id.apps".to_owned()),
        "GMAIL_CLIENT_SECRET" => Some("s3cret".to_owned()),
        "GMAIL_REFRESH_TOKEN" => Some("1//canary".to_owned()),
        _ => None,
    };
    let url = "gmail://id.apps:s3cret@default?user=shop@example.org&refresh_token=1%2F%2Fcanary";
    let table = serde_json::json!({"user": "shop@example.org", "client_id": "id.apps",
        "client_secret": "s3cret", "refresh_token": "1//canary"});
    let same = GmailConfig::refreshed("shop@example.org", "id.apps", "s3cret", "1//canary");
    for read in [
        GmailConfig::from_url(url).expect("valid"),
        GmailConfig::from_vars(vars).expect("valid").expect("a user"),
        GmailConfig::from_table(table.as_object().expect("a table").clone()).expect("valid"),
    ] {
        assert_eq!(format!("{read:?}"), format!("{same:?}"));
        assert!(read.build().is_ok());
    }
}

#[tokio::test]
async fn requests_are_as_reviewed() {
    let email = Email::builder()
        .from("Shop <shop@example.org>")
        .to("Ada <a@example.org>")
        .cc("Jürgen <b@example.org>")
        .bcc("c@example.org")
        .reply_to("d@example.org")
        .subject("Grüße")
        .text("Hi")
        .header("In-Reply-To", "<1@example.org>")
        .priority(Priority::High)
        .list_unsubscribe(ListUnsubscribe::one_click("https://example.org/u").expect("valid"));
    let sent = [json(200, r#"{"id":"15289b1d6b652c17"}"#)];
    golden::sends("gmail/plain", &provider(), &email.build().expect("valid"), sent).await;
}
