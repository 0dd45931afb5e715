//! A message as the form that Twilio takes.

use std::borrow::Cow;

use bytes::Bytes;
use form_urlencoded::Serializer;
use serde_json::{Map, Value};

use super::{Twilio, config::is_sid, options::Wishes};
use crate::{
    address::SmsSender,
    error::{Error, ErrorKind, Result},
    message::{Location, Media, MediaSource, Message, Sms, WhatsApp, WhatsAppContent, WhatsAppTemplate},
    provider::Outgoing,
    providers::echo::Echo,
};

/// The query parameter of the callback's URL that holds our token.
pub(super) const TOKEN: &str = "tidings";

/// "Can be up to 1,600 characters in length" (Messages resource, `Body`).
const LONGEST: usize = 1_600;

/// "You can include up to ten" (Messages resource, `MediaUrl`).
const MOST_MEDIA: usize = 10;

/// The form of a text message.
pub(super) fn sms(twilio: &Twilio, item: &Outgoing<'_, Sms>) -> Result<Bytes> {
    let sms = item.message();
    let wishes = Wishes::read(&sms.options)?;
    let configured = twilio.from.as_ref().map(SmsSender::as_str);
    let mut form = Form::default();
    form.add("To", sms.to.as_str());
    form.sender(twilio, sms.from.as_ref().map(SmsSender::as_str), configured, &wishes)?;
    if !sms.body.is_empty() {
        form.add("Body", fitting(&sms.body, "body")?);
    }
    if sms.media.len() > MOST_MEDIA {
        return Err(Error::invalid("media", "Twilio takes at most ten pieces of media"));
    }
    for (index, media) in sms.media.iter().enumerate() {
        if media.caption.is_some() {
            let why = "media in a text message have no caption; put the words into the body";
            return Err(unsupported(format!("media[{index}].caption"), why));
        }
        form.add("MediaUrl", link(media, || format!("media[{index}]"))?);
    }
    form.finish(twilio, item, &wishes)
}

/// The form of a WhatsApp message.
pub(super) fn whatsapp(twilio: &Twilio, item: &Outgoing<'_, WhatsApp>) -> Result<Bytes> {
    let message = item.message();
    if message.reply_to.is_some() {
        return Err(unsupported("reply_to", "Twilio quotes no messages"));
    }
    let wishes = Wishes::read(&message.options)?;
    let from = message.from.as_ref().map(|from| format!("whatsapp:{from}"));
    let mut form = Form::default();
    form.add("To", &format!("whatsapp:{}", message.to));
    form.sender(twilio, from.as_deref(), twilio.whatsapp_from.as_deref(), &wishes)?;
    form.content(&message.content)?;
    form.finish(twilio, item, &wishes)
}

