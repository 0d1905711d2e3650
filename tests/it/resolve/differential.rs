//! The same set in every world, the same order in at least 99 of 100, and an error exactly where apk has one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use apkbuild::repository::{ApkIndex, Repository};
use apkbuild::resolve::{Source, World, resolve};
use fs_err as fs;
use rayon::prelude::*;

use super::draw::{Lot, Pool, Question, Second};
use super::reference::{RELEASES, Reference, index_text, shared};
use super::small::Case;

pub type Answer = Option<Vec<String>>;

/// The indexes of every release, with the second repositories that go with them.
struct Indexes {
    texts: BTreeMap<String, String>,
    parsed: BTreeMap<(String, Second), ApkIndex>,
}

impl Indexes {
    fn new(shared: &std::path::Path) -> Self {
        let mut indexes = Self { texts: BTreeMap::new(), parsed: BTreeMap::new() };
        for (arch, release) in RELEASES {
            let first = index_text(shared, arch, release);
            for second in Second::ALL {
                let text = second.index(&first).unwrap_or_else(|| first.clone());
                indexes.parsed.insert((arch.to_owned(), second), ApkIndex::parse(text).unwrap());
            }
            indexes.texts.insert(arch.to_owned(), first);
        }
        indexes
    }

    fn answer(&self, question: &Question) -> Answer {
        let first = Repository::parse("/first").unwrap();
        let second = Repository::parse(if question.second.is_tagged() { "@edge /second" } else { "/second" }).unwrap();
        let index = |second| &self.parsed[&(question.arch.clone(), second)];
        let mut sources = vec![Source { repository: &first, index: index(Second::None) }];
        if question.second != Second::None {
            sources.push(Source { repository: &second, index: index(question.second) });
        }
        let world = World::parse(&question.world).ok()?;
        let resolution = resolve(&world, &sources, &question.arch).ok()?;
        Some(resolution.packages.iter().map(|selected| selected.entry.to_string()).collect())
    }
}

/// Holds our answers against apk's.
fn compare(indexes: &Indexes, answers: &[(Question, Answer)]) {
    let ours: Vec<_> = answers.par_iter().map(|(question, _)| indexes.answer(question)).collect();
    let (mut same_order, mut selections, mut different) = (0, 0, String::new());
    for ((question, theirs), ours) in answers.iter().zip(&ours) {
        let sorted = |answer: &Answer| {
            answer.clone().map(|mut packages| {
                packages.sort();
                packages
            })
        };
        if theirs.is_some() && ours.is_some() {
            selections += 1;
            same_order += usize::from(theirs == ours);
        }
        if sorted(theirs) != sorted(ours) || (theirs != ours && std::env::var_os("APKBUILD_SHOW_ORDER").is_some()) {
            let world = question.world.join(" ");
            writeln!(different, "{} {} {world}\n  apk: {theirs:?}\n  we:  {ours:?}", question.arch, question.second)
                .unwrap();
        }
    }
    println!("{} worlds, {selections} with a selection, {same_order} of them in the same order", answers.len());
    assert!(different.is_empty(), "not what apk selects:\n{different}");
    assert!(same_order * 100 >= selections * 99, "only {same_order} of {selections} in the same order");
}

fn draw(indexes: &Indexes, seed: u64, count: usize) -> Vec<Question> {
    let pools: Vec<_> = indexes.texts.iter().map(|(arch, text)| Pool::new(arch, text)).collect();
    let mut lot = Lot(seed);
    (0..count).map(|number| pools[number % pools.len()].draw(&mut lot)).collect()
}

fn ask(reference: &Reference, questions: Vec<Question>) -> Vec<(Question, Answer)> {
    questions
        .into_par_iter()
        .map(|question| {
            let answer = reference.answer(&question);
            (question, answer)
        })
        .collect()
}

fn print(answers: &[(Question, Answer)]) -> String {
    let mut text = String::new();
    for (Question { arch, second, world }, answer) in answers {
        let answer = answer.as_ref().map_or("no selection".to_owned(), |packages| packages.join(" "));
        writeln!(text, "{arch} {second} {}\n  {answer}", world.join(" ")).unwrap();
    }
    text
}

fn parse(text: &str) -> Vec<(Question, Answer)> {
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let pairs = lines.chunks(2).map(|pair| {
        let mut words = pair[0].split(' ').map(str::to_owned);
        let (arch, second) = (words.next().unwrap(), Second::parse(&words.next().unwrap()));
        let answer = (pair[1] != "  no selection").then(|| pair[1].split_whitespace().map(str::to_owned).collect());
        (Question { arch, second, world: words.collect() }, answer)
    });
    pairs.collect()
}

pub fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |value| value.parse().expect("a number"))
}

/// The seed of `APKBUILD_SEED`, or a fresh one; printed, so that whatever it draws can be drawn again.
pub fn fresh_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = number("APKBUILD_SEED", now.as_secs());
    println!("APKBUILD_SEED={seed} draws the same again");
    seed
}

