//! The builder that all messages share: it gathers faults and reports them together.

use super::{Message, VendorOption};
use crate::error::{Error, Result};

/// Builds a message; made by `Email::builder()` and its sisters.
///
/// Methods take parsed values or texts. What cannot be parsed is kept and
/// reported by [`build`](Self::build) with all other faults in one error.
///
/// ```
/// use tidings::Email;
///
/// let error = Email::builder().to("no address").subject("two\r\nlines").text("Hi").build().unwrap_err();
/// assert!(error.to_string().contains("to[0]") && error.to_string().contains("subject"));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder<M> {
    pub(super) message: M,
    pub(super) addressed: bool,
    faults: Vec<Error>,
    /// What is done to the message when all else is said.
    last: Option<fn(M) -> M>,
}

impl<M: Message> Builder<M> {
    pub(super) fn new(message: M) -> Self {
        Self { message, addressed: false, faults: Vec::new(), last: None }
    }

    /// Adds a wish that only one vendor understands; skipped by others.
    pub fn option(mut self, option: VendorOption) -> Self {
        self.message.options_mut().push(option);
        self
    }

    /// The message.
    ///
    /// # Errors
    /// One error that names every field that cannot be right.
    pub fn build(mut self) -> Result<M> {
        if let Some(last) = self.last {
            self.message = last(self.message);
        }
        if self.addressed {
            self.faults.extend(self.message.faults());
        } else if self.faults.is_empty() {
            self.faults.push(Error::invalid("to", "a message needs a recipient"));
        }
        Error::all(self.faults).map_or(Ok(self.message), Err)
    }

    /// Parses `value` and puts it in place, or keeps the fault under the name `field`.
    pub(super) fn parsed<T, V>(
        mut self,
        field: impl Into<String>,
        value: V,
        put: impl FnOnce(&mut M, T),
    ) -> Self
    where
        V: TryInto<T>,
        V::Error: Into<Error>,
    {
        match value.try_into() {
            Ok(value) => put(&mut self.message, value),
            Err(error) => self.faults.push(error.into().with_field(field.into())),
        }
        self
    }

    /// As [`parsed`](Self::parsed), for what makes the message addressed.
    pub(super) fn addressed<T, V>(
        mut self,
        field: impl Into<String>,
        value: V,
        put: impl FnOnce(&mut M, T),
    ) -> Self
    where
        V: TryInto<T>,
        V::Error: Into<Error>,
    {
        self.addressed = true;
        let before = self.faults.len();
        let mut next = self.parsed(field, value, put);
        // A message whose only recipient could not be parsed holds a placeholder.
        next.addressed = next.faults.len() == before || next.message.recipient_count() > 1;
        next
    }

    /// Changes the message when it is built, whatever else the builder is told before.
    pub(super) fn at_last(mut self, change: fn(M) -> M) -> Self {
        self.last = Some(change);
        self
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut M)) -> Self {
        change(&mut self.message);
        self
    }
}
