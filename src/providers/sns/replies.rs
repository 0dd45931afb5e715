//! What people answer, as it comes over a topic of SNS.
//!
//! <https://docs.aws.amazon.com/sms-voice/latest/userguide/two-way-sms-payload.html>

use serde::Deserialize;

use crate::{
    error::Result,
    message::Channel,
    providers::shared::aws::Notification,
    webhook::{Inbound, RawRequest, Reply},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    origination_number: String,
    destination_number: String,
    message_body: String,
    inbound_message_id: String,
}

pub(super) fn parse(request: &RawRequest) -> Result<Vec<Inbound>> {
    let Some(notification) = Notification::read(request)? else { return Ok(Vec::new()) };
    // Other messages of the topic are none of ours.
    let Ok(said) = serde_json::from_str::<Said>(&notification.message) else { return Ok(Vec::new()) };
    let Ok(from) = said.origination_number.parse() else { return Ok(Vec::new()) };
    let at = notification.at().unwrap_or(request.received);
    let (to, id) = (said.destination_number, said.inbound_message_id);
    Ok(vec![Inbound::Reply(Reply::new(Channel::Sms, from, to, said.message_body, id, at))])
}
