//! Status callbacks and answers.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use super::{errors, form::TOKEN};
use crate::{
    address::PhoneNumber,
    event::EventKind,
    http::classify::excerpt,
    message::{Channel, Location},
    providers::{echo::EchoKey, shared::signed::parameter},
    webhook::{Correlation, Inbound, RawRequest, Reply, VendorEvent},
};

/// More pieces of media than any channel delivers.
const MOST_MEDIA: usize = 32;

/// What the call says: one event, one answer, or nothing that is known here.
pub(super) fn parse(echo: Option<&EchoKey>, request: &RawRequest) -> Vec<Inbound> {
    let form = Form::read(&request.body);
    let inbound = match form.text("MessageStatus") {
        Some(status) => event(&form, status, echo, request).map(Inbound::Event),
        None => reply(&form, request).map(Inbound::Reply),
    };
    inbound.into_iter().collect()
}

struct Form<'a>(HashMap<Cow<'a, str>, Cow<'a, str>>);

impl<'a> Form<'a> {
    fn read(body: &'a [u8]) -> Self {
        Self(form_urlencoded::parse(body).collect())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value).filter(|value| !value.is_empty())
    }

    fn sid(&self) -> Option<&str> {
        self.text("MessageSid").or_else(|| self.text("SmsSid"))
    }
}

fn event(form: &Form<'_>, status: &str, echo: Option<&EchoKey>, request: &RawRequest) -> Option<VendorEvent> {
    let sid = form.sid()?;
    let code = form.text("ErrorCode").filter(|code| *code != "0");
    let kind = kind(status, code.and_then(|code| code.parse().ok()))?;
    let token = echo.and_then(|key| key.open(&parameter(&request.url, TOKEN)?));
    let by_id = || Correlation::VendorId { id: sid.into(), recipient: None };
    let correlation = token.and_then(|token| token.correlation(None)).unwrap_or_else(by_id);
    let mut event = VendorEvent::new(correlation, kind, request.received, format!("{sid}:{status}"));
    event.generation = token.map(|token| token.generation);
    event.vendor_id = Some(sid.into());
    event.code = code.map(Into::into);
    let words = form.text("ErrorMessage").or_else(|| form.text("ChannelStatusMessage"));
    event.text = words.map(|words| excerpt(words).into());
    Some(event)
}

/// Message statuses of "Outbound Message Status in Status Callbacks".
fn kind(status: &str, code: Option<i64>) -> Option<EventKind> {
    Some(match status {
        "accepted" | "queued" | "scheduled" | "sending" | "sent" => EventKind::Accepted,
        "canceled" => EventKind::Cancelled,
        "delivered" => EventKind::Delivered,
        "failed" | "undelivered" if code.is_some_and(errors::is_suppressed) => EventKind::Suppressed,
        "failed" | "undelivered" if code.is_some_and(errors::is_unreachable) => EventKind::Bounced,
        "failed" | "undelivered" => EventKind::Failed,
        "read" => EventKind::Read,
        _ => return None,
    })
}

/// A message to us. Its sender is a telephone; what comes from elsewhere is skipped.
fn reply(form: &Form<'_>, request: &RawRequest) -> Option<Reply> {
    let (sid, from, to) = (form.sid()?, form.text("From")?, form.text("To")?);
    let (channel, from, to) = match from.strip_prefix("whatsapp:") {
        Some(from) => (Channel::WhatsApp, from, to.strip_prefix("whatsapp:").unwrap_or(to)),
        None => (Channel::Sms, from, to),
    };
    let from: PhoneNumber = from.parse().ok()?;
    let text = form.text("Body").unwrap_or_default();
    let mut reply = Reply::new(channel, from, to, text, sid, request.received);
    reply.media = media(form);
    reply.choice = form.text("ButtonPayload").map(Into::into);
    reply.location = location(form);
    reply.profile = form.text("ProfileName").map(Into::into);
    reply.reply_to = form.text("OriginalRepliedMessageSid").map(Into::into);
    Some(reply)
}

fn location(form: &Form<'_>) -> Option<Location> {
    let degrees = |name: &str| form.text(name)?.parse().ok();
    let mut location = Location::new(degrees("Latitude")?, degrees("Longitude")?).ok()?;
    location.name = form.text("Label").map(Into::into);
    location.address = form.text("Address").map(Into::into);
    Some(location)
}

