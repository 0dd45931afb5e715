//! Requests to SNS (the query protocol: forms and XML) and its answers.

use std::sync::Arc;

use form_urlencoded::Serializer;
use http::{HeaderValue, Method, Uri, header};

use super::{CAPABILITIES, MAX_SIZE, SmsClass, errors, options::Wishes};
use crate::{
    address::SmsSender,
    error::{Error, ErrorKind, Result},
    http::{HttpRequest, HttpResponse, classify::not_understood},
    message::{Message, Sms},
    provider::{Health, Receipt},
    providers::shared::aws::tag,
    time::Timestamp,
};

/// Of Amazon's service description.
const VERSION: &str = "2010-03-31";

/// What a message has that says nothing else.
#[derive(Clone, Debug, Default)]
pub(super) struct Defaults {
    pub(super) class: Option<SmsClass>,
    pub(super) max_price: Option<String>,
    pub(super) origination_number: Option<String>,
    pub(super) sender_id: Option<String>,
}

/// The request that sends `sms`.
pub(super) fn publish(endpoint: &Uri, sms: &Sms, defaults: &Defaults) -> Result<HttpRequest> {
    check(sms)?;
    let wishes = Wishes::read(sms)?;
    let (name, number) = senders(sms, defaults)?;
    let class = wishes.class.or(defaults.class).map(SmsClass::as_str);
    let price = wishes.max_price.or(defaults.max_price.as_deref());
    let attributes = [
        ("AWS.SNS.SMS.SenderID", "String", name),
        ("AWS.MM.SMS.OriginationNumber", "String", number),
        ("AWS.SNS.SMS.SMSType", "String", class),
        ("AWS.SNS.SMS.MaxPrice", "Number", price),
        ("AWS.MM.SMS.EntityId", "String", wishes.entity_id),
        ("AWS.MM.SMS.TemplateId", "String", wishes.template_id),
    ];
    let mut form = action("Publish");
    form.append_pair("PhoneNumber", sms.to.as_str()).append_pair("Message", &sms.body);
    let set = attributes.into_iter().filter_map(|(name, kind, value)| Some((name, kind, value?)));
    for (number, (name, kind, value)) in (1..).zip(set) {
        let prefix = format!("MessageAttributes.entry.{number}");
        form.append_pair(&format!("{prefix}.Name"), name)
            .append_pair(&format!("{prefix}.Value.DataType"), kind)
            .append_pair(&format!("{prefix}.Value.StringValue"), value);
    }
    Ok(post(endpoint, form))
}

/// A message's own sender, else those of the configuration.
fn senders<'a>(sms: &'a Sms, defaults: &'a Defaults) -> Result<(Option<&'a str>, Option<&'a str>)> {
    match &sms.from {
        None => Ok((defaults.sender_id.as_deref(), defaults.origination_number.as_deref())),
        Some(SmsSender::Alphanumeric(name)) if is_sender_id(name.as_str()) => Ok((Some(name.as_str()), None)),
        Some(SmsSender::Alphanumeric(_)) => Err(Error::invalid("from", SENDER_ID)),
        Some(number) => Ok((None, Some(number.as_str()))),
    }
}

pub(super) const SENDER_ID: &str =
    "SNS takes 1 to 11 letters, digits and hyphens as a sender's name, one a letter";

/// "The sender ID can contain 1 - 11 alphanumeric characters and must contain at least one letter"; hyphens
/// are in <https://docs.aws.amazon.com/sms-voice/latest/userguide/phone-number-types.html>.
pub(super) fn is_sender_id(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..=11).contains(&name.len()) && name.bytes().all(fits) && name.bytes().any(|b| b.is_ascii_alphabetic())
}

fn check(sms: &Sms) -> Result<()> {
    let missing = sms.needs().missing_in(CAPABILITIES.features);
    if let Some(feature) = missing.iter().next() {
        let why = format!("SNS sends words alone, no {missing}");
        return Err(
            Error::new(ErrorKind::Unsupported, why).with_field(sms.field_of(feature).unwrap_or("media"))
        );
    }
    match sms.body.len() {
        length if length > MAX_SIZE => Err(Error::new(
            ErrorKind::PayloadTooLarge,
            format!("SNS takes at most {MAX_SIZE} octets, not {length}"),
        )
        .with_field("body")),
        _ => Ok(()),
    }
}

/// The request for the account's settings.
pub(super) fn settings(endpoint: &Uri) -> HttpRequest {
    post(endpoint, action("GetSMSAttributes"))
}

fn action(name: &str) -> Serializer<'static, String> {
    let mut form = Serializer::new(String::new());
    form.append_pair("Action", name).append_pair("Version", VERSION);
    form
}

fn post(endpoint: &Uri, mut form: Serializer<'static, String>) -> HttpRequest {
    let mut request = HttpRequest::new(form.finish().into());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.clone();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    request
}

/// What became of a message.
pub(super) fn receipt(answer: &HttpResponse, now: Timestamp) -> Result<Receipt> {
    if !answer.status().is_success() {
        return Err(errors::refused(answer, now));
    }
    let body = String::from_utf8_lossy(answer.body());
    let id = if body.contains("<PublishResult>") { tag(&body, "MessageId") } else { None };
    match id.filter(|id| !id.is_empty()) {
        Some(id) => Ok(Receipt::accepted(1, Some(Arc::from(id)))),
        None => Err(not_understood(answer, "SNS's answer does not name the message")),
    }
}

/// What the answer to a question about the account says.
pub(super) fn health(answer: &HttpResponse, now: Timestamp) -> Result<Health> {
    if !answer.status().is_success() {
        return Err(errors::refused(answer, now));
    }
    match String::from_utf8_lossy(answer.body()).contains("<GetSMSAttributesResponse") {
        true => Ok(Health::Good),
        false => Err(not_understood(answer, "SNS's answer holds no settings")),
    }
}
