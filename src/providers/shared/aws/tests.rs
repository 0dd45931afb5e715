//! Signatures against Amazon's published ones, where keys are found, and messages of SNS right and wrong.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
};
use http::{HeaderMap, Method};
use reqsign_core::{Context, StaticEnv};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{
    keys::Chain,
    samples::{BARE_V2, CERTIFICATE, NOTE_V1, NOTE_V2, SUBSCRIPTION_V1, SUBSCRIPTION_V2},
    *,
};
use crate::{
    context::CallContext,
    error::{Certainty, ErrorKind, Result, Retry},
    http::HttpRequest,
    secret::{Credential, CredentialSource, Issued},
    testing::{ManualClock, ScriptedHttp},
    time::{Clock as _, SystemClock, Timestamp},
    webhook::RawRequest,
};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// What is signed, written anew from the documentation and with nothing of the signer's.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
struct Canonical<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a str,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Canonical<'_> {
    fn signature(&self, date: &str, scope: &str, secret: &str) -> String {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        let request = [
            self.method,
            self.path,
            self.query,
            &headers,
            &names.join(";"),
            &hex(digest(&SHA256, self.body.as_bytes()).as_ref()),
        ]
        .join("\n");
        let hash = hex(digest(&SHA256, request.as_bytes()).as_ref());
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}");
        let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| step(&key, part));
        hex(&step(&key, &text))
    }
}

