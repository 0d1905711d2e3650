//! The invariants of the house, read from the source: which room may use which, who does I/O, who prints, and where
//! `unsafe` may stand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Modules that every room may use.
const LEAVES: [&str; 12] = [
    "address",
    "challenge",
    "digest",
    "held",
    "kept",
    "mapping",
    "progress",
    "proxy",
    "request_failure",
    "retry_after",
    "tar_reader",
    "unfinished",
];

/// What each room may use beside itself and the leaves.
const MAY_USE: [(&str, &[&str]); 12] = [
    ("apk", &[]),
    ("recipe", &["apk"]),
    ("repository", &["apk"]),
    ("resolve", &["apk", "repository"]),
    ("lock", &["apk", "repository", "resolve"]),
    ("fetch", &["apk", "repository", "lock"]),
    ("rootfs", &["apk", "fetch"]),
    ("prune", &["rootfs"]),
    ("image", &["apk", "rootfs", "lock"]),
    ("sandbox", &["rootfs", "image"]),
    ("registry", &["image"]),
    (
        "pipeline",
        &["apk", "recipe", "repository", "resolve", "lock", "fetch", "rootfs", "prune", "image", "sandbox", "registry"],
    ),
];

/// Rooms that take bytes or text and give values, and never touch a file, a socket or a process.
const NO_INPUT_OUTPUT: [&str; 5] = ["apk", "repository", "resolve", "lock", "prune"];

/// A source file without its tests: where it is, which room it belongs to, its lines of code.
struct Source {
    path: PathBuf,
    room: String,
    lines: Vec<(usize, String)>,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    for entry in walkdir::WalkDir::new(&root).sort_by_file_name() {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(&root).unwrap().to_owned();
        if path.extension().is_none_or(|extension| extension != "rs") || path.ends_with("tests.rs") {
            continue;
        }
        let room = path.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let text = fs_err::read_to_string(entry.path()).unwrap();
        let lines = text
            .lines()
            .enumerate()
            .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(number, line)| (number + 1, line.to_owned()))
            .collect();
        sources.push(Source { path, room, lines });
    }
    assert!(sources.len() > 10, "the source was not found");
    sources
}

/// The lines of `sources` on which `is_wrong` holds, as `file:line: text`.
fn wrong_lines(sources: &[Source], is_wrong: impl Fn(&Source, &str) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources {
        for (number, line) in &source.lines {
            if is_wrong(source, line) {
                wrong.push(format!("src/{}:{number}: {}", source.path.display(), line.trim()));
            }
        }
    }
    wrong
}

/// The rooms that a line names as `crate::ROOM`.
fn rooms_named(line: &str) -> Vec<&str> {
    line.split("crate::")
        .skip(1)
        .map(|rest| rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or_default())
        .collect()
}

#[test]
fn imports_run_one_way() {
    let may_use = BTreeMap::from(MAY_USE);
    let wrong = wrong_lines(&sources(), |source, line| {
        if matches!(source.room.as_str(), "main" | "lib" | "cli") {
            return false;
        }
        rooms_named(line).iter().any(|room| {
            let own = *room == source.room;
            let leaf = LEAVES.contains(room);
            let allowed = may_use.get(source.room.as_str()).is_some_and(|allowed| allowed.contains(room));
            !(own || leaf || allowed)
        })
    });
    assert!(wrong.is_empty(), "imports that the house does not allow:\n{}", wrong.join("\n"));
}

#[test]
fn a_root_filesystem_takes_only_verified_packages() {
    let wrong = wrong_lines(&sources(), |source, line| {
        source.room == "rootfs"
            && line.contains("crate::fetch::")
            && !["VerifiedApk", "Script"].iter().any(|name| line.contains(name))
    });
    assert!(wrong.is_empty(), "rootfs may know of fetch only its verified packages:\n{}", wrong.join("\n"));
}

#[test]
fn values_are_made_without_input_or_output() {
    let touches = [
        "fs_err",
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "reqwest",
        "tempfile",
        "std::thread",
        "SystemTime",
    ];
    let wrong = wrong_lines(&sources(), |source, line| {
        NO_INPUT_OUTPUT.contains(&source.room.as_str()) && touches.iter().any(|word| line.contains(word))
    });
    assert!(wrong.is_empty(), "these rooms do no I/O:\n{}", wrong.join("\n"));
}

#[test]
fn only_the_command_line_prints() {
    let prints = ["println!", "eprintln!", "print!(", "eprint!(", "io::stdout", "io::stderr", "dbg!("];
    let wrong =
        wrong_lines(&sources(), |source, line| source.room != "cli" && prints.iter().any(|word| line.contains(word)));
    assert!(wrong.is_empty(), "only cli prints:\n{}", wrong.join("\n"));
}

#[test]
fn unsafe_stays_where_it_belongs() {
    let wrong = wrong_lines(&sources(), |source, line| {
        let at_home = source.room == "sandbox" || source.path == Path::new("mapping.rs");
        !at_home && line.contains("unsafe ")
    });
    assert!(wrong.is_empty(), "unsafe belongs to the sandbox and to mapping.rs:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let wrong: Vec<String> = sources()
        .iter()
        .filter(|source| !fs_err::read_to_string(root.join(&source.path)).unwrap().starts_with("//!"))
        .map(|source| source.path.display().to_string())
        .collect();
    assert!(wrong.is_empty(), "files without a first paragraph: {wrong:?}");
}

/// What is made depends on no clock: the time of day is asked only to know how old something in a cache is.
#[test]
fn the_time_of_day_is_for_caches_alone() {
    let caches = ["kept.rs", "fetch/index.rs", "fetch/cleaning.rs"];
    let wrong = wrong_lines(&sources(), |source, line| {
        line.contains("SystemTime") && !caches.iter().any(|path| source.path == Path::new(path))
    });
    assert!(wrong.is_empty(), "images have given times only:\n{}", wrong.join("\n"));
}
