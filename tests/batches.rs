//! Batches through the whole facade: a thousand messages in one call, a thousand sends at once, and halves that fail.
#![cfg(all(feature = "testing", feature = "sendgrid"))]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tidings::{
    Email, Error, Messenger, Result, Sent, Status, Timestamp,
    http::{HttpRequest, HttpResponse, HttpTransport},
    middleware::RetryPolicy,
    providers::sendgrid::SendGridConfig,
    testing::{ManualClock, answer},
};
use tokio::task::JoinSet;

/// What a SendGrid of our own answers to a subject, call by call of that subject.
type Mood = fn(&str, usize) -> u16;

/// The subject of a call, and whom it was for.
type Call = (String, Vec<String>);

/// Takes the calls of SendGrid's API and notes whom each was for.
#[derive(Clone, Debug)]
struct Desk {
    mood: Mood,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Desk {
    fn new(mood: Mood) -> Self {
        Self { mood, calls: Arc::default() }
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("nobody panics").clone()
    }

    fn messenger(&self) -> Messenger {
        let builder = Messenger::builder().http(self.clone()).email(SendGridConfig::new("SG.key").build());
        let builder = builder.retry(RetryPolicy::default()).without_default_rate_limits();
        builder
            .clock(ManualClock::at(Timestamp::from_secs(1_767_225_600)).auto_advance())
            .build()
            .expect("valid")
    }
}

#[async_trait]
impl HttpTransport for Desk {
    async fn send(&self, request: HttpRequest, _: Option<Duration>) -> Result<HttpResponse> {
        let body: serde_json::Value = serde_json::from_slice(request.body()).expect("JSON");
        let subject = body["subject"].as_str().expect("a subject").to_owned();
        let people = body["personalizations"].as_array().expect("a list");
        let to = people.iter().map(|one| one["to"][0]["email"].as_str().expect("an address").to_owned());
        let mut calls = self.calls.lock().expect("nobody panics");
        let earlier = calls.iter().filter(|(known, _)| *known == subject).count();
        let status = (self.mood)(&subject, earlier);
        calls.push((subject, to.collect()));
        Ok(answer(status, &[("x-message-id", "abc")], if status == 202 { "" } else { "{}" }))
    }
}

fn email(to: usize, subject: &str) -> Email {
    let email = Email::builder().from("shop@example.org").to(format!("reader{to}@example.org"));
    email.subject(subject).text("What we have this week").build().expect("valid")
}

async fn all_are_on_record(messenger: &Messenger, answers: &[Result<Sent>]) {
    for answer in answers {
        let sent = answer.as_ref().expect("sent");
        assert_eq!(messenger.statuses(sent.id).await.expect("memory"), [Status::Accepted]);
    }
}

#[tokio::test]
async fn a_thousand_messages_go_in_one_call() {
    let desk = Desk::new(|_, _| 202);
    let messenger = desk.messenger();
    let answers = messenger.send_batch((0..1_000).map(|to| email(to, "News"))).await;
    let calls = desk.calls();
    assert_eq!((calls.len(), calls[0].1.len(), answers.len()), (1, 1_000, 1_000));
    assert!(calls[0].1.iter().enumerate().all(|(to, address)| *address == format!("reader{to}@example.org")));
    all_are_on_record(&messenger, &answers).await;
}

#[tokio::test]
async fn of_a_thousand_sends_at_once_none_is_lost() {
    let desk = Desk::new(|_, _| 202);
    let messenger = desk.messenger();
    let mut sends = JoinSet::new();
    for to in 0..1_000 {
        sends.spawn(messenger.send(email(to, "News")).into_future());
    }
    let answers: Vec<Result<Sent>> = sends.join_all().await;
    all_are_on_record(&messenger, &answers).await;
    let mut reached: Vec<String> = desk.calls().into_iter().flat_map(|(_, to)| to).collect();
    reached.sort_unstable();
    reached.dedup();
    assert_eq!((reached.len(), desk.calls().len()), (1_000, 1_000));
}

#[tokio::test]
async fn half_a_batch_fails_and_the_other_half_is_not_repeated() {
    let desk = Desk::new(|subject, earlier| match (subject, earlier) {
        ("Offers", 0) => 503,
        _ => 202,
    });
    let messenger = desk.messenger();
    let subject = |to: usize| if to.is_multiple_of(2) { "News" } else { "Offers" };
    let answers = messenger.send_batch((0..100).map(|to| email(to, subject(to)))).await;
    all_are_on_record(&messenger, &answers).await;
    let mut calls: Vec<(String, usize)> =
        desk.calls().into_iter().map(|(subject, to)| (subject, to.len())).collect();
    calls.sort_unstable();
    let expected = [("News", 50), ("Offers", 50), ("Offers", 50)];
    assert_eq!(calls, expected.map(|(subject, to)| (subject.to_owned(), to)));
}

#[tokio::test]
async fn a_half_that_fails_for_good_is_told_each_in_its_place() {
    let desk = Desk::new(|subject, _| if subject == "Offers" { 400 } else { 202 });
    let messenger = desk.messenger();
    let subject = |to: usize| if to.is_multiple_of(2) { "News" } else { "Offers" };
    let answers = messenger.send_batch((0..100).map(|to| email(to, subject(to)))).await;
    for (to, answer) in answers.iter().enumerate() {
        assert_eq!(
            answer.is_ok(),
            to.is_multiple_of(2),
            "{to}: {:?}",
            answer.as_ref().map_err(Error::message)
        );
    }
    assert_eq!(desk.calls().len(), 2, "what is refused for good is not repeated");
}
