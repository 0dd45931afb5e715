//! Random templates from the grammar, so that nearly all of them render: each
//! gives what handlebars gives, and so does each that was prepared with some
//! of its data.

use std::collections::BTreeMap;

use handlebars::Handlebars;

use super::*;

/// A small generator, so that a failure repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    fn body(&mut self, depth: usize) -> String {
        let nodes = 1 + self.below(4);
        (0..nodes).map(|_| self.node(depth)).collect()
    }

    fn node(&mut self, depth: usize) -> String {
        let leaf = depth == 0;
        match self.below(if leaf { 5 } else { 12 }) {
            0 => self.pick(&["a", " é ", "x=1 ", "<b>", "</b>", "&amp; ", "\n"]).to_owned(),
            1 => format!("{{{{{}}}}}", self.value()),
            2 => format!("{{{{{{{}}}}}}}", self.value()),
            3 => format!("<p title=\"{{{{{}}}}}\">", self.value()),
            4 => format!("<a href=\"/{{{{{}}}}}\">", self.value()),
            5 | 6 => format!(
                "{{{{#if {}}}}}{}{{{{else}}}}{}{{{{/if}}}}",
                self.test(),
                self.body(depth - 1),
                self.body(depth - 1)
            ),
            7 => format!("{{{{#each {}}}}}{}{{{{/each}}}}", self.list(), self.turn(depth - 1)),
            8 => format!(
                "{{{{#with {}}}}}{}{{{{/with}}}}",
                self.pick(&["@root.u", "@root.v"]),
                self.turn(depth - 1)
            ),
            9 => format!(
                "{{{{> {}}}}}",
                self.pick(&["row", "both", "row @root.u", "both @root.v", "row n=@root.s", "both n=@root.t"])
            ),
            10 => format!("{{{{#> {}}}}}{}{{{{/{0}}}}}", "frame", self.body(depth - 1)),
            _ => format!("{{{{#unless {}}}}}{}{{{{/unless}}}}", self.test(), self.body(depth - 1)),
        }
    }

    /// Inside `each` or `with`, where `this` is another.
    fn turn(&mut self, depth: usize) -> String {
        let own =
            self.pick(&["{{this}}", "{{n}}", "{{../this.s}}", "{{@root.t}}", "", "{{#if n}}{{n}}{{/if}}"]);
        format!("{own}{}", self.body(depth))
    }

    fn value(&mut self) -> &'static str {
        self.pick(&[
            "@root.s",
            "@root.t",
            "@root.u.n",
            "@root.v.n",
            "@root.l",
            "@root.z",
            "lookup @root.u \"n\"",
            "len @root.k",
            "eq @root.s @root.t",
            "s",
            "this.t",
        ])
    }

    fn test(&mut self) -> &'static str {
        self.pick(&[
            "@root.s",
            "@root.e",
            "@root.z",
            "(not @root.t)",
            "(gt @root.z 3)",
            "(and @root.s @root.v)",
            "(eq @root.u.n 1)",
            "t",
        ])
    }

    fn list(&mut self) -> &'static str {
        self.pick(&["@root.l", "@root.k", "@root.e", "@root.u"])
    }
}

const PARTIALS: &[(&str, &str)] = &[
    ("row", "[{{n}}|{{@root.s}}]"),
    ("both", "({{@root.t}}{{#each @root.l}}{{n}},{{/each}}{{> row n=@root.z}})"),
    ("frame", "<{{!-- --}}div>{{> @partial-block}}{{@root.s}}{{> @partial-block}}</div>"),
];

fn data() -> BTreeMap<&'static str, Value> {
    let list = json!([{"n": 1}, {"n": "<x>"}]);
    BTreeMap::from([
        ("e", json!([])),
        ("k", json!([{"n": "k"}])),
        ("l", list),
        ("n", json!("top")),
        ("s", json!("<s> & 'q'")),
        ("t", json!("tee")),
        ("u", json!({"n": 1, "s": 2, "t": "ut"})),
        ("v", json!({"n": "vn", "s": null, "t": true})),
        ("z", json!(0)),
    ])
}

#[test]
fn random_templates_render_as_handlebars_renders_them_prepared_or_not() {
    let (ours, mut theirs, all) = (Templates::new(), Handlebars::new(), data());
    for (name, partial) in PARTIALS {
        ours.register_partial(name, partial).expect("parses");
        theirs.register_partial(name, partial).expect("parses");
    }
    let (mut random, mut same, mut refused) = (Random(11), 0, 0);
    for _ in 0..4_000 {
        let source = random.body(3);
        ours.register("t", Parts::new().html(source.as_str())).unwrap_or_else(|e| panic!("{source:?}: {e}"));
        let split = random.below(1 << all.len());
        let (mut shared, mut own) = (BTreeMap::new(), BTreeMap::new());
        for (i, (key, value)) in all.iter().enumerate() {
            let side = if split & (1 << i) == 0 { &mut shared } else { &mut own };
            side.insert(*key, value.clone());
        }
        let prepared = ours.prepare("t", &shared).expect("prepares").render(&own);
        let Ok(content) = ours.render("t", &all) else {
            assert!(prepared.is_err(), "only the prepared renders: {source:?}");
            refused += 1;
            continue;
        };
        let expected = theirs.render_template(&source, &all).expect("handlebars is laxer");
        assert_eq!(content.html.as_deref(), Some(&*expected), "{source:?}");
        let prepared = prepared.unwrap_or_else(|e| panic!("{source:?}, shared {shared:?}: {e}"));
        assert_eq!(prepared.html.as_deref(), Some(&*expected), "{source:?}, shared {shared:?}");
        same += 1;
    }
    assert!(same > 1_000 && refused > 50, "{same} rendered, {refused} refused");
}
