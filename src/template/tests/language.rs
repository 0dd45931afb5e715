//! The language: agreement with handlebars, strictness, escaping.

use handlebars::Handlebars;

use super::*;

const SAME: &[&str] = &[
    "Dear {{user.name}}!",
    "{{#if user.name}}yes{{else}}no{{/if}}",
    "{{#if zero}}yes{{else}}no{{/if}}{{#if zero includeZero=true}}yes{{/if}}",
    "{{#unless empty}}none{{/unless}}",
    "{{#each items}}{{@index}}:{{n}}{{#unless @last}}, {{/unless}}{{/each}}",
    "{{#each items}}{{../user.name}}{{n}}{{@first}}{{/each}}",
    "{{#each items as |item i|}}{{i}}={{item.n}};{{/each}}",
    "{{#each user}}{{@key}}={{this}} {{/each}}",
    "{{#each empty}}x{{else}}empty{{/each}}",
    "{{#with user}}{{name}} {{../zero}}{{/with}}",
    "{{#with user as |u|}}{{u.name}}{{/with}}",
    "{{#each items}}{{#with ../user}}{{@index}}{{name}}{{/with}}{{/each}}",
    "{{lookup user \"name\"}} {{lookup (lookup items 1) \"n\"}} {{items.[1].n}} {{items.0.n}}",
    "{{#if (and user.name (not empty))}}both{{/if}}{{#if (or zero empty)}}one{{/if}}",
    "{{#if (eq user.name \"Ada\")}}eq{{/if}}{{#if (gt zero -1)}}gt{{/if}}{{#if (lte zero 0)}}lte{{/if}}",
    "{{#eq zero 0}}block{{else}}no{{/eq}} {{eq zero 1}} {{len items}} {{len \"abc\"}}",
    "{{#if empty}}a{{else if zero}}b{{else if user}}c{{else}}d{{/if}}",
    "{{s}} {{{s}}} {{&s}} {{items}} {{user}} {{user.none}}",
    "a {{~user.name~}} b {{! comment }}{{!-- }} --}}c \\{{raw}} {{{{raw}}}}{{x}}{{{{/raw}}}}",
    "{{#*inline \"p\"}}[{{n}}]{{/inline}}{{#each items}}{{> p}}{{/each}}",
    "{{#> outer}}in {{user.name}}{{/outer}}",
    "{{#> unknown}}fallback {{user.name}}{{/unknown}}",
    "{{> row items.[0] extra=\"e\"}} {{> row n=5 extra=user.name}}",
    "{{#> layout}}{{#*inline \"slot\"}}S{{user.name}}{{/inline}}{{/layout}}",
    "list:\n  {{> lines}}\nend",
    "<ul>\n  {{#each items}}\n    {{> line}}\n  {{/each}}\n</ul>\n",
    "{{#each items}}\n- {{n}}\n{{/each}}\nlast",
    "{{@root.user.name}} {{this.user.name}} {{./user.name}}",
];

const PARTIALS: &[(&str, &str)] = &[
    ("outer", "[{{> @partial-block}}]"),
    ("row", "{{n}}-{{extra}}"),
    ("layout", "[{{> slot}}]"),
    ("lines", "one\ntwo\n"),
    ("line", "<li>{{n}}</li>\n"),
];

#[test]
fn it_renders_what_handlebars_renders() {
    let mut theirs = Handlebars::new();
    let ours = Templates::new();
    for (name, partial) in PARTIALS {
        theirs.register_partial(name, partial).expect("parses");
        ours.register_partial(name, partial).expect("parses");
    }
    for source in SAME {
        let expected = theirs.render_template(source, &small()).expect(source);
        ours.register("t", Parts::new().html(*source)).expect(source);
        let content = ours.render_value("t", &small()).expect(source);
        assert_eq!(content.html.as_deref(), Some(&*expected), "{source}");
    }
}

#[test]
fn an_absent_path_is_an_error_wherever_it_is_evaluated() {
    for tag in [
        "{{user.nick}}",
        "{{{user.nick}}}",
        "{{#if user.nick}}{{/if}}",
        "{{#unless user.nick}}{{/unless}}",
        "{{#each user.nick}}{{/each}}",
        "{{#with user.nick}}{{/with}}",
        "{{lookup user.nick 1}}",
        "{{#if (not user.nick)}}{{/if}}",
        "{{#if (eq user.nick \"x\")}}{{/if}}",
        "{{#if (or zero user.nick)}}{{/if}}",
        "{{#if zero}}{{else if user.nick}}{{/if}}",
        "{{#unless zero}}{{user.nick}}{{/unless}}",
        "{{#each items}}{{../user.nick}}{{/each}}",
        "{{> p user.nick}}",
        "{{> p x=user.nick}}",
        "{{user.nick.deeper}}",
        "{{len user.nick}}",
    ] {
        let source = format!("line one\n  {tag}");
        let error = with_partials(&[("p", "p")], &source, &small()).expect_err(tag);
        let text = error.to_string();
        assert!(text.contains("user.nick") && text.contains("(optional "), "{text}");
        assert!(text.contains("template `t`, part text, line 2, column"), "{text}");
    }
    assert!(fails("{{lookup user \"nick\"}}", &small()).contains("(lookup user \"nick\")"));
    assert!(fails("{{../user}}", &small()).contains("../user"));
    assert!(fails("{{@index}}", &small()).contains("@index"));
}

