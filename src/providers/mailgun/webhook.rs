//! Signed webhooks, as Mailgun sends them since 2018: JSON with the signature inside.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{mail::TOKEN, wire::bare};
use crate::{
    error::{Error, ErrorKind, Result},
    event::EventKind,
    http::classify::excerpt,
    providers::{echo::EchoKey, shared::inbound::at},
    time::Timestamp,
    webhook::{Correlation, Inbound, RawRequest, VendorEvent, Verified},
};

/// Checks the signature over time and token, and the time's age.
pub(super) fn verify(
    key: Option<&SecretString>,
    tolerance: Duration,
    request: &RawRequest,
) -> Result<Verified> {
    let refused = |why: &'static str| Error::new(ErrorKind::Auth, why);
    let key = key.ok_or_else(|| refused("no signing key is configured; set `webhook_key`"))?;
    let body: Value = serde_json::from_slice(&request.body)
        .map_err(|_| refused("the body with its signature is no JSON"))?;
    let part = |name| at(&body, &["signature", name]);
    let (Some(time), Some(token)) = (part("timestamp"), part("token")) else {
        return Err(refused("the signature lacks its time or its token"));
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret().as_bytes());
    let signed = [time.as_bytes(), token.as_bytes()].concat();
    let given = [part("signature"), part("parent-signature")];
    let good = |hex: &str| octets(hex).is_some_and(|tag| hmac::verify(&key, &signed, &tag).is_ok());
    if !given.into_iter().flatten().any(good) {
        return Err(refused("the signature is not Mailgun's"));
    }
    let at = Timestamp::from_secs(time.parse().map_err(|_| refused("the signed time is no Unix time"))?);
    if request.received.since(at).max(at.since(request.received)) > tolerance {
        return Err(refused("the signature is too old, or this machine's clock is wrong"));
    }
    Ok(Verified::trust(request))
}

/// Octets of hexadecimal digits, as Mailgun writes them.
fn octets(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| if let [high, low] = pair { Some(digit(*high)? << 4 | digit(*low)?) } else { None })
        .collect()
}

/// The event that the call tells, if it is one that we know.
pub(super) fn parse(echo: Option<&EchoKey>, request: &RawRequest) -> Result<Vec<Inbound>> {
    let body: Value = serde_json::from_slice(&request.body)
        .map_err(|e| Error::new(ErrorKind::Protocol, "the body is no JSON of an event").with_source(e))?;
    let event = body.get("event-data").filter(|data| data.is_object()).ok_or_else(|| {
        Error::new(
            ErrorKind::Protocol,
            "the body has no `event-data`; Mailgun's legacy webhooks are not read",
        )
    })?;
    Ok(read(event, echo, request.received).map(Inbound::Event).into_iter().collect())
}

fn read(data: &Value, echo: Option<&EchoKey>, received: Timestamp) -> Option<VendorEvent> {
    let kind = kind(data)?;
    let recipient = at(data, &["recipient"]);
    let vendor_id: Option<Arc<str>> =
        at(data, &["message", "headers", "message-id"]).map(|id| bare(id).into());
    let token = echo.zip(at(data, &["user-variables", TOKEN])).and_then(|(key, token)| key.open(token));
    let echoed = token.and_then(|token| token.correlation(recipient));
    let correlation = echoed.or_else(|| {
        let id = Arc::clone(vendor_id.as_ref()?);
        Some(Correlation::VendorId { id, recipient: recipient.map(Arc::from) })
    })?;
    let time = data.get("timestamp").and_then(Value::as_f64);
    let source = format!("{}/{}", at(data, &["id"])?, time.unwrap_or_default());
    let mut event = VendorEvent::new(correlation, kind, time.map_or(received, moment), source);
    event.generation = token.map(|token| token.generation);
    event.vendor_id = vendor_id;
    event.code = code(data);
    event.text = text(data);
    Some(event)
}

/// Seconds with a fraction; what is out of range is the nearest that is not.
fn moment(secs: f64) -> Timestamp {
    Timestamp::from_micros((secs * 1e6) as i64)
}