fn step(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// Amazon's own: the test suite for Signature Version 4, and the examples of S3's and IAM's guides.
#[test]
fn the_judge_of_signatures_agrees_with_amazons_published_ones() {
    let host = ("host", "example.amazonaws.com");
    let date = ("x-amz-date", "20150830T123600Z");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let service = "20150830/us-east-1/service/aws4_request";
    let get = Canonical { method: "GET", path: "/", query: "", headers: &[host, date], body: "" };
    // get-vanilla
    assert_eq!(
        get.signature(date.1, service, SECRET),
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    );
    // post-vanilla
    assert_eq!(
        Canonical { method: "POST", ..get }.signature(date.1, service, SECRET),
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
    );
    // post-x-www-form-urlencoded
    let post = Canonical { method: "POST", headers: &[form, host, date], body: "Param1=value1", ..get };
    assert_eq!(
        post.signature(date.1, service, SECRET),
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
    );
    // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html: GET Object
    let object = Canonical {
        method: "GET",
        path: "/test.txt",
        query: "",
        headers: &[
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("x-amz-date", "20130524T000000Z"),
        ],
        body: "",
    };
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    assert_eq!(
        object.signature("20130524T000000Z", "20130524/us-east-1/s3/aws4_request", secret),
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    );
}

/// Has the judge of above look at what `request` claims.
fn is_rightly_signed(request: &HttpRequest, region: &str, service: &str) -> bool {
    let text = |name: &str| request.headers()[name].to_str().expect("a text").to_owned();
    let (date, authorization) = (text("x-amz-date"), text("authorization"));
    let part = |name: &str| {
        let (_, rest) = authorization.split_once(&format!("{name}=")).expect("a part of the header");
        rest.split(',').next().expect("a value").to_owned()
    };
    let names = part("SignedHeaders");
    let values: Vec<(String, String)> = names.split(';').map(|n| (n.to_owned(), text(n))).collect();
    let headers: Vec<(&str, &str)> = values.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let scope = format!("{}/{region}/{service}/aws4_request", &date[..8]);
    let canonical = Canonical {
        method: request.method().as_str(),
        path: request.uri().path(),
        query: "",
        headers: &headers,
        body: std::str::from_utf8(request.body()).expect("text"),
    };
    part("Credential") == format!("AKIDEXAMPLE/{scope}")
        && part("Signature") == canonical.signature(&date, &scope, SECRET)
}

fn request(body: &'static str) -> HttpRequest {
    let request = http::Request::post("https://email.eu-west-1.amazonaws.com/v2/email/outbound-emails");
    request.header("content-type", "application/json").body(body.into()).expect("a request")
}

fn client(keys: Credential<AwsKeys>) -> Client {
    Client::new("ses", "eu-west-1", keys)
}

#[tokio::test]
async fn what_is_sent_is_rightly_signed() {
    for body in ["", "{}", "{\"a\":\"Grüße\"}"] {
        let keys = AwsKeys::new("AKIDEXAMPLE", SECRET);
        let one = client(Credential::fixed(keys.clone()));
        let signed = one.signed(request(body), &keys).await.expect("signed");
        assert!(is_rightly_signed(&signed, "eu-west-1", "ses"), "{body}");
        assert!(!is_rightly_signed(&signed, "eu-west-1", "sns"), "the judge sees the service");
        let mut other = signed.clone();
        *other.body_mut() = "{ }".into();
        assert!(!is_rightly_signed(&other, "eu-west-1", "ses"), "the judge sees the body");
        assert!(signed.headers()["authorization"].is_sensitive());
        let lent = keys.with_session_token("lent-token");
        let signed = one.signed(request(body), &lent).await.expect("signed");
        assert!(is_rightly_signed(&signed, "eu-west-1", "ses"), "{body} with a token");
        let token = &signed.headers()["x-amz-security-token"];
        assert!(token.is_sensitive() && token == "lent-token");
    }
}

/// Lends `AKID1`, `AKID2` and so on.
#[derive(Debug, Default)]
struct Lender(std::sync::atomic::AtomicU32);

#[async_trait]
impl CredentialSource<AwsKeys> for Lender {
    async fn fetch(&self, _: &CallContext) -> Result<Issued<AwsKeys>> {
        let number = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        Ok(Issued { value: AwsKeys::new(format!("AKID{number}"), SECRET), expires: None })
    }
}

fn over(http: &ScriptedHttp) -> CallContext {
    CallContext::new(Arc::new(ManualClock::at(Timestamp::from_secs(1_767_225_600))))
        .with_http(Arc::new(http.clone()))
}

fn signers(http: &ScriptedHttp) -> Vec<String> {
    let named = |r: &crate::testing::RecordedRequest| {
        let text = r.request.headers()["authorization"].to_str().expect("a text").to_owned();
        text.split(['=', '/']).nth(1).expect("a key").to_owned()
    };
    http.requests().iter().map(named).collect()
}

#[tokio::test]
async fn keys_that_ended_are_renewed_once_and_others_are_not() {
    let expired = [("x-amzn-errortype", "ExpiredTokenException:http://internal.amazon.com/")];
    let http = ScriptedHttp::new().respond(403, &expired, "{}").json(200, "{}");
    let one = client(Credential::fetched(Lender::default()));
    assert_eq!(one.call(&over(&http), request("{}")).await.expect("an answer").status(), 200);
    assert_eq!(signers(&http), ["AKID1", "AKID2"]);
    let http = ScriptedHttp::new().respond(403, &expired, "{}").respond(403, &expired, "{}");
    let one = client(Credential::fetched(Lender::default()));
    assert_eq!(one.call(&over(&http), request("{}")).await.expect("an answer").status(), 403);
    let denied = [("x-amzn-errortype", "AccessDeniedException")];
    let http = ScriptedHttp::new().respond(403, &denied, "{}");
    assert_eq!(one.call(&over(&http), request("{}")).await.expect("an answer").status(), 403);
    assert_eq!(signers(&http).len(), 1);
    let fixed = client(Credential::fixed(AwsKeys::new("AKID9", SECRET)));
    let http = ScriptedHttp::new().respond(403, &expired, "{}");
    assert_eq!(fixed.call(&over(&http), request("{}")).await.expect("an answer").status(), 403);
}

fn chain(vars: &[(&str, &str)], profile: Option<&str>) -> Chain {
    let envs: HashMap<String, String> = vars.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    let env = StaticEnv { home_dir: Some("/nowhere".into()), envs };
    Chain::within(Context::new().with_env(env), profile, "eu-west-1")
}

async fn found(chain: &Chain, http: &ScriptedHttp) -> (String, String, Option<String>, Option<Timestamp>) {
    let issued = chain.fetch(&over(http)).await.expect("keys");
    let keys = issued.value;
    let token = keys.session_token.map(|token| token.expose_secret().to_owned());
    (keys.access_key_id, keys.secret_access_key.expose_secret().to_owned(), token, issued.expires)
}

#[tokio::test]
async fn keys_stand_in_variables_or_in_files_of_profiles() {
    let http = ScriptedHttp::new();
    let vars = [("AWS_ACCESS_KEY_ID", "AK"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_SESSION_TOKEN", "t")];
    let known = found(&chain(&vars, None), &http).await;
    assert_eq!((known.0.as_str(), known.1.as_str(), known.2.as_deref()), ("AK", "s", Some("t")));
    let path = std::env::temp_dir().join(format!("tidings-aws-{}", std::process::id()));
    let file = "[default]\naws_access_key_id = AD\naws_secret_access_key = d\n\
                [shop]\naws_access_key_id=AS\naws_secret_access_key=s/+\n";
    std::fs::write(&path, file).expect("a file");
    let place = path.to_str().expect("a path");
    let files = [("AWS_SHARED_CREDENTIALS_FILE", place), ("AWS_EC2_METADATA_DISABLED", "true")];
    assert_eq!(found(&chain(&files, None), &http).await.0, "AD");
    assert_eq!(found(&chain(&[files[0], ("AWS_PROFILE", "shop")], None), &http).await.1, "s/+");
    // A profile that is named goes before keys that happen to be set.
    let both = [files[0], vars[0], vars[1]];
    assert_eq!(found(&chain(&both, Some("shop")), &http).await.0, "AS");
    std::fs::remove_file(&path).expect("the file goes");
    assert!(http.requests().is_empty());
}

const LENT: &str = r#"{"AccessKeyId":"AC","SecretAccessKey":"c","Token":"t","Code":"Success",
    "Expiration":"2099-01-01T00:00:00Z"}"#;

#[tokio::test]
async fn containers_and_machines_lend_keys() {
    let vars = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pass"),
    ];
    let http = ScriptedHttp::new().json(200, LENT);
    let known = found(&chain(&vars, None), &http).await;
    assert_eq!((known.0.as_str(), known.2.as_deref()), ("AC", Some("t")));
    assert_eq!(known.3, Some("2099-01-01T00:00:00Z".parse().expect("a time")));
    let asked = &http.requests()[0];
    assert_eq!(asked.request.headers()["authorization"], "pass");
    assert_eq!(asked.timeout, Some(Duration::from_secs(1)), "a metadata service is near");
    let http = ScriptedHttp::new().respond(200, &[], "imds-token").respond(200, &[], "role").json(200, LENT);
    assert_eq!(found(&chain(&[], None), &http).await.0, "AC");
    let steps = http.requests();
    let uris: Vec<String> = steps.iter().map(|step| step.request.uri().path().to_owned()).collect();
    let list = "/latest/meta-data/iam/security-credentials/";
    assert_eq!(uris, ["/latest/api/token", list, &format!("{list}role")]);
    assert_eq!(steps[2].request.headers()["x-aws-ec2-metadata-token"], "imds-token");
}

#[tokio::test]
async fn a_web_identity_is_exchanged_at_sts() {
    let path = std::env::temp_dir().join(format!("tidings-aws-web-{}", std::process::id()));
    std::fs::write(&path, "eyJ.web.token").expect("a file");
    let vars = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", path.to_str().expect("a path")),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/mailer"),
    ];
    let xml = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
        <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AW</AccessKeyId><SecretAccessKey>w\
        </SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>\
        </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
    let http = ScriptedHttp::new().respond(200, &[], xml);
    assert_eq!(found(&chain(&vars, None), &http).await.0, "AW");
    std::fs::remove_file(&path).expect("the file goes");
    let asked = &http.requests()[0].request;
    assert_eq!(asked.uri().scheme_str(), Some("https"));
    assert!(asked.uri().host().is_some_and(|host| host.starts_with("sts.")), "{}", asked.uri());
}

