//! Sends to vendors that answer with all they were sent, or not at all.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, Method, StatusCode};
use tidings::storage::{Filter, Page};
use tidings::{
    AnyMessage, CallContext, Chat, Credential, Email, Messenger, MessengerBuilder, PhoneNumber, Push, Sms,
    Timestamp, Vendor, WhatsApp,
    middleware::RetryPolicy,
    providers::{
        smtp::{SmtpConfig, SmtpTls},
        vonage::VonageApi,
    },
    testing::{HttpStep, ManualClock, ScriptedHttp, answer},
    webhook::{RawRequest, Webhook},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use crate::{
    canaries::{
        Account, AppleKey, Printed, Vault, brevo, browser, mailgun, meta, postmark, resend, sendgrid,
        telegram, twilio, twilio_by_key, vonage, webpush,
    },
    support::Listener,
};

fn html() -> AnyMessage {
    let email =
        Email::builder().from("shop@example.org").to("ada@example.org").subject("Hi").html("<p>Hi</p>");
    email.build().expect("valid").into()
}

pub(crate) fn email() -> AnyMessage {
    let email = Email::builder().from("shop@example.org").to("ada@example.org").subject("Hi").text("Hi");
    email.build().expect("valid").into()
}

pub(crate) fn sms() -> AnyMessage {
    Sms::builder().from("+15005550001").to("+15005550006").body("Hi").build().expect("valid").into()
}

fn sender() -> PhoneNumber {
    "+15005550001".parse().expect("valid")
}

fn whatsapp() -> AnyMessage {
    WhatsApp::builder().from("+15005550001").to("+15005550006").text("Hi").build().expect("valid").into()
}

fn push() -> AnyMessage {
    Push::builder().token("a-device").title("Hi").build().expect("valid").into()
}

fn to_browser() -> AnyMessage {
    Push::builder().subscription(browser()).title("Hi").build().expect("valid").into()
}

fn to_apple() -> AnyMessage {
    let token = "6e1e6d9c3d6f4a0bb4a4ab1f9a6c1f0b6e1e6d9c3d6f4a0bb4a4ab1f9a6c1f0b";
    Push::builder().token(token).title("Hi").build().expect("valid").into()
}

fn chat() -> AnyMessage {
    Chat::builder().to(42_i64).text("Hi").build().expect("valid").into()
}

/// What a server does that is no good.
pub(crate) fn misdeeds() -> Vec<HttpStep> {
    let statuses = [200, 202, 302, 400, 401, 403, 404, 413, 422, 429, 500, 503];
    let echoes = statuses.map(|status| HttpStep::Echo(StatusCode::from_u16(status).expect("a status")));
    let faults = [HttpStep::Hang, HttpStep::ResetAfterSend, HttpStep::ResetBeforeSend];
    echoes.into_iter().chain(faults).collect()
}

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_secs(1_767_225_600)).auto_advance()
}

fn builder(clock: &ManualClock, http: &ScriptedHttp) -> MessengerBuilder {
    let builder = Messenger::builder().retry(RetryPolicy::none()).without_default_rate_limits();
    builder.clock(clock.clone()).http(http.clone())
}

/// All that a messenger and its store say of a message.
async fn send(printed: &mut Printed, by: &str, messenger: &Messenger, message: AnyMessage) {
    printed.result(by, &messenger.explain(message.clone()).await);
    printed.result(by, &messenger.send(message).await);
    let known = messenger.list(&Filter::new(), Page::first(10)).await.expect("a list");
    assert_eq!(known.len(), 1, "{by}: the message was sent, or at least tried");
    for tracked in known {
        printed.debug(by, &tracked);
        printed.debug(by, &messenger.timeline(tracked.record.id).await.expect("a timeline"));
    }
    printed.debug(by, messenger);
}

/// The credentials that a server was sent: what was made of the canaries is as secret.
fn made_of_secrets(http: &ScriptedHttp) -> Vec<String> {
    let mut made = Vec::new();
    for recorded in http.requests() {
        let sensitive = recorded.request.headers().values().filter(|value| value.is_sensitive());
        made.extend(sensitive.filter_map(|value| value.to_str().ok()?.rsplit(' ').next().map(str::to_owned)));
        made.extend(recorded.text().split_once("assertion=").map(|(_, assertion)| assertion.to_owned()));
    }
    made
}

