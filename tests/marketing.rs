//! Marketing mail and content filters through the facade, on every way in.
#![cfg(feature = "testing")]

use tidings::{
    Email, ErrorKind, Messenger,
    policy::{BlockedHosts, Breach, Compliance, FileTypes, Rule, UnsubscribeLinks},
    testing::Recorder,
};

const ADDRESS: &str = "Corner Shop, 1 Main Street, Springfield";

fn messenger(recorder: &Recorder) -> Messenger {
    let links = UnsubscribeLinks::new("https://shop.example.org/u", "a secret of 32 characters or so")
        .expect("valid");
    Messenger::builder()
        .email(recorder.clone())
        .compliance(Compliance::new().postal_address(ADDRESS))
        .unsubscribe(links.mail_to("off@shop.example.org".parse().expect("valid")))
        .content_filter(BlockedHosts::new(["evil.example"]).expect("a host"))
        .content_filter(FileTypes::programs())
        .build()
        .expect("valid")
}

fn mail(text: &str) -> Email {
    Email::builder()
        .from("shop@shop.example.org")
        .to("ada@example.org")
        .subject("New")
        .text(text)
        .build()
        .expect("valid")
}

#[tokio::test]
async fn marketing_mail_carries_a_link_that_opens_for_its_reader_alone() {
    let recorder = Recorder::new();
    let messenger = messenger(&recorder).tenant("branch").expect("valid");
    let link = messenger
        .unsubscribe_link(&"ada@example.org".parse().expect("valid"), "marketing.spring")
        .expect("configured");
    let text = format!("New!\n{ADDRESS}\n{link}");
    messenger.send(mail(&text)).category("marketing.spring").await.expect("it keeps the rules");
    let sent = recorder.sent();
    let tidings::AnyMessage::Email(email) = &sent[0].message else { panic!("an email") };
    let list = email.list_unsubscribe.as_ref().expect("added");
    assert_eq!(list.url.as_ref(), Some(&link));
    assert!(list.one_click && list.headers()[0].1.contains("<mailto:off@shop.example.org?subject="));
    let token = link.as_str().rsplit('/').next().expect("a token");
    let said = messenger.unsubscribe_links().expect("configured").verify(token).expect("own token");
    assert_eq!(
        (said.tenant.as_str(), said.recipient.as_str(), &*said.list),
        ("branch", "ada@example.org", "marketing.spring")
    );
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_on_every_way_and_never_recorded() {
    let recorder = Recorder::new();
    let messenger = messenger(&recorder);
    let draft = || tidings::Draft::new(mail("New!")).category("marketing");
    let refused = [
        messenger.send(mail("New!")).category("marketing").await.map(|_| ()),
        messenger.send_batch([mail("New!")]).category("marketing").await.remove(0).map(|_| ()),
        messenger.enqueue(draft()).await.map(|_| ()),
        messenger.enqueue_many([draft()]).await.remove(0).map(|_| ()),
        messenger.prepare(draft()).map(|_| ()),
    ];
    for (way, answer) in refused.into_iter().enumerate() {
        let error = answer.expect_err("no postal address");
        assert_eq!(error.kind(), ErrorKind::InvalidMessage, "{way}: {error}");
        assert_eq!(Breach::of(&error).map(|breach| breach.rule), Some(Rule::PostalAddress), "{way}");
    }
    assert!(
        messenger.send(mail("Your receipt")).category("receipt").await.is_ok(),
        "transactional mail goes"
    );
    assert_eq!(recorder.sent().len(), 1);
}

#[tokio::test]
async fn filters_refuse_before_anything_is_recorded() {
    let recorder = Recorder::new();
    let messenger = messenger(&recorder);
    let error = messenger.send(mail("See https://www.evil.example/")).await.expect_err("a blocked host");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, Some("content_filter")));
    assert!(messenger.enqueue(mail("See evil.example")).await.is_err());
    let program = tidings::Attachment::new("a.exe", "application/pdf", &b"%PDF-"[..]).expect("valid");
    let with_program = Email::builder().from("a@x.org").to("b@x.org").subject("s").text("t").attach(program);
    assert!(messenger.send(with_program.build().expect("valid")).await.is_err());
    assert!(recorder.sent().is_empty());
}
