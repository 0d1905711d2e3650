//! The same set in every world, the same order in at least 99 of 100, and an error exactly where apk has one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use apkbuild::repository::{ApkIndex, Repository};
use apkbuild::resolve::{Resolution, Source, Unsatisfiable, World, resolve};
use fs_err as fs;
use rayon::prelude::*;

use super::draw::{Lot, Offer, Pool, Question};
use super::explain::{told_by_apk, told_by_us};
use super::reference::{RELEASES, Reference, index_text, shared};
use super::small::Case;

pub type Answer = Option<Vec<String>>;

/// The indexes that questions are about, by architecture and offer, its tag left out.
struct Indexes {
    texts: BTreeMap<(String, Offer), String>,
    parsed: BTreeMap<(String, Offer), ApkIndex>,
}

/// The text of every release's index.
fn releases(shared: &Path) -> BTreeMap<&'static str, String> {
    RELEASES.into_iter().map(|(release, _)| (release, index_text(shared, release))).collect()
}

impl Indexes {
    /// Those that `questions` need.
    fn of<'a>(releases: &BTreeMap<&str, String>, questions: impl Iterator<Item = &'a Question>) -> Self {
        let needed: BTreeSet<_> = questions
            .flat_map(|question| question.offers.iter().map(|offer| (question.arch.clone(), untagged(*offer))))
            .collect();
        let made = needed.into_par_iter().map(|(arch, offer)| {
            let text = offer.index(&arch, &releases[offer.release]);
            ((arch.clone(), offer), (text.clone(), ApkIndex::parse(text).unwrap()))
        });
        let made: Vec<_> = made.collect();
        let mut indexes = Self { texts: BTreeMap::new(), parsed: BTreeMap::new() };
        for (key, (text, parsed)) in made {
            indexes.texts.insert(key.clone(), text);
            indexes.parsed.insert(key, parsed);
        }
        indexes
    }

    fn answer(&self, question: &Question) -> Answer {
        let resolution = self.resolve(question)?.ok()?;
        Some(resolution.packages.iter().map(|selected| selected.entry.to_string()).collect())
    }

    /// What is selected, or why nothing is; `None` where the world cannot be read.
    fn resolve(&self, question: &Question) -> Option<Result<Resolution, Unsatisfiable>> {
        let repositories: Vec<_> = question
            .repositories()
            .map(|(tag, offer)| {
                let tag = tag.map(|tag| format!("@{tag} ")).unwrap_or_default();
                let index = &self.parsed[&(question.arch.clone(), untagged(offer))];
                (Repository::parse(&format!("{tag}/{}", offer.untagged())).unwrap(), index)
            })
            .collect();
        let sources: Vec<_> = repositories.iter().map(|(repository, index)| Source { repository, index }).collect();
        let world = World::parse(&question.world).ok()?;
        Some(resolve(&world, &sources, &question.arch))
    }
}

fn untagged(offer: Offer) -> Offer {
    Offer { is_tagged: false, ..offer }
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
            writeln!(different, "{question}\n  apk: {theirs:?}\n  we:  {ours:?}").unwrap();
        }
    }
    println!("{} worlds, {selections} with a selection, {same_order} of them in the same order", answers.len());
    assert!(different.is_empty(), "not what apk selects:\n{different}");
    assert!(same_order * 100 >= selections * 99, "only {same_order} of {selections} in the same order");
}

/// Holds what is told of worlds without a selection against what apk tells: the same packages and names, and of each the
/// same facts.
fn compare_errors(reference: &Reference, indexes: &Indexes, answers: &[(Question, Answer)]) {
    let refused: Vec<_> = answers.iter().filter(|(_, answer)| answer.is_none()).map(|(question, _)| question).collect();
    let different = refused.par_iter().filter_map(|question| {
        let message = reference.explanation(question);
        let Some(Err(error)) = indexes.resolve(question) else { return Some(format!("{question}\n{message}")) };
        (told_by_us(&error) != told_by_apk(&message)).then(|| format!("{question}\n{message}\n{error}"))
    });
    let different: Vec<String> = different.collect();
    println!("{} worlds without a selection, {} of them explained otherwise", refused.len(), different.len());
    assert!(different.is_empty(), "not what apk tells:\n{}", different.join("\n"));
}

/// Draws `count` worlds, from the releases in turn.
fn draw(releases: &BTreeMap<&'static str, String>, seed: u64, count: usize) -> Vec<Question> {
    let pools: Vec<_> =
        RELEASES.into_iter().map(|(release, arch)| Pool::new(release, arch, &releases[release])).collect();
    let mut lot = Lot(seed);
    (0..count).map(|number| pools[number % pools.len()].draw(&mut lot)).collect()
}

fn ask(reference: &Reference, indexes: &Indexes, questions: Vec<Question>) -> Vec<(Question, Answer)> {
    indexes.texts.par_iter().for_each(|((arch, offer), text)| reference.lay(arch, *offer, text));
    questions
        .into_par_iter()
        .map(|question| {
            let answer = reference.answer(&question);
            (question, answer)
        })
        .collect()
}

fn print(version: &str, answers: &[(Question, Answer)]) -> String {
    let mut text = format!("# What {version} selects; see scripts/record-resolutions.\n");
    for (question, answer) in answers {
        let answer = answer.as_ref().map_or("no selection".to_owned(), |packages| packages.join(" "));
        writeln!(text, "{question}\n  {answer}").unwrap();
    }
    text
}

