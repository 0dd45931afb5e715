//! An order confirmation of about 6 KiB, over bare handlebars.

use handlebars::Handlebars;
use serde::Serialize;
use tidings::template::{Parts, Templates};

use crate::measure::{per_item, ratio};

const RENDERS: usize = 500;

#[derive(Serialize)]
struct Item {
    name: String,
    sku: String,
    quantity: u32,
    price: String,
    note: Option<String>,
}

#[derive(Serialize)]
struct Order {
    number: &'static str,
    date: &'static str,
    name: &'static str,
    email: &'static str,
    street: &'static str,
    city: &'static str,
    zip: &'static str,
    country: &'static str,
    currency: &'static str,
    subtotal: &'static str,
    shipping: &'static str,
    tax: &'static str,
    total: &'static str,
    company: &'static str,
    support: &'static str,
    link: &'static str,
    unsubscribe: &'static str,
    tracking: &'static str,
    year: u32,
    paid: bool,
    items: Vec<Item>,
}

const LAYOUT: &str = r#"<!doctype html><html lang="en"><head><title>{{number}}</title><style>body{font-family:sans-serif;color:#222}td{padding:8px;border-bottom:1px solid #eee}</style></head>
<body><table role="presentation"><tr><td><img src="https://cdn.example.com/logo.png" alt="{{company}}"></td></tr><tr><td>
{{> @partial-block}}
</td></tr><tr><td>{{company}} &middot; <a href="mailto:{{support}}">{{support}}</a> &middot; {{year}} &middot; <a href="{{unsubscribe}}">Unsubscribe</a></td></tr></table></body></html>
"#;

const PARAGRAPH: &str = r#"<p style="margin:0 0 12px 0;line-height:1.5">We have your order and will tell you as soon as it leaves our warehouse. If anything looks wrong, reply to this message and a person will answer you, usually within one working day.</p>
"#;

fn body() -> String {
    let head = r#"{{#> layout}}<h1>Thank you, {{name}}!</h1>
<p>Order <b>{{number}}</b> of {{date}}, sent to {{email}}.</p>
{{#if paid}}<p>Paid in full.</p>{{else}}<p>To be paid.</p>{{/if}}
<table>
{{#each items}}
<tr><td style="padding:8px;vertical-align:top">{{name}} <span class="muted">({{sku}})</span>{{#if note}}<br><i>{{note}}</i>{{/if}}</td><td style="padding:8px;white-space:nowrap">{{quantity}} &times; {{price}} {{../currency}}</td></tr>
{{/each}}
<tr><td>Subtotal</td><td>{{subtotal}} {{currency}}</td></tr><tr><td>Shipping</td><td>{{shipping}}</td></tr>
<tr><td>Tax</td><td>{{tax}}</td></tr><tr><td><b>Total</b></td><td><b>{{total}} {{currency}}</b></td></tr>
</table>
"#;
    let foot = r#"<p>{{name}}<br>{{street}}<br>{{zip}} {{city}}<br>{{country}}</p>
<p><a href="{{link}}">See the order</a> or <a href="{{tracking}}">track the parcel</a></p>{{/layout}}"#;
    format!("{head}{}{foot}", PARAGRAPH.repeat(10))
}

fn order() -> Order {
    let item = |index: u32| Item {
        name: format!("Widget <number> {index}"),
        sku: format!("W-{index:04}"),
        quantity: index + 1,
        price: format!("{index}.99"),
        note: index.is_multiple_of(3).then(|| "gift wrapped".to_owned()),
    };
    Order {
        number: "A-10023",
        date: "2026-11-20",
        name: "Ada Lovelace & Co",
        email: "ada@example.com",
        street: "12 St James's Square",
        city: "London",
        zip: "SW1Y 4JH",
        country: "United Kingdom",
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

pub(crate) fn bench() -> f64 {
    let (body, order) = (body(), order());
    let mut bare = Handlebars::new();
    bare.register_template_string("layout", LAYOUT).expect("a template");
    bare.register_template_string("order", &body).expect("a template");
    let templates = Templates::new();
    templates.register_partial("layout", LAYOUT).expect("a partial");
    templates.register("order", Parts::new().html(&body)).expect("a template");
    let same = templates.render("order", &order).expect("rendered").html.expect("an html part");
    assert_eq!(&*same, bare.render("order", &order).expect("rendered"), "the same output, byte for byte");
    println!("render: {} bytes, 10 line items, a layout partial", same.len());
    let ours = || {
        per_item(RENDERS, || {
            for _ in 0..RENDERS {
                std::hint::black_box(templates.render("order", &order).expect("rendered"));
            }
        })
    };
    let theirs = || {
        per_item(RENDERS, || {
            for _ in 0..RENDERS {
                std::hint::black_box(bare.render("order", &order).expect("rendered"));
            }
        })
    };
    ratio("render", 41, ours, theirs)
}
