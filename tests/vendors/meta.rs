use tidings::{
    Location, Media, Message, WhatsApp,
    http::HttpResponse,
    message::{
        Builder, File, ListRow, ListSection, MediaKind, TemplateButtonValue, TemplateHeader, VendorOption,
        WhatsAppTemplate,
    },
    providers::meta::{Meta, MetaConfig},
};

use crate::{
    golden,
    known::{Known, is_in_the_catalog, json},
};

const TOKEN: &str = "EAAG-canary-token";
const ACCEPTED: &str = r#"{"messaging_product":"whatsapp","contacts":[{"input":"+15005550007","wa_id":"15005550007"}],"messages":[{"id":"wamid.HBgL","message_status":"accepted"}]}"#;

fn config() -> MetaConfig {
    MetaConfig::new("106540352242922", TOKEN)
}

fn provider() -> Meta {
    config().build().expect("valid")
}

fn start() -> Builder<WhatsApp> {
    WhatsApp::builder().to("+15005550007")
}

fn known() -> Known<Meta, WhatsApp> {
    let message = start().text("Hi").build().expect("valid");
    Known { provider, secret: TOKEN, message, several: None, accepted: json(200, ACCEPTED) }
}

tidings::provider_conformance! { mod meta_whatsapp; channel: WhatsApp; harness: known(); http: json }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog::<WhatsApp>(&provider());
}

fn file(kind: MediaKind) -> Media {
    Media::file(kind, File::new("menu.pdf", "application/pdf", &b"%PDF"[..]).expect("valid"))
}

fn template() -> WhatsAppTemplate {
    WhatsAppTemplate::new("order_shipped", "en_US")
        .header(TemplateHeader::Media(Media::image("https://example.org/a.png").expect("valid")))
        .with("1", "Ada")
        .with("2", "17")
        .button(0, TemplateButtonValue::Answer("cancel-17".into()))
        .button(1, TemplateButtonValue::LinkEnd("17".into()))
}

fn list() -> Builder<WhatsApp> {
    let row = ListRow { id: "7".into(), title: "Seven".into(), description: Some("in the evening".into()) };
    let section = ListSection { title: "Today".into(), rows: vec![row] };
    start().list("When?", "Choose", vec![section])
}

#[tokio::test]
async fn requests_are_golden() {
    let place =
        Location::new(47.07, 15.44).expect("valid").with_name("The Inn").with_address("Main Street 1");
    let header = VendorOption::new("meta", "header", "Your table");
    let accepted = || json(200, ACCEPTED);
    let uploaded = || json(200, r#"{"id":"4490709327384033"}"#);
    let cases: [(&str, Builder<WhatsApp>, Vec<HttpResponse>); 7] = [
        ("meta/text", start().text("Grüße & Küsse").reply_to("wamid.in"), vec![accepted()]),
        ("meta/template", start().template(template()), vec![accepted()]),
        ("meta/location", start().location(place), vec![accepted()]),
        (
            "meta/buttons",
            start().buttons("Well?", [("y", "Yes"), ("n", "No")]).option(header),
            vec![accepted()],
        ),
        ("meta/list", list(), vec![accepted()]),
        (
            "meta/link",
            start().media(Media::image("https://example.org/a.png").expect("valid").with_caption("A room")),
            vec![accepted()],
        ),
        ("meta/upload", start().media(file(MediaKind::File)), vec![uploaded(), accepted()]),
    ];
    let meta = config().echo_key("echo".to_owned()).build().expect("valid");
    for (name, message, answers) in cases {
        let message = message.build().expect("valid");
        assert!(message.validate().is_ok());
        golden::sends(name, &meta, &message, answers).await;
    }
}
