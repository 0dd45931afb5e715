//! The feature `backoff`: its policies become ours.
#![cfg(all(feature = "backoff", feature = "testing"))]

use std::time::Duration;

use tidings::{
    Messenger, Sms, Timestamp,
    middleware::{BreakerPolicy, RetryPolicy},
    testing::{ManualClock, Script, Scripted, Step},
};

#[tokio::test]
async fn a_policy_of_backoff_retries_until_its_time_is_up() {
    let old = backoff::ExponentialBackoff {
        initial_interval: Duration::from_secs(1),
        multiplier: 1.0,
        max_interval: Duration::from_secs(1),
        max_elapsed_time: Some(Duration::from_secs(20)),
        ..backoff::ExponentialBackoff::default()
    };
    let vendor = Scripted::new(Script::new().each(1.0, 1, Step::ResetBeforeSend));
    let messenger = Messenger::builder()
        .sms(vendor.clone())
        .retry(RetryPolicy::from(old))
        .breaker(BreakerPolicy::new(u32::MAX, Duration::from_secs(1)))
        .clock(ManualClock::at(Timestamp::from_secs(0)).auto_advance())
        .build()
        .expect("valid");
    let sms = Sms::builder().to("+15005550006").body("Hello").build().expect("valid");
    messenger.send(sms).await.expect_err("never accepted");
    let calls = vendor.calls();
    let last = calls[calls.len() - 1].at.since(calls[0].at);
    // Full jitter between 0 and 1 s: about 40 attempts in 20 s.
    assert!(
        (20..90).contains(&calls.len()) && last <= Duration::from_secs(20),
        "{} in {last:?}",
        calls.len()
    );
}
