//! What a selection costs: reading an index of 5,000 and of 30,000 packages, and resolving `python3` from it; beside
//! them the comparison of versions.
//!
//! With `APKBUILD_SHARED`, the folder of real indexes, the small one is that of Alpine v3.16; without it one of the
//! same shape is made. The large one is the small one six times over, each time with other names. Three more are made to
//! be hard: packages that all need one another, a package with very many dependencies that nobody provides, and a long
//! chain whose end nobody provides. `scripts/time-resolve` times the whole program beside apk itself, on all of these.
#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{BufReader, Read as _};

use apkbuild::apk::{Dependency, Version};
use apkbuild::digest::Sha1Digest;
use apkbuild::repository::{ApkIndex, Repository};
use apkbuild::resolve::{Source, World, resolve};
use base64::Engine as _;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// The real index, where it is.
fn real() -> Option<String> {
    let folder = std::path::PathBuf::from(std::env::var_os("APKBUILD_SHARED")?);
    let file = fs_err::File::open(folder.join("alpine/v3.16/main/x86_64/APKINDEX.tar.gz")).ok()?;
    let mut archive = tar::Archive::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file)));
    archive.set_ignore_zeros(true);
    for entry in archive.entries().ok()? {
        let mut entry = entry.ok()?;
        if entry.path().ok()?.as_os_str() == "APKINDEX" {
            let mut text = String::new();
            entry.read_to_string(&mut text).ok()?;
            return Some(text);
        }
    }
    None
}

/// An index in the shape of Alpine's: a third of the packages are libraries, the others need some of them, and one in
/// ten brings its documentation by `install_if`.
fn made(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        let name = if number == 0 { "python3".to_owned() } else { format!("package-{number}") };
        let identity = base64::engine::general_purpose::STANDARD.encode(Sha1Digest::of(name.as_bytes()).0);
        write!(
            text,
            "C:Q1{identity}\nP:{name}\nV:1.{number}.2-r3\nA:x86_64\nS:{}\nI:{}\nT:What package {number} is for\n\
             U:https://example.org/package-{number}/\nL:MIT\no:{name}\nm:Somebody <somebody@example.org>\n\
             t:{}\nc:{number:040x}\n",
            number * 1000 + 1,
            number * 4096 + 1,
            1_700_000_000 + number
        )
        .unwrap();
        if number % 3 == 1 {
            writeln!(text, "p:so:lib{number}.so.1=1.{number} cmd:tool-{number}=1.{number}.2-r3").unwrap();
        } else {
            write!(text, "D:").unwrap();
            for need in 1..6 {
                // Always a library with a greater number, or the last.
                let library = (number + need * 17).min(count - 1) / 3 * 3 + 1;
                write!(text, "{}so:lib{}.so.1", if need == 1 { "" } else { " " }, library.min(count - 2)).unwrap();
            }
            writeln!(text, "\np:cmd:tool-{number}=1.{number}.2-r3").unwrap();
        }
        if number % 10 == 9 {
            writeln!(text, "i:docs package-{}=1.{}.2-r3", number - 1, number - 1).unwrap();
        }
        text.push('\n');
    }
    text
}

/// `text`, and behind it `copies - 1` more of all its packages with other names and identities.
fn several(text: &str, copies: usize) -> String {
    let mut whole = text.to_owned();
    for copy in 1..copies {
        for line in text.lines() {
            let (field, value) = line.split_at_checked(2).unwrap_or(("", ""));
            let renamed = |word: &str| {
                let end = word.find(['<', '>', '=', '~']).unwrap_or(word.len());
                format!("{}.{copy}{}", &word[..end], &word[end..])
            };
            match field {
                "C:" => {
                    let digest = Sha1Digest::of(format!("{value}{copy}").as_bytes());
                    let identity = base64::engine::general_purpose::STANDARD.encode(digest.0);
                    writeln!(whole, "C:Q1{identity}").unwrap();
                }
                "P:" | "D:" | "p:" | "i:" => {
                    let words: Vec<_> = value.split(' ').map(renamed).collect();
                    writeln!(whole, "{field}{}", words.join(" ")).unwrap();
                }
                _ => writeln!(whole, "{line}").unwrap(),
            }
        }
    }
    whole
}

/// An index of packages, each its name and what it needs.
fn needing(packages: impl Iterator<Item = (String, String)>) -> ApkIndex {
    let mut text = String::new();
    for (name, needs) in packages {
        let identity = base64::engine::general_purpose::STANDARD.encode(Sha1Digest::of(name.as_bytes()).0);
        write!(text, "C:Q1{identity}\nP:{name}\nV:1-r0\nA:x86_64\nS:1\nI:1\nT:t\nU:u\nL:l\nD:{needs}\n\n").unwrap();
    }
    ApkIndex::parse(text).unwrap()
}

fn hard(criterion: &mut Criterion) {
    let names = |names: std::ops::Range<usize>, but: usize| {
        let names: Vec<_> = names.filter(|number| *number != but).map(|number| format!("n{number}")).collect();
        names.join(" ")
    };
    let complete = needing((0..1000).map(|number| (format!("n{number}"), names(0..1000, number))));
    let missing = needing(std::iter::once(("n0".to_owned(), names(1..100_001, 0))));
    let chain = needing((0..4000).map(|number| (format!("n{number}"), names(number + 1..number + 2, 0))));
    let repository = Repository::parse("/main").unwrap();
    let world = World::parse(["n0"]).unwrap();
    let mut group = criterion.benchmark_group("hard");
    group.sample_size(10);
    for (name, index, has_selection) in
        [("complete", &complete, true), ("missing", &missing, false), ("chain", &chain, false)]
    {
        let sources = [Source { repository: &repository, index }];
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert_eq!(resolve(black_box(&world), &sources, "x86_64").is_ok(), has_selection));
        });
    }
    group.finish();
}

fn selection(criterion: &mut Criterion) {
    let small = real().unwrap_or_else(|| made(5000));
    let indexes = [small.clone(), several(&small, 6)];
    let repository = Repository::parse("/main").unwrap();
    let world = World::parse(["busybox", "python3"]).unwrap();
    let world = if small.contains("\nP:busybox\n") { world } else { World::parse(["python3"]).unwrap() };
    let mut group = criterion.benchmark_group("index");
    for text in &indexes {
        let index = ApkIndex::parse(text.as_str()).unwrap();
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(BenchmarkId::new("parse", index.len()), |bencher| {
            bencher.iter_batched(|| text.clone(), |text| ApkIndex::parse(text).unwrap(), BatchSize::LargeInput);
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("resolve");
    for text in &indexes {
        let index = ApkIndex::parse(text.as_str()).unwrap();
        let sources = [Source { repository: &repository, index: &index }];
        group.bench_function(BenchmarkId::new("python3", index.len()), |bencher| {
            bencher.iter(|| resolve(black_box(&world), &sources, "x86_64").unwrap());
        });
    }
    group.finish();
}

fn words(criterion: &mut Criterion) {
    let version = |text| Version::parse(text).unwrap();
    let (left, right) = (version("12.2.1_git20220924-r4"), version("12.2.1_git20220924-r10"));
    criterion.bench_function("compare versions", |bencher| bencher.iter(|| black_box(&left).cmp(black_box(&right))));
    criterion.bench_function("read a dependency", |bencher| {
        bencher.iter(|| Dependency::parse(black_box("so:libc.musl-x86_64.so.1>=1.2.3-r4")).unwrap());
    });
}

criterion_group!(benches, selection, hard, words);
criterion_main!(benches);
