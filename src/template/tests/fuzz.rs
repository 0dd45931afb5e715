//! Random sources from the pieces that matter: never a panic, and the scan
//! never sees less depth than the parser builds.

use handlebars::Handlebars;

use super::*;

const PIECES: &[&str] = &[
    "{{#if s}}",
    "{{/if}}",
    "{{else}}",
    "{{else if s}}",
    "{{^}}",
    "{{#each l}}",
    "{{/each}}",
    "{{s}}",
    "{{{s}}}",
    "{{> p}}",
    "{{#> p}}",
    "{{/p}}",
    "{{#*inline \"p\"}}",
    "{{/inline}}",
    "{{!-- ",
    " --}}",
    "{{! ",
    "}}",
    "{{",
    "{{{{raw}}}}",
    "{{{{/raw}}}}",
    "\\",
    "\\\\",
    "{",
    "}",
    "(",
    ")",
    "(not s)",
    "[",
    "]",
    "\"",
    "'",
    "~",
    "#",
    "/",
    ">",
    "*",
    "&",
    " ",
    "\n",
    "é",
    "a",
    ".",
    "..",
    "@",
    "@index",
    "as |x|",
    "|",
    "=",
    "x=1",
    "{{~",
    "~}}",
    "{{> @partial-block}}",
    "1",
    "null",
];

/// A small generator, so that a failure repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn source(&mut self) -> String {
        let pieces = 1 + self.below(24);
        (0..pieces).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }
}

#[test]
fn random_sources_never_panic() {
    let limits = Limits { nesting: 3, ..Limits::default() };
    let templates = Templates::new().with_limits(limits);
    let data = json!({"s": "x", "l": [1, 2]});
    let mut random = Random(7);
    let (mut registered, mut rendered) = (0, 0);
    for _ in 0..20_000 {
        let source = random.source();
        let Err(error) = templates.register("t", Parts::new().html(source.as_str())) else {
            registered += 1;
            rendered += usize::from(templates.render_value("t", &data).is_ok());
            continue;
        };
        let said = error.to_string();
        assert!(!said.contains("nesting this deep"), "the scan missed depth in {source:?}");
        assert!(!said.contains("the parser cannot read"), "the parser panics on {source:?}");
    }
    assert!(registered > 500 && rendered > 100, "{registered} registered, {rendered} rendered");
}

#[test]
fn random_sources_render_as_handlebars_renders_them() {
    let (ours, mut theirs) = (Templates::new(), Handlebars::new());
    // One line only: handlebars indents further lines even where the tag does not stand alone.
    ours.register_partial("p", "[{{#if s}}{{s}}{{/if}}]").expect("parses");
    theirs.register_partial("p", "[{{#if s}}{{s}}{{/if}}]").expect("parses");
    let data = json!({"s": "<x>", "l": [{"s": 1}, {"s": 2, "a": "k"}], "a": {"s": "as", "a": 5}});
    let mut random = Random(3);
    let mut same = 0;
    for _ in 0..10_000 {
        let source = random.source();
        let registered = ours.register("t", Parts::new().html(source.as_str()));
        let Ok(content) = registered.and_then(|()| ours.render_value("t", &data)) else { continue };
        let expected = theirs.render_template(&source, &data).expect("handlebars is laxer");
        assert_eq!(content.html.as_deref(), Some(&*expected), "{source:?}");
        same += 1;
    }
    assert!(same > 500, "{same} rendered");
}
