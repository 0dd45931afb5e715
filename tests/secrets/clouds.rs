//! Amazon SES and SNS, and Gmail.

use tidings::{
    Credential, MessengerBuilder,
    providers::{
        gmail::GmailConfig,
        ses::{AwsKeys, SesConfig},
        sns::SnsConfig,
    },
    testing::{HttpStep, answer},
};

use crate::{
    canaries::{Account, Printed, Vault},
    configurations::{read_wrongly, vary},
    sends::{email, hear, misdeeds, sms},
    support::Listener,
};

fn keys() -> AwsKeys {
    AwsKeys::new("AKIDc4n4ry", "c4n4ry/key".to_owned()).with_session_token("c4n4ry-session".to_owned())
}

fn ses() -> SesConfig {
    SesConfig::new("eu-west-1").keys("AKIDc4n4ry", "c4n4ry/key".to_owned()).echo_key("c4n4ry-echo".to_owned())
}

fn sns() -> SnsConfig {
    SnsConfig::new("eu-west-1").credentials(Credential::fixed(keys()))
}

fn gmail() -> GmailConfig {
    let (secret, token) = ("c4n4ry-secret".to_owned(), "1//c4n4ry".to_owned());
    GmailConfig::refreshed("me", "id.apps", secret, token).token_uri("http://127.0.0.1:9/token")
}

#[test]
fn configurations_and_vendors() {
    let (account, login) = (Account::new(), "https://user:c4n4ry@example.org/c4n4ry");
    let mut printed = Printed::new();
    printed.secrets.extend(account.key_lines.iter().cloned());
    let delegated = GmailConfig::delegated("shop@example.org", account.account());
    let fetched = GmailConfig::with_credential("me", Credential::fetched(Vault::default()));
    printed.debug("keys", &keys());
    printed.debug("ses", &ses());
    printed.debug("sns", &sns());
    printed.debug("gmail", &gmail());
    printed.debug("gmail by an account", &delegated);
    printed.debug("gmail with a login", &gmail().base_url(login).token_uri(login));
    printed.result("ses", &ses().build());
    printed.result("ses with a login", &ses().base_url(login).build());
    printed.result("sns", &sns().build());
    printed.result("sns with a login", &sns().base_url(login).build());
    printed.result("gmail", &gmail().build());
    printed.result("gmail with a login", &gmail().token_uri(login).build());
    printed.result("gmail by an account", &delegated.build());
    printed.result("gmail by a vault", &fetched.build());
    printed.is_clean();
}

#[test]
fn files_and_variables_that_are_wrong() {
    let account = Account::new();
    let mut printed = Printed::new();
    printed.secrets.extend(account.key_lines.iter().cloned());
    let file = serde_json::json!({"region": "eu-west-1", "access_key_id": "c4n4ry",
        "secret_access_key": "c4n4ry", "session_token": "c4n4ry", "echo_key": "c4n4ry"});
    let fields = ["/access_key_id", "/secret_access_key", "/session_token", "/echo_key"];
    read_wrongly(&mut printed, &file, &fields, SesConfig::build);
    let mut file = file;
    file.as_object_mut().expect("a table").remove("echo_key");
    read_wrongly(&mut printed, &file, &fields[..3], SnsConfig::build);
    let file = serde_json::json!({"user": "me", "client_id": "id", "client_secret": "c4n4ry",
        "refresh_token": "c4n4ry"});
    read_wrongly(&mut printed, &file, &["/client_secret", "/refresh_token"], GmailConfig::build);
    let file = serde_json::json!({"user": "shop@example.org", "service_account": account.json});
    let fields = ["/service_account", "/service_account/private_key"];
    read_wrongly(&mut printed, &file, &fields, GmailConfig::build);
    let aws = [
        ("SES_REGION", "eu-west-1"),
        ("SES_ACCESS_KEY_ID", "AKIDc4n4ry"),
        ("SES_SECRET_ACCESS_KEY", "c4n4ry"),
        ("SES_ECHO_KEY", "c4n4ry"),
    ];
    vary(&mut printed, &aws, |vars| SesConfig::from_vars(vars), SesConfig::build);
    let aws = [
        ("SNS_REGION", "eu-west-1"),
        ("SNS_ACCESS_KEY_ID", "AKIDc4n4ry"),
        ("SNS_SECRET_ACCESS_KEY", "c4n4ry"),
        ("SNS_CLASS", "transactional"),
    ];
    vary(&mut printed, &aws, |vars| SnsConfig::from_vars(vars), SnsConfig::build);
    let google = [
        ("GMAIL_USER", "me"),
        ("GMAIL_CLIENT_ID", "id"),
        ("GMAIL_CLIENT_SECRET", "c4n4ry"),
        ("GMAIL_REFRESH_TOKEN", "c4n4ry"),
    ];
    vary(&mut printed, &google, |vars| GmailConfig::from_vars(vars), GmailConfig::build);
    printed.is_clean();
}

#[tokio::test]
async fn vendors_that_echo_what_they_were_sent() {
    let (listener, mut printed) = (Listener::default(), Printed::new());
    let _guard = tracing::subscriber::set_default(listener.clone());
    let token = r#"{"access_token":"ya29.c4n4ry","expires_in":1,"token_type":"Bearer"}"#;
    let token = HttpStep::Answer(answer(200, &[], token));
    for step in misdeeds() {
        let name = |vendor: &str| format!("{vendor} after {step:?}");
        let bare = || (None, step.clone());
        hear(&mut printed, &name("ses"), bare(), |b| b.email(ses().build()), email()).await;
        hear(&mut printed, &name("sns"), bare(), |b| b.sms(sns().build()), sms()).await;
        let add = |b: MessengerBuilder| b.email(gmail().build());
        hear(&mut printed, &name("gmail's tokens"), bare(), add, email()).await;
        let granted = (Some(token.clone()), step.clone());
        hear(&mut printed, &name("gmail"), granted, add, email()).await;
    }
    printed.text("tracing", listener.heard());
    printed.is_clean();
}