/// One message to a server that does `step`, with the vendor that `add` puts in.
pub(crate) async fn hear(
    printed: &mut Printed,
    by: &str,
    (before, step): (Option<HttpStep>, HttpStep),
    add: impl Fn(MessengerBuilder) -> MessengerBuilder,
    message: AnyMessage,
) {
    let clock = clock();
    let http = ScriptedHttp::new().with_clock(Arc::new(clock.clone()));
    let http = http.then_always(before.into_iter().chain([step]));
    let messenger = add(builder(&clock, &http)).build().expect("a messenger");
    send(printed, by, &messenger, message).await;
    assert!(!http.requests().is_empty(), "{by}: the server was asked");
    printed.secrets.extend(made_of_secrets(&http));
}

#[tokio::test]
async fn vendors_that_echo_what_they_were_sent() {
    let (listener, account, mut printed) = (Listener::default(), Account::new(), Printed::new());
    let _guard = tracing::subscriber::set_default(listener.clone());
    printed.secrets.extend(account.key_lines.iter().cloned());
    let fcm = account.config().build().expect("valid");
    let apple = AppleKey::new();
    printed.secrets.extend(apple.0.iter().cloned());
    let apns = apple.config().build().expect("valid");
    let token = r#"{"access_token":"ya29.c4n4ry","expires_in":1,"token_type":"Bearer"}"#;
    let token = HttpStep::Answer(answer(200, &[], token));
    for step in misdeeds() {
        let name = |vendor: &str| format!("{vendor} after {step:?}");
        let bare = || (None, step.clone());
        hear(&mut printed, &name("sendgrid"), bare(), |b| b.email(sendgrid().build()), email()).await;
        hear(&mut printed, &name("brevo"), bare(), |b| b.email(brevo().build()), html()).await;
        hear(&mut printed, &name("mailgun"), bare(), |b| b.email(mailgun().build()), html()).await;
        hear(&mut printed, &name("postmark"), bare(), |b| b.email(postmark().build()), html()).await;
        hear(&mut printed, &name("resend"), bare(), |b| b.email(resend().build()), html()).await;
        hear(&mut printed, &name("twilio"), bare(), |b| b.sms(twilio().build()), sms()).await;
        let by_key = |b: MessengerBuilder| b.whatsapp(twilio_by_key().build());
        hear(&mut printed, &name("twilio by key"), bare(), by_key, whatsapp()).await;
        hear(
            &mut printed,
            &name("meta"),
            bare(),
            |b| b.whatsapp(meta().number(sender()).build()),
            whatsapp(),
        )
        .await;
        hear(&mut printed, &name("vonage"), bare(), |b| b.sms(vonage().build()), sms()).await;
        let messages = vonage().api(VonageApi::Messages);
        let add = |b: MessengerBuilder| b.sms(messages.clone().build());
        hear(&mut printed, &name("vonage's messages"), bare(), add, sms()).await;
        let add = |b: MessengerBuilder| b.sms(account.application().build());
        hear(&mut printed, &name("an application"), bare(), add, sms()).await;
        hear(&mut printed, &name("telegram"), bare(), |b| b.chat(telegram().build()), chat()).await;
        hear(&mut printed, &name("apns"), bare(), |b| b.push(apns.clone()), to_apple()).await;
        hear(&mut printed, &name("webpush"), bare(), |b| b.push(webpush().build()), to_browser()).await;
        hear(&mut printed, &name("fcm's tokens"), bare(), |b| b.push(fcm.clone()), push()).await;
        let granted = (Some(token.clone()), step.clone());
        hear(&mut printed, &name("fcm"), granted, |b| b.push(fcm.clone()), push()).await;
        let mut fetched = sendgrid();
        fetched.api_key = Credential::fetched(Vault::default());
        let add = |b: MessengerBuilder| b.email(fetched.clone().build());
        hear(&mut printed, &name("a fetched key"), bare(), add, email()).await;
    }
    let heard = listener.heard();
    assert!(heard.contains("tidings.attempt"), "{heard}");
    printed.text("tracing", heard);
    printed.is_clean();
}

