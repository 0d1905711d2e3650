//! The invariants of the house, read from the source: which room may use which, that no files import one another round
//! in a circle, who does I/O, who prints, and where `unsafe` may be.

mod source_files;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use source_files::{Crate, SourceFile};

/// Modules that every room may use.
const FOUNDATION: [&str; 15] = [
    "address",
    "allocator",
    "cache",
    "challenge",
    "digest",
    "held",
    "kept",
    "mapping",
    "platform",
    "progress",
    "proxy",
    "request_failure",
    "retry_after",
    "tar_reader",
    "unfinished",
];

/// What each room may use beside itself and the foundation.
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

/// Rooms in which files still import one another in circles.
const CIRCLES_LEFT: [&str; 5] = ["fetch", "prune", "registry", "sandbox", "unfinished"];

/// Rooms that take bytes or text and give values, and never touch a file, a socket or a process.
const NO_INPUT_OUTPUT: [&str; 5] = ["apk", "repository", "resolve", "lock", "prune"];

/// An invariant: what breaks it, as `file:line: text`.
type Invariant = fn(&Crate) -> Vec<String>;

/// Files by their paths, with their text.
type Files<'text> = &'text [(&'text str, &'text str)];

/// Every invariant by its name.
const INVARIANTS: [(&str, Invariant); 8] = [
    ("imports run one way", imports_against_the_way),
    ("no files import one another in a circle", circles),
    ("a root filesystem takes only verified packages", unverified_packages),
    ("values are made without input or output", input_and_output),
    ("only the command line prints", printing),
    ("unsafe stays where it belongs", unsafe_elsewhere),
    ("every file opens with what it is", unexplained),
    ("the time of day is for caches alone", clocks),
];

/// The lines on which `is_wrong` holds.
fn wrong_lines(source: &Crate, is_wrong: impl Fn(&SourceFile, &str) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in source.sources() {
        for (number, line) in &file.lines {
            if is_wrong(file, line) {
                wrong.push(format!("src/{}:{number}: {}", file.path.display(), line.trim()));
            }
        }
    }
    wrong
}

fn room_of(path: &Path) -> &str {
    path.iter().next().and_then(|room| room.to_str()).unwrap_or_default().trim_end_matches(".rs")
}

fn imports_against_the_way(source: &Crate) -> Vec<String> {
    let may_use = BTreeMap::from(MAY_USE);
    let is_wrong = |from: &str, to: &str| {
        let is_allowed = may_use.get(from).is_some_and(|rooms| rooms.contains(&to));
        !matches!(from, "lib" | "cli") && from != to && !FOUNDATION.contains(&to) && !is_allowed
    };
    let imports = source.imports().iter().filter(|import| is_wrong(room_of(&import.from), room_of(&import.to)));
    imports.map(ToString::to_string).collect()
}

fn circles(source: &Crate) -> Vec<String> {
    let mut wrong = Vec::new();
    for circle in source.circles() {
        if !circle.iter().all(|import| CIRCLES_LEFT.contains(&room_of(&import.from))) {
            let files: BTreeSet<String> = circle.iter().map(|import| import.from.display().to_string()).collect();
            wrong.push(format!("a circle of {}", Vec::from_iter(files).join(", ")));
            wrong.extend(circle.iter().map(|import| format!("  {import}")));
        }
    }
    wrong
}

fn unverified_packages(source: &Crate) -> Vec<String> {
    wrong_lines(source, |file, line| {
        file.room == "rootfs"
            && line.contains("crate::fetch::")
            && !["VerifiedApk", "Script"].iter().any(|name| line.contains(name))
    })
}

fn input_and_output(source: &Crate) -> Vec<String> {
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
    wrong_lines(source, |file, line| {
        NO_INPUT_OUTPUT.contains(&file.room.as_str()) && touches.iter().any(|word| line.contains(word))
    })
}

fn printing(source: &Crate) -> Vec<String> {
    let prints = ["println!", "eprintln!", "print!(", "eprint!(", "io::stdout", "io::stderr", "dbg!("];
    wrong_lines(source, |file, line| file.room != "cli" && prints.iter().any(|word| line.contains(word)))
}

fn unsafe_elsewhere(source: &Crate) -> Vec<String> {
    wrong_lines(source, |file, line| {
        let is_at_home =
            file.room == "sandbox" || ["mapping.rs", "allocator.rs"].iter().any(|path| file.path == Path::new(path));
        !is_at_home && line.contains("unsafe ")
    })
}