/// <https://documentation.mailgun.com/docs/mailgun/user-manual/events/events>
fn kind(data: &Value) -> Option<EventKind> {
    let permanent = at(data, &["severity"]) != Some("temporary");
    let reason = at(data, &["reason"]).unwrap_or_default();
    Some(match at(data, &["event"])? {
        "accepted" => EventKind::Accepted,
        "clicked" => EventKind::Clicked,
        "complained" => EventKind::Complained,
        "delivered" => EventKind::Delivered,
        "failed" if !permanent => EventKind::Deferred,
        "failed" if reason.starts_with("suppress-") => EventKind::Suppressed,
        "failed" if matches!(reason, "bounce" | "generic") => EventKind::Bounced,
        "failed" | "rejected" => EventKind::Failed,
        "opened" => EventKind::Opened,
        "unsubscribed" => EventKind::Unsubscribed,
        _ => return None,
    })
}

fn code(data: &Value) -> Option<Arc<str>> {
    let status = data.get("delivery-status")?;
    let enhanced = at(status, &["enhanced-code"]).map(str::to_owned);
    enhanced.or_else(|| status.get("code")?.as_i64().map(|code| code.to_string())).map(Into::into)
}

fn text(data: &Value) -> Option<Arc<str>> {
    if at(data, &["event"]) == Some("clicked") {
        return at(data, &["url"]).map(Into::into);
    }
    let places: [&[&str]; 4] = [
        &["delivery-status", "message"],
        &["delivery-status", "description"],
        &["reject", "reason"],
        &["reason"],
    ];
    places.into_iter().find_map(|place| at(data, place)).map(|words| excerpt(words).into())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use serde_json::json;

    use super::*;
    use crate::{
        id::{DeliveryId, MessageId},
        providers::echo::Echo,
    };

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn request(body: &Value) -> RawRequest {
        RawRequest::new(Method::POST, "https://x.org/in", HeaderMap::new(), body.to_string(), NOW)
    }

    fn signature(key: &str, time: &str, token: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let tag = hmac::sign(&key, format!("{time}{token}").as_bytes());
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn signed(name: &str, key: &str, time: &str) -> RawRequest {
        let mut body = json!({"signature": {"timestamp": time, "token": "t"}, "event-data": {}});
        body["signature"][name] = signature(key, time, "t").into();
        request(&body)
    }

    #[test]
    fn good_signatures_are_taken_within_the_tolerance() {
        let (key, tolerance) = (SecretString::from("k"), Duration::from_secs(300));
        for name in ["signature", "parent-signature"] {
            for (offset, good) in [(0, true), (-300, true), (300, true), (-301, false), (301, false)] {
                let call = signed(name, "k", &(NOW.as_secs() + offset).to_string());
                assert_eq!(verify(Some(&key), tolerance, &call).is_ok(), good, "{name} {offset}");
            }
        }
    }

    #[test]
    fn every_fault_is_auth() {
        let (key, now) = (SecretString::from("k"), NOW.as_secs().to_string());
        let hex = signature("k", &now, "t");
        let part = |signature: &str, token: &str| {
            request(&json!({"signature": {"timestamp": now, "token": token, "signature": signature}}))
        };
        let mut broken = part(&hex, "t");
        broken.body = "{".into();
        let cases = [
            broken,
            part(&hex, "u"),
            part(&hex[1..], "t"),
            part(&hex[2..], "t"),
            part(&hex.to_uppercase(), "t"),
            part("", "t"),
            part("é", "t"),
            signed("signature", "other", &now),
            signed("signature", "k", "noon"),
            request(&json!({"signature": {"signature": hex}})),
            request(&json!({"signature": 7})),
            request(&json!([])),
        ];
        for case in &cases {
            let error = verify(Some(&key), Duration::MAX, case).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
        }
        let unset = verify(None, Duration::MAX, &signed("signature", "k", &now)).expect_err("no key");
        assert!(unset.message().contains("webhook_key"));
    }

    fn event(data: &Value, echo: Option<&EchoKey>) -> VendorEvent {
        match &parse(echo, &request(&json!({ "event-data": data }))).expect("an event")[..] {
            [Inbound::Event(event)] => event.clone(),
            other => panic!("{data}: {other:?}"),
        }
    }

    fn data(fields: Value) -> Value {
        let mut data = json!({"id": "e1", "timestamp": 1_513_299_569.5, "recipient": "a@x.org",
            "message": {"headers": {"message-id": "m@x.org"}}});
        data.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        data
    }

    #[test]
    fn events_have_kinds_and_details() {
        let status = json!({"code": 550, "enhanced-code": "5.1.1", "message": "no such user"});
        let table = [
            (json!({"event": "accepted"}), "accepted", None, None),
            (
                json!({"event": "delivered", "delivery-status": {"code": 250, "message": "OK"}}),
                "delivered",
                Some("250"),
                Some("OK"),
            ),
            (
                json!({"event": "failed", "severity": "temporary", "reason": "generic"}),
                "deferred",
                None,
                Some("generic"),
            ),
            (
                json!({"event": "failed", "severity": "permanent", "reason": "bounce", "delivery-status": status}),
                "bounced",
                Some("5.1.1"),
                Some("no such user"),
            ),
            (
                json!({"event": "failed", "severity": "permanent", "reason": "suppress-unsubscribe"}),
                "suppressed",
                None,
                Some("suppress-unsubscribe"),
            ),
            (
                json!({"event": "failed", "severity": "permanent", "reason": "old"}),
                "failed",
                None,
                Some("old"),
            ),
            (json!({"event": "rejected", "reject": {"reason": "Sandbox"}}), "failed", None, Some("Sandbox")),
            (json!({"event": "opened"}), "opened", None, None),
            (json!({"event": "clicked", "url": "https://x.org/a"}), "clicked", None, Some("https://x.org/a")),
            (json!({"event": "complained"}), "complained", None, None),
            (json!({"event": "unsubscribed"}), "unsubscribed", None, None),
        ];
        for (fields, kind, code, text) in table {
            let event = event(&data(fields.clone()), None);
            assert_eq!(event.kind.as_str(), kind, "{fields}");
            assert_eq!((event.code.as_deref(), event.text.as_deref()), (code, text), "{fields}");
            assert_eq!(&*event.source, "e1/1513299569.5");
            assert_eq!(event.at, Timestamp::from_micros(1_513_299_569_500_000));
            let by_id = Correlation::VendorId { id: "m@x.org".into(), recipient: Some("a@x.org".into()) };
            assert_eq!(event.correlation, by_id);
        }
    }

    #[test]
    fn tokens_of_ours_name_the_delivery_and_others_are_ignored() {
        let key = EchoKey::derive(&SecretString::from("k"));
        let message = MessageId::new(NOW);
        let one = key.sign(&Echo { message, recipient: Some(4), generation: 2 });
        let read = event(&data(json!({"event": "opened", "user-variables": {TOKEN: one}})), Some(&key));
        assert_eq!(read.correlation, Correlation::Delivery(DeliveryId { message, recipient: 4 }));
        assert_eq!(read.generation, Some(2));
        let forged = json!({"event": "opened", "user-variables": {TOKEN: "x"}});
        let read = event(&data(forged), Some(&key));
        assert!(matches!(read.correlation, Correlation::VendorId { .. }));
    }

    #[test]
    fn what_is_unknown_is_skipped_and_what_cannot_be_read_is_an_error() {
        for skipped in
            [json!({}), json!({"event": "stored", "id": "e"}), json!({"event": "opened", "id": "e"})]
        {
            let read = parse(None, &request(&json!({ "event-data": skipped }))).expect("nothing");
            assert!(read.is_empty(), "{read:?}");
        }
        for nonsense in [json!([]), json!({}), json!({"event-data": 7}), json!("event=opened")] {
            let error = parse(None, &request(&nonsense)).expect_err("unreadable");
            assert_eq!(error.kind(), ErrorKind::Protocol);
        }
    }

    #[test]
    fn no_input_panics() {
        let mut random = fastrand::Rng::with_seed(7);
        let good = json!({"signature": {"timestamp": "1", "token": "t", "signature": "00"},
            "event-data": data(json!({"event": "opened", "delivery-status": {"code": 1}}))})
        .to_string();
        for _ in 0..5_000 {
            let mut bytes = good.as_bytes().to_vec();
            for _ in 0..random.usize(1..6) {
                let at = random.usize(0..bytes.len());
                bytes[at] = random.u8(..);
            }
            let mut call = request(&json!({}));
            call.body = bytes.into();
            let _ = (verify(Some(&SecretString::from("k")), Duration::MAX, &call), parse(None, &call));
        }
    }
}
