//! Which partials include which, so that a cycle is an error before a render.
//!
//! Names are resolved as a render would, but cautiously: a name stands for the
//! registered partial and for every inline partial of that name in any source
//! that can be reached.

use std::collections::{HashMap, HashSet};

use super::{
    limits::CEILING,
    problem::{Problem, Trouble},
    program::{Source, Use},
    render::Partials,
};

/// An inclusion and the source it is written in.
#[derive(Clone, Copy)]
struct Edge<'a> {
    to: &'a Use,
    source: &'a Source,
}

struct Graph<'a> {
    partials: &'a Partials,
    sources: Vec<&'a Source>,
    edges: HashMap<&'a str, Vec<Edge<'a>>>,
}

/// Refuses `root` if its partials, as registered now, include one another
/// without end, or deeper than any render may go.
pub(super) fn refuse_cycles(root: &Source, partials: &Partials) -> Result<(), Trouble> {
    let graph = Graph::reached_from(root, partials);
    let outside = root.includes.iter().filter(|u| u.inside.is_none());
    let first = outside.map(|to| Edge { to, source: root }).collect();
    graph.walk(first)
}

/// Refuses `root` if it needs a partial that is neither registered nor inline.
pub(super) fn refuse_unknown(root: &Source, partials: &Partials) -> Result<(), Trouble> {
    let graph = Graph::reached_from(root, partials);
    let inlines = inline_names(root, partials);
    for source in &graph.sources {
        for to in source.includes.iter().filter(|u| !u.fallback && !is_block(u)) {
            if !partials.contains_key(&*to.name) && !inlines.contains(&*to.name) {
                let problem = Problem::partial(&to.name, partials.keys().map(|k| &**k));
                return Err(Trouble::from(problem).at(&source.label, to.at));
            }
        }
    }
    Ok(())
}

/// The names of the inline partials in `root` and in all that it reaches.
pub(super) fn inline_names<'a>(root: &'a Source, partials: &'a Partials) -> HashSet<&'a str> {
    let graph = Graph::reached_from(root, partials);
    graph.sources.iter().flat_map(|s| &s.inlines).map(|name| &**name).collect()
}

fn is_block(to: &Use) -> bool {
    &*to.name == "@partial-block"
}

impl<'a> Graph<'a> {
    fn reached_from(root: &'a Source, partials: &'a Partials) -> Self {
        let mut graph = Self { partials, sources: vec![root], edges: HashMap::new() };
        let mut seen = HashSet::new();
        let mut next = 0;
        while let Some(source) = graph.sources.get(next).copied() {
            next += 1;
            for to in source.includes.iter().filter(|u| !is_block(u)) {
                if let (true, Some(partial)) = (seen.insert(&*to.name), partials.get(&*to.name)) {
                    graph.sources.push(partial);
                }
                if let Some(inside) = &to.inside {
                    graph.edges.entry(inside).or_default().push(Edge { to, source });
                }
            }
        }
        graph
    }

    /// Depth first, with a stack of its own: the graph may be deep.
    fn walk(&self, first: Vec<Edge<'a>>) -> Result<(), Trouble> {
        let mut done = HashSet::new();
        let mut trail: Vec<&str> = Vec::new();
        let mut stack = vec![first];
        while let Some(edges) = stack.last_mut() {
            let Some(edge) = edges.pop() else {
                stack.pop();
                done.extend(trail.pop());
                continue;
            };
            let name = &*edge.to.name;
            if let Some(start) = trail.iter().position(|n| *n == name) {
                return Err(cycle(&trail[start..], edge));
            }
            if trail.len() > CEILING {
                return Err(too_deep(edge));
            }
            if !is_block(edge.to) && !done.contains(name) {
                trail.push(name);
                stack.push(self.from(name));
            }
        }
        Ok(())
    }

    fn from(&self, name: &str) -> Vec<Edge<'a>> {
        let mut edges = self.edges.get(name).cloned().unwrap_or_default();
        if let Some(source) = self.partials.get(name) {
            let outside = source.includes.iter().filter(|u| u.inside.is_none());
            edges.extend(outside.map(|to| Edge { to, source }));
        }
        edges
    }
}

fn too_deep(last: Edge<'_>) -> Trouble {
    let (limit, unit) = ("Limits::partial_depth", "partials inside one another");
    Trouble::from(Problem::Limit { limit, value: CEILING, unit }).at(&last.source.label, last.to.at)
}

fn cycle(way: &[&str], back: Edge<'_>) -> Trouble {
    let chain = way.iter().copied().chain([&*back.to.name]).take(20).collect::<Vec<_>>().join(" -> ");
    Trouble::from(Problem::Cycle { chain }).at(&back.source.label, back.to.at)
}
