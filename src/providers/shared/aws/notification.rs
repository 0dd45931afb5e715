//! Messages that Amazon SNS posts to a webhook: verified, and subscriptions confirmed.
//!
//! [Formats](https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html) ·
//! [signatures](https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html)

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use http::Uri;
use serde::Deserialize;
use webpki::EndEntityCert;

use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    http::{HttpRequest, HttpResponse},
    time::Timestamp,
    webhook::{RawRequest, Verified},
};

/// Amazon signs with a handful of certificates at a time.
const MOST_KEYS: usize = 8;
/// Fetching a certificate, and confirming a subscription, takes at most so long.
const LONGEST: Duration = Duration::from_secs(10);

/// A message as SNS posts it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::providers) struct Notification {
    #[serde(rename = "Type")]
    kind: String,
    pub(in crate::providers) message_id: String,
    topic_arn: String,
    subject: Option<String>,
    pub(in crate::providers) message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    certificate: String,
    token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    subscribe: Option<String>,
}

impl Notification {
    /// What a verified call holds; `None` if it is about the subscription itself.
    ///
    /// # Errors
    /// Of kind `protocol` if the body cannot be read at all.
    pub(in crate::providers) fn read(request: &RawRequest) -> Result<Option<Self>> {
        let read: Self = serde_json::from_slice(&request.body)
            .map_err(|_| Error::new(ErrorKind::Protocol, "the webhook's body is no message of Amazon SNS"))?;
        Ok((read.kind == "Notification").then_some(read))
    }

    /// When SNS took it.
    pub(in crate::providers) fn at(&self) -> Option<Timestamp> {
        self.timestamp.parse().ok()
    }

    /// The text that is signed: names and values, in the order of the names.
    fn signed(&self) -> Option<String> {
        let fields: [(&str, Option<&String>); 7] = match self.kind.as_str() {
            "Notification" => [
                ("Message", Some(&self.message)),
                ("MessageId", Some(&self.message_id)),
                ("Subject", self.subject.as_ref()),
                ("Timestamp", Some(&self.timestamp)),
                ("TopicArn", Some(&self.topic_arn)),
                ("Type", Some(&self.kind)),
                ("", None),
            ],
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => [
                ("Message", Some(&self.message)),
                ("MessageId", Some(&self.message_id)),
                ("SubscribeURL", Some(self.subscribe.as_ref()?)),
                ("Timestamp", Some(&self.timestamp)),
                ("Token", Some(self.token.as_ref()?)),
                ("TopicArn", Some(&self.topic_arn)),
                ("Type", Some(&self.kind)),
            ],
            _ => return None,
        };
        let present = fields.iter().filter_map(|(name, value)| Some((name, (*value)?)));
        Some(present.fold(String::new(), |text, (name, value)| text + name + "\n" + value + "\n"))
    }

    fn algorithm(&self) -> Option<&'static RsaParameters> {
        match self.signature_version.as_str() {
            "1" => Some(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
            "2" => Some(&RSA_PKCS1_2048_8192_SHA256),
            _ => None,
        }
    }

    /// Checks the signature by this key.
    fn is_signed_by(&self, key: &[u8]) -> bool {
        let parts = (self.algorithm(), self.signed(), BASE64.decode(&self.signature).ok());
        let (Some(algorithm), Some(text), Some(signature)) = parts else { return false };
        UnparsedPublicKey::new(algorithm, key).verify(text.as_bytes(), &signature).is_ok()
    }
}

/// Takes messages of the topics that were named, and keeps the keys by which they are signed.
pub(in crate::providers) struct Inbox {
    topics: Vec<String>,
    tolerance: Duration,
    keys: Mutex<Vec<(String, Arc<[u8]>)>>,
}

impl Inbox {
    pub(in crate::providers) fn new(topics: Vec<String>, tolerance: Duration) -> Self {
        Self { topics, tolerance, keys: Mutex::default() }
    }

    /// Checks topic, age and signature, and confirms the subscription if that is what the message asks.
    ///
    /// # Errors
    /// Of kind `auth`.
    pub(in crate::providers) async fn verify(
        &self,
        cx: &CallContext,
        request: &RawRequest,
    ) -> Result<Verified> {
        let message: Notification = serde_json::from_slice(&request.body)
            .map_err(|_| refused("the body is no signed message of Amazon SNS; raw delivery must be off"))?;
        self.check_topic(&message)?;
        self.check_age(&message, request.received)?;
        let key = self.key(cx, &message.certificate).await?;
        if !message.is_signed_by(&key) {
            return Err(refused("the signature of the message of Amazon SNS is wrong"));
        }
        if message.kind == "SubscriptionConfirmation" {
            confirm(cx, message.subscribe.as_deref().unwrap_or_default()).await?;
        }
        Ok(Verified::trust(request))
    }

