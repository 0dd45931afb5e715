//! Reads and renders the starter templates: six messages, two locales, all channels.
//!
//! One file is one message in one locale; a line of three dashes and a name begins each part. Copy what you need.

use serde_json::Value;
use tidings::{
    Chat, Email, Error, Push, Result, Sms, WhatsApp,
    mail::Mail,
    message::{Content, WhatsAppTemplate},
    template::{Parts, Templates},
};

/// A starter's name, its locale, and its source.
type Source = (&'static str, &'static str, &'static str);

macro_rules! sources {
    ($($name:literal)*) => {
        /// All starters.
        pub(crate) const SOURCES: &[Source] = &[$(
            ($name, "de", include_str!(concat!($name, ".de.hbs"))),
            ($name, "en", include_str!(concat!($name, ".en.hbs"))),
        )*];
    };
}

sources!("booking" "one-time-code" "order" "payment-reminder" "shipping" "welcome");

const LAYOUT: &str = include_str!("layout.mjml");
const SAMPLE: &str = include_str!("sample.json");

/// A starter with its data in it, one message for each channel.
pub(crate) struct Made {
    pub(crate) email: Email,
    pub(crate) sms: Sms,
    pub(crate) push: Push,
    pub(crate) whatsapp: WhatsApp,
    pub(crate) chat: Chat,
}

/// What templates are shown with, for a locale.
pub(crate) fn sample(locale: &str) -> Value {
    let samples: Value = serde_json::from_str(SAMPLE).expect("sample.json is JSON");
    samples[locale].clone()
}

/// Renders one starter.
pub(crate) fn made((name, locale, source): Source) -> Result<Made> {
    let data = sample(locale);
    let parts = Rendered::new(name, source, &data)?;
    let content = Mail::from_content(parts.email()?)
        .lang(locale)
        .preheader(parts.text("preheader")?)
        .dark_mode()
        .inline_css()
        .derive_text()
        .content()?;
    let email = Email::builder().from("shop@example.org").to("ada@example.org").content(&content).build()?;
    let (phone, chat) = ("+15005550006", "123456");
    Ok(Made {
        email,
        sms: Sms::builder().to(phone).body(parts.text("sms")?).build()?,
        push: Push::builder()
            .token("sample-device-token")
            .title(parts.text("push.title")?)
            .body(parts.text("push.body")?)
            .build()?,
        whatsapp: WhatsApp::builder().to(phone).template(parts.whatsapp()?).build()?,
        chat: Chat::builder().to(chat).text(parts.text("chat")?).build()?,
    })
}

/// The templates of one starter, each part under a name of its own.
struct Rendered<'a> {
    templates: Templates,
    data: &'a Value,
}

impl<'a> Rendered<'a> {
    fn new(name: &str, source: &str, data: &'a Value) -> Result<Self> {
        let templates = Templates::new();
        templates.register_partial("layout", LAYOUT)?;
        for section in source.split("--- ").skip(1) {
            let (part, source) = section.split_once('\n').unwrap_or((section, ""));
            let parts =
                if part == "html" { Parts::new().html(source) } else { Parts::new().text(source.trim_end()) };
            templates
                .register(part, parts)
                .map_err(|error| error.with_context("starter", name.to_owned()))?;
        }
        Ok(Self { templates, data })
    }

    fn text(&self, part: &str) -> Result<String> {
        let content = self.templates.render_value(part, self.data)?;
        content.text.as_deref().map(str::to_owned).ok_or_else(|| Error::config(format!("{part} is empty")))
    }

    fn email(&self) -> Result<Content> {
        let mut content = self.templates.render_value("html", self.data)?;
        content.subject = Some(self.text("subject")?.into());
        Ok(content)
    }

    /// The first line is the name and language of the template that Meta approved, the others its parameters.
    fn whatsapp(&self) -> Result<WhatsAppTemplate> {
        let lines = self.text("whatsapp")?;
        let mut lines = lines.lines();
        let (name, language) = lines.next().and_then(|line| line.split_once(' ')).unwrap_or_default();
        let parameters = lines.enumerate();
        Ok(parameters.fold(WhatsAppTemplate::new(name, language), |template, (at, value)| {
            template.with((at + 1).to_string(), value)
        }))
    }
}