struct Form(Serializer<'static, String>);

impl Default for Form {
    fn default() -> Self {
        Self(Serializer::new(String::with_capacity(512)))
    }
}

impl Form {
    fn add(&mut self, name: &str, value: &str) {
        self.0.append_pair(name, value);
    }

    fn add_if(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    /// Who writes: a sender, a messaging service, or a sender of that service.
    fn sender(
        &mut self,
        twilio: &Twilio,
        named: Option<&str>,
        configured: Option<&str>,
        wishes: &Wishes<'_>,
    ) -> Result<()> {
        let asked = wishes.messaging_service_sid;
        let from = named.or(if asked.is_some() { None } else { configured });
        let service = asked.or(if named.is_some() { None } else { twilio.messaging_service.as_deref() });
        if from.is_none() && service.is_none() {
            let why = "there is no sender; set one on the message, or a sender or a messaging service in the configuration";
            return Err(Error::invalid("from", why));
        }
        wishes.check(service)?;
        self.add_if("From", from);
        self.add_if("MessagingServiceSid", service);
        Ok(())
    }

    fn content(&mut self, content: &WhatsAppContent) -> Result<()> {
        match content {
            WhatsAppContent::Buttons { .. } => {
                return Err(unsupported(
                    "content.buttons",
                    "Twilio sends buttons by approved templates alone",
                ));
            }
            WhatsAppContent::List { .. } => {
                return Err(unsupported("content.list", "Twilio sends lists by approved templates alone"));
            }
            WhatsAppContent::Location(location) => self.location(location)?,
            WhatsAppContent::Media(media) => {
                self.add("MediaUrl", link(media, || "content.media".to_owned())?);
                if let Some(caption) = &media.caption {
                    self.add("Body", fitting(caption, "content.media.caption")?);
                }
            }
            WhatsAppContent::Template(template) => self.template(template)?,
            WhatsAppContent::Text(text) => self.add("Body", fitting(text, "content.text")?),
        }
        Ok(())
    }

    /// The name is required and stands above the label ("Send outbound location messages").
    fn location(&mut self, location: &Location) -> Result<()> {
        let point = format!("{},{}", location.latitude, location.longitude);
        let (name, label) = match (&location.name, &location.address) {
            (Some(name), address) => (&**name, address.as_deref()),
            (None, Some(address)) => (&**address, None),
            (None, None) => (&*point, None),
        };
        self.add("Body", fitting(name, "content.location.name")?);
        match label {
            Some(label) => self.add("PersistentAction", &format!("geo:{point}|{label}")),
            None => self.add("PersistentAction", &format!("geo:{point}")),
        }
        Ok(())
    }

    fn template(&mut self, template: &WhatsAppTemplate) -> Result<()> {
        if !is_sid(&template.name, "HX") {
            let why = "Twilio names templates by their content SID: HX and 32 hexadecimal digits";
            return Err(Error::invalid("content.template.name", why));
        }
        if template.header.is_some() || !template.buttons.is_empty() {
            let field = if template.header.is_some() { "header" } else { "buttons" };
            let why = "Twilio's templates are filled by parameters alone, wherever those stand";
            return Err(unsupported(format!("content.template.{field}"), why));
        }
        self.add("ContentSid", &template.name);
        if !template.parameters.is_empty() {
            let pairs = template.parameters.iter();
            let variables: Map<_, _> =
                pairs.map(|(name, value)| (name.to_string(), Value::from(&**value))).collect();
            if variables.len() < template.parameters.len() {
                return Err(Error::invalid(
                    "content.template.parameters",
                    "two parameters have the same name",
                ));
            }
            self.add("ContentVariables", &Value::Object(variables).to_string());
        }
        Ok(())
    }

    fn finish<M: Message>(
        mut self,
        twilio: &Twilio,
        item: &Outgoing<'_, M>,
        wishes: &Wishes<'_>,
    ) -> Result<Bytes> {
        let switch = |wish: Option<bool>| wish.map(|on| if on { "true" } else { "false" });
        self.add_if("StatusCallback", callback(twilio, item).as_deref());
        self.add_if("RiskCheck", wishes.risk_check);
        self.add_if("SendAsMms", switch(wishes.send_as_mms));
        self.add_if("SendAt", wishes.send_at);
        self.add_if("ScheduleType", wishes.send_at.map(|_| "fixed"));
        self.add_if("ShortenUrls", switch(wishes.shorten_urls));
        self.add_if("SmartEncoded", switch(wishes.smart_encoded));
        self.add_if("ValidityPeriod", wishes.validity_period.map(|period| period.to_string()).as_deref());
        Ok(self.0.finish().into())
    }
}

/// The configured URL with our token of the delivery.
fn callback<'a, M: Message>(twilio: &'a Twilio, item: &Outgoing<'_, M>) -> Option<Cow<'a, str>> {
    let url = twilio.status_callback.as_ref()?.as_str();
    let Some(key) = &twilio.echo else { return Some(Cow::Borrowed(url)) };
    let delivery = item.delivery(0);
    let (message, recipient) = (delivery.message, Some(delivery.recipient));
    let token = key.sign(&Echo { message, recipient, generation: item.generation() });
    let (url, fragment) = url.split_once('#').map_or((url, None), |(url, fragment)| (url, Some(fragment)));
    let joint = if url.contains('?') { '&' } else { '?' };
    let tail = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    Some(Cow::Owned(format!("{url}{joint}{TOKEN}={token}{tail}")))
}

fn fitting<'a>(text: &'a str, field: &'static str) -> Result<&'a str> {
    if text.chars().count() <= LONGEST {
        return Ok(text);
    }
    let why = "Twilio takes at most 1600 characters";
    Err(Error::new(ErrorKind::PayloadTooLarge, why).with_field(field))
}

fn link(media: &Media, field: impl Fn() -> String) -> Result<&str> {
    match &media.source {
        MediaSource::Url(url) => Ok(url.as_str()),
        MediaSource::File(_) => Err(unsupported(field(), "Twilio takes media by link, not as bytes")),
    }
}

fn unsupported(field: impl Into<Cow<'static, str>>, why: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, why).with_field(field)
}