#[tokio::test]
async fn without_keys_the_error_says_where_they_were_looked_for() {
    let http = ScriptedHttp::new().then_always([crate::testing::HttpStep::ResetBeforeSend]);
    let error = chain(&[], None).fetch(&over(&http)).await.expect_err("no keys");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Auth, Retry::Backoff), "{error}");
    for place in ["environment", "profile", "web identity", "container", "instance metadata"] {
        assert!(error.message().contains(place), "{error}");
    }
    let off = chain(&[("AWS_EC2_METADATA_DISABLED", "true")], None);
    let error = off.fetch(&over(&ScriptedHttp::new())).await.expect_err("no keys");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Auth, Retry::Never), "{error}");
    // Through a credential nothing was sent.
    let error = Credential::fetched(off).value(&over(&ScriptedHttp::new())).await.expect_err("no keys");
    assert_eq!(error.certainty(), Certainty::NotSent);
}

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:mail";
const URL: &str = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem";

fn note() -> Value {
    json!({"Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": TOPIC,
        "Subject": "Event", "Message": "{\"eventType\":\"Grüße\"}\n", "Timestamp": "2026-01-01T00:00:00.000Z",
        "SignatureVersion": "2", "Signature": NOTE_V2, "SigningCertURL": URL, "UnsubscribeURL": "x"})
}

