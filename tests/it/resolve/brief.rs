//! Indexes in a form that is short to write: a package a line, its fields behind bars.
//!
//! ```text
//! python3 3.12.3-r1 | D: so:libc.musl-x86_64.so.1 | p: cmd:python3=3.12.3-r1 | k: 10
//! ```

use std::fmt::Write as _;

use apkbuild::digest::Sha1Digest;
use apkbuild::repository::{ApkIndex, Repository};
use apkbuild::resolve::{Resolution, Source, Unsatisfiable, World, resolve};
use base64::Engine as _;

/// The text of an index with these packages; each has an identity that follows from its line.
pub fn index_text(brief: &str) -> String {
    let mut text = String::new();
    for line in brief.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut fields = line.split('|').map(str::trim);
        let (name, version) = fields.next().unwrap().split_once(' ').expect("a name and a version");
        let identity = base64::engine::general_purpose::STANDARD.encode(Sha1Digest::of(line.as_bytes()).0);
        write!(text, "C:Q1{identity}\nP:{name}\nV:{version}\nA:x86_64\nS:1\nI:1\nT:t\nU:u\nL:l\n").unwrap();
        for field in fields {
            let (letter, value) = field.split_once(':').expect("a field and its value");
            writeln!(text, "{letter}:{}", value.trim()).unwrap();
        }
        text.push('\n');
    }
    text
}

/// Resolves `world` from repositories, each its address (which says where it is and how it is tagged) and its packages.
pub fn resolve_brief(repositories: &[(&str, &str)], world: &str) -> Result<Resolution, Unsatisfiable> {
    let repositories: Vec<_> = repositories
        .iter()
        .map(|(address, brief)| (Repository::parse(address).unwrap(), ApkIndex::parse(index_text(brief)).unwrap()))
        .collect();
    let sources: Vec<_> = repositories.iter().map(|(repository, index)| Source { repository, index }).collect();
    resolve(&World::parse(world.split(' ').filter(|word| !word.is_empty())).unwrap(), &sources, "x86_64")
}

/// The packages of a selection, as `name-version`.
pub fn titles(resolution: &Resolution) -> Vec<String> {
    resolution.packages.iter().map(|selected| selected.entry.to_string()).collect()
}
