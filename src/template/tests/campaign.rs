//! Templates prepared for many recipients.

use super::*;

fn campaign(source: &str, shared: &Value, own: &Value) -> Result<String> {
    let templates = Templates::new();
    templates
        .register_partial("frame", "<p>{{title}}</p>{{> @partial-block}}-- {{company}}")
        .expect("parses");
    templates.register_partial("lines", "one\n{{title}}\n").expect("parses");
    templates.register("t", Parts::new().html(source))?;
    let content = templates.prepare("t", shared)?.render(own)?;
    let mut merged = shared.clone();
    if let (Value::Object(merged), Value::Object(own)) = (&mut merged, own) {
        merged.extend(own.clone());
    }
    let plain = templates.render_value("t", &merged)?;
    assert_eq!(content, plain, "prepared or not: {source}");
    Ok(content.html.as_deref().expect("has HTML").to_owned())
}

fn shared() -> Value {
    json!({"title": "Sale & more", "company": "Acme", "offers": [{"n": "Tea"}, {"n": "Cups"}], "open": true,
           "link": "https://e.org/?a=b", "bad": "javascript:x"})
}

#[test]
fn a_prepared_template_renders_what_the_merged_data_give() {
    let own = json!({"name": "Ada", "orders": [1, 2]});
    for source in [
        "{{#> frame}}Dear {{name}}, {{#each offers}}{{n}} {{/each}}{{/frame}}",
        "{{#if open}}{{title}} for {{name}}{{else}}{{nope}}{{/if}}",
        "{{#if name}}{{title}}{{/if}}{{#each orders}}{{this}}{{../title}}{{@root.company}}{{/each}}",
        "{{#with offers}}{{len this}}{{/with}}{{#each offers as |o i|}}{{i}}{{o.n}}{{../name}}{{/each}}",
        "<a href=\"{{link}}\" title=\"{{title}} {{name}}\">{{lookup offers 1}}</a>",
        "list:\n  {{> lines}}\nend {{name}}\n{{#each orders}}\n  {{> lines title=../name}}\n{{/each}}",
        "{{#*inline \"lines\"}}{{name}}{{title}}{{/inline}}{{> lines}}",
        "{{#each this}}{{@key}} {{/each}}",
        "{{> lines title=name}}{{#> frame title=name}}{{title}}{{/frame}}",
        "{{#if (and open name)}}{{default name title}}{{/if}}{{optional nope}}{{optional offers.x}}",
    ] {
        campaign(source, &shared(), &own).unwrap_or_else(|e| panic!("{source}: {e}"));
    }
}

#[test]
fn what_the_campaign_alone_decides_is_evaluated_once() {
    // Beyond the turns that one render may take, were they not taken before.
    let limits = Limits { loop_steps: 10, ..Limits::default() };
    let templates = Templates::new().with_limits(limits);
    templates
        .register_partial("frame", "{{#each offers}}{{n}}{{/each}}{{> @partial-block}}")
        .expect("parses");
    let source = "{{#> frame}}{{#each offers}}{{n}}{{/each}}{{#each own}}{{this}}{{/each}}{{/frame}}";
    templates.register("t", Parts::new().text(source)).expect("parses");
    let offers = json!([{"n": 1}, {"n": 2}, {"n": 3}]);
    let prepared = templates.prepare("t", &json!({"offers": offers})).expect("prepares");
    let eight = json!({"own": [0, 0, 0, 0, 0, 0, 0, 0]});
    for _ in 0..3 {
        let text = prepared.render(&eight).expect("eight turns are left").text.expect("a text");
        assert_eq!(&*text, "12312300000000");
    }
    let together = json!({"offers": offers, "own": eight["own"]});
    assert!(templates.render_value("t", &together).is_err(), "fourteen turns in one render");
}

#[test]
fn a_fault_is_told_by_the_render_that_comes_to_it() {
    for source in
        ["{{name}}{{offers.x}}", "<a href=\"{{bad}}\">{{name}}</a>", "{{#if name}}{{len open}}{{/if}}"]
    {
        let error = campaign(source, &shared(), &json!({"name": "Ada"})).expect_err(source);
        assert!(error.to_string().contains("template `t`, part html, line 1"), "{error}");
    }
    campaign("{{#if name}}{{offers.x}}{{/if}}", &shared(), &json!({"name": ""})).expect("not taken");
    assert!(campaign("{{name}}", &shared(), &json!({})).expect_err("absent").to_string().contains("`name`"));
}

#[test]
fn data_that_overlap_or_are_no_object_are_refused() {
    let templates = Templates::new();
    templates.register("t", Parts::new().text("{{a}}")).expect("parses");
    let prepared = templates.prepare("t", &json!({"a": 1})).expect("prepares");
    let overlap = prepared.render(&json!({"a": 2})).expect_err("in both");
    assert!(matches!(problem(&overlap), Problem::Overlap { key } if key == "a"), "{overlap}");
    assert!(prepared.render(&[1]).expect_err("a list").to_string().contains("no object"));
    assert_eq!(prepared.render(&()).expect("nothing of its own").text.as_deref(), Some("1"));
    assert!(templates.prepare("t", &7).is_err());
    assert!(matches!(
        problem(&templates.prepare("u", &()).expect_err("unknown")),
        Problem::UnknownTemplate { .. }
    ));
}

#[test]
fn what_is_registered_later_does_not_change_it() {
    let templates = Templates::new();
    templates.register("t", Parts::new().text("old {{a}}{{b}}")).expect("parses");
    let prepared = templates.prepare("t", &json!({"a": 1})).expect("prepares");
    templates.register("t", Parts::new().text("new")).expect("parses");
    assert_eq!(prepared.render(&json!({"b": 2})).expect("renders").text.as_deref(), Some("old 12"));
}

#[test]
fn preparing_a_diamond_of_partials_ends_soon() {
    let templates = Templates::new();
    templates.register_partial("p14", "{{own}}").expect("parses");
    for i in (0..14).rev() {
        let source = format!("{{{{> p{0}}}}}{{{{> p{0}}}}}{{{{> p{0}}}}}{{{{> p{0}}}}}", i + 1);
        templates.register_partial(&format!("p{i}"), &source).expect("parses");
    }
    templates.register("t", Parts::new().text("{{> p0}}")).expect("parses");
    let prepared = templates.prepare("t", &json!({"a": 1})).expect("prepares");
    let error = prepared.render(&json!({"own": 1})).expect_err("too much");
    assert!(matches!(problem(&error), Problem::Limit { .. }), "{error}");
}