fn subscription(version: &str, signature: &str) -> Value {
    let mut message = note();
    message.as_object_mut().expect("an object").remove("Subject");
    message["Type"] = "SubscriptionConfirmation".into();
    message["Token"] = "2336412f37".into();
    message["SubscribeURL"] =
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=t&Token=2336412f37".into();
    (message["SignatureVersion"], message["Signature"]) = (version.into(), signature.into());
    message
}

fn posted(message: &Value) -> RawRequest {
    let at = Timestamp::from_secs(1_767_225_600);
    RawRequest::new(Method::POST, "https://x.org/in", HeaderMap::new(), message.to_string(), at)
}

fn inbox() -> Inbox {
    Inbox::new(vec![TOPIC.to_owned()], Duration::from_secs(3_600))
}

fn with(changes: &[(&str, Value)]) -> Value {
    let mut message = note();
    for (name, value) in changes {
        message[*name] = value.clone();
    }
    message
}

fn certificates() -> ScriptedHttp {
    ScriptedHttp::new().then_always([crate::testing::HttpStep::Answer(crate::testing::answer(
        200,
        &[],
        CERTIFICATE,
    ))])
}

#[tokio::test]
async fn both_versions_are_taken_and_the_certificate_is_fetched_once() {
    let (http, inbox) = (certificates(), inbox());
    let mut bare = with(&[("Signature", BARE_V2.into())]);
    bare.as_object_mut().expect("an object").remove("Subject");
    let v1 = with(&[("SignatureVersion", "1".into()), ("Signature", NOTE_V1.into())]);
    for message in [note(), v1, bare] {
        let verified = inbox.verify(&over(&http), &posted(&message)).await.expect("right");
        assert!(Notification::read(verified.request()).expect("a message").is_some());
    }
    let asked: Vec<String> = http.requests().iter().map(|r| r.request.uri().to_string()).collect();
    assert_eq!(asked, [URL]);
}

#[tokio::test]
async fn a_subscription_to_a_named_topic_is_confirmed() {
    for (version, signature) in [("1", SUBSCRIPTION_V1), ("2", SUBSCRIPTION_V2)] {
        let http = certificates();
        let message = subscription(version, signature);
        let verified = inbox().verify(&over(&http), &posted(&message)).await.expect("right");
        assert!(Notification::read(verified.request()).expect("a message").is_none(), "nothing to read");
        let asked = http.requests();
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[1].request.uri().to_string(), message["SubscribeURL"].as_str().expect("a URL"));
        let failing = ScriptedHttp::new().respond(200, &[], CERTIFICATE).respond(500, &[], "");
        let error = inbox().verify(&over(&failing), &posted(&message)).await.expect_err("not confirmed");
        assert_eq!(error.kind(), ErrorKind::Auth);
    }
}

