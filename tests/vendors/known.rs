//! What the conformance suite has to know of a vendor.

use tidings::{
    http::HttpResponse,
    message::Message,
    providers::catalog,
    testing::{
        answer,
        conformance::{Harness, HttpAnswers},
    },
};

/// A vendor whose secret, messages and answer are known.
pub(crate) struct Known<P, M> {
    pub(crate) provider: fn() -> P,
    pub(crate) secret: &'static str,
    pub(crate) message: M,
    pub(crate) several: Option<M>,
    pub(crate) accepted: HttpResponse,
}

impl<M: Message, P: tidings::Provider<M>> Harness<M> for Known<P, M> {
    type Provider = P;

    fn provider(&self) -> P {
        (self.provider)()
    }

    fn message(&self) -> M {
        self.message.clone()
    }

    fn several(&self) -> Option<M> {
        self.several.clone()
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.secret.to_owned()]
    }

    fn http(&self) -> Option<HttpAnswers> {
        Some(HttpAnswers::accepting([self.accepted.clone()]))
    }
}

/// An answer in JSON.
pub(crate) fn json(status: u16, body: &'static str) -> HttpResponse {
    answer(status, &[("content-type", "application/json")], body)
}

/// The catalog says of a vendor's channel what its provider says.
pub(crate) fn is_in_the_catalog<M: Message>(provider: &impl tidings::Provider<M>) {
    let said = provider.capabilities();
    let entry = catalog::entry(said.vendor).expect("a row of the catalog");
    let listed = entry.channels.iter().find(|(channel, _)| *channel == M::CHANNEL);
    assert_eq!(listed.map(|(_, can)| *can), Some(said));
}