#[tokio::test]
async fn health_checks_and_webhooks() {
    let (account, mut printed) = (Account::new(), Printed::new());
    printed.secrets.extend(account.key_lines.iter().cloned());
    let (sendgrid, twilio) = (sendgrid().build().expect("valid"), twilio().build().expect("valid"));
    let (telegram, fcm) = (telegram().build().expect("valid"), account.config().build().expect("valid"));
    let apple = AppleKey::new();
    printed.secrets.extend(apple.0.iter().cloned());
    let apns = apple.config().build().expect("valid");
    let (meta, vonage) = (meta().build().expect("valid"), vonage().build().expect("valid"));
    let (brevo, mailgun) = (brevo().build().expect("valid"), mailgun().build().expect("valid"));
    let (postmark, resend) = (postmark().build().expect("valid"), resend().build().expect("valid"));
    let vendors: [&dyn Vendor; 11] =
        [&sendgrid, &brevo, &mailgun, &postmark, &resend, &twilio, &telegram, &fcm, &meta, &vonage, &apns];
    for step in misdeeds() {
        let clock = clock();
        let http = ScriptedHttp::new().with_clock(Arc::new(clock.clone())).then_always([step.clone()]);
        let deadline = CallContext::new(Arc::new(clock)).with_http(Arc::new(http.clone()));
        let deadline = deadline.clone().with_deadline(deadline.clock().monotonic() + Duration::from_secs(9));
        for vendor in vendors {
            let by = format!("the check of {} after {step:?}", vendor.name());
            printed.result(&by, &vendor.check(&deadline).await);
        }
        printed.secrets.extend(made_of_secrets(&http));
    }
    let mut headers = HeaderMap::new();
    headers.insert("x-twilio-signature", http::HeaderValue::from_static("bm90IHRoZSByaWdodCBvbmU="));
    let url = "https://example.org/in?tidings=wrong";
    let call = RawRequest::new(Method::POST, url, headers, "a=b", Timestamp::from_secs(1_767_225_600));
    let cx = CallContext::default();
    let called: [&dyn Webhook; 8] =
        [&sendgrid, &brevo, &mailgun, &postmark, &resend, &twilio, &meta, &vonage];
    for vendor in called {
        let refused = vendor.verify(&cx, &call).await.expect_err("nobody signed it");
        printed.error("a webhook", &refused);
    }
    printed.is_clean();
}

/// Greets, and refuses every login with all that it was sent.
async fn echoing_mail_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut say = "220 echo\r\n".to_owned();
            while stream.write_all(say.as_bytes()).await.is_ok() {
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    break;
                }
                let line = line.trim_end();
                say = match line.split(' ').next() {
                    Some("EHLO") => "250-echo\r\n250 AUTH PLAIN LOGIN\r\n".to_owned(),
                    _ => format!("535-5.7.8 wrong: {line}\r\n535 5.7.8 c4n4ry/pw ({line})\r\n"),
                };
            }
        }
    });
    port
}

#[tokio::test]
async fn a_mail_server_that_echoes_the_login() {
    let (listener, mut printed) = (Listener::default(), Printed::new());
    let _guard = tracing::subscriber::set_default(listener.clone());
    let port = echoing_mail_server().await;
    let config = SmtpConfig::new("127.0.0.1").port(port).tls(SmtpTls::Plain).login("shop", "c4n4ry/pw");
    let smtp = config.build().expect("valid");
    printed.result("the check", &smtp.check(&CallContext::default()).await);
    let messenger = Messenger::builder().email(smtp).retry(RetryPolicy::none()).build().expect("valid");
    send(&mut printed, "smtp", &messenger, email()).await;
    printed.text("tracing", listener.heard());
    assert!(printed.texts.iter().any(|(_, text)| text.contains("535")), "the login was refused");
    printed.is_clean();
}
