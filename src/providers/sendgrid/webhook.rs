//! The signed Event Webhook.

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    error::{Error, ErrorKind, Result},
    event::EventKind,
    http::classify::excerpt,
    providers::{
        echo::{Echo, EchoKey},
        shared::inbound::lenient,
    },
    time::Timestamp,
    webhook::{Correlation, Inbound, RawRequest, VendorEvent, Verified},
};

const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";

/// The public key by which SendGrid's signatures are checked.
pub(super) struct VerificationKey(ParsedPublicKey);

impl VerificationKey {
    /// Reads what SendGrid shows: base64 of a DER key, or the same as PEM.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let base64: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        let der = BASE64.decode(base64).ok();
        let key = der.and_then(|der| ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, der).ok());
        key.map(Self).ok_or_else(|| {
            Error::config(
                "`webhook_key` is no P-256 key; copy the verification key of the Event Webhook's settings",
            )
        })
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerificationKey")
    }
}

/// Checks the signature over time and body, and the time's age.
pub(super) fn verify(
    key: Option<&VerificationKey>,
    tolerance: Duration,
    request: &RawRequest,
) -> Result<Verified> {
    let refused = |why: &'static str| Error::new(ErrorKind::Auth, why);
    let key = key.ok_or_else(|| refused("no verification key is configured; set `webhook_key`"))?;
    let time = request.header(TIMESTAMP)?;
    let signature =
        BASE64.decode(request.header(SIGNATURE)?).map_err(|_| refused("the signature is no base64"))?;
    let signed = [time.as_bytes(), &request.body].concat();
    key.0.verify_sig(&signed, &signature).map_err(|_| refused("the signature is not SendGrid's"))?;
    let at = Timestamp::from_secs(time.parse().map_err(|_| refused("the signed time is no Unix time"))?);
    if request.received.since(at).max(at.since(request.received)) > tolerance {
        return Err(refused("the signature is too old, or this machine's clock is wrong"));
    }
    Ok(Verified::trust(request))
}

/// The events that the call tells; what is unknown or broken is skipped.
pub(super) fn parse(echo: Option<&EchoKey>, request: &RawRequest) -> Result<Vec<Inbound>> {
    let entries: Vec<Value> = serde_json::from_slice(&request.body)
        .map_err(|e| Error::new(ErrorKind::Protocol, "the body is no JSON list of events").with_source(e))?;
    let known = entries.into_iter().filter_map(|entry| serde_json::from_value::<Entry>(entry).ok());
    Ok(known.filter_map(|entry| entry.read(echo, request.received)).map(Inbound::Event).collect())
}

#[derive(Deserialize)]
struct Entry {
    event: String,
    #[serde(default, deserialize_with = "lenient")]
    email: Option<String>,
    #[serde(default)]
    timestamp: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    sg_event_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    sg_message_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    reason: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    response: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    url: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    asm_group_id: Option<String>,
    #[serde(default)]
    sg_machine_open: Option<bool>,
    #[serde(default, rename = "tidings", deserialize_with = "lenient")]
    token: Option<String>,
}

impl Entry {
    fn read(self, echo: Option<&EchoKey>, received: Timestamp) -> Option<VendorEvent> {
        let kind = self.event_kind()?;
        let token = echo.zip(self.token.as_deref()).and_then(|(key, token)| key.open(token));
        let vendor_id = self.sg_message_id.as_deref().map(message_id).map(Arc::<str>::from);
        let correlation = self.correlation(token.as_ref(), vendor_id.as_ref())?;
        let at = self.timestamp.map_or(received, Timestamp::from_secs);
        let mut event = VendorEvent::new(correlation, kind, at, self.source()?);
        event.generation = token.map(|token| token.generation);
        event.vendor_id = vendor_id;
        event.code = self.code();
        event.text = self.text();
        Some(event)
    }

    fn event_kind(&self) -> Option<EventKind> {
        Some(match self.event.as_str() {
            "bounce" if self.kind.as_deref() == Some("blocked") => EventKind::Failed,
            "bounce" => EventKind::Bounced,
            "click" => EventKind::Clicked,
            "deferred" => EventKind::Deferred,
            "delivered" => EventKind::Delivered,
            "dropped" if self.is_suppressed() => EventKind::Suppressed,
            "dropped" => EventKind::Failed,
            "group_resubscribe" => EventKind::Other("resubscribed".into()),
            "open" => EventKind::Opened,
            "processed" => EventKind::Accepted,
            "spamreport" => EventKind::Complained,
            "group_unsubscribe" | "unsubscribe" => EventKind::Unsubscribed,
            _ => return None,
        })
    }

    /// SendGrid's own lists of addresses that it does not write to.
    fn is_suppressed(&self) -> bool {
        let reason = self.reason.as_deref().unwrap_or_default().to_ascii_lowercase();
        ["bounced address", "spam reporting address", "unsubscribed address"]
            .iter()
            .any(|listed| reason.starts_with(listed))
    }

