//! The registry: order, replacement, sharing, limits.

use std::{sync::Arc, thread};

use super::*;
use crate::template::{Part, TemplateEngine};

#[test]
fn the_order_of_registration_does_not_matter() {
    let templates = Templates::new();
    templates.register("t", Parts::new().text("{{> a}}")).expect("partials may follow");
    let error = templates.render_value("t", &json!({})).expect_err("missing");
    assert!(matches!(problem(&error), Problem::UnknownPartial { name, .. } if name == "a"), "{error}");
    assert!(templates.check().expect_err("missing").to_string().contains("no partial `a`"));
    templates.register_partial("a", "A{{> b}}").expect("parses");
    let error = templates.check().expect_err("b is missing").to_string();
    assert!(error.contains("partial `a`, line 1, column 2") && error.contains("`b`"), "{error}");
    templates.register_partial("b", "B").expect("parses");
    templates.check().expect("complete");
    assert_eq!(templates.render_value("t", &json!({})).expect("renders").text.as_deref(), Some("AB"));
}

#[test]
fn a_cycle_is_refused_when_it_closes_and_changes_nothing() {
    let templates = Templates::new();
    templates.register_partial("a", "{{> b}}").expect("open");
    templates.register_partial("b", "{{> c}}").expect("open");
    let error = templates.register_partial("c", "\n{{> a}}").expect_err("closes");
    assert!(
        matches!(problem(&error), Problem::Cycle { chain } if chain == "b -> c -> a -> b" || chain == "a -> b -> c -> a"),
        "{error}"
    );
    templates.register_partial("c", "end").expect("nothing was kept");
    templates.register("t", Parts::new().text("{{> a}}")).expect("open");
    assert_eq!(templates.render_value("t", &json!({})).expect("renders").text.as_deref(), Some("end"));
}

#[test]
fn a_cycle_through_an_inline_partial_is_found_late() {
    let templates = Templates::new();
    let source = "{{#*inline \"slot\"}}{{> card}}{{/inline}}{{> card}}";
    templates.register("t", Parts::new().text(source)).expect("card is unknown yet");
    let error = templates.register_partial("card", "{{> slot}}").expect_err("closes");
    assert!(matches!(problem(&error), Problem::Cycle { .. }), "{error}");
    templates.register_partial("card", "plain").expect("fine");
}

#[test]
fn an_unknown_template_is_answered_with_the_nearest() {
    let templates = Templates::new();
    let error = templates.render("welcom", &()).expect_err("none").to_string();
    assert!(error.contains("none is registered"), "{error}");
    templates.register("welcome", Parts::new().text("x")).expect("parses");
    let error = templates.render("welcom", &()).expect_err("unknown").to_string();
    assert!(error.contains("did you mean `welcome`") && error.contains("known: welcome"), "{error}");
}

#[test]
fn bad_names_and_empty_templates_are_refused() {
    let templates = Templates::new();
    assert!(matches!(
        problem(&templates.register_partial("a b", "").expect_err("space")),
        Problem::Name { .. }
    ));
    assert!(matches!(
        problem(&templates.register_partial("@partial-block", "").expect_err("@")),
        Problem::Name { .. }
    ));
    assert!(matches!(
        problem(&templates.register("", Parts::new().text("")).expect_err("empty")),
        Problem::Name { .. }
    ));
    assert!(
        templates.register("t", Parts::new()).expect_err("no part").to_string().contains("without any part")
    );
}

#[test]
fn a_template_may_be_named_like_a_partial() {
    let templates = Templates::new();
    templates.register_partial("order", "partial").expect("parses");
    templates.register("order", Parts::new().text("{{> order}}")).expect("another room");
    assert_eq!(templates.render("order", &()).expect("renders").text.as_deref(), Some("partial"));
}

#[test]
fn the_trait_object_renders_parts() {
    let templates = Templates::new();
    templates.register("t", Parts::new().title("T{{x}}").body("B")).expect("parses");
    let engine: Arc<dyn TemplateEngine> = Arc::new(templates);
    let data = json!({"x": 1});
    assert_eq!(engine.render_part("t", Part::Title, &data).expect("renders").as_deref(), Some("T1"));
    assert_eq!(engine.render_part("t", Part::Html, &data).expect("absent"), None);
    assert_eq!(engine.render_value("t", &data).expect("renders").body.as_deref(), Some("B"));
}

#[test]
fn registering_while_others_render_is_safe() {
    let templates = Templates::new();
    templates.register_partial("p", "0").expect("parses");
    templates.register("t", Parts::new().text("{{> p}}{{> p}}")).expect("parses");
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let content = templates.render("t", &()).expect("always complete");
                    let text = content.text.expect("has a text");
                    assert_eq!(text[..1], text[1..], "one render, one state");
                }
            });
        }
        for i in 0..200 {
            templates.register_partial("p", &(i % 10).to_string()).expect("parses");
        }
    });
}

#[test]
fn each_limit_is_an_error_that_names_it() {
    let data = json!({"l": [1, 2, 3, 4, 5]});
    let limited = |change: fn(&mut Limits), source: &str| {
        let mut limits = Limits::default();
        change(&mut limits);
        let templates = Templates::new().with_limits(limits);
        templates.register_partial("b", "x").expect("parses");
        templates.register_partial("a", "{{> b}}").expect("parses");
        let result = templates.register("t", Parts::new().text(source));
        let error = result.and_then(|()| templates.render_value("t", &data)).expect_err(source);
        match problem(&error) {
            Problem::Limit { limit, value, .. } => (limit, value),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        limited(|l| l.loop_steps = 9, "{{#each l}}{{/each}}{{#each l}}{{/each}}"),
        ("Limits::loop_steps", 9)
    );
    assert_eq!(limited(|l| l.output_bytes = 9, "{{#each l}}ab{{/each}}"), ("Limits::output_bytes", 9));
    assert_eq!(limited(|l| l.source_bytes = 9, "0123456789"), ("Limits::source_bytes", 9));
    assert_eq!(limited(|l| l.partial_depth = 1, "{{> a}}"), ("Limits::partial_depth", 1));
    let nested = "{{#if l}}{{#if l}}{{#if l}}{{/if}}{{/if}}{{/if}}";
    assert_eq!(limited(|l| l.nesting = 2, nested), ("Limits::nesting", 2));
    assert_eq!(limited(|l| l.nesting = 2, "{{#if l}}{{> a}}{{/if}}"), ("Limits::nesting", 2));
}

#[test]
fn exactly_the_limit_is_allowed() {
    let limits = Limits { loop_steps: 5, output_bytes: 10, nesting: 1, ..Limits::default() };
    let templates = Templates::new().with_limits(limits);
    templates.register("t", Parts::new().text("{{#each l}}ab{{/each}}")).expect("parses");
    templates.render_value("t", &json!({"l": [1, 2, 3, 4, 5]})).expect("within all limits");
}
