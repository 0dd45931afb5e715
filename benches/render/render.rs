//! The three figures.

use std::{fs, hint::black_box};

use handlebars::Handlebars;
use serde_json::{Map, json};
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

/// How many times as many renders a second for one of many recipients, if all
/// that the campaign decides was worked in before.
pub(crate) fn campaign() -> f64 {
    let (templates, order) = (templates(), order());
    let all = serde_json::to_value(&order).expect("JSON");
    let own = |key: &String| ["name", "email", "number", "unsubscribe"].contains(&key.as_str());
    let (own, shared): (Map<_, _>, Map<_, _>) =
        all.as_object().expect("a struct").clone().into_iter().partition(|(key, _)| own(key));
    let prepared = templates.prepare("order", &shared).expect("prepared");
    let same = prepared.render(&own).expect("rendered");
    assert_eq!(same, templates.render("order", &order).expect("rendered"), "prepared or not");
    let times = |one: &dyn Fn()| per_item(RENDERS, || (0..RENDERS).for_each(|_| one()));
    let cost = ratio(
        "render.campaign_vs_plain",
        21,
        || times(&|| drop(black_box(prepared.render(&own).expect("rendered")))),
        || times(&|| drop(black_box(templates.render("order", &all).expect("rendered")))),
    );
    1.0 / cost
}

/// Milliseconds of CPU that the worst of some hostile templates takes until it
/// is refused.
pub(crate) fn hostile() -> f64 {
    let data = json!({"l": vec![1; 20_000], "s": "<".repeat(100_000)});
    let sources = [
        "{{#each l}}{{#each @root.l}}{{#each @root.l}}{{/each}}{{/each}}{{/each}}".to_owned(),
        format!("{{{{#each l}}}}{}{{{{/each}}}}", "{{#if @root.l}}{{/if}}".repeat(2000)),
        "{{#each l}}{{#if @root.l}}{{#each @root.l}}{{#with @root.l}}{{/with}}{{/each}}{{/if}}{{/each}}"
            .to_owned(),
        "{{#each l}}{{@root.s}}{{/each}}".to_owned(),
        format!("{{{{or {}}}}}", "s ".repeat(60_000)),
        format!("{}{{{{nope}}}}", "{{or s s s s s s s s s s s}}".repeat(1_300)),
        "{{#if s}}".repeat(3_000),
    ];
    let took = sources.iter().map(|source| {
        let before = cpu_micros();
        let templates = Templates::new();
        let registered = templates.register("t", Parts::new().html(source.as_str()));
        let refused = registered.and_then(|()| templates.render_value("t", &data)).expect_err("hostile");
        let took = (cpu_micros() - before) / 1000.0;
        println!("render.hostile_ms: {took:.1} ms, {:.100}", refused.to_string());
        took
    });
    took.fold(0.0, f64::max)
}

/// What of this process is in memory, as Linux tells it.
fn resident_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line VmRSS");
    let kib: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number of KiB");
    kib / 1024.0
}
