//! Templates beside other engines: one order confirmation, all in one run, by turns.
//!
//! Handlebars has the same sources; the others have the same page in their own language, escaping on. Each renders a
//! struct; askama's template is code, compiled with this program.

use std::hint::black_box;

use askama::Template as _;
use handlebars::Handlebars;
use tidings::template::{Parts, Templates};

use crate::order::{Order, PARTIALS, body, order};

const LAYOUT: &str = include_str!("../templates/layout.html");
const LINE: &str = include_str!("../templates/line.html");
const ORDER: &str = include_str!("../templates/order.html");

const ROUNDS: usize = 21;
const RENDERS: usize = 300;

#[derive(askama::Template)]
#[template(path = "order_askama.html")]
struct Askama<'a> {
    order: &'a Order,
}

/// Renders a second of ours over those of each of the others; the figure is the one over handlebars.
pub(crate) async fn bench() -> f64 {
    let order = order();
    let ours = ours();
    let ours = || ours.render("order", &order).expect("rendered").html.expect("an html part").len();
    let bare = bare();
    let bare = || bare.render("order", &order).expect("rendered").len();
    let jinja = minijinja_engine();
    let jinja = || {
        let context = minijinja::Value::from(minijinja::value::Serde(&order));
        jinja.get_template("order.html").expect("known").render(context).expect("rendered").len()
    };
    let tera = tera_engine();
    let tera = || {
        let context = tera::Context::from_serialize(&order).expect("JSON");
        tera.render("order.html", &context).expect("rendered").len()
    };
    let askama = || Askama { order: &order }.render().expect("rendered").len();
    let engines: [(&str, &dyn Fn() -> usize); 5] = [
        ("tidings", &ours),
        ("handlebars", &bare),
        ("minijinja", &jinja),
        ("tera", &tera),
        ("askama", &askama),
    ];
    let times = by_turns(&engines);
    for ((name, render), micros) in engines.iter().zip(&times) {
        let more = micros / times[0];
        println!("templates: {name:10} {micros:7.2} us CPU for {} bytes, {more:.2} times tidings", render());
    }
    times[1] / times[0]
}

/// The median CPU time of one render of each, in microseconds.
fn by_turns(engines: &[(&str, &dyn Fn() -> usize)]) -> Vec<f64> {
    let mut times = vec![Vec::with_capacity(ROUNDS); engines.len()];
    for _ in 0..=ROUNDS {
        for ((_, render), times) in engines.iter().zip(&mut times) {
            let before = cpu_micros();
            (0..RENDERS).for_each(|_| drop(black_box(render())));
            times.push((cpu_micros() - before) / RENDERS as f64);
        }
    }
    // The first round warms up.
    times.into_iter().map(|mut t| median(t.split_off(1))).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn cpu_micros() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

fn ours() -> Templates {
    let templates = Templates::new();
    for (name, source) in PARTIALS {
        templates.register_partial(name, source).expect("a partial");
    }
    templates.register("order", Parts::new().html(body())).expect("a template");
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

fn minijinja_engine() -> minijinja::Environment<'static> {
    let mut engine = minijinja::Environment::new();
    for (name, source) in [("layout.html", LAYOUT), ("line.html", LINE), ("order.html", ORDER)] {
        engine.add_template(name, source).expect("a template");
    }
    engine
}

fn tera_engine() -> tera::Tera {
    let mut engine = tera::Tera::default();
    let templates = [("layout.html", LAYOUT), ("line.html", LINE), ("order.html", ORDER)];
    engine.add_raw_templates(templates).expect("templates");
    engine
}
