//! The three figures.

use std::{fs, hint::black_box};

use handlebars::Handlebars;
use tidings::template::{Parts, Templates};

use crate::{
    measure::{cpu_micros, per_item, ratio},
    order::{PARTIALS, body, order},
};

const RENDERS: usize = 500;

fn templates() -> Templates {
    let templates = Templates::new();
    for (name, source) in PARTIALS {
        templates.register_partial(name, source).expect("a partial");
    }
    templates.register("order", Parts::new().html(body())).expect("a template");
    templates.check().expect("complete");
    templates
}

fn bare() -> Handlebars<'static> {
    let mut bare = Handlebars::new();
    for (name, source) in PARTIALS {
        bare.register_template_string(name, source).expect("a template");
    }
    bare.register_template_string("order", body()).expect("a template");
    bare
}

/// How many times as many renders a second as plain handlebars: of a struct,
/// of data that are JSON already, and of a context that handlebars may reuse.
pub(crate) fn against_handlebars() -> f64 {
    let (ours, bare, order) = (templates(), bare(), order());
    let html = ours.render("order", &order).expect("rendered").html.expect("an html part");
    assert_eq!(&*html, bare.render("order", &order).expect("rendered"), "the same output, byte for byte");
    println!("render: {} bytes, 10 line items, a layout and partials", html.len());
    let value = serde_json::to_value(&order).expect("JSON");
    let context = handlebars::Context::wraps(&order).expect("JSON");
    let times = |one: &dyn Fn()| per_item(RENDERS, || (0..RENDERS).for_each(|_| one()));
    ratio(
        "render.prepared_data",
        21,
        || times(&|| drop(black_box(ours.render_value("order", &value).expect("rendered")))),
        || times(&|| drop(black_box(bare.render_with_context("order", &context).expect("rendered")))),
    );
    let cost = ratio(
        "render.vs_handlebars",
        41,
        || times(&|| drop(black_box(ours.render("order", &order).expect("rendered")))),
        || times(&|| drop(black_box(bare.render("order", &order).expect("rendered")))),
    );
    1.0 / cost
}

/// Milliseconds for a thousand templates over their layout and partials.
pub(crate) fn register_1000() -> f64 {
    let (templates, body) = (templates(), body());
    let before = cpu_micros();
    for index in 0..1000 {
        templates.register(&format!("order-{index}"), Parts::new().html(&body)).expect("a template");
    }
    (cpu_micros() - before) / 1000.0
}

/// MiB that the process grows by in 100 000 personalised renders, after a
/// thousand that do not count.
pub(crate) fn memory_growth() -> f64 {
    let (templates, mut order) = (templates(), order());
    let mut render = |index: usize| {
        order.name = format!("Recipient <{index}> {}", "x".repeat(index % 200));
        order.number = format!("A-{index}");
        black_box(templates.render("order", &order).expect("rendered"));
    };
    (0..1000).for_each(&mut render);
    let before = resident_mib();
    (1000..101_000).for_each(&mut render);
    resident_mib() - before
}

/// What of this process is in memory, as Linux tells it.
fn resident_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line VmRSS");
    let kib: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number of KiB");
    kib / 1024.0
}