    /// Anybody can have a topic, and Amazon signs what all of them say.
    fn check_topic(&self, message: &Notification) -> Result<()> {
        if self.topics.is_empty() {
            return Err(refused("name the ARNs of your topics in `webhook_topics` to take their messages"));
        }
        match self.topics.contains(&message.topic_arn) {
            true => Ok(()),
            false => Err(refused("the message is of a topic that is not in `webhook_topics`")),
        }
    }

    fn check_age(&self, message: &Notification, now: Timestamp) -> Result<()> {
        let at = message.at().ok_or_else(|| refused("the message's Timestamp is no time"))?;
        let off = now.since(at).max(at.since(now));
        match off <= self.tolerance {
            true => Ok(()),
            false => Err(refused("the message is older than `webhook_tolerance_secs`, or from the future")),
        }
    }

    async fn key(&self, cx: &CallContext, url: &str) -> Result<Arc<[u8]>> {
        let uri = amazons(url).filter(|uri| uri.path().ends_with(".pem"));
        let uri = uri.ok_or_else(|| refused("the certificate is not at an address of Amazon SNS"))?;
        if let Some((_, key)) = self.known().iter().find(|(known, _)| known == url) {
            return Ok(Arc::clone(key));
        }
        // Not under the lock: who names an address that answers late keeps nobody else waiting.
        let answer = fetch(cx, uri).await?;
        let key = public_key(answer.body()).ok_or_else(|| refused("what stands there is no certificate"))?;
        let mut keys = self.known();
        if keys.len() == MOST_KEYS {
            keys.remove(0);
        }
        keys.push((url.to_owned(), Arc::clone(&key)));
        Ok(key)
    }

    fn known(&self) -> MutexGuard<'_, Vec<(String, Arc<[u8]>)>> {
        // A panic while pushing leaves a good list behind.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("topics", &self.topics).finish_non_exhaustive()
    }
}

/// Asks SNS to begin; who may see the messages was decided by naming the topic.
async fn confirm(cx: &CallContext, url: &str) -> Result<()> {
    let uri = amazons(url).ok_or_else(|| refused("SubscribeURL is no address of Amazon SNS"))?;
    fetch(cx, uri).await.map(|_| ())
}

/// An https address of SNS itself, by the rule of Amazon's own validators:
/// `sns.<region>.amazonaws.com`, in China with `.cn`.
fn amazons(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    // No login and no port: the authority is the host alone.
    let host = uri.authority()?.as_str();
    let region =
        host.strip_suffix(".cn").unwrap_or(host).strip_prefix("sns.")?.strip_suffix(".amazonaws.com")?;
    let fits = region.len() >= 3 && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (uri.scheme_str() == Some("https") && fits).then_some(uri)
}

/// TLS to Amazon's host is what makes the answer Amazon's.
async fn fetch(cx: &CallContext, uri: Uri) -> Result<HttpResponse> {
    let mut request = HttpRequest::new(Bytes::new());
    *request.uri_mut() = uri;
    let limit = cx.remaining().map_or(LONGEST, |left| left.min(LONGEST));
    let answer = cx.http()?.send(request, Some(limit)).await;
    let answer = answer.map_err(|why| refused("Amazon SNS cannot be asked").with_source(why))?;
    match answer.status().is_success() {
        true => Ok(answer),
        false => Err(refused("Amazon SNS did not answer with success").with_code(answer.status().as_str())),
    }
}

/// The public key of the first certificate of a PEM text (RFC 7468).
fn public_key(pem: &[u8]) -> Option<Arc<[u8]>> {
    let pem = std::str::from_utf8(pem).ok()?;
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (base64, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let compact: String = base64.split_whitespace().collect();
    let der = BASE64.decode(compact).ok()?.into();
    let certificate = EndEntityCert::try_from(&der).ok()?;
    Some(Arc::from(certificate.subject_public_key_info().as_ref()))
}

fn refused(why: &'static str) -> Error {
    Error::new(ErrorKind::Auth, why)
}
