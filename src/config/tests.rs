use std::path::Path;

use super::*;
use crate::Messenger;

/// An empty cell says that the vendor has not, or has no limit that it names.
const MATRIX_HEAD: &str = "\
# What each vendor can do

Made from `capabilities()` of every vendor by [`config::matrix`](crate::config::matrix()); a test keeps it true.
A message that needs what its provider has not is refused before any I/O. An empty cell of a limit means that the
vendor names none.

";

/// Compares a file with what it is made from; `TIDINGS_GOLDEN=write` writes it.
#[cfg(feature = "full")]
fn keeps_true(path: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("TIDINGS_GOLDEN").is_some_and(|word| word == "write") {
        std::fs::write(&path, made).expect("the file can be written");
    }
    let stands = std::fs::read_to_string(&path).expect("the file can be read");
    assert!(stands == made, "{}: run the test with TIDINGS_GOLDEN=write", path.display());
}

#[cfg(feature = "full")]
#[test]
fn the_page_of_capabilities_is_true() {
    keeps_true("src/guide/capabilities.md", &format!("{MATRIX_HEAD}{}", matrix()));
}

#[cfg(feature = "full")]
#[test]
fn the_example_of_variables_is_true() {
    keeps_true(".env.example", &env_example());
}

/// What the example shows is what is read: each variable of it, set to its example, changes something.
#[test]
fn every_variable_of_the_example_is_read() {
    use std::{cell::RefCell, collections::BTreeSet};
    let asked = RefCell::new(BTreeSet::new());
    let lookup = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        None
    };
    Config::from_vars(lookup).expect("nothing is set");
    for line in env_example().lines().filter_map(|line| line.strip_prefix('#')) {
        if let Some((name, _)) = line.split_once('=').filter(|(name, _)| !name.contains(' ')) {
            let with_name = "EMAIL_FROM_NAME"; // is asked for only with an address
            assert!(name == with_name || asked.borrow().contains(name), "{name} is read by nobody");
        }
    }
}

fn vars(pairs: &[(&str, &str)]) -> Result<Config, crate::Error> {
    let find = |name: &str| pairs.iter().find(|(known, _)| *known == name);
    Config::from_vars(|name| find(name).map(|(_, value)| (*value).to_owned()))
}

#[test]
fn senders_and_channels_come_from_variables() {
    let config = vars(&[
        ("EMAIL_FROM_ADDRESS", "shop@example.org"),
        ("EMAIL_FROM_NAME", "Shop, \"Corner\""),
        ("WHATSAPP_BUSINESS_NAME", "Corner Shop"),
        ("EMAIL_PROVIDERS", "a, b"),
        ("EMAIL_ROUTE", "round_robin"),
        ("SMS_ENABLED", "no"),
    ])
    .expect("valid");
    assert_eq!(config.defaults.email.as_deref(), Some("\"Shop, Corner\" <shop@example.org>"));
    assert_eq!(config.defaults.whatsapp_name.as_deref(), Some("Corner Shop"));
    let email = &config.channels[&Channel::Email];
    assert_eq!(
        (email.providers.as_slice(), email.route),
        (&["a".into(), "b".into()][..], RouteConfig::RoundRobin)
    );
    assert!(!config.channels[&Channel::Sms].enabled && !config.channels.contains_key(&Channel::Push));
}

#[test]
fn all_that_is_wrong_is_listed() {
    let error = vars(&[
        ("EMAIL_ROUTE", "by car"),
        ("SMS_ENABLED", "perhaps"),
        ("TIDINGS_PROVIDERS", "pigeon://c4n4ry"),
    ]);
    let error = error.expect_err("three faults").to_string();
    for part in ["EMAIL_ROUTE", "SMS_ENABLED", "TIDINGS_PROVIDERS"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!error.contains("c4n4ry"), "{error}");
}

