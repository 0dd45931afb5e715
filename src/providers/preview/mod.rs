//! The preview: catches messages and shows them in place of sending them.
//!
//! For development: every channel, every feature, no account. Each message is
//! printed as a card and kept in a tray, of which a page or a test can ask.
//!
//! - **Memory is bounded**: the tray keeps the last 1,000 messages and forgets
//!   older ones. Bodies and attachments are shared with the caller, not copied,
//!   but live for as long as they are in the tray; [`Preview::clear`] empties it.
//! - **Cards are harmless**: control characters, ANSI escapes and bidirectional
//!   marks are shown as signs and never reach the terminal. Device tokens are
//!   masked. A card shows the first 500 lines of a body.
//! - It knows no vendor options; one addressed to `preview` is an error.
//!
//! ```
//! use tidings::{CallContext, MessageId, Outgoing, Provider, Sms, TenantId, providers::preview::Preview};
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let preview = Preview::silent();
//! let cx = CallContext::default();
//! let sms = Sms::builder().to("+15005550006").body("Your table is ready.").build()?;
//! let id = MessageId::new(cx.clock().now());
//! preview.send(&cx, Outgoing::new(&sms, id, &TenantId::DEFAULT, "key-1")).await?;
//! assert_eq!(preview.messages()[0].message, sms.into());
//! # Ok::<(), tidings::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{
    fmt,
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use crate::{
    context::CallContext,
    error::{Error, Result},
    message::{Features, Message},
    provider::{Capabilities, Outgoing, Provider, Receipt, Vendor},
};

mod card;
mod html;
mod tray;

pub use tray::Caught;

use tray::Tray;

const NAME: &str = "preview";
const CAPABILITIES: Capabilities = Capabilities::new(NAME, Features::ALL);

/// Catches the messages of every channel and shows them.
///
/// Cheap to clone; all clones share one tray. Cards are written while the
/// message is "sent", so a sink that blocks holds up its sender.
#[derive(Clone)]
pub struct Preview {
    name: Arc<str>,
    tray: Arc<Mutex<Tray>>,
    sink: Arc<Mutex<Sink>>,
}

enum Sink {
    None,
    Other(Box<dyn Write + Send>),
    Stdout,
}

impl Preview {
    /// Prints a card for every message to the standard output.
    pub fn new() -> Self {
        Self::with(Sink::Stdout)
    }

    /// Prints nothing.
    pub fn silent() -> Self {
        Self::with(Sink::None)
    }

    /// Prints the cards to `sink`, whose failures are ignored.
    pub fn writing_to(sink: impl Write + Send + 'static) -> Self {
        Self::with(Sink::Other(Box::new(sink)))
    }

    fn with(sink: Sink) -> Self {
        Self { name: NAME.into(), tray: Arc::default(), sink: Arc::new(Mutex::new(sink)) }
    }

    /// The same tray under another name, to play one of several vendors.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// The messages in the tray, the oldest first.
    pub fn messages(&self) -> Vec<Caught> {
        self.lock().all()
    }

    /// How many messages are in the tray: at most 1,000.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// True if the tray is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Empties the tray. The numbering goes on.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Tray> {
        // A panic while pushing leaves a good list behind.
        self.tray.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, caught: &Caught) {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let out: &mut dyn Write = match &mut *sink {
            Sink::None => return,
            Sink::Other(other) => other,
            Sink::Stdout => &mut std::io::stdout(),
        };
        // A closed pipe is no reason to fail the send.
        let _ = out.write_all(card::draw(caught).as_bytes()).and_then(|()| out.flush());
    }
}

impl Default for Preview {
    fn default() -> Self {
        Self::new()
    }
}

// Says how many and not what: the tray holds personal data.
impl fmt::Debug for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preview").field("caught", &self.len()).finish_non_exhaustive()
    }
}

impl Vendor for Preview {
    fn name(&self) -> &str {
        &self.name
    }
}

#[async_trait]
impl<M: Message> Provider<M> for Preview {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
        if let Some(option) = item.message().options().iter().find(|option| *option.vendor == *NAME) {
            let why = format!("the preview knows no options; {:?} cannot be applied", option.name);
            return Err(Error::invalid("options", why).with_provider(Arc::clone(&self.name)));
        }
        let caught = self.lock().put(&item, cx.clock().now());
        self.show(&caught);
        Ok(Receipt::accepted(item.message().recipient_count(), Some(caught.vendor_id)))
    }
}

#[cfg(test)]
mod tests;
