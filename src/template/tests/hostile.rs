//! Hostile templates, each in a child process on a stack of 2 MiB, so that an
//! abort is a failed test and not the end of the run, and so that its CPU time
//! and memory can be measured.

use std::{env, fmt::Write as _, process::Command, thread, time::Duration};

use rustix::{
    process::{Resource, Rlimit, setrlimit},
    time::{ClockId, clock_gettime},
};

use super::*;

const VARIABLE: &str = "TIDINGS_HOSTILE_CHILD";

type Case = (&'static str, fn() -> Result<String>);

const CASES: &[Case] = &[
    ("partial of itself", || with_partials(&[("a", "{{> a}}")], "{{> a}}", &small())),
    ("mutual partials", || {
        with_partials(&[("a", "{{> b}}"), ("b", "{{#if s}}{{> a}}{{/if}}")], "{{> a}}", &small())
    }),
    ("inline in itself", || text("{{#*inline \"a\"}}{{> a}}{{/inline}}{{> a}}", &small())),
    ("mutual inlines", || {
        text("{{#*inline \"a\"}}{{> b}}{{/inline}}{{#*inline \"b\"}}{{> a}}{{/inline}}{{> a}}", &small())
    }),
    ("block around itself", || with_partials(&[("a", "{{#> a}}x{{/a}}")], "{{> a}}", &small())),
    ("inline over a partial", || {
        with_partials(&[("a", "{{> b}}"), ("b", "")], "{{#*inline \"b\"}}{{> a}}{{/inline}}{{> a}}", &small())
    }),
    ("inline in a block", || {
        with_partials(&[("a", "{{> b}}")], "{{#> a}}{{#*inline \"b\"}}{{> a}}{{/inline}}{{/a}}", &small())
    }),
    ("chain of partials", || {
        let names: Vec<(String, String)> =
            (0..5000).map(|i| (format!("p{i}"), format!("{{{{> p{}}}}}", i + 1))).collect();
        let pairs: Vec<(&str, &str)> = names.iter().rev().map(|(n, s)| (&**n, &**s)).collect();
        with_partials(&pairs[4000..], "{{> p0}}", &small())
    }),
    ("deep blocks", || nested("{{#if s}}", "x", "{{/if}}", 3000)),
    ("deep blocks unclosed", || nested("{{#if s}}", "", "", 4000)),
    ("deep blocks with spaces", || nested("{{~ # if s}}", "x", "{{ / if}}", 3000)),
    ("deep partial blocks", || nested("{{#> a}}", "x", "{{/a}}", 3000)),
    ("deep inlines", || nested("{{#*inline \"a\"}}", "x", "{{/inline}}", 3000)),
    ("deep each", || nested("{{#each items}}", "x", "{{/each}}", 3000)),
    ("deep inverse", || nested("{{#if s}}{{else}}", "x", "{{/if}}", 2000)),
    ("deep sub-expressions", || {
        text(&format!("{{{{#if {}s{}}}}}{{{{/if}}}}", "(not ".repeat(9000), ")".repeat(9000)), &small())
    }),
    ("deep sub-expressions unclosed", || text(&format!("{{{{not {}", "(not ".repeat(9000)), &small())),
    ("deep name expressions", || {
        text(&format!("{{{{{}s{}}}}}", "(".repeat(9000), ")".repeat(9000)), &small())
    }),
    ("deep lists", || text(&format!("{{{{len {}1{}}}}}", "[".repeat(9000), "]".repeat(9000)), &small())),
    ("deep objects", || {
        text(&format!("{{{{len {}1{}}}}}", "{\"a\":".repeat(9000), "}".repeat(9000)), &small())
    }),
    ("closers hidden in strings", || nested("{{#if \"{{/if}}\"}}", "x", "{{/if}}", 2000)),
    ("closers hidden in comments", || nested("{{#if s}}{{!-- {{/if}} --}}", "x", "{{/if}}", 1300)),
    ("closers hidden by a backslash", || nested("{{#if s}}\\{{/if}}", "x", "{{/if}}", 2000)),
    ("closers hidden in raw", || nested("{{#if s}}{{{{raw}}}}{{/if}}{{{{/raw}}}}", "x", "{{/if}}", 1000)),
    ("else-if chain", || {
        text(&format!("{{{{#if zero}}}}{}{{{{/if}}}}", "{{else if zero}}a".repeat(4000)), &small())
    }),
    ("else-if by caret", || {
        text(&format!("{{{{#if zero}}}}{}{{{{/if}}}}", "{{^if zero}}a".repeat(4000)), &small())
    }),
    ("elseif in one word", || {
        text(&format!("{{{{#if zero}}}}{}{{{{/if}}}}", "{{elseif zero}}a".repeat(4000)), &small())
    }),
    ("many tags", || text(&"{{s}}".repeat(25_000), &small())),
    ("many unclosed comments", || text(&"{{!-- a }}".repeat(12_000), &small())),
    ("many bracket partials", || text(&"{{> [a] }}".repeat(12_000), &small())),
    ("long path", || text(&format!("{{{{a{}}}}}", ".a".repeat(60_000)), &small())),
    ("many parents", || text(&format!("{{{{{}a}}}}", "../".repeat(40_000)), &small())),
    ("many parameters", || text(&format!("{{{{or {}}}}}", "s ".repeat(60_000)), &small())),
    ("many hashes", || {
        let mut hash = String::new();
        (0..9000).for_each(|i| write!(hash, "a{i}=s ").expect("a String takes all"));
        text(&format!("{{{{> p {hash}}}}}"), &small())
    }),
    ("nested loops", || looped("{{#each l}}{{#each @root.l}}{{#each @root.l}}{{/each}}{{/each}}{{/each}}")),
    ("loops that look long", || {
        looped(&format!("{{{{#each l}}}}{}{{{{/each}}}}", "{{#if @root.l}}{{/if}}".repeat(2000)))
    }),
    ("loops over a list in text", || looped("{{#each l}}{{@root.l}}{{/each}}")),
    ("loops in a partial", || {
        let source = "{{#each l}}{{> p @root.l}}{{/each}}";
        with_partials(&[("p", "{{#each this}}{{#if @root.l}}{{/if}}{{/each}}")], source, &long())
    }),
    ("side output thrown away", || {
        let text = "x".repeat(100_000);
        let block = format!("{{{{#each l}}}}{{{{#> p}}}}{text}{{{{/p}}}}{{{{/each}}}}");
        with_partials(&[("p", "")], &block, &long())
    }),
    ("doubling blocks", || {
        let names: Vec<String> = (0..15).map(|i| format!("p{i}")).collect();
        let twice = |i: usize| {
            format!("{{{{#> p{i}}}}}{{{{> @partial-block}}}}{{{{> @partial-block}}}}{{{{/p{i}}}}}")
        };
        let sources: Vec<String> = (1..15).map(twice).chain(["{{> @partial-block}}".to_owned()]).collect();
        let pairs: Vec<(&str, &str)> = names.iter().map(|n| &**n).zip(sources.iter().map(|s| &**s)).collect();
        with_partials(&pairs, &format!("{{{{#> p0}}}}{}{{{{/p0}}}}", "x".repeat(1000)), &small())
    }),
    ("doubling partials", || {
        let names: Vec<(String, String)> =
            (0..15).map(|i| (format!("p{i}"), format!("{{{{> p{0}}}}}{{{{> p{0}}}}}", i + 1))).collect();
        let mut pairs: Vec<(&str, &str)> = names.iter().map(|(n, s)| (&**n, &**s)).collect();
        pairs.push(("p15", "{{> q}}{{> q}}{{> q}}{{> q}}{{> q}}{{> q}}{{> q}}{{> q}}"));
        pairs.push(("q", ""));
        with_partials(&pairs, "{{> p0}}{{> p0}}{{> p0}}{{> p0}}{{> p0}}{{> p0}}", &small())
    }),
    ("100 MB", || looped(&format!("{{{{#each l}}}}{}{{{{/each}}}}", "x".repeat(100_000)))),
    ("100 MB by data", || {
        text("{{#each l}}{{@root.s}}{{/each}}", &json!({"l": vec![0; 1000], "s": "<".repeat(100_000)}))
    }),
    ("100 MB of indent", || {
        let source = format!("{}{{{{> p}}}}", " ".repeat(100_000));
        with_partials(&[("p", &"x\n".repeat(1000))], &source, &small())
    }),
    ("long comparison", || {
        let data = json!({"l": vec![0; 90_000], "s": "x".repeat(1_000_000)});
        text("{{#each l}}{{#if (eq @root.s @root.s)}}{{/if}}{{/each}}", &data)
    }),
    ("large source", || text(&"x".repeat(3_000_000), &small())),
    ("bad ends at the deepest", || {
        text(
            &format!("{}{{{{#if {}!{}}}}}", "{{#if s}}".repeat(24), "(not ".repeat(22), ")".repeat(22)),
            &small(),
        )
    }),
    ("bad hashes at the deepest", || {
        text(&format!("{{{{> p {}!{}}}}}", "x=(not a=".repeat(45), ")".repeat(45)), &small())
    }),
    ("odd unicode", || {
        text("{{\u{202e}user}}\u{0}{{ü\u{301}.\u{1F600}}}{{\u{feff}}}\u{2028}{{\u{200b}a\u{10ffff}", &small())
    }),
    ("unicode whitespace", || text("{{\u{a0}#if s}}{{\u{3000}/if}}", &small())),
    ("braces alone", || text(&"{".repeat(100_000), &small())),
    ("closing braces", || text(&format!("{{{{s{}", "}".repeat(3)), &json!({}))),
    ("huge index", || text("{{items.[99999999999999999999999]}}", &small())),
    ("huge index in lookup", || text("{{lookup items 18446744073709551615}}", &small())),
    ("huge number", || text(&format!("{{{{len {}}}}}", "9".repeat(100_000)), &small())),
    ("number without end", || text("{{#if (gt zero 1e99999)}}{{/if}}", &small())),
    ("negative index", || text("{{lookup items -1}}", &small())),
    ("loop over huge numbers", || {
        text("{{#each l}}{{#each @root.l}}{{this}}{{/each}}{{/each}}", &json!({"l": vec![f64::MAX; 20_000]}))
    }),
    ("long names", || text(&format!("{{{{#if {}}}}}{{{{/if}}}}", "x".repeat(100_000)), &small())),
    ("deep HTML", || html(&format!("{}{{{{s}}}}", "<p title=\"{{#if s}}".repeat(40)), &small())),
    ("many open tags", || html(&format!("{}{{{{s}}}}>", "<p ".repeat(40_000)), &small())),
    ("many comments", || html(&format!("{}{{{{nope}}}}", "<!-- ".repeat(20_000)), &small())),
    ("many scripts", || html(&format!("{}{{{{s}}}}", "<script>".repeat(15_000)), &small())),
    ("long link", || {
        let source = format!("<a href=\"{}\">", "{{s}}".repeat(2_000));
        html(&source, &json!({"s": "x".repeat(10_000)}))
    }),
    ("nested includes in a campaign", || {
        let templates = Templates::new();
        for i in (0..90).rev() {
            templates.register_partial(
                &format!("p{i}"),
                &format!("{{{{#> p{}}}}}{{{{a}}}}{{{{/p{0}}}}}", i + 1),
            )?;
        }
        templates.register("t", Parts::new().text("{{> p0}}"))?;
        rendered(&templates.prepare("t", &json!({"a": 1}))?)
    }),
    ("doubling partials in a campaign", || {
        let templates = Templates::new();
        templates.register_partial("p20", "{{own}}")?;
        for i in (0..20).rev() {
            templates.register_partial(&format!("p{i}"), &format!("{{{{> p{0}}}}}{{{{> p{0}}}}}", i + 1))?;
        }
        templates.register("t", Parts::new().text("{{> p0}}"))?;
        rendered(&templates.prepare("t", &json!({"a": 1}))?)
    }),
    ("nested loops in a campaign", || {
        let templates = Templates::new();
        let source = "{{#each l}}{{#each @root.l}}x{{/each}}{{/each}}".repeat(500);
        templates.register("t", Parts::new().text(source))?;
        rendered(&templates.prepare("t", &long())?)
    }),
    ("backslashes", || text(&format!("{}{{{{nope}}}}", "\\".repeat(100_002)), &small())),
];

fn nested(open: &str, middle: &str, close: &str, levels: usize) -> Result<String> {
    text(&format!("{}{middle}{}", open.repeat(levels), close.repeat(levels)), &small())
}

fn html(source: &str, data: &Value) -> Result<String> {
    let templates = Templates::new();
    templates.register("t", Parts::new().html(source))?;
    Ok(templates.render_value("t", data)?.html.as_deref().expect("has HTML").to_owned())
}

fn rendered(prepared: &PreparedTemplate) -> Result<String> {
    Ok(prepared.render(&json!({"own": 1}))?.text.as_deref().expect("has a text").to_owned())
}

fn long() -> Value {
    json!({"l": vec![1; 20_000]})
}

fn looped(source: &str) -> Result<String> {
    text(source, &long())
}

/// What one hostile template may cost: CPU time, and memory at its peak.
/// Without optimization, and beside other tests, everything takes a few times as long.
const CPU: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1_000 } else { 250 });
const MEMORY_KIB: u64 = 16 * 1024;

