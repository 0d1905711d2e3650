//! Small repositories drawn by lot, often two of them, where everything that rarely meets in a real one meets often:
//! several versions of a package, rival providers, conflicts, cycles, conditions upon conditions.

use std::fmt::Write as _;

use apkbuild::digest::Sha1Digest;
use apkbuild::repository::{ApkIndex, Repository};
use apkbuild::resolve::{Source, World, resolve};
use base64::Engine as _;

use super::differential::Answer;
use super::draw::Lot;

/// A small repository and what is asked of it.
#[derive(Clone, Debug)]
pub struct Case {
    pub index: String,
    /// The index of a second repository; often there is none, and this is empty.
    pub second: String,
    /// Whether the second repository serves only what is pinned to `@edge`.
    pub is_tagged: bool,
    pub world: Vec<String>,
}

/// What the packages of a case are like.
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
struct Shape {
    names: usize,
    virtuals: usize,
    versions: usize,
    with_conditions: bool,
    with_conflicts: bool,
    with_rivals: bool,
    with_priorities: bool,
    /// Percent of the provides that have a version.
    versioned: usize,
    /// Percent of packages that need or provide what makes no sense, are for another machine, share an identity…
    odd: usize,
}

impl Shape {
    fn draw(lot: &mut Lot) -> Self {
        Self {
            names: 2 + lot.below(8),
            virtuals: if lot.chance(20) { 0 } else { 1 + lot.below(4) },
            versions: if lot.chance(50) { 1 } else { 3 },
            with_conditions: lot.chance(60),
            with_conflicts: lot.chance(60),
            with_rivals: lot.chance(40),
            with_priorities: lot.chance(60),
            versioned: *lot.one_of(&[0, 40, 40, 100]),
            odd: if lot.chance(15) { 20 } else { 0 },
        }
    }

    /// A name, of a package or provided.
    fn any(&self, lot: &mut Lot) -> String {
        if self.virtuals > 0 && lot.chance(40) {
            format!("v{}", lot.below(self.virtuals))
        } else {
            format!("n{}", lot.below(self.names))
        }
    }

    /// An index in which each of the names stands by a chance of so many percent.
    fn index(&self, lot: &mut Lot, percent: usize) -> String {
        let mut index = String::new();
        let mut identity = String::new();
        for number in 0..self.names {
            if !lot.chance(percent) {
                continue;
            }
            let most = 1 + lot.below(self.versions);
            for version in 1..=most {
                let package = self.package(lot, &format!("n{number}"), version);
                if identity.is_empty() || !lot.chance(self.odd / 4) {
                    let digest = Sha1Digest::of(package.as_bytes());
                    identity = base64::engine::general_purpose::STANDARD.encode(digest.0);
                }
                writeln!(index, "C:Q1{identity}\n{package}").unwrap();
            }
        }
        index
    }