    fn correlation(&self, token: Option<&Echo>, vendor_id: Option<&Arc<str>>) -> Option<Correlation> {
        let address = self.email.as_deref();
        let echoed = token.and_then(|token| token.correlation(address));
        echoed.or_else(|| {
            let id = Arc::clone(vendor_id?);
            Some(Correlation::VendorId { id, recipient: address.map(Arc::from) })
        })
    }

    /// SendGrid's id of the event, or what makes it one.
    fn source(&self) -> Option<String> {
        self.sg_event_id.clone().filter(|id| !id.is_empty()).or_else(|| {
            let (email, at) = (self.email.as_deref()?, self.timestamp?);
            Some(format!("{}/{email}/{}/{at}", self.sg_message_id.as_deref().unwrap_or_default(), self.event))
        })
    }

    fn code(&self) -> Option<Arc<str>> {
        match self.event.as_str() {
            "open" => self.sg_machine_open.filter(|machine| *machine).map(|_| "machine".into()),
            "group_resubscribe" | "group_unsubscribe" => self.asm_group_id.as_deref().map(Into::into),
            _ => self.status.as_deref().filter(|status| !status.is_empty()).map(Into::into),
        }
    }

    fn text(&self) -> Option<Arc<str>> {
        if self.event == "click" {
            return self.url.as_deref().map(Into::into);
        }
        let words = self.reason.as_deref().or(self.response.as_deref())?;
        Some(excerpt(words).into())
    }
}