#[test]
fn hostile_templates_end_in_a_typed_error() {
    let mut faults = String::new();
    for (name, _) in CASES {
        let mut child = Command::new(env::current_exe().expect("a test has an executable"));
        child.args(["hostile_child_entry", "--nocapture", "--test-threads=1"]).env(VARIABLE, name);
        let output = child.output().expect("the child starts");
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        if !output.status.success() || !said.contains(&format!("hostile: {name}:")) {
            writeln!(faults, "{name}: {}\n{said}", output.status).expect("a String takes all");
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

/// Does nothing unless the test above has started it.
#[test]
fn hostile_child_entry() {
    let Some(wanted) = env::var_os(VARIABLE) else { return };
    let (name, case) = CASES.iter().find(|(name, _)| **name == *wanted).expect("a case of that name");
    // Whatever the case does, it does not go on for ever.
    let seconds = Some(5);
    setrlimit(Resource::Cpu, Rlimit { current: seconds, maximum: seconds }).expect("may be lowered");
    let thread = thread::Builder::new().stack_size(2 * 1024 * 1024);
    let run = move || {
        let (mut result, cpu) = (None, cpu());
        // What is allocated, and not what is resident: of a large test binary more pages come in than a case takes.
        let taken = allocation_counter::measure(|| result = Some(case()));
        (result.expect("it was run"), self::cpu().saturating_sub(cpu), taken.bytes_max / 1024)
    };
    let (result, cpu, memory) = thread.spawn(run).expect("a thread starts").join().expect("no panic");
    let error = result.expect_err(name);
    println!("hostile: {name}: {cpu:?}, {memory} KiB, {:?}: {:.200}", problem(&error), error.to_string());
    assert!(error.to_string().len() < 2000, "a hostile template must not make a huge error");
    assert!(cpu <= CPU, "{name} took {cpu:?} of CPU");
    assert!(memory <= MEMORY_KIB, "{name} took {memory} KiB");
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn nested_loops_end_soon() {
    for source in [
        "{{#each l}}{{#each @root.l}}{{#each @root.l}}{{/each}}{{/each}}{{/each}}",
        "{{#each l}}{{#each @root.l}}x{{/each}}{{/each}}",
        "{{#each l}}{{#if @root.l}}{{#each @root.l}}{{#with @root.l}}{{/with}}{{/each}}{{/if}}{{/each}}",
    ] {
        let templates = Templates::new();
        templates.register("t", Parts::new().text(source)).expect("parses");
        let (data, before) = (long(), cpu());
        let error = templates.render_value("t", &data).expect_err("endless");
        assert!(matches!(problem(&error), Problem::Limit { .. }), "{error}");
        let took = cpu().saturating_sub(before);
        assert!(took <= CPU, "{took:?} for {source}");
    }
}

#[test]
fn the_deepest_allowed_fits_a_small_stack() {
    let limits = Limits { nesting: usize::MAX, partial_depth: usize::MAX, ..Limits::default() };
    let thread = thread::Builder::new().stack_size(2 * 1024 * 1024);
    let run = move || {
        let templates = Templates::new().with_limits(limits);
        let levels = templates.limits().nesting;
        for (i, (open, close)) in
            [("{{#if s}}", "{{/if}}"), ("{{#each l}}", "{{/each}}"), ("{{#> p}}", "{{/p}}")]
                .into_iter()
                .enumerate()
        {
            let source = format!("{}x{}", open.repeat(levels), close.repeat(levels));
            templates.register(&i.to_string(), Parts::new().text(source)).expect("allowed");
            templates.render(&i.to_string(), &json!({"s": 1, "l": [1]})).ok();
        }
        let calls =
            format!("{{{{#if {}s{}}}}}x{{{{/if}}}}", "(not ".repeat(levels - 1), ")".repeat(levels - 1));
        templates.register("calls", Parts::new().text(calls)).expect("allowed");
        templates.render("calls", &json!({"s": 1})).expect("allowed");
    };
    thread.spawn(run).expect("a thread starts").join().expect("no panic");
}