#[test]
fn optional_and_default_permit_absence() {
    let source = "{{#if (optional user.nick)}}a{{else}}b{{/if}}{{optional user.nick}}{{optional user.name}}\
                  {{default user.nick \"friend\"}}{{default user.none user.name}}\
                  {{#each (optional list)}}x{{else}}none{{/each}}{{optional (lookup user \"nick\")}}";
    assert_eq!(text(source, &small()).expect("all optional"), "bAdafriendAdanone");
    assert_eq!(text("{{#if (and (optional nick) nick.x)}}a{{/if}}", &small()).expect("stops"), "");
}

#[test]
fn null_is_present_and_a_branch_not_taken_is_not_evaluated() {
    assert_eq!(text("{{user.none}}{{#if user.none}}{{user.nick}}{{/if}}", &small()).expect("null"), "");
    assert_eq!(
        text("{{#each user.none}}x{{/each}}{{#with user.none}}x{{/with}}", &small()).expect("null"),
        ""
    );
}

#[test]
fn only_html_is_escaped_and_partials_follow_the_part() {
    let templates = Templates::new();
    templates.register_partial("p", "{{s}}").expect("parses");
    let parts = Parts::new().subject("{{> p}}").text("{{{s}}}{{> p}}").html("{{> p}}{{{s}}}{{s}}");
    templates.register("t", parts.body("{{s}}").title("{{s}}")).expect("parses");
    let content = templates.render_value("t", &small()).expect("renders");
    let got = [&content.subject, &content.text, &content.html, &content.body, &content.title];
    let want = ["<b>", "<b><b>", "&lt;b&gt;<b>&lt;b&gt;", "<b>", "<b>"];
    assert_eq!(got.map(|part| part.as_deref().unwrap_or_default()), want);
}

#[test]
fn a_syntax_error_names_line_column_template_and_part() {
    for (source, place) in [
        ("ok\n{{#if x}}", "line 2, column 10"),
        ("a\nb {{#if x}}{{/each}}", "line 2, column 12"),
        ("a\n\n {{x", "line 3, column 2"),
        ("ü {{}}", "line 1, column 5"),
        ("{{x \"abc}}", "line 1, column 1"),
    ] {
        let error = text(source, &small()).expect_err(source);
        let said = error.to_string();
        assert!(matches!(problem(&error), Problem::Syntax { .. }), "{said}");
        assert!(said.contains(&format!("template `t`, part text, {place}")), "{said}");
    }
}

#[test]
fn unknown_names_are_answered_with_the_nearest() {
    let error = text("{{#ech items}}{{/ech}}", &small()).expect_err("unknown helper").to_string();
    assert!(error.contains("did you mean `each`"), "{error}");
    let error = text("{{lookupp user 1}}", &small()).expect_err("unknown helper").to_string();
    assert!(error.contains("did you mean `lookup`"), "{error}");
    let error = with_partials(&[("footer", "")], "{{> fotter}}", &small()).expect_err("unknown").to_string();
    assert!(error.contains("did you mean `footer`") && error.contains("line 1, column 1"), "{error}");
    let error = text("{{#*outline \"a\"}}{{/outline}}", &small()).expect_err("decorator").to_string();
    assert!(error.contains("`inline`"), "{error}");
}

#[test]
fn errors_inside_a_partial_name_the_partial() {
    let error = with_partials(&[("footer", "\n{{nope}}")], "{{> footer}}", &small()).expect_err("missing");
    let said = error.to_string();
    assert!(said.contains("template `t`, part text, in partial `footer`, line 2, column 1"), "{said}");
    let inline = "{{#*inline \"i\"}}{{nope}}{{/inline}}{{> card}}";
    let said = with_partials(&[("card", "\n\n{{> i}}")], inline, &small()).expect_err("missing").to_string();
    assert!(said.contains("part text, line 1, column 17"), "{said}");
}

#[test]
fn wrong_types_and_counts_are_named() {
    assert!(
        fails("{{#each user.name}}{{/each}}", &small()).contains("`user.name` is a text, but `each` needs")
    );
    assert!(fails("{{eq user 1}}", &small()).contains("`user` is an object"));
    assert!(fails("{{#if}}{{/if}}", &small()).contains("`if` takes one parameter, but 0"));
    assert!(fails("{{lookup user}}", &small()).contains("`lookup` takes two parameters"));
    assert!(fails("{{> (lookup user \"name\")}}", &small()).contains("computed or quoted name"));
}

#[test]
fn names_given_by_blocks_and_partials_go_first() {
    let data = json!({"l": [1], "thisone": "data"});
    assert_eq!(
        text("{{#each l as |thisone|}}{{thisone}}{{/each}}{{thisone}}", &data).expect("named"),
        "1data"
    );
    assert_eq!(
        with_partials(&[("p", "{{thisone}}{{this.thisone}}")], "{{> p thisone=2}}", &data).expect("named"),
        "2data"
    );
}

#[test]
fn else_if_errors_have_the_place_before_them() {
    let said = fails("a\n{{#if zero}}\n  b\n{{else if nope}}\n{{/if}}", &small());
    assert!(said.contains("line 3, column 3: `nope`"), "{said}");
}

#[test]
fn a_helper_name_alone_is_a_path() {
    assert_eq!(text("{{default}}{{len}}", &json!({"default": "d", "len": 3})).expect("paths"), "d3");
}
