//! Imports point down: reads every `use crate::` of `src` and fails on an arrow that points up.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The rooms from the ground up. A room may import rooms of its own level and below.
const LEVELS: &[&[&str]] = &[
    &["error", "time", "id", "window", "concurrent"],
    // The seams to the outside and what travels through them.
    &["http", "context", "secret"],
    &["address"],
    &["message", "event"],
    &["mail", "provider"],
    &["webhook"],
    &["policy", "storage", "template", "providers"],
    &["middleware", "route"],
    &["messenger"],
    &["config", "worker"],
    &["sqlx_0_9"],
    &["testing", "guide"],
];

/// What vendors may see beside each other's shared helpers: nothing of layers, routes, facade or storage.
const VENDORS_SEE: &[&str] = &[
    "error",
    "time",
    "id",
    "http",
    "context",
    "secret",
    "address",
    "message",
    "event",
    "provider",
    "webhook",
    "concurrent",
];

/// What vendors share between them, so that none imports another.
const SHARED: &[&str] = &["echo", "schema", "shared"];

fn level(room: &str) -> usize {
    let known = LEVELS.iter().position(|rooms| rooms.contains(&room));
    known.unwrap_or_else(|| panic!("src/{room} is new: give it a level in tests/architecture.rs"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The rooms that a file imports by `use crate::…`, and for vendors the vendor.
fn imports(text: &str) -> Vec<Vec<String>> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let mut found = Vec::new();
    for (start, _) in code.match_indices("use crate::") {
        let rest = &code[start + "use crate::".len()..];
        let body = &rest[..rest.find(';').unwrap_or(rest.len())];
        found.extend(paths(body));
    }
    found
}

/// The paths of a use tree, cut to two segments.
fn paths(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    if let Some(inner) = tree.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
        return split_list(inner).into_iter().flat_map(paths).collect();
    }
    let (head, rest) = tree.split_once("::").unwrap_or((tree, ""));
    let head = head.split_whitespace().next().unwrap_or_default().to_owned();
    if rest.is_empty() {
        return vec![vec![head]];
    }
    let second = |path: Vec<String>| vec![head.clone(), path[0].clone()];
    paths(rest).into_iter().map(second).collect()
}

fn split_list(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (index, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}

struct Source {
    path: PathBuf,
    room: String,
    /// For files in `providers`: the vendor's folder.
    vendor: Option<String>,
    imports: Vec<Vec<String>>,
}

fn all() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let files = files
        .into_iter()
        .filter(|path| !path.ends_with("tests.rs") && !path.iter().any(|part| part == "tests"));
    let read = |path: PathBuf| {
        let inside = path.strip_prefix(&root).expect("under src").to_path_buf();
        let mut parts = inside.iter().map(|part| part.to_string_lossy().trim_end_matches(".rs").to_owned());
        let room = parts.next().expect("a name");
        let vendor = parts.next().filter(|_| room == "providers");
        let imports = imports(&fs::read_to_string(&path).expect("a text"));
        Source { path, room, vendor, imports }
    };
    files.map(read).filter(|source| source.room != "lib").collect()
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    let all = all();
    assert!(all.len() > 40, "the test must see the sources");
    for source in &all {
        for import in &source.imports {
            if source.room != import[0] && level(&import[0]) > level(&source.room) {
                wrong.push(format!("{} imports crate::{}", source.path.display(), import.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that point up:\n{}", wrong.join("\n"));
}

#[test]
fn vendors_see_only_what_they_may_and_never_each_other() {
    let mut wrong = Vec::new();
    for source in all().iter().filter(|source| source.room == "providers") {
        for import in &source.imports {
            let own = import[0] == "providers"
                && (import.get(1) == source.vendor.as_ref()
                    || import.get(1).is_some_and(|name| SHARED.contains(&name.as_str())));
            if !own && !VENDORS_SEE.contains(&import[0].as_str()) {
                wrong.push(format!("{} imports crate::{}", source.path.display(), import.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "vendors that see too much:\n{}", wrong.join("\n"));
}

#[test]
fn storage_knows_no_room_above_event() {
    for source in all().iter().filter(|source| source.room == "storage") {
        for import in &source.imports {
            let fits = import[0] == "storage" || level(&import[0]) <= level("event");
            assert!(fits, "{} imports crate::{}", source.path.display(), import.join("::"));
        }
    }
}

#[test]
fn the_crate_root_has_no_logic() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).expect("readable");
    assert!(text.lines().count() < 250, "lib.rs is a table of contents");
    assert!(
        !text.contains("fn ") || !text.lines().any(|line| line.trim_start().starts_with("fn ")),
        "no functions in lib.rs"
    );
}

#[test]
fn the_parser_reads_nested_trees() {
    let read = imports("use crate::{\n    a::{B, c::D},\n    e,\n};\nuse crate::f::G as H;");
    let read: Vec<String> = read.into_iter().map(|path| path.join("::")).collect();
    assert_eq!(read, ["a::B", "a::c", "e", "f::G"]);
}