#[test]
fn a_file_is_read_strictly() {
    for (json, part) in [
        (r#"{"provider": []}"#, "providers"),
        (r#"{"providers": [{"vendor": "a", "url": "b://"}]}"#, "either a `vendor` or a `url`"),
        (r#"{"providers": [{"vendor": "a", "enabled": "yes"}]}"#, "`enabled`"),
        (r#"{"providers": [{"vendor": "a", "channels": ["pigeon"]}]}"#, "`channels`"),
        (r#"{"providers": [7]}"#, "one URL"),
        (r#"{"channels": {"pigeon": {}}}"#, "pigeon"),
        (r#"{"defaults": {"mail": "x"}}"#, "email"),
    ] {
        let error = serde_json::from_str::<Config>(json).expect_err(json).to_string();
        assert!(error.contains(part), "{json}: {error}");
    }
}

#[test]
fn without_providers_nothing_is_configured() {
    let messenger = Config::default().builder().and_then(|builder| builder.build()).expect("valid");
    assert!(format!("{messenger:?}").contains("email: None"), "{messenger:?}");
}

#[cfg(all(feature = "sendgrid", feature = "smtp", feature = "twilio"))]
mod with_vendors {
    use super::*;

    const FILE: &str = r#"{
        "defaults": {"email": "Shop <shop@example.org>", "sms": "+15005550006"},
        "channels": {"email": {"providers": ["smtp", "sendgrid-eu"]}},
        "providers": [
            {"vendor": "sendgrid", "name": "sendgrid-eu", "api_key": "SG.c4n4ry", "region": "eu"},
            "smtp://shop:c4n4ry@mail.example.org",
            {"url": "twilio://AC0123456789abcdef0123456789abcdef:c4n4ry@default", "channels": ["sms"]}
        ]
    }"#;

    fn messenger(config: &Config) -> Messenger {
        config.builder().and_then(|builder| builder.build()).expect("valid")
    }

    #[test]
    fn a_file_a_url_and_a_table_make_providers() {
        let config: Config = serde_json::from_str(FILE).expect("valid");
        let shown = format!("{:?}", messenger(&config));
        assert!(shown.contains("failover") && shown.contains("sms: Some(twilio)"), "{shown}");
        assert!(shown.contains("whatsapp: None"), "twilio is to serve SMS alone: {shown}");
        assert!(!format!("{config:?}").contains("c4n4ry"), "{config:?}");
    }

    #[test]
    fn the_webhooks_are_those_of_the_same_instances() {
        let config: Config = serde_json::from_str(FILE).expect("valid");
        let (_, webhooks) = config.builder_and_webhooks().expect("valid");
        let mut names: Vec<&str> = webhooks.names().collect();
        names.sort_unstable();
        assert_eq!(names, ["sendgrid-eu", "twilio"]);
        assert!(webhooks.named("smtp").is_none());
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        for (change, part) in [
            (r#""smtp", "sendgrid-eu""#.to_owned(), None),
            (r#""smtp", "acme""#.to_owned(), Some("those that serve it: sendgrid-eu, smtp")),
        ] {
            let config: Config =
                serde_json::from_str(&FILE.replace(r#""smtp", "sendgrid-eu""#, &change)).expect("valid");
            match (config.builder(), part) {
                (Ok(_), None) => {}
                (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{error}"),
                (other, part) => panic!("{other:?} in place of {part:?}"),
            }
        }
        let twice = FILE.replace("\"sendgrid-eu\", \"api_key\"", "\"smtp\", \"api_key\"");
        let config: Config = serde_json::from_str(&twice).expect("valid");
        assert!(config.builder().expect_err("two of a name").to_string().contains("\"smtp\""));
    }

    #[test]
    fn a_test_mode_for_all_is_refused_where_one_has_none() {
        let mut config: Config = serde_json::from_str(FILE).expect("valid");
        config.sandbox = true;
        let error = config.builder().expect_err("smtp has no test mode").to_string();
        assert!(error.contains("smtp has no test mode"), "{error}");
        config.providers.truncate(1);
        config.channels.clear();
        assert!(config.builder().is_ok(), "sendgrid has one");
    }

    #[test]
    fn variables_make_the_same_as_a_file() {
        let config = vars(&[
            ("SENDGRID_API_KEY", "SG.c4n4ry"),
            ("SMTP_URL", "smtp://shop:c4n4ry@mail.example.org"),
            ("TWILIO_URL", "twilio://AC0123456789abcdef0123456789abcdef:c4n4ry@default"),
            ("TWILIO_ENABLED", "0"),
            ("TIDINGS_PROVIDERS", "sendgrid://:SG.c4n4ry@default?name=second"),
            ("EMAIL_PROVIDERS", "second,smtp"),
        ]);
        let config = config.expect("valid");
        let names: Vec<&str> = config.providers.iter().map(ProviderConfig::name).collect();
        assert_eq!(names, ["sendgrid", "smtp", "second"]);
        let shown = format!("{:?}", messenger(&config));
        assert!(shown.contains("email: Some(failover)") && shown.contains("sms: None"), "{shown}");
    }
}