/// The id that sending was answered with, of an event's longer one:
/// `abc.filter0001.16648.5515E0B88.0` and `abc.recvd-5f54b5d587-pczjm-1-67BADEEA-6.0` say `abc`.
fn message_id(id: &str) -> &str {
    let cut = [".filter", ".recvd-"].iter().filter_map(|mark| id.find(mark)).min();
    match cut.or_else(|| id.find('.')) {
        Some(end) => &id[..end],
        None => id,
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
    };
    use http::{HeaderMap, Method};
    use secrecy::SecretString;

    use super::{super::json::TOKEN, *};
    use crate::id::{DeliveryId, MessageId};

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn request(headers: &[(&'static str, String)], body: &str) -> RawRequest {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("valid"));
        }
        RawRequest::new(Method::POST, "https://x.org/in", map, body.to_owned(), NOW)
    }

    struct Signer(EcdsaKeyPair);

    impl Signer {
        fn new() -> Self {
            Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key"))
        }

        fn key(&self) -> VerificationKey {
            VerificationKey::parse(&BASE64.encode(self.0.public_key().as_ref())).expect("a key")
        }

        fn request(&self, time: &str, body: &str) -> RawRequest {
            let signature =
                self.0.sign(&SystemRandom::new(), format!("{time}{body}").as_bytes()).expect("signed");
            request(&[(SIGNATURE, BASE64.encode(signature)), (TIMESTAMP, time.to_owned())], body)
        }
    }

    #[test]
    fn good_signatures_are_taken_within_the_tolerance() {
        let signer = Signer::new();
        let tolerance = Duration::from_secs(300);
        for (offset, good) in [(0, true), (-300, true), (300, true), (-301, false), (301, false)] {
            let request = signer.request(&(NOW.as_secs() + offset).to_string(), "[]");
            assert_eq!(verify(Some(&signer.key()), tolerance, &request).is_ok(), good, "{offset}");
        }
    }

    #[test]
    fn every_fault_is_auth() {
        let signer = Signer::new();
        let (key, now) = (signer.key(), NOW.as_secs().to_string());
        let mut other_body = signer.request(&now, "[]");
        other_body.body = "[ ]".into();
        let mut twice = signer.request(&now, "[]");
        twice.headers.append(TIMESTAMP, now.parse().expect("valid"));
        let cases = [
            other_body,
            twice,
            signer.request("", "[]"),
            signer.request("noon", "[]"),
            signer.request("99999999999999999999", "[]"),
            request(&[], "[]"),
            request(&[(SIGNATURE, "%%%".into()), (TIMESTAMP, now.clone())], "[]"),
            Signer::new().request(&now, "[]"),
        ];
        for case in &cases {
            let error = verify(Some(&key), Duration::MAX, case).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
        }
        let unset = verify(None, Duration::MAX, &signer.request(&now, "[]")).expect_err("no key");
        assert!(unset.message().contains("webhook_key"));
    }

    fn events(body: &str) -> Vec<VendorEvent> {
        let inbound = parse(None, &request(&[], body)).expect("a list");
        inbound
            .into_iter()
            .map(|one| match one {
                Inbound::Event(event) => event,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn events_have_kinds_and_details() {
        // The fields of https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
        let table = [
            (r#""event":"processed""#, "accepted", None, None),
            (
                r#""event":"deferred","response":"400 try again later","attempt":"5""#,
                "deferred",
                None,
                Some("400 try again later"),
            ),
            (r#""event":"delivered","response":"250 OK""#, "delivered", None, Some("250 OK")),
            (
                r#""event":"bounce","type":"bounce","status":"5.1.1","reason":"550 no such user""#,
                "bounced",
                Some("5.1.1"),
                Some("550 no such user"),
            ),
            (r#""event":"bounce","type":"blocked","reason":"listed""#, "failed", None, Some("listed")),
            (
                r#""event":"dropped","reason":"Bounced Address"}"#.trim_end_matches('}'),
                "suppressed",
                None,
                Some("Bounced Address"),
            ),
            (r#""event":"dropped","reason":"Invalid""#, "failed", None, Some("Invalid")),
            (r#""event":"open","sg_machine_open":true"#, "opened", Some("machine"), None),
            (r#""event":"open","sg_machine_open":false"#, "opened", None, None),
            (r#""event":"click","url":"https://x.org/a""#, "clicked", None, Some("https://x.org/a")),
            (r#""event":"spamreport""#, "complained", None, None),
            (r#""event":"unsubscribe""#, "unsubscribed", None, None),
            (r#""event":"group_unsubscribe","asm_group_id":10"#, "unsubscribed", Some("10"), None),
            (r#""event":"group_resubscribe","asm_group_id":10"#, "resubscribed", Some("10"), None),
        ];
        for (fields, kind, code, text) in table {
            let body = format!(
                r#"[{{"email":"a@x.org","timestamp":1513299569,"sg_event_id":"e1","sg_message_id":"abc.filter0001.1.2.0",{fields}}}]"#
            );
            let [event] = &events(&body)[..] else { panic!("one event of {fields}") };
            assert_eq!(event.kind.as_str(), kind, "{fields}");
            assert_eq!((event.code.as_deref(), event.text.as_deref()), (code, text), "{fields}");
            assert_eq!((&*event.source, event.vendor_id.as_deref()), ("e1", Some("abc")));
            assert_eq!(event.at, Timestamp::from_secs(1_513_299_569));
            let by_id = Correlation::VendorId { id: "abc".into(), recipient: Some("a@x.org".into()) };
            assert_eq!(event.correlation, by_id);
        }
    }

    #[test]
    fn broken_and_unknown_entries_do_not_lose_the_others() {
        let body = r#"[7, {}, {"event":"account_status_change","sg_event_id":"x"}, {"event":5},
            {"event":"delivered"}, {"event":"open","email":[],"sg_event_id":"e","sg_message_id":"m.recvd-1.0"}]"#;
        let [event] = &events(body)[..] else { panic!("one event") };
        assert_eq!(event.correlation, Correlation::VendorId { id: "m".into(), recipient: None });
        for nonsense in ["", "{}", "[", "null", "\u{0}"] {
            let error = parse(None, &request(&[], nonsense)).expect_err(nonsense);
            assert_eq!(error.kind(), ErrorKind::Protocol);
        }
    }

    #[test]
    fn tokens_of_ours_name_the_delivery_and_others_are_ignored() {
        let key = EchoKey::derive(&SecretString::from("k"));
        let message = MessageId::new(NOW);
        let entry = |token: &str| {
            format!(
                r#"[{{"event":"open","email":"a@x.org","sg_event_id":"e","sg_message_id":"m.0","{TOKEN}":"{token}"}}]"#
            )
        };
        let read = |token: &str| match &parse(Some(&key), &request(&[], &entry(token))).expect("a list")[..] {
            [Inbound::Event(event)] => event.clone(),
            other => panic!("{other:?}"),
        };
        let one = read(&key.sign(&Echo { message, recipient: Some(4), generation: 2 }));
        assert_eq!(one.correlation, Correlation::Delivery(DeliveryId { message, recipient: 4 }));
        assert_eq!(one.generation, Some(2));
        let several = read(&key.sign(&Echo { message, recipient: None, generation: 0 }));
        assert_eq!(several.correlation, Correlation::Message { id: message, recipient: "a@x.org".into() });
        let forged = read(&EchoKey::derive(&SecretString::from("x")).sign(&Echo {
            message,
            recipient: Some(0),
            generation: 0,
        }));
        assert!(matches!(forged.correlation, Correlation::VendorId { .. }), "{forged:?}");
    }

    #[test]
    fn no_input_panics() {
        let mut random = fastrand::Rng::with_seed(7);
        let good = r#"[{"event":"open","email":"a@x.org","timestamp":1,"sg_event_id":"e","sg_message_id":"m.recvd-é.0"}]"#;
        for _ in 0..5_000 {
            let mut bytes = good.as_bytes().to_vec();
            for _ in 0..random.usize(1..6) {
                let at = random.usize(0..bytes.len());
                bytes[at] = random.u8(..);
            }
            let mut call = request(&[], "");
            call.body = bytes.into();
            let _ = parse(None, &call);
        }
    }
}