fn media(form: &Form<'_>) -> Vec<Arc<str>> {
    let count: usize = form.text("NumMedia").and_then(|count| count.parse().ok()).unwrap_or(0);
    let links = (0..count.min(MOST_MEDIA)).map(|index| form.text(&format!("MediaUrl{index}")));
    links.flatten().map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use secrecy::SecretString;

    use super::*;
    use crate::{
        id::{DeliveryId, MessageId},
        providers::echo::Echo,
        time::Timestamp,
    };

    fn request(url: &str, body: &str) -> RawRequest {
        let now = Timestamp::from_secs(7);
        RawRequest::new(Method::POST, url, HeaderMap::new(), body.to_owned(), now)
    }

    fn event_of(body: &str) -> Option<VendorEvent> {
        match parse(None, &request("https://x.org/in", body)).pop()? {
            Inbound::Event(event) => Some(event),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn statuses_are_events() {
        for (status, code, kind) in [
            ("queued", "", "accepted"),
            ("sending", "", "accepted"),
            ("sent", "", "accepted"),
            ("delivered", "", "delivered"),
            ("read", "", "read"),
            ("canceled", "", "cancelled"),
            ("undelivered", "30003", "failed"),
            ("undelivered", "30005", "bounced"),
            ("undelivered", "30006", "bounced"),
            ("failed", "30007", "failed"),
            ("failed", "21610", "suppressed"),
            ("failed", "nonsense", "failed"),
        ] {
            let body = format!("MessageSid=SM1&MessageStatus={status}&ErrorCode={code}&To=%2B1&From=%2B2");
            let event = event_of(&body).expect(status);
            assert_eq!((event.kind.as_str(), &*event.source), (kind, format!("SM1:{status}").as_str()));
            assert_eq!(event.code.as_deref(), Some(code).filter(|code| !code.is_empty()));
            assert_eq!(event.correlation, Correlation::VendorId { id: "SM1".into(), recipient: None });
            assert_eq!(event.at, Timestamp::from_secs(7));
        }
    }

    #[test]
    fn the_token_in_the_url_names_the_delivery() {
        let key = EchoKey::derive(&SecretString::from("k"));
        let message = MessageId::new(Timestamp::default());
        let token = key.sign(&Echo { message, recipient: Some(0), generation: 3 });
        let body = "MessageSid=SM1&MessageStatus=sent";
        let read = |url: &str| match &parse(Some(&key), &request(url, body))[..] {
            [Inbound::Event(event)] => event.clone(),
            other => panic!("{other:?}"),
        };
        let event = read(&format!("https://x.org/in?a=1&tidings={token}"));
        assert_eq!(event.correlation, Correlation::Delivery(DeliveryId { message, recipient: 0 }));
        assert_eq!(event.generation, Some(3));
        let forged = read("https://x.org/in?tidings=AAAA");
        assert_eq!(forged.correlation, Correlation::VendorId { id: "SM1".into(), recipient: None });
    }

    #[test]
    fn messages_to_us_are_answers() {
        let body = "MessageSid=SM2&SmsStatus=received&From=whatsapp%3A%2B15005550006&To=whatsapp%3A%2B15005550001\
                    &Body=Hi+there&ProfileName=Ada&NumMedia=2&MediaUrl0=https%3A%2F%2Fx.org%2F0&MediaUrl1=https%3A%2F%2Fx.org%2F1";
        let [Inbound::Reply(reply)] = &parse(None, &request("https://x.org/in", body))[..] else {
            panic!("one answer")
        };
        assert_eq!(
            (reply.channel, reply.from.as_str(), &*reply.to),
            (Channel::WhatsApp, "+15005550006", "+15005550001")
        );
        assert_eq!((&*reply.text, &*reply.vendor_id), ("Hi there", "SM2"));
        assert_eq!(reply.media, [Arc::from("https://x.org/0"), Arc::from("https://x.org/1")]);
        assert_eq!((reply.profile.as_deref(), &reply.choice, &reply.location), (Some("Ada"), &None, &None));
        let body = "MessageSid=SM3&From=%2B15005550006&To=12345&Body=STOP&NumMedia=0";
        let [Inbound::Reply(reply)] = &parse(None, &request("https://x.org/in", body))[..] else {
            panic!("one answer")
        };
        assert_eq!((reply.channel, &*reply.to, reply.media.len()), (Channel::Sms, "12345", 0));
    }

    #[test]
    fn buttons_places_and_quotes_are_read() {
        let body = "MessageSid=SM4&From=whatsapp%3A%2B15005550006&To=whatsapp%3A%2B15005550001&Body=Yes\
                    &ButtonPayload=yes-1&ButtonText=Yes&OriginalRepliedMessageSid=SM1\
                    &Latitude=47.07&Longitude=15.44&Label=Inn&Address=Main+Street";
        let [Inbound::Reply(reply)] = &parse(None, &request("https://x.org/in", body))[..] else {
            panic!("one answer")
        };
        assert_eq!((reply.choice.as_deref(), reply.reply_to.as_deref()), (Some("yes-1"), Some("SM1")));
        let place = Location::new(47.07, 15.44).expect("valid").with_name("Inn").with_address("Main Street");
        assert_eq!(reply.location, Some(place));
    }

    #[test]
    fn what_is_unknown_or_broken_is_skipped() {
        for body in [
            "",
            "%ff%fe=&&=",
            "MessageStatus=sent",
            "MessageSid=SM1&MessageStatus=teleported",
            "MessageSid=SM1&From=messenger%3A1&To=messenger%3A2&Body=x",
            "MessageSid=SM1&From=12345&To=%2B15005550006",
            "NumMedia=99999999999999999999&From=%2B15005550006",
        ] {
            assert!(parse(None, &request("https://x.org/in", body)).is_empty(), "{body}");
        }
        let many = "MessageSid=S&From=%2B15005550006&To=1&NumMedia=4000000000";
        assert_eq!(parse(None, &request("https://x.org/in", many)).len(), 1);
    }

    #[test]
    fn no_input_panics() {
        let mut random = fastrand::Rng::with_seed(7);
        let seed = b"MessageSid=SM1&MessageStatus=sent&From=%2B15005550006&NumMedia=3&MediaUrl0=x&?:/@[]%=&";
        let token = SecretString::from("t");
        for _ in 0..5_000 {
            let mut pick =
                |most| (0..random.usize(0..most)).map(|_| seed[random.usize(0..seed.len())]).collect();
            let (url, body): (Vec<u8>, Vec<u8>) = (pick(40), pick(120));
            let mut call = request(&String::from_utf8_lossy(&url), "");
            call.body = body.into();
            call.headers.insert("x-twilio-signature", "AAAA".parse().expect("valid"));
            let _ = (parse(None, &call), super::super::signature::verify(&token, &call).is_ok());
        }
    }
}