#[tokio::test]
async fn every_fault_is_auth_and_only_amazon_is_asked() {
    let elsewhere = |host: &str| URL.replace("sns.eu-west-1.amazonaws.com", host);
    let urls = [
        URL.replace("https", "http"),
        URL.replace(".pem", ".txt"),
        elsewhere("sns.eu-west-1.amazonaws.com.evil.example"),
        elsewhere("evil.example"),
        elsewhere("evil.example@sns.eu-west-1.amazonaws.com"),
        elsewhere("sns.eu-west-1.amazonaws.com:8443"),
        elsewhere("sns.a.b.amazonaws.com"),
        elsewhere("s3.eu-west-1.amazonaws.com"),
        "nonsense".to_owned(),
        String::new(),
    ];
    for url in urls {
        let http = certificates();
        let message = with(&[("SigningCertURL", url.clone().into())]);
        let error = inbox().verify(&over(&http), &posted(&message)).await.expect_err("another host");
        assert_eq!((error.kind(), http.requests().len()), (ErrorKind::Auth, 0), "{url}: {error}");
    }
    let wrong = [
        with(&[("Message", "{}".into())]),
        with(&[("Subject", "other".into())]),
        with(&[("MessageId", "other".into())]),
        with(&[("Signature", NOTE_V1.into())]),
        with(&[("Signature", "%%%".into())]),
        with(&[("SignatureVersion", "3".into())]),
        with(&[("Type", "Other".into())]),
        with(&[("Type", "SubscriptionConfirmation".into())]),
        with(&[("TopicArn", "arn:aws:sns:eu-west-1:999999999999:mail".into())]),
        with(&[("Timestamp", "2025-12-31T22:59:59.000Z".into())]),
        with(&[("Timestamp", "2026-01-01T01:00:01.000Z".into())]),
        with(&[("Timestamp", "noon".into())]),
        with(&[("Signature", Value::Null)]),
        json!([]),
    ];
    for message in wrong {
        let error = inbox().verify(&over(&certificates()), &posted(&message)).await.expect_err("wrong");
        assert_eq!(error.kind(), ErrorKind::Auth, "{message}");
    }
    for page in ["", "<html>", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"] {
        let http = ScriptedHttp::new().respond(200, &[], page);
        let error = inbox().verify(&over(&http), &posted(&note())).await.expect_err("no certificate");
        assert_eq!(error.kind(), ErrorKind::Auth);
    }
    let none = Inbox::new(Vec::new(), Duration::MAX);
    let error = none.verify(&over(&certificates()), &posted(&note())).await.expect_err("no topic");
    assert!(error.message().contains("webhook_topics"), "{error}");
}

#[test]
fn access_says_what_is_missing() {
    let access = |id: Option<&str>, secret: Option<&str>, profile: Option<&str>| Access {
        access_key_id: id.map(str::to_owned),
        secret_access_key: secret.map(Into::into),
        profile: profile.map(str::to_owned),
        ..Access::default()
    };
    assert!(access(Some("AK"), Some("s"), None).keys("eu-west-1").is_ok());
    assert!(access(None, None, Some("shop")).keys("eu-west-1").is_ok());
    for (wrong, name) in [
        (access(Some("AK"), None, None), "secret_access_key"),
        (access(None, Some("s"), None), "access_key_id"),
        (access(Some("AK"), Some("s"), Some("shop")), "profile"),
    ] {
        let error = wrong.keys("eu-west-1").expect_err(name);
        assert!(error.message().contains(name) && error.kind() == ErrorKind::Config, "{error}");
    }
    assert!(needed_region("eu-west-1").is_ok());
    for bad in ["", "EU", "eu-west-1.evil.example", "eu west"] {
        assert!(needed_region(bad).is_err(), "{bad}");
    }
    assert_eq!(endpoint_of("email", "cn-north-1"), "https://email.cn-north-1.amazonaws.com.cn");
}

/// The judge's clock and ours are the system's: signatures are good for five minutes.
#[tokio::test]
async fn signatures_are_of_this_minute() {
    let keys = AwsKeys::new("AKIDEXAMPLE", SECRET);
    let signed = client(Credential::fixed(keys.clone())).signed(request(""), &keys).await.expect("signed");
    let date = signed.headers()["x-amz-date"].to_str().expect("a text");
    let [year, month, day, hour, minute, second] =
        [0..4, 4..6, 6..8, 9..11, 11..13, 13..15].map(|range| &date[range]);
    let at: Timestamp = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().expect("a time");
    assert!(SystemClock.now().since(at) < Duration::from_secs(60));
}
