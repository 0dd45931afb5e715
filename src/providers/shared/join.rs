//! Several calls at once.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

/// A call under way.
pub(in crate::providers) type Call<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What all of `calls` answer, in their order.
pub(in crate::providers) async fn all<T>(mut calls: Vec<Call<'_, T>>) -> Vec<T> {
    let mut answers: Vec<Option<T>> = calls.iter().map(|_| None).collect();
    poll_fn(|task| {
        let mut waits = false;
        for (call, answer) in calls.iter_mut().zip(&mut answers).filter(|(_, answer)| answer.is_none()) {
            match call.as_mut().poll(task) {
                Poll::Ready(said) => *answer = Some(said),
                Poll::Pending => waits = true,
            }
        }
        if waits { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    answers.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_keep_their_order_whoever_is_first() {
        let calls = (0..50_u32).map(|n| -> Call<'_, u32> {
            Box::pin(async move {
                for _ in 0..(50 - n) {
                    tokio::task::yield_now().await;
                }
                n
            })
        });
        assert_eq!(all(calls.collect()).await, (0..50).collect::<Vec<_>>());
        assert!(all(Vec::<Call<'_, u32>>::new()).await.is_empty());
    }
}