fn parse(text: &str) -> Vec<(Question, Answer)> {
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let pairs = lines.chunks(2).map(|pair| {
        let answer = (pair[1] != "  no selection").then(|| pair[1].split_whitespace().map(str::to_owned).collect());
        (Question::parse(pair[0]), answer)
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
    let releases = releases(&shared);
    if let Some(path) = std::env::var_os("APKBUILD_RECORD") {
        // Of the newest release as many as are wanted, of the others as many together.
        let wanted = number("APKBUILD_WORLDS", 300) as usize;
        let mut questions = draw(&releases, number("APKBUILD_SEED", 1), wanted * 3);
        let (mut newest, mut others) = (0, 0);
        questions.retain(|question| {
            let counted = if question.offers[0].release == "v3.22" { &mut newest } else { &mut others };
            *counted += 1;
            *counted <= wanted
        });
        let reference = Reference::new(&shared).unwrap();
        let answers = ask(&reference, &Indexes::of(&releases, questions.iter()), questions);
        fs::write(path, print(&reference.version(), &answers)).unwrap();
        return;
    }
    let recorded = match std::env::var_os("APKBUILD_RESOLUTIONS") {
        Some(path) => fs::read_to_string(path).unwrap(),
        None => include_str!("../../data/resolve/resolutions.txt").to_owned(),
    };
    let answers = parse(&recorded);
    assert!(answers.len() >= 600 || std::env::var_os("APKBUILD_RESOLUTIONS").is_some(), "the answers are missing");
    compare(&Indexes::of(&releases, answers.iter().map(|(question, _)| question)), &answers);
}

#[test]
fn selections_are_those_of_apk_itself() {
    let reference = shared().and_then(|shared| Ok((Reference::new(&shared)?, releases(&shared))));
    let (reference, releases) = match reference {
        Ok(reference) => reference,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let questions = draw(&releases, fresh_seed(), number("APKBUILD_WORLDS", 60) as usize);
    let indexes = Indexes::of(&releases, questions.iter());
    let answers = ask(&reference, &indexes, questions);
    compare(&indexes, &answers);
    compare_errors(&reference, &indexes, &answers);
}

#[test]
fn small_repositories_are_resolved_as_by_apk_itself() {
    let reference = match shared().and_then(|shared| Reference::new(&shared)) {
        Ok(reference) => reference,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let mut lot = Lot(fresh_seed());
    let count = number("APKBUILD_WORLDS", 150);
    let cases: Vec<_> = (0..count).map(|_| Case::draw(&mut lot)).collect();
    let theirs = |case: &Case| reference.answer_from(&case.repositories(), &case.world);
    let differs = |case: &Case| theirs(case) != case.answer();
    let mut different: Vec<Case> = cases.into_par_iter().filter(differs).collect();
    println!("{count} worlds, {} of them otherwise", different.len());
    // To make them small takes many questions.
    different.truncate(6);
    let different = different.into_par_iter().map(|case| {
        let case = case.shrink(differs);
        let (world, theirs, ours) = (case.world.join(" "), theirs(&case), case.answer());
        format!("{}world {world}\n  apk: {theirs:?}\n  we:  {ours:?}\n", case.brief())
    });
    let different: Vec<String> = different.collect();
    assert!(different.is_empty(), "not what apk selects:\n{}", different.join("\n"));
}

/// Where packages need or bring one another in a circle, apk decides first what it meets first. These are the first
/// of 549 among 400,000 cases.
#[test]
fn where_the_order_of_the_index_decides_it_decides_as_in_apk() {
    let reference = match shared().and_then(|shared| Reference::new(&shared)) {
        Ok(reference) => reference,
        Err(reason) => return println!("skipped: {reason}"),
    };
    for seed in [67, 1108, 1275, 2719, 2787, 2847, 3484, 4801, 4867] {
        let mut lot = Lot(seed);
        let case = Case::draw_decided(&mut lot);
        let other = case.shuffled(&mut lot);
        assert_ne!(case.answer(), other.answer(), "the order no longer decides case {seed}:\n{}", case.brief());
        for case in [case, other] {
            let theirs = reference.answer_from(&case.repositories(), &case.world);
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
    let releases = releases(&shared);
    let questions = draw(&releases, number("APKBUILD_SEED", 7), number("APKBUILD_WORLDS", 150) as usize);
    let indexes = Indexes::of(&releases, questions.iter());
    let selections = questions.par_iter().filter_map(|question| Some((question, indexes.answer(question)?)));
    let selections = selections.map(|(question, answer)| {
        let is_selected = |name: &str, version: &str| answer.contains(&format!("{name}-{version}"));
        let is_asked = |offer: &Offer| question.offers.iter().any(|asked| untagged(*asked) == *offer);
        let parsed = indexes.parsed.iter().filter(|((arch, offer), _)| *arch == question.arch && is_asked(offer));
        let only = parsed.map(|(key, index)| {
            (key.clone(), index.only(|record| is_selected(record.name(), record.version())).unwrap())
        });
        let alone = Indexes { texts: BTreeMap::new(), parsed: only.collect() };
        assert_eq!(alone.answer(question), Some(answer), "{question}");
    });
    let selections = selections.count();
    assert!(selections > questions.len() / 3, "only {selections} selections");
}
