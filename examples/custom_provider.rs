//! A vendor of your own: `Acme` sends text messages over HTTP, and gets retries,
//! limits, time-outs, routes and records from the messenger as any other.
//!
//! ```sh
//! cargo run --example custom_provider                            # a transport that only prints
//! ACME_URL=https://acme.example ACME_KEY=… SMS_TO=+1… \
//!     cargo run --features http-client --example custom_provider # a real one
//! cargo test --features testing --example custom_provider        # holds Acme to the contract
//! ```

use async_trait::async_trait;
use http::{Method, Response, Uri, header};
use serde_json::json;
use tidings::{
    CallContext, Capabilities, Credential, Error, Features, Messenger, Outgoing, Provider, Receipt, Result,
    Sms, Vendor,
    http::{HttpRequest, HttpResponse, HttpTransport, call_with, classify, secret_header},
};

#[tokio::main]
async fn main() -> Result<()> {
    let variable = |name: &str| std::env::var(name).ok();
    let builder = Messenger::builder();
    let messenger = match variable("ACME_URL") {
        Some(url) => {
            println!("Sending through {url} (unset ACME_URL to print requests).\n");
            builder.sms(Acme::new(&url, variable("ACME_KEY").unwrap_or_default())).build()?
        }
        None => {
            println!("Nothing is sent: the HTTP transport prints requests and answers them itself.");
            println!("To send, set ACME_URL, ACME_KEY, SMS_TO and run with --features http-client\n");
            builder.sms(Acme::new("https://acme.example", "a-key")).http(Printing).build()?
        }
    };
    let to = variable("SMS_TO").unwrap_or_else(|| "+15005550006".to_owned());
    let sms = Sms::builder().to(to.as_str()).body("Your table is ready.").build()?;
    println!("Receipt: {}", messenger.send(sms).await?);

    println!("\nAcme cannot send pictures, and says so before it is asked:");
    let mms = Sms::builder().to(to.as_str()).media(tidings::Media::image("https://example.org/table.jpg")?);
    if let Err(error) = messenger.send(mms.build()?).await {
        println!("Error: {error}");
    }
    Ok(())
}

/// The vendor: where it is and how we prove who we are. A `Credential` never shows its secret.
#[derive(Debug)]
struct Acme {
    messages: Uri,
    key: Credential,
}

impl Acme {
    fn new(base_url: &str, key: impl Into<Credential>) -> Result<Self> {
        let messages = format!("{base_url}/messages").parse();
        let messages = messages.map_err(|_| Error::config("ACME_URL must be like https://acme.example"))?;
        Ok(Self { messages, key: key.into() })
    }
}

impl Vendor for Acme {
    fn name(&self) -> &str {
        "acme"
    }
}

#[async_trait]
impl Provider<Sms> for Acme {
    /// A message that needs more never gets here.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("acme", Features::ALPHANUMERIC_SENDER)
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Sms>) -> Result<Receipt> {
        let sms = item.message();
        if let Some(option) = sms.options.iter().find(|option| *option.vendor == *"acme") {
            return Err(Error::invalid("options", format!("acme has no option {:?}", option.name)));
        }
        let body = json!({"to": sms.to.as_str(), "text": sms.body, "key": item.key()}).to_string();
        let request = |key: &_| {
            let mut request = HttpRequest::new(body.clone().into());
            (*request.method_mut(), *request.uri_mut()) = (Method::POST, self.messages.clone());
            request.headers_mut().insert(header::AUTHORIZATION, secret_header("Bearer ", key)?);
            Ok(request)
        };
        let answer = call_with(cx, &self.key, request).await?;
        if !answer.status().is_success() {
            return Err(classify::error_for(&answer, cx.clock().now()));
        }
        let read: Option<serde_json::Value> = serde_json::from_slice(answer.body()).ok();
        match read.as_ref().and_then(|answer| answer["id"].as_str()) {
            Some(id) => Ok(Receipt::accepted(1, Some(id.into()))),
            None => Err(classify::not_understood(&answer, "Acme answers with an id")),
        }
    }
}

/// A transport of your own, in place of the built-in one.
#[derive(Debug)]
struct Printing;

#[async_trait]
impl HttpTransport for Printing {
    async fn send(&self, request: HttpRequest, _: Option<std::time::Duration>) -> Result<HttpResponse> {
        println!("{} {}", request.method(), request.uri());
        println!("{}\n", String::from_utf8_lossy(request.body()));
        Ok(Response::new(r#"{"id": "acme-1"}"#.into()))
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use tidings::testing::{
        answer,
        conformance::{Harness, HttpAnswers},
    };

    use super::*;

    struct AcmeHarness;

    impl Harness<Sms> for AcmeHarness {
        type Provider = Acme;

        fn provider(&self) -> Acme {
            Acme::new("https://acme.example", "hunter2").expect("a good URL")
        }

        fn message(&self) -> Sms {
            Sms::builder().to("+15005550006").body("Hi").build().expect("valid")
        }

        fn secrets(&self) -> Vec<String> {
            vec!["hunter2".to_owned()]
        }

        fn http(&self) -> Option<HttpAnswers> {
            Some(HttpAnswers::accepting([answer(200, &[], r#"{"id": "acme-1"}"#)]))
        }
    }

    tidings::provider_conformance! { mod contract; channel: Sms; harness: AcmeHarness; http: json }
}
