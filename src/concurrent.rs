//! Runs a bounded number of futures side by side, in one task.

use std::{future::poll_fn, pin::Pin, task::Poll};

/// The results of `work`, in its order, with at most `width` under way at once.
pub(crate) async fn in_order<'a, T, F>(work: impl Iterator<Item = F> + Send + 'a, width: usize) -> Vec<T>
where
    F: Future<Output = T> + Send + 'a,
    T: Send,
{
    type Slot<'a, T> = (usize, Pin<Box<dyn Future<Output = T> + Send + 'a>>);

    let mut waiting = work.enumerate();
    let mut running: Vec<Slot<'a, T>> = Vec::with_capacity(width);
    let mut done: Vec<Option<T>> = Vec::new();
    poll_fn(|cx| {
        loop {
            while running.len() < width.max(1)
                && let Some((index, future)) = waiting.next()
            {
                done.push(None);
                running.push((index, Box::pin(future)));
            }
            let before = running.len();
            running.retain_mut(|(index, future)| match future.as_mut().poll(cx) {
                Poll::Ready(result) => {
                    done[*index] = Some(result);
                    false
                }
                Poll::Pending => true,
            });
            // New ones may only start, and must be polled, where others ended.
            if running.is_empty() && before == 0 {
                return Poll::Ready(());
            }
            if running.len() == before {
                return Poll::Pending;
            }
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn order_is_kept_and_width_is_not_exceeded() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = (0..100_usize).map(|index| {
            let (now, most) = (&now, &most);
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                for _ in 0..index % 7 {
                    tokio::task::yield_now().await;
                }
                now.fetch_sub(1, Ordering::SeqCst);
                index
            }
        });
        assert_eq!(in_order(work, 8).await, (0..100).collect::<Vec<_>>());
        let most = most.into_inner();
        assert!((4..=8).contains(&most), "{most} at once");
        assert!(in_order(std::iter::empty::<std::future::Ready<u8>>(), 0).await.is_empty());
    }
}
