//! Reads an answer, whoever fetched it.

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;

use super::{HttpResponse, MAX_BODY, Truncated};

/// The answer with its body up to [`MAX_BODY`].
pub(super) async fn whole<B: Body<Data = Bytes> + Unpin>(
    answer: http::Response<B>,
) -> Result<HttpResponse, B::Error> {
    let (parts, body) = answer.into_parts();
    let (body, complete) = read(body).await?;
    let mut answer = http::Response::from_parts(parts, body);
    if !complete {
        answer.extensions_mut().insert(Truncated);
    }
    Ok(answer)
}

/// The body up to [`MAX_BODY`], and whether that was all of it.
async fn read<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Result<(Bytes, bool), B::Error> {
    let Some(first) = chunk(&mut body).await? else { return Ok((Bytes::new(), true)) };
    if first.len() > MAX_BODY {
        return Ok((first.slice(..MAX_BODY), false));
    }
    // Most answers are one chunk, which is then not copied.
    let Some(second) = chunk(&mut body).await? else { return Ok((first, true)) };
    let mut read = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(chunk_of_it) = next {
        let room = MAX_BODY.saturating_sub(read.len());
        read.extend_from_slice(&chunk_of_it[..chunk_of_it.len().min(room)]);
        if chunk_of_it.len() > room {
            return Ok((read.freeze(), false));
        }
        next = chunk(&mut body).await?;
    }
    Ok((read.freeze(), true))
}

/// The next piece of data; trailers are passed over.
async fn chunk<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Result<Option<Bytes>, B::Error> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}
