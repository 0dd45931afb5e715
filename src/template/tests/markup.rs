//! Data stay where the template puts them: in their attribute, under its
//! scheme, in their header.

use super::*;
use crate::message::Email;

/// The HTML of a template that may use `PARTIALS`.
fn html(source: &str, data: &Value) -> Result<String> {
    let templates = Templates::new();
    for (name, partial) in PARTIALS {
        templates.register_partial(name, partial)?;
    }
    templates.register("t", Parts::new().html(source))?;
    Ok(templates.render_value("t", data)?.html.as_deref().expect("has HTML").to_owned())
}

const PARTIALS: &[(&str, &str)] = &[
    ("plain", "class=\"x\" "),
    ("attribute", "class=\"{{x}}\""),
    ("link", "<a href=\"{{x}}\">"),
    ("open", "<a href=\""),
    ("place", "<p title=\"{{> @partial-block}}\">"),
    ("bare", "<p title={{x}}>"),
    ("text", "[{{x}}]"),
];

const HOSTILE: &str = "\"'`=><&/ onerror=alert(1) \u{0}\r\n\t--></style></script>{{x}}\u{202e}\u{2028}";

#[test]
fn values_may_stand_in_text_and_in_quotes() {
    for source in [
        "<p>{{x}}</p>",
        "<p title=\"{{x}}\" lang='{{x}}'>{{x}}</p>",
        "<p{{#if x}} title=\"{{x}}\"{{else}} hidden{{/if}} class=\"c\">",
        "<p class=\"{{#if x}}{{x}}{{else}}b{{/if}}\" {{#if x}}hidden{{/if}}>{{x}}",
        "<a href=\"https://{{x}}\">",
        "<a href=\"/{{x}}:{{x}}\">",
        "<style>p { color: {{x}} }</style>{{x}}",
        "<!--[if mso]><p title=\"{{x}}\"><![endif]-->",
        "<!-- {{x}} --><b>{{x}}</b>",
        "<p title=\"{{#each l}}{{this}}, {{/each}}\">",
        "<p {{> plain}}>{{> text}}",
        "<p {{#each l}}data-x=\"{{this}}\" {{/each}}><p{{#each l}} lang='{{this}}'{{/each}}>",
        "<p title=\"{{#with x}}{{this}}{{/with}}\">{{{y}}}</p>",
        "{{#> text}}<i title=\"{{x}}\">{{/text}}",
        "1 < {{x}} && a<b>{{x}}</b>",
    ] {
        html(source, &json!({"x": "v", "y": "<hr>", "l": [1, 2]}))
            .unwrap_or_else(|e| panic!("{source}: {e}"));
    }
}

#[test]
fn hostile_data_stay_in_their_attribute() {
    let source =
        "<p title=\"{{x}}\" lang='{{x}}' style=\"color:{{x}}\"><a href=\"https://e.org/{{x}}\">{{x}}</a></p>";
    let rendered = html(source, &json!({"x": HOSTILE})).expect("renders");
    let tags = rendered.matches('<').count();
    assert_eq!(tags, 4, "as many tags as the template has: {rendered}");
    assert_eq!(rendered.matches('"').count(), 6, "{rendered}");
    assert_eq!(rendered.matches('\'').count(), 2, "{rendered}");
    assert!(!rendered.contains("onerror="), "{rendered}");
}

#[test]
fn a_value_that_no_escaping_keeps_in_place_is_refused_at_registration() {
    for (source, word) in [
        ("<p title={{x}}>", "quotes"),
        ("<p title=a{{x}}>", "quotes"),
        ("<p {{x}}>", "inside a tag"),
        ("<p class=\"a\"{{x}}>", "inside a tag"),
        ("<{{x}}>", "inside a tag"),
        ("<p{{x}}>", "inside a tag"),
        ("<p {{x}}=\"a\">", "inside a tag"),
        ("<p data-{{x}}=\"a\">", "inside a tag"),
        ("<p title=\"{{{x}}}\">", "unescaped"),
        ("<p title=\"{{&x}}\">", "unescaped"),
        ("<script>var a = '{{x}}';</script>", "script"),
        ("<p onclick=\"f('{{x}}')\">", "code"),
        ("<iframe srcdoc=\"{{x}}\">", "code"),
        ("<a href=\"javascript:f('{{x}}')\">", "code"),
        ("<a href=\"{{x}}://e.org\">", "scheme"),
        ("<a href=\"{{x}}script:{{x}}\">", "scheme"),
        ("<a href=\"{{#if x}}java{{/if}}script:{{x}}\">", "scheme"),
        ("<p {{#if x}}title={{/if}}\"{{x}}\">", "different places"),
        ("<p {{#if x}}title{{else}}onclick{{/if}}=\"{{x}}\">", "code"),
        ("<p {{#each l}}{{#if @first}}on{{else}}click=\"{{x}}\"{{/if}}{{/each}}>", "different places"),
        ("<p on{{#if x}}{{/if}}click=\"{{x}}\">", "in two"),
        ("<p {{#each l}}title=\"{{/each}}{{x}}\">", "different places"),
        ("<p title=\"{{> place}}", "ends inside"),
        ("<p title=\"{{> @partial-block}}\">", "@partial-block"),
        ("<!-- --{{x}}><p>", "comment"),
    ] {
        let error = html(source, &json!({"x": "v", "l": []})).expect_err(source);
        assert!(matches!(problem(&error), Problem::Unsupported { .. }), "{error}");
        let said = error.to_string();
        assert!(said.contains(word) && said.contains("part html, line 1"), "{source}: {said}");
    }
}