    fn package(&self, lot: &mut Lot, name: &str, version: usize) -> String {
        let arch = if lot.chance(self.odd) { *lot.one_of(&["noarch", "armv7"]) } else { "x86_64" };
        let size = usize::from(!lot.chance(8));
        let mut package = format!("P:{name}\nV:{version}-r0\nA:{arch}\nS:1\nI:{size}\nT:t\nU:u\nL:l\n");
        let mut depends = Vec::new();
        for _ in 0..lot.below(4) {
            let other = self.any(lot);
            let conflict = if self.with_conflicts && lot.chance(15) { "!" } else { "" };
            if other != name || !conflict.is_empty() || lot.chance(10) {
                depends.push(format!("{conflict}{other}{}", constraint(lot)));
            }
        }
        let mut provides = Vec::new();
        for virtual_name in 0..self.virtuals {
            if lot.chance(35) {
                let is_versioned = lot.chance(self.versioned);
                let version = if is_versioned { format!("={}", lot.below(4)) } else { String::new() };
                provides.push(format!("v{virtual_name}{version}"));
            }
        }
        if self.with_rivals && lot.chance(15) {
            let other = format!("n{}", lot.below(self.names));
            let is_versioned = lot.chance(60);
            provides.push(if is_versioned { format!("{other}={}-r0", 1 + lot.below(3)) } else { other });
        }
        let mut conditions = Vec::new();
        if self.with_conditions && lot.chance(30) {
            for _ in 0..1 + lot.below(3) {
                let constraint = if lot.chance(30) { constraint(lot) } else { String::new() };
                let conflict = if lot.chance(20) { "!" } else { "" };
                conditions.push(format!("{conflict}{}{constraint}", self.any(lot)));
            }
        }
        for words in [&mut depends, &mut provides, &mut conditions] {
            if lot.chance(self.odd / 2) {
                let place = lot.below(words.len() + 1);
                words.insert(place, lot.one_of(&["v0=", "v0=x", "n0=1.0x1", "n1@edge", "v1<=>1", "v0>~"]).to_string());
            }
        }
        for (field, words) in [("D", &depends), ("p", &provides), ("i", &conditions)] {
            if !words.is_empty() {
                writeln!(package, "{field}:{}", words.join(" ")).unwrap();
            }
        }
        if self.with_priorities && lot.chance(30) {
            writeln!(package, "k:{}", lot.below(4)).unwrap();
        }
        package
    }
}

impl Case {
    pub fn draw(lot: &mut Lot) -> Self {
        let shape = Shape::draw(lot);
        let index = shape.index(lot, 100);
        let second = if lot.chance(40) { shape.index(lot, 50) } else { String::new() };
        // apk answers nothing about a tag that no repository has.
        let is_tagged = !second.is_empty() && lot.chance(50);
        let mut world = Vec::new();
        for _ in 0..1 + lot.below(4) {
            let conflict = if lot.chance(8) { "!" } else { "" };
            let asked = shape.any(lot);
            let tag = if is_tagged && lot.chance(40) { "@edge" } else { "" };
            let constraint = if lot.chance(20) { constraint(lot) } else { String::new() };
            world.push(format!("{conflict}{asked}{tag}{constraint}"));
        }
        Self { index, second, is_tagged, world }
    }

    /// A case in which no two packages are equally good: one version of each, and a priority of its own.
    pub fn draw_decided(lot: &mut Lot) -> Self {
        let mut case = Self { second: String::new(), is_tagged: false, ..Self::draw(lot) };
        case.world.iter_mut().for_each(|wish| *wish = wish.replace("@edge", ""));
        let mut decided = String::new();
        let mut number = 0;
        for package in case.index.split_inclusive("\n\n").filter(|package| package.contains("\nV:1-r0\n")) {
            number += 1;
            for line in package.trim_end().lines().filter(|line| !line.starts_with("k:")) {
                let versionless = |word: &str| word.split('=').next().unwrap_or_default().to_owned();
                match line.strip_prefix("p:") {
                    Some(words) => {
                        let words: Vec<_> = words.split(' ').map(versionless).collect();
                        writeln!(decided, "p:{}", words.join(" ")).unwrap();
                    }
                    None => writeln!(decided, "{line}").unwrap(),
                }
            }
            write!(decided, "k:{number}\n\n").unwrap();
        }
        case.index = decided;
        case
    }

    /// This case with the packages of the first index in another order.
    pub fn shuffled(&self, lot: &mut Lot) -> Self {
        let mut packages: Vec<_> = self.index.split_inclusive("\n\n").collect();
        for place in (1..packages.len()).rev() {
            packages.swap(place, lot.below(place + 1));
        }
        Self { index: packages.concat(), ..self.clone() }
    }

    /// The indexes with the address of each repository.
    pub fn repositories(&self) -> Vec<(&str, &str)> {
        let second = if self.is_tagged { "@edge /second" } else { "/second" };
        let second = (self.is_tagged || !self.second.is_empty()).then_some((second, self.second.as_str()));
        [("/small", self.index.as_str())].into_iter().chain(second).collect()
    }

