//! The room as its guests use it: behind a messenger.

use std::time::Duration;

use super::{ManualClock, Recorder, Script, Scripted, Step, any, to};
use crate::{Email, Messenger, Timestamp, route::Spread};

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_secs(1_767_225_600)).auto_advance()
}

fn email(number: usize) -> Email {
    let to = format!("reader{number}@example.org");
    Email::builder().from("shop@example.org").to(to).subject("News").text("Hi").build().expect("valid")
}

#[tokio::test]
async fn two_vendors_that_fail_now_and_then_take_every_message_once() {
    let shaky = |seed| {
        let script = Script::new().each(0.2, seed, Step::ResetBeforeSend);
        Scripted::new(script.each(0.1, seed + 100, Step::RateLimited(Duration::from_secs(1))))
    };
    let vendors = [shaky(1).named("a"), shaky(2).named("b")];
    let route = Spread::failover().to(vendors[0].clone()).to(vendors[1].clone());
    let builder = Messenger::builder().email(route).clock(clock()).without_default_rate_limits();
    let messenger = builder.build().expect("built");
    for number in 0..300 {
        messenger.send(email(number)).await.expect("one of the two takes it");
    }
    Scripted::assert_none_accepted_twice(&vendors);
    let taken: usize = vendors.iter().map(|vendor| vendor.accepted_keys().len()).sum();
    let refused = vendors.iter().flat_map(Scripted::calls).filter(|call| !call.was_accepted()).count();
    assert_eq!(taken, 300);
    assert!(refused > 50, "{refused} faults were played");
}

#[tokio::test]
async fn an_answer_that_never_comes_is_not_sent_again_elsewhere() {
    let vendors = [
        Scripted::new(Script::new().accept_then_hang()).named("a"),
        Scripted::new(Script::new().then_always_ok()).named("b"),
    ];
    let route = Spread::failover().to(vendors[0].clone()).to(vendors[1].clone());
    let messenger = Messenger::builder().email(route).clock(clock()).build().expect("built");
    let error = messenger.send(email(1)).await.expect_err("nobody can know");
    assert_eq!(error.certainty(), crate::Certainty::Unknown);
    Scripted::assert_none_accepted_twice(&vendors);
    assert!(vendors[1].calls().is_empty());
}

#[tokio::test]
async fn what_a_messenger_sends_is_recorded() {
    let recorder = Recorder::new();
    let messenger = Messenger::builder().all_others(recorder.clone()).build().expect("built");
    messenger.send(email(7)).await.expect("taken");
    let sent = recorder.assert_sent(to("reader7@example.org").subject("News"));
    assert_eq!(sent.attempt, 1);
    recorder.assert_count(1, any());
}
