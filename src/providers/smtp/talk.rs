//! Octets to and from a server, with a limit of time for each step.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::{
    errors::{self, Stage},
    reply::{Replies, Reply},
    stream::Stream,
};
use crate::{
    context::CallContext,
    error::{Error, Result},
};

/// A connection as a sequence of replies and writes.
pub(super) struct Talk {
    stream: Stream,
    replies: Replies,
    timeout: Duration,
}

impl Talk {
    pub(super) fn new(stream: Stream, timeout: Duration) -> Self {
        Self { stream, replies: Replies::default(), timeout }
    }

    /// How long a step may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The connection itself, for TLS; what came on it so far is forgotten.
    pub(super) fn into_stream(mut self) -> Stream {
        self.replies.clear();
        self.stream
    }

    /// Writes, and waits for nothing.
    pub(super) async fn write(&mut self, cx: &CallContext, stage: Stage, octets: &[u8]) -> Result<()> {
        let (stream, limit) = (&mut self.stream, self.timeout);
        let work = async {
            stream.write_all(octets).await.map_err(|why| errors::io(stage, why))?;
            stream.flush().await.map_err(|why| errors::io(stage, why))
        };
        within(cx, stage, limit, work).await
    }

    /// The next reply.
    pub(super) async fn reply(&mut self, cx: &CallContext, stage: Stage) -> Result<Reply> {
        self.reply_within(cx, stage, self.timeout).await
    }

    /// The same with another limit of time.
    pub(super) async fn reply_within(
        &mut self,
        cx: &CallContext,
        stage: Stage,
        limit: Duration,
    ) -> Result<Reply> {
        match self.heard(stage)? {
            Some(reply) => Ok(reply),
            None => within(cx, stage, limit, self.listen(stage)).await,
        }
    }

    /// A reply that is here already.
    fn heard(&mut self, stage: Stage) -> Result<Option<Reply>> {
        self.replies.next().map_err(|_| errors::nonsense(stage, self.replies.unread()))
    }

    async fn listen(&mut self, stage: Stage) -> Result<Reply> {
        loop {
            let buffer = self.replies.buffer();
            buffer.reserve(512);
            let count = self.stream.read_buf(buffer).await.map_err(|why| errors::io(stage, why))?;
            if count == 0 {
                return Err(errors::ended(stage));
            }
            if let Some(reply) = self.heard(stage)? {
                return Ok(reply);
            }
        }
    }

    /// Fails if the server said something that nobody asked for.
    pub(super) fn in_step(&mut self, stage: Stage) -> Result<()> {
        if self.replies.is_empty() {
            return Ok(());
        }
        match self.heard(stage)? {
            Some(reply) if reply.is_farewell() => Err(errors::refused(stage, reply.code, &reply.said())),
            Some(reply) => Err(errors::out_of_step(stage, reply.code)),
            None => Err(errors::nonsense(stage, self.replies.unread())),
        }
    }

    /// Writes a content with its final dot, and `behind` it the next message's
    /// envelope, in one write where the system takes it in one. Answers whether
    /// all of `behind` went out.
    ///
    /// # Errors
    /// Only if less than the whole content with its dot was handed to the
    /// system: the message was not sent.
    pub(super) async fn write_content(
        &mut self,
        cx: &CallContext,
        limit: Duration,
        content: &[u8],
        behind: &[u8],
    ) -> Result<bool> {
        let mut sent = 0;
        let pour = poll_fn(|task| self.poll_content(task, content, behind, &mut sent));
        let poured = within(cx, Stage::Body, limit, pour).await;
        match poured {
            // From here on the answer tells.
            _ if sent >= content.len() => Ok(sent == content.len() + behind.len()),
            Err(error) => Err(error),
            Ok(()) => Err(errors::ended(Stage::Body)),
        }
    }

    fn poll_content(
        &mut self,
        task: &mut Context<'_>,
        content: &[u8],
        behind: &[u8],
        sent: &mut usize,
    ) -> Poll<Result<()>> {
        while *sent < content.len() + behind.len() {
            let from = (*sent).min(content.len());
            let rest = [&content[from..], &behind[*sent - from..]].map(IoSlice::new);
            match Pin::new(&mut self.stream).poll_write_vectored(task, &rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(errors::ended(Stage::Body))),
                Poll::Ready(Ok(count)) => *sent += count,
                // What the server says now is its answer to the whole.
                Poll::Ready(Err(why)) if from == content.len() => {
                    return Poll::Ready(Err(errors::io(Stage::Body, why)));
                }
                Poll::Ready(Err(why)) => return Poll::Ready(Err(self.interrupted(task, Some(why)))),
                Poll::Pending if from == content.len() => return Poll::Pending,
                Poll::Pending => return self.poll_interruption(task),
            }
        }
        Pin::new(&mut self.stream).poll_flush(task).map_err(|why| errors::io(Stage::Body, why))
    }

    /// A server that has had enough says so in the middle of a content and stops to read.
    fn poll_interruption(&mut self, task: &mut Context<'_>) -> Poll<Result<()>> {
        match self.poll_more(task) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(why)) => Poll::Ready(Err(errors::io(Stage::Body, why))),
            Poll::Ready(Ok(_)) => Poll::Ready(Err(self.interrupted(task, None))),
        }
    }

    /// Why a content came to no end: what the server said, else what the system says.
    fn interrupted(&mut self, task: &mut Context<'_>, why: Option<io::Error>) -> Error {
        let _ = self.poll_more(task);
        match (self.heard(Stage::Body), why) {
            (Ok(Some(reply)), _) if reply.is_refusal() => {
                errors::refused(Stage::Body, reply.code, &reply.said())
            }
            (Ok(Some(reply)), _) => errors::out_of_step(Stage::Body, reply.code),
            (_, Some(why)) => errors::io(Stage::Body, why),
            (Err(error), None) => error,
            (Ok(None), None) => errors::ended(Stage::Body),
        }
    }

    /// Reads what is there: how much it was.
    fn poll_more(&mut self, task: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut octets = [0; 512];
        let mut buffer = ReadBuf::new(&mut octets);
        let read = Pin::new(&mut self.stream).poll_read(task, &mut buffer);
        self.replies.buffer().extend_from_slice(buffer.filled());
        read.map_ok(|()| buffer.filled().len())
    }

    /// True if the connection is open and the server said nothing since: no question is asked for that.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut task = Context::from_waker(Waker::noop());
        self.replies.is_empty() && self.poll_more(&mut task).is_pending()
    }

    /// Says goodbye as far as that goes without waiting (RFC 5321 section 4.1.1.10).
    pub(super) fn part(&mut self) {
        let mut task = Context::from_waker(Waker::noop());
        let mut stream = Pin::new(&mut self.stream);
        if let Poll::Ready(Ok(_)) = stream.as_mut().poll_write(&mut task, b"QUIT\r\n") {
            let _ = stream.as_mut().poll_flush(&mut task);
            let _ = stream.poll_shutdown(&mut task);
        }
    }
}

/// Runs a step within its limit and within the deadline of the call.
pub(super) async fn within<T>(
    cx: &CallContext,
    stage: Stage,
    limit: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let limit = cx.clock().monotonic() + limit;
    let limit = cx.deadline().map_or(limit, |deadline| deadline.min(limit));
    cx.until(limit, work).await.unwrap_or_else(|_| Err(errors::late(stage)))
}
