//! Forms that carry files (RFC 7578).

use bytes::{Bytes, BytesMut};
use http::HeaderValue;

use crate::{
    error::{Error, ErrorKind, Result},
    message::File,
};

/// A form while it is written.
#[derive(Debug)]
pub(crate) struct Form<'a> {
    boundary: &'a str,
    body: BytesMut,
}

impl<'a> Form<'a> {
    /// `boundary` must be unguessable to whoever wrote the files, so that none of them can hold it.
    pub(crate) fn new(boundary: &'a str, octets: usize) -> Self {
        Self { boundary, body: BytesMut::with_capacity(octets) }
    }

    /// Adds a value; `name` is ours, so that it holds no quotes.
    pub(crate) fn field(&mut self, name: &str, kind: Option<&str>, value: &[u8]) {
        let kind = kind.map(|kind| format!("Content-Type: {kind}\r\n")).unwrap_or_default();
        let head =
            format!("--{}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n{kind}\r\n", self.boundary);
        self.part(&head, value);
    }

    /// Adds a file.
    pub(crate) fn file(&mut self, name: &str, file: &File) {
        // A quote is written as browsers do (WHATWG HTML, "multipart form data"); the name holds no line breaks.
        let file_name = file.name.as_str().replace('"', "%22");
        let head = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
             Content-Type: {}\r\n\r\n",
            self.boundary, file.content_type
        );
        self.part(&head, &file.content);
    }

    fn part(&mut self, head: &str, content: &[u8]) {
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(content);
        self.body.extend_from_slice(b"\r\n");
    }

    /// The content type and the body.
    pub(crate) fn finish(mut self) -> Result<(HeaderValue, Bytes)> {
        self.body.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        let kind = HeaderValue::try_from(format!("multipart/form-data; boundary={}", self.boundary))
            .map_err(|_| Error::new(ErrorKind::Internal, "the boundary is no header value"))?;
        Ok((kind, self.body.freeze()))
    }
}