    pub fn answer(&self) -> Answer {
        let read = |(address, text)| (Repository::parse(address).unwrap(), ApkIndex::parse(text).unwrap());
        let repositories: Vec<_> = self.repositories().into_iter().map(read).collect();
        let sources: Vec<_> = repositories.iter().map(|(repository, index)| Source { repository, index }).collect();
        let world = World::parse(&self.world).ok()?;
        let resolution = resolve(&world, &sources, "x86_64").ok()?;
        Some(resolution.packages.iter().map(|selected| selected.entry.to_string()).collect())
    }

    /// The smallest case that can be had from this one by leaving things out while `still_fails` holds.
    pub fn shrink(self, still_fails: impl Fn(&Self) -> bool) -> Self {
        let mut case = self;
        loop {
            match case.smaller().into_iter().find(|smaller| still_fails(smaller)) {
                Some(smaller) => case = smaller,
                None => return case,
            }
        }
    }

    /// This case without one of its wishes, packages or words.
    fn smaller(&self) -> Vec<Self> {
        let mut smaller = Vec::new();
        for place in 0..self.world.len() {
            let mut world = self.world.clone();
            world.remove(place);
            if !world.is_empty() {
                smaller.push(Self { world, ..self.clone() });
            }
        }
        smaller.extend(smaller_indexes(&self.index).into_iter().map(|index| Self { index, ..self.clone() }));
        smaller.extend(smaller_indexes(&self.second).into_iter().map(|second| Self { second, ..self.clone() }));
        smaller
    }

    /// The indexes in a form that is short to read.
    pub fn brief(&self) -> String {
        let tag = if self.is_tagged { "@edge " } else { "" };
        let second =
            if self.second.is_empty() { String::new() } else { format!("{tag}second\n{}", brief(&self.second)) };
        format!("{}{second}", brief(&self.index))
    }
}

/// The same index without one of its packages or words.
fn smaller_indexes(index: &str) -> Vec<String> {
    let mut smaller = Vec::new();
    let packages: Vec<_> = index.split_inclusive("\n\n").collect();
    for (place, package) in packages.iter().enumerate() {
        let mut others = packages.clone();
        others.remove(place);
        smaller.push(others.concat());
        let lines: Vec<_> = package.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let Some((field @ ("D" | "p" | "i" | "k"), value)) = line.split_once(':') else { continue };
            let words: Vec<_> = value.split(' ').collect();
            for left_out in 0..words.len() {
                let kept = words.iter().enumerate().filter(|(other, _)| *other != left_out);
                let kept: Vec<_> = kept.map(|(_, word)| *word).collect();
                let mut lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
                if kept.is_empty() {
                    lines.remove(number);
                } else {
                    lines[number] = format!("{field}:{}", kept.join(" "));
                }
                let changed = format!("{}\n\n", lines.join("\n").trim_end());
                let mut others = packages.clone();
                others[place] = &changed;
                smaller.push(others.concat());
            }
        }
    }
    smaller
}

fn brief(index: &str) -> String {
    let mut brief = String::new();
    for package in index.split("\n\n").filter(|package| !package.is_empty()) {
        for line in package.lines() {
            match line.split_at(2) {
                ("P:", name) => brief.push_str(name),
                ("V:", version) => write!(brief, " {version}").unwrap(),
                ("I:", "0") => brief.push_str(" | I: 0"),
                ("A:", arch) if arch != "x86_64" => write!(brief, " | A: {arch}").unwrap(),
                ("C:", identity) => write!(brief, "{} ", &identity[2..6]).unwrap(),
                (field @ ("D:" | "p:" | "i:" | "k:"), value) => write!(brief, " | {field} {value}").unwrap(),
                _ => {}
            }
        }
        brief.push('\n');
    }
    brief
}

fn constraint(lot: &mut Lot) -> String {
    if lot.chance(65) {
        return String::new();
    }
    let operator = *lot.one_of(&["=", "=", ">", "<", ">=", "=>", "<=", "~", "~=", "<~", ">~"]);
    let revision = if operator.contains('~') || lot.chance(30) { "" } else { "-r0" };
    format!("{operator}{}{revision}", lot.below(4))
}
