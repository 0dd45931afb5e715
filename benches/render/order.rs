//! An order confirmation of about 6 KiB: a layout, partials, ten line items.

use serde::Serialize;

#[derive(Clone, Serialize)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) sku: String,
    pub(crate) quantity: u32,
    pub(crate) price: String,
    pub(crate) note: Option<String>,
}

#[derive(Clone, Serialize)]
pub(crate) struct Address {
    pub(crate) street: &'static str,
    pub(crate) city: &'static str,
    pub(crate) zip: &'static str,
    pub(crate) country: &'static str,
}

#[derive(Clone, Serialize)]
pub(crate) struct Order {
    pub(crate) number: String,
    pub(crate) date: &'static str,
    pub(crate) name: String,
    pub(crate) email: &'static str,
    pub(crate) address: Address,
    pub(crate) currency: &'static str,
    pub(crate) subtotal: &'static str,
    pub(crate) shipping: &'static str,
    pub(crate) tax: &'static str,
    pub(crate) total: &'static str,
    pub(crate) company: &'static str,
    pub(crate) support: &'static str,
    pub(crate) link: &'static str,
    pub(crate) unsubscribe: &'static str,
    pub(crate) tracking: &'static str,
    pub(crate) year: u32,
    pub(crate) paid: bool,
    pub(crate) items: Vec<Item>,
}

/// Every partial by its name; the first is the layout.
pub(crate) const PARTIALS: [(&str, &str); 4] =
    [("layout", LAYOUT), ("line", LINE), ("address", ADDRESS), ("footer", FOOTER)];

const LAYOUT: &str = r#"<!doctype html><html lang="en"><head><title>{{number}}</title><style>body{font-family:sans-serif;color:#222}td{padding:8px;border-bottom:1px solid #eee}</style></head>
<body><table role="presentation"><tr><td><img src="https://cdn.example.com/logo.png" alt="{{company}}"></td></tr><tr><td>
{{> @partial-block}}
</td></tr><tr><td>{{> footer}}</td></tr></table></body></html>
"#;

const LINE: &str = r#"<tr><td style="padding:8px;vertical-align:top">{{name}} <span class="muted">({{sku}})</span>{{#if note}}<br><i>{{note}}</i>{{/if}}</td><td style="padding:8px;white-space:nowrap">{{quantity}} &times; {{price}} {{currency}}</td></tr>"#;

const ADDRESS: &str = "<p>{{street}}<br>{{zip}} {{city}}<br>{{country}}</p>";

const FOOTER: &str = r#"{{company}} &middot; <a href="mailto:{{support}}">{{support}}</a> &middot; {{year}} &middot; <a href="{{unsubscribe}}">Unsubscribe</a>"#;

const PARAGRAPH: &str = r#"<p style="margin:0 0 12px 0;line-height:1.5">We have your order and will tell you as soon as it leaves our warehouse. If anything looks wrong, reply to this message and a person will answer you, usually within one working day.</p>
"#;

const HEAD: &str = r#"{{#> layout}}<h1>Thank you, {{name}}!</h1>
<p>Order <b>{{number}}</b> of {{date}}, sent to {{email}}.</p>
{{#if paid}}<p>Paid in full.</p>{{else}}<p>To be paid.</p>{{/if}}
<table>
{{#each items}}
{{> line currency=../currency}}
{{/each}}
<tr><td>Subtotal</td><td>{{subtotal}} {{currency}}</td></tr><tr><td>Shipping</td><td>{{shipping}}</td></tr>
<tr><td>Tax</td><td>{{tax}}</td></tr><tr><td><b>Total</b></td><td><b>{{total}} {{currency}}</b></td></tr>
</table>
"#;

const FOOT: &str = r#"<p>{{name}}</p>{{> address address}}
<p><a href="{{link}}">See the order</a> or <a href="{{tracking}}">track the parcel</a></p>{{/layout}}"#;

/// The template, over [`PARTIALS`].
pub(crate) fn body() -> String {
    format!("{HEAD}{}{FOOT}", PARAGRAPH.repeat(13))
}

pub(crate) fn order() -> Order {
    let address = Address {
        street: "12 St James's Square",
        city: "London",
        zip: "SW1Y 4JH",
        country: "United Kingdom",
    };
    Order {
        number: "A-10023".to_owned(),
        date: "2026-11-20",
        name: "Ada Lovelace & Co".to_owned(),
        email: "ada@example.com",
        address,
        currency: "GBP",
        subtotal: "123.40",
        shipping: "4.90",
        tax: "24.68",
        total: "152.98",
        company: "Acme & Sons",
        support: "help@acme.example",
        link: "https://acme.example/orders/10023?t=abc&u=1",
        unsubscribe: "https://acme.example/u/xyz",
        tracking: "https://track.example/?id=99",
        year: 2026,
        paid: true,
        items: (0..10).map(item).collect(),
    }
}

fn item(index: u32) -> Item {
    Item {
        name: format!("Widget <number> {index}"),
        sku: format!("W-{index:04}"),
        quantity: index + 1,
        price: format!("{index}.99"),
        note: index.is_multiple_of(3).then(|| "gift wrapped".to_owned()),
    }
}
