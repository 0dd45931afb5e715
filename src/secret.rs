//! Credentials: fixed secrets, or sources that fetch and renew them.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    time::Timestamp,
};

/// A credential is fetched again this long before it expires.
const EARLY: Duration = Duration::from_secs(60);

/// A secret value with the moment at which it ends to be good.
pub struct Issued<T> {
    /// The secret.
    pub value: T,
    /// When it expires; `None` is never.
    pub expires: Option<Timestamp>,
}

impl<T> fmt::Debug for Issued<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issued {{ expires: {:?}, .. }}", self.expires)
    }
}

/// Fetches a credential from elsewhere: an OAuth server, Vault, a file.
///
/// # Contract
/// - Called by one caller at a time; what it returns is kept until it expires.
/// - Its `Debug` shows no secret.
#[async_trait]
pub trait CredentialSource<T = SecretString>: fmt::Debug + Send + Sync + 'static {
    /// Fetches a fresh credential.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Auth`] if it was refused; outcome always
    /// `NotSent`, since no message was handed over.
    async fn fetch(&self, cx: &CallContext) -> Result<Issued<T>>;
}

/// A secret, fixed or fetched when needed.
///
/// Fetched ones are cached until shortly before they expire, fetched by one
/// caller while the others wait, and renewed once when a vendor answers 401.
///
/// ```
/// use tidings::{CallContext, Credential};
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let key = Credential::from("SG.secret");
/// assert_eq!(format!("{key:?}"), "Credential(fixed)");
/// let value = key.value(&CallContext::default()).await?;
/// # Ok::<(), tidings::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Credential<T = SecretString>(Repr<T>);

enum Repr<T> {
    Fixed(Arc<T>),
    Fetched(Arc<Fetched<T>>),
}

struct Fetched<T> {
    source: Arc<dyn CredentialSource<T>>,
    // Across an await on purpose: holding it is the single flight.
    current: Mutex<Option<(Arc<T>, Option<Timestamp>)>>,
}

impl<T: Send + Sync + 'static> Credential<T> {
    /// A credential that never changes.
    pub fn fixed(value: T) -> Self {
        Self(Repr::Fixed(Arc::new(value)))
    }

    /// The value, if it never changes: what keys may be derived from.
    #[cfg(feature = "http-client")]
    #[cfg_attr(not(feature = "full"), allow(dead_code, reason = "not every vendor derives keys"))]
    pub(crate) fn as_fixed(&self) -> Option<&T> {
        match &self.0 {
            Repr::Fixed(value) => Some(value),
            Repr::Fetched(_) => None,
        }
    }

    /// A credential that `source` fetches when it is needed.
    pub fn fetched(source: impl CredentialSource<T>) -> Self {
        let source = Arc::new(source);
        Self(Repr::Fetched(Arc::new(Fetched { source, current: Mutex::new(None) })))
    }

    /// The present value.
    ///
    /// # Errors
    /// What the source answers; the outcome is always `NotSent`.
    pub async fn value(&self, cx: &CallContext) -> Result<Arc<T>> {
        match &self.0 {
            Repr::Fixed(value) => Ok(Arc::clone(value)),
            Repr::Fetched(fetched) => fetched.value(cx, None).await,
        }
    }

    /// A fresh value in place of `stale`, or `None` if the credential is fixed.
    ///
    /// Of many callers who saw the same stale value, one fetches.
    ///
    /// # Errors
    /// What the source answers; the outcome is always `NotSent`.
    pub async fn renewed(&self, cx: &CallContext, stale: &Arc<T>) -> Result<Option<Arc<T>>> {
        match &self.0 {
            Repr::Fixed(_) => Ok(None),
            Repr::Fetched(fetched) => fetched.value(cx, Some(stale)).await.map(Some),
        }
    }
}

impl<T: Send + Sync + 'static> Fetched<T> {
    async fn value(&self, cx: &CallContext, stale: Option<&Arc<T>>) -> Result<Arc<T>> {
        let mut current = self.current.lock().await;
        if let Some((value, expires)) = &*current {
            let good = expires.is_none_or(|at| cx.clock().now() + EARLY < at);
            if good && !stale.is_some_and(|stale| Arc::ptr_eq(stale, value)) {
                return Ok(Arc::clone(value));
            }
        }
        let issued = self.source.fetch(cx).await.map_err(not_sent)?;
        let value = Arc::new(issued.value);
        *current = Some((Arc::clone(&value), issued.expires));
        Ok(value)
    }
}

/// However a fetch failed, no message was handed over.
fn not_sent(error: Error) -> Error {
    let certain = error.with_certainty(crate::error::Certainty::NotSent);
    match certain.kind() {
        ErrorKind::Timeout | ErrorKind::Transport => certain.with_retry(crate::error::Retry::Backoff),
        _ => certain,
    }
}

impl<T> Clone for Credential<T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Repr::Fixed(value) => Repr::Fixed(Arc::clone(value)),
            Repr::Fetched(fetched) => Repr::Fetched(Arc::clone(fetched)),
        })
    }
}

impl<T> fmt::Debug for Credential<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Fixed(_) => f.write_str("Credential(fixed)"),
            Repr::Fetched(fetched) => write!(f, "Credential({:?})", fetched.source),
        }
    }
}

impl From<&str> for Credential {
    fn from(secret: &str) -> Self {
        Self::fixed(SecretString::from(secret))
    }
}

impl From<String> for Credential {
    fn from(secret: String) -> Self {
        Self::fixed(SecretString::from(secret))
    }
}

impl From<SecretString> for Credential {
    fn from(secret: SecretString) -> Self {
        Self::fixed(secret)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Counter(AtomicU32);

    #[async_trait]
    impl CredentialSource<u32> for Counter {
        async fn fetch(&self, cx: &CallContext) -> Result<Issued<u32>> {
            tokio::task::yield_now().await;
            let value = self.0.fetch_add(1, Ordering::SeqCst);
            let expires = cx.clock().now() + Duration::from_secs(if value == 0 { 30 } else { 3_600 });
            Ok(Issued { value, expires: Some(expires) })
        }
    }

    #[tokio::test]
    async fn many_callers_fetch_once_and_an_expiring_value_is_renewed() {
        let cx = CallContext::default();
        let credential = Credential::fetched(Counter::default());
        // The first lives for 30 s, which is inside the early minute: it serves once.
        assert_eq!(*credential.value(&cx).await.expect("fetched"), 0);
        let all = (0..50).map(|_| {
            let (credential, cx) = (credential.clone(), cx.clone());
            tokio::spawn(async move { *credential.value(&cx).await.expect("fetched") })
        });
        for value in all.collect::<Vec<_>>() {
            assert_eq!(value.await.expect("no panic"), 1);
        }
    }

    #[tokio::test]
    async fn callers_who_saw_the_same_stale_value_renew_once() {
        let cx = CallContext::default();
        let credential = Credential::fetched(Counter(AtomicU32::new(1)));
        let stale = credential.value(&cx).await.expect("fetched");
        let first = credential.renewed(&cx, &stale).await.expect("fetched").expect("not fixed");
        let second = credential.renewed(&cx, &stale).await.expect("fetched").expect("not fixed");
        assert_eq!((*stale, *first, *second), (1, 2, 2));
    }
}
