//! A form in parts (`multipart/form-data`, RFC 7578), written into one buffer.

use bytes::Bytes;

/// A form that is being filled in.
#[derive(Debug)]
pub(super) struct Form {
    boundary: String,
    body: Vec<u8>,
    options: usize,
}

/// A form that is full.
#[derive(Clone, Debug)]
pub(super) struct Filled {
    pub(super) content_type: String,
    pub(super) body: Bytes,
}

impl Form {
    /// An empty form. `boundary` must not occur in what is filled in.
    pub(super) fn new(boundary: &str) -> Self {
        Self { boundary: boundary.to_owned(), body: Vec::with_capacity(4_096), options: 0 }
    }

    /// Adds a field.
    pub(super) fn field(&mut self, name: &str, value: &str) {
        if name.as_bytes().get(1) == Some(&b':') {
            self.options += name.len() + value.len();
        }
        self.head(name);
        self.put(&["\r\n\r\n", value]);
    }

    /// Adds a file.
    pub(super) fn file(&mut self, name: &str, file_name: &str, content_type: &str, content: &[u8]) {
        self.head(name);
        self.put(&["; filename=\"", &quoted(file_name), "\"\r\nContent-Type: ", content_type, "\r\n\r\n"]);
        self.body.extend_from_slice(content);
    }

    /// How many octets the fields have whose names begin with a letter and a
    /// colon, which Mailgun counts together.
    pub(super) fn options(&self) -> usize {
        self.options
    }

    pub(super) fn finish(mut self) -> Filled {
        let start = if self.body.is_empty() { "--" } else { "\r\n--" };
        let boundary = self.boundary.clone();
        self.put(&[start, &boundary, "--\r\n"]);
        let content_type = format!("multipart/form-data; boundary={}", self.boundary);
        Filled { content_type, body: self.body.into() }
    }

    fn head(&mut self, name: &str) {
        let start = if self.body.is_empty() { "--" } else { "\r\n--" };
        let boundary = self.boundary.clone();
        let name = quoted(name);
        self.put(&[start, &boundary, "\r\nContent-Disposition: form-data; name=\"", &name, "\""]);
    }

    fn put(&mut self, parts: &[&str]) {
        for part in parts {
            self.body.extend_from_slice(part.as_bytes());
        }
    }
}

/// As browsers write names (HTML, "Multipart form data").
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_parts_between_boundaries() {
        let mut form = Form::new("B");
        form.field("to", "Ada <a@x.org>");
        form.file("attachment", "a \"b\".txt", "text/plain", b"\0\r\n");
        let filled = form.finish();
        assert_eq!(filled.content_type, "multipart/form-data; boundary=B");
        let expected = concat!(
            "--B\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\nAda <a@x.org>\r\n",
            "--B\r\nContent-Disposition: form-data; name=\"attachment\"; filename=\"a %22b%22.txt\"\r\n",
            "Content-Type: text/plain\r\n\r\n\0\r\n\r\n--B--\r\n"
        );
        assert_eq!(filled.body, expected);
    }

    #[test]
    fn an_empty_form_is_closed_and_options_are_counted() {
        assert_eq!(Form::new("B").finish().body, "--B--\r\n");
        let mut form = Form::new("B");
        form.field("subject", "long");
        form.field("o:tag", "ab");
        assert_eq!(form.options(), 7);
    }
}