/// With `APKBUILD_RECORD` this writes apk's answers to the file of that name; see `scripts/record-resolutions`.
#[test]
fn selections_are_those_that_apk_gave() {
    let shared = match shared() {
        Ok(shared) => shared,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let indexes = Indexes::new(&shared);
    if let Some(path) = std::env::var_os("APKBUILD_RECORD") {
        let questions = draw(&indexes, number("APKBUILD_SEED", 1), number("APKBUILD_WORLDS", 300) as usize);
        let answers = ask(&Reference::new(&shared).unwrap(), questions);
        fs::write(path, print(&answers)).unwrap();
        return;
    }
    let recorded = match std::env::var_os("APKBUILD_RESOLUTIONS") {
        Some(path) => fs::read_to_string(path).unwrap(),
        None => include_str!("../../data/resolve/resolutions.txt").to_owned(),
    };
    let answers = parse(&recorded);
    assert!(answers.len() >= 300 || std::env::var_os("APKBUILD_RESOLUTIONS").is_some(), "the answers are missing");
    compare(&indexes, &answers);
}

#[test]
fn selections_are_those_of_apk_itself() {
    let reference = shared().and_then(|shared| Ok((Reference::new(&shared)?, Indexes::new(&shared))));
    let (reference, indexes) = match reference {
        Ok(reference) => reference,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let questions = draw(&indexes, fresh_seed(), number("APKBUILD_WORLDS", 40) as usize);
    compare(&indexes, &ask(&reference, questions));
}

#[test]
fn small_repositories_are_resolved_as_by_apk_itself() {
    let reference = match shared().and_then(|shared| Reference::new(&shared)) {
        Ok(reference) => reference,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let mut lot = Lot(fresh_seed());
    let count = number("APKBUILD_WORLDS", 100);
    let cases: Vec<_> = (0..count).map(|_| Case::draw(&mut lot)).collect();
    let different: Vec<String> = cases
        .into_par_iter()
        .enumerate()
        .filter_map(|(number, case)| {
            let theirs = |case: &Case| reference.answer_from(number, &case.repositories(), &case.world);
            let differs = |case: &Case| theirs(case) != case.answer();
            differs(&case).then(|| {
                let case = case.shrink(differs);
                let (world, theirs, ours) = (case.world.join(" "), theirs(&case), case.answer());
                format!("{}world {world}\n  apk: {theirs:?}\n  we:  {ours:?}\n", case.brief())
            })
        })
        .collect();
    println!("{count} worlds, {} of them otherwise", different.len());
    assert!(different.is_empty(), "not what apk selects:\n{}", different.join("\n"));
}

/// Where packages need or bring one another in a circle, apk decides first what it meets first. Found among 150,000
/// cases.
#[test]
fn where_the_order_of_the_index_decides_it_decides_as_in_apk() {
    let reference = match shared().and_then(|shared| Reference::new(&shared)) {
        Ok(reference) => reference,
        Err(reason) => return println!("skipped: {reason}"),
    };
    for (number, seed) in [8945, 9029, 14305, 29489, 31613, 35700, 42445, 115_301, 121_301].into_iter().enumerate() {
        let mut lot = Lot(seed);
        let case = Case::draw_decided(&mut lot);
        let other = case.shuffled(&mut lot);
        assert_ne!(case.answer(), other.answer(), "the order no longer decides case {seed}:\n{}", case.brief());
        for case in [case, other] {
            let theirs = reference.answer_from(number, &case.repositories(), &case.world);
            assert_eq!(case.answer(), theirs, "{}world {}", case.brief(), case.world.join(" "));
        }
    }
}

/// A lock names what was selected and nothing else; the solver, given that alone, must select all of it in the same
/// order, whatever else the repositories had.
#[test]
fn what_was_selected_selects_itself() {
    let shared = match shared() {
        Ok(shared) => shared,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let indexes = Indexes::new(&shared);
    let questions = draw(&indexes, number("APKBUILD_SEED", 7), number("APKBUILD_WORLDS", 150) as usize);
    let selections = questions.par_iter().filter_map(|question| Some((question, indexes.answer(question)?)));
    let selections = selections.map(|(question, answer)| {
        let is_selected = |name: &str, version: &str| answer.contains(&format!("{name}-{version}"));
        let is_asked = |second| second == Second::None || second == question.second;
        let parsed = indexes.parsed.iter().filter(|((arch, second), _)| *arch == question.arch && is_asked(*second));
        let only = parsed.map(|(key, index)| {
            (key.clone(), index.only(|record| is_selected(record.name(), record.version())).unwrap())
        });
        let alone = Indexes { texts: BTreeMap::new(), parsed: only.collect() };
        assert_eq!(alone.answer(question), Some(answer), "{}", question.world.join(" "));
    });
    let selections = selections.count();
    assert!(selections > questions.len() / 3, "only {selections} selections");
}
