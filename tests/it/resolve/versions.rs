//! The order of versions, held against apk's: its recorded answers always, and apk itself where it can be run.
//!
//! Pairs are drawn by the grammar, and from the versions of the real indexes where they are there.

use std::fmt::Write as _;

use apkbuild::apk::Version;
use fs_err as fs;

use super::differential::{fresh_seed, number};
use super::draw::Lot;
use super::reference::{RELEASES, Reference, index_text, shared};

/// Two versions and the sign that apk puts between them.
type Pair = (String, char, String);

/// A version that the grammar allows.
fn version(lot: &mut Lot) -> String {
    let mut text = lot.below(3).to_string();
    for _ in 0..lot.below(4) {
        let part = if lot.chance(15) { 10 + lot.below(90) } else { lot.below(3) };
        let zeros = if lot.chance(10) { "0" } else { "" };
        write!(text, ".{zeros}{part}").unwrap();
    }
    if lot.chance(15) {
        text.push(*lot.one_of(&['a', 'b', 'z']));
    }
    for _ in 0..if lot.chance(40) { 1 + lot.below(2) } else { 0 } {
        let suffix = *lot.one_of(&["alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p"]);
        let count = if lot.chance(70) { lot.below(12).to_string() } else { String::new() };
        write!(text, "_{suffix}{count}").unwrap();
    }
    if lot.chance(10) {
        write!(text, "~{:x}", lot.below(300)).unwrap();
    }
    if lot.chance(50) {
        write!(text, "-r{}", lot.below(12)).unwrap();
    }
    text
}

/// Pairs of versions that are much like each other, since others are told apart by their first number.
fn draw(lot: &mut Lot, real: &[String], count: usize) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    while pairs.len() < count {
        let left = if !real.is_empty() && lot.chance(30) { lot.one_of(real).clone() } else { version(lot) };
        let right = match lot.below(10) {
            0..4 => version(lot),
            4..6 if !real.is_empty() => lot.one_of(real).clone(),
            // The same with its end taken off, or with another one.
            6..8 => left[..left.find(['-', '_', '.']).unwrap_or(left.len())].to_owned(),
            _ => format!("{}-r{}", left.split("-r").next().unwrap(), lot.below(12)),
        };
        pairs.push((left, right));
    }
    pairs
}

/// The versions of the real indexes, so far as apk compares them: `apk version -t` says nothing of others.
fn real_versions(shared: &std::path::Path) -> Vec<String> {
    let mut versions = Vec::new();
    for (release, _) in RELEASES {
        let text = index_text(shared, release);
        versions.extend(text.lines().filter_map(|line| line.strip_prefix("V:")).map(str::to_owned));
    }
    versions.retain(|version| Version::parse(version).is_ok());
    versions.sort();
    versions.dedup();
    versions
}

fn compare(pairs: &[Pair]) {
    let mut different = String::new();
    for (left, theirs, right) in pairs {
        let version = |text: &str| Version::parse(text).unwrap_or_else(|error| panic!("{error}"));
        let ours = match version(left).cmp(&version(right)) {
            std::cmp::Ordering::Less => '<',
            std::cmp::Ordering::Equal => '=',
            std::cmp::Ordering::Greater => '>',
        };
        if ours != *theirs {
            writeln!(different, "{left} {theirs} {right} says apk, and {ours} say we").unwrap();
        }
    }
    println!("{} pairs of versions", pairs.len());
    assert!(different.is_empty(), "{different}");
}

/// With `APKBUILD_RECORD` this writes apk's answers to the file of that name; see `scripts/record-versions`.
#[test]
fn versions_stand_in_the_order_that_apk_gave() {
    if let Some(path) = std::env::var_os("APKBUILD_RECORD") {
        let shared = shared().unwrap();
        let mut lot = Lot(number("APKBUILD_SEED", 1));
        let pairs = draw(&mut lot, &real_versions(&shared), 1500);
        let answers = Reference::new(&shared).unwrap().compare_versions(&pairs);
        let text: String = answers.iter().map(|(left, sign, right)| format!("{left} {sign} {right}\n")).collect();
        return fs::write(path, text).unwrap();
    }
    let recorded = include_str!("../../data/resolve/versions.txt");
    let pairs: Vec<Pair> = recorded
        .lines()
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            (words[0].to_owned(), words[1].chars().next().unwrap(), words[2].to_owned())
        })
        .collect();
    assert!(pairs.len() >= 1000, "the answers are missing");
    compare(&pairs);
}

#[test]
fn versions_stand_in_the_order_of_apk_itself() {
    let (shared, reference) = match shared().and_then(|shared| Ok((shared.clone(), Reference::new(&shared)?))) {
        Ok(found) => found,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let pairs = draw(&mut Lot(fresh_seed()), &real_versions(&shared), number("APKBUILD_PAIRS", 300) as usize);
    compare(&reference.compare_versions(&pairs));
}
