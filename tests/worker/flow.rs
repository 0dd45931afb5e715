//! From enqueue to a final state.

use tidings::{
    EventKind, Status,
    testing::{Recorder, any},
};

use crate::kit::{Kit, sms};

#[tokio::test]
async fn what_is_enqueued_is_accepted() {
    let recorder = Recorder::new();
    let kit = Kit::new(|builder| builder.all_others(recorder.clone()));
    let id = kit.messenger.enqueue(sms()).await.expect("enqueued").id;

    let stats = kit.worker(|worker| worker).run_until_idle().await.expect("memory");

    assert_eq!((stats.claimed, stats.sent), (1, 1));
    recorder.assert_sent(any());
    assert_eq!(kit.messenger.statuses(id).await.expect("memory"), [Status::Accepted]);
    let timeline = kit.messenger.timeline(id).await.expect("memory");
    let kinds: Vec<_> = timeline.iter().map(|event| (&event.kind, event.attempt)).collect();
    assert_eq!(kinds, [(&EventKind::Queued, 0), (&EventKind::Accepted, 1)]);
}