fn unexplained(source: &Crate) -> Vec<String> {
    let files = source.sources().iter().filter(|file| !file.text.starts_with("//!"));
    files.map(|file| format!("src/{}:1: no first paragraph", file.path.display())).collect()
}

/// What is made depends on no clock: the time of day is asked only to know how old something in a cache is.
fn clocks(source: &Crate) -> Vec<String> {
    let caches = ["kept.rs", "fetch/index.rs", "fetch/cleaning.rs"];
    wrong_lines(source, |file, line| {
        line.contains("SystemTime") && !caches.iter().any(|path| file.path == Path::new(path))
    })
}

#[test]
fn the_source_keeps_every_invariant() {
    let source = Crate::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(source.sources().len() > 200 && source.imports().len() > 1000, "the source was not read");
    for (name, invariant) in INVARIANTS {
        let wrong = invariant(&source);
        assert!(wrong.is_empty(), "{name}, but:\n{}", wrong.join("\n"));
    }
}

/// Every invariant, broken on purpose behind a test in the middle of the file.
#[test]
fn what_breaks_an_invariant_is_found() {
    const TESTS: &str = "//! A file.\n#[cfg(test)]\nmod tests { use crate::cli; fn f() { println!(\"\"); } }\n";
    // The invariant, the files, and where it is broken.
    let planted: [(usize, Files<'_>, &str); 13] = [
        (
            0,
            &[("apk/mod.rs", "use crate::fetch::Fetcher;"), ("fetch/mod.rs", "pub struct Fetcher;")],
            "src/apk/mod.rs:4",
        ),
        (0, &[("image/a.rs", "fn f() { crate::sandbox::run(); }"), ("sandbox/mod.rs", "")], "src/image/a.rs:4"),
        (0, &[("image/a.rs", "fn f() { log!(1, crate::cli::X); }"), ("cli/mod.rs", "")], "src/image/a.rs:4"),
        (0, &[("fetch/a/b.rs", "use super::super::super::rootfs::X;"), ("rootfs.rs", "")], "src/fetch/a/b.rs:4"),
        (
            1,
            &[("lock/mod.rs", "pub use a::A;\nmod a;"), ("lock/a.rs", "use super::B;")],
            "a circle of lock/a.rs, lock/mod.rs",
        ),
        (
            1,
            &[("lock/a.rs", "use super::b::B;"), ("lock/b.rs", "fn f(a: &super::a::A) {}")],
            "a circle of lock/a.rs, lock/b.rs",
        ),
        (2, &[("rootfs/mod.rs", "use crate::fetch::Fetcher;"), ("fetch.rs", "")], "src/rootfs/mod.rs:4"),
        (3, &[("prune/mod.rs", "fn f() { fs_err::read(\"\"); }")], "src/prune/mod.rs:4"),
        (4, &[("image/mod.rs", "fn f() { println!(\"\"); }")], "src/image/mod.rs:4"),
        (5, &[("image/mod.rs", "fn f() { unsafe { g() } }")], "src/image/mod.rs:4"),
        (7, &[("image/mod.rs", "use std::time::SystemTime;")], "src/image/mod.rs:4"),
        (4, &[("a.rs", "impl A { fn f() { print!(\"\"); } }")], "src/a.rs:4"),
        (
            0,
            &[("lock/mod.rs", "mod inner { fn f() { super::super::registry::push(); } }"), ("registry.rs", "")],
            "src/lock/mod.rs:4",
        ),
    ];
    for (number, files, expected) in planted {
        let texts = files.iter().map(|(path, text)| (PathBuf::from(path), format!("{TESTS}{text}\n"))).collect();
        let source = Crate::parse(&texts);
        for (other, (name, invariant)) in INVARIANTS.iter().enumerate() {
            let wrong = invariant(&source);
            if other == number {
                assert!(wrong.first().is_some_and(|wrong| wrong.starts_with(expected)), "{name}: {wrong:?}");
            } else if other != 0 {
                assert!(wrong.is_empty(), "{name}: {wrong:?}");
            }
        }
    }
    let source = Crate::parse(&BTreeMap::from([(PathBuf::from("a.rs"), "// No.\n".to_owned())]));
    assert_eq!(unexplained(&source), ["src/a.rs:1: no first paragraph"]);
}