#[test]
fn partials_are_refused_where_they_are_used_as_html() {
    let data = json!({"x": "v"});
    for (source, word) in [
        ("{{> bare}}", "quotes"),
        ("<p {{> attribute}}>", "inside a tag"),
        ("{{> open}}x\">", "ends inside"),
        ("{{#> place}}{{x}}{{/place}}", "@partial-block"),
    ] {
        let said = html(source, &data).expect_err(source).to_string();
        assert!(said.contains(word), "{source}: {said}");
    }
    // The same are fine where nothing is HTML.
    let templates = Templates::new();
    templates.register_partial("bare", "<{{x}}> title={{x}}").expect("parses");
    templates.register("t", Parts::new().text("{{> bare}}").subject("<{{x}}>")).expect("no HTML");
    let content = templates.render("t", &data).expect("no HTML");
    assert_eq!(content.text.as_deref(), Some("<v> title=v"));
}

#[test]
fn data_choose_no_scheme_but_the_harmless_ones() {
    for source in ["<a href=\"{{x}}\">", "<img src=' {{x}}'>", "{{> link}}", "<a href=\"{{y}}{{x}}\">"] {
        for bad in [
            "javascript:alert(1)",
            " JaVaScRiPt:x",
            "java\nscript:x",
            "\u{1}data:text/html,x",
            "vbscript:x",
            "acme:x",
        ] {
            let error = html(source, &json!({"x": bad, "y": ""})).expect_err(source);
            assert!(matches!(problem(&error), Problem::Scheme { .. }), "{source} {bad:?}: {error}");
        }
        for good in ["https://e.org/a:b?c=d", "mailto:a@e.org", "tel:+43", "/a:b", "#a:b", "cid:logo", ""] {
            html(source, &json!({"x": good, "y": ""})).unwrap_or_else(|e| panic!("{source} {good}: {e}"));
        }
    }
    let split = html("<a title=\"b\" href=\"{{x}}{{y}}\">", &json!({"x": "java", "y": "script:x"}));
    assert!(
        matches!(problem(&split.expect_err("in two")), Problem::Scheme { scheme, .. } if scheme == "javascript")
    );
    let base = json!({"x": "https://e.org", "y": "/a:b"});
    assert_eq!(html("<a href=\"{{x}}{{y}}\">", &base).expect("a base"), "<a href=\"https://e.org/a:b\">");
    assert!(html("<a href=\"java{{x}}\">", &json!({"x": "script:y"})).is_err());
}

#[test]
fn data_in_a_link_with_a_scheme_never_change_it() {
    for hostile in ["javascript:x", "\njavascript:x", HOSTILE, "\" href=\"javascript:x"] {
        let rendered = html("<a href=\"https://e.org/{{x}}\">", &json!({"x": hostile})).expect("renders");
        assert!(rendered.starts_with("<a href=\"https://e.org/") && rendered.ends_with("\">"), "{rendered}");
        assert_eq!(rendered.matches('"').count(), 2, "{rendered}");
    }
}

#[test]
fn data_add_no_header() {
    let templates = Templates::new();
    templates.register("t", Parts::new().subject("Hello {{x}}").text("x")).expect("parses");
    for hostile in ["a\r\nBcc: eve@e.org", "a\nBcc: eve@e.org", "a\rBcc: eve@e.org", "a\u{0}b"] {
        let content = templates.render("t", &json!({"x": hostile})).expect("a text");
        let built = Email::builder().from("a@e.org").to("b@e.org").content(&content).build();
        let said = built.expect_err("a header in the subject").to_string();
        assert!(said.contains("subject"), "{hostile:?}: {said}");
    }
}
