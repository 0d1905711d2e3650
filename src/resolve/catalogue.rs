//! Names and packages, numbered as the solver comes upon them, with who provides what.
//!
//! A selection of a dozen packages has to do with some hundred of an index of ten thousand, so nothing is numbered
//! before it is asked for: a name gets its number when something speaks of it, and its providers, and whatever may come
//! by `install_if` for its sake, when it is opened. A package that stands in several repositories (the same identity)
//! is one package here.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::Source;
use crate::apk::{Identity, Requirement, split, split_provided};
use crate::repository::{ApkIndex, Defect, IndexRecord};

/// The number of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NameId(pub(super) u32);

/// The number of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PackageId(pub(super) u32);

/// Something that stands for a name: a package of that name, or one that provides it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Provider<'a> {
    pub(super) package: PackageId,
    /// The version of the name that it gives; `None` where it is provided without one.
    pub(super) version: Option<&'a str>,
}

/// A dependency, a condition or a wish of the world, with its name numbered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need<'a> {
    pub(super) name: NameId,
    pub(super) conflict: bool,
    pub(super) requirement: Requirement<'a>,
}

/// A name that a package provides beside its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Provision<'a> {
    pub(super) name: NameId,
    pub(super) version: Option<&'a str>,
}

/// A package.
#[derive(Debug)]
pub(super) struct Package<'a> {
    pub(super) record: IndexRecord<'a>,
    /// The first source that holds it, and its position there.
    home: (u32, u32),
    pub(super) name: NameId,
    /// The repositories that hold it, by their place among the sources, in order.
    pub(super) sources: Vec<u32>,
    /// The tags of those repositories, a bit each; bit 0 stands for no tag.
    pub(super) tags: u64,
    pub(super) provider_priority: u32,
    pub(super) provides: Vec<Provision<'a>>,
    pub(super) install_if: Vec<Need<'a>>,
    /// Filled when the package is discovered.
    pub(super) depends: Vec<Need<'a>>,
    /// What was found wrong so far.
    pub(super) defect: Option<Defect>,
}

/// The numbered names and packages.
pub(super) struct Catalogue<'a> {
    sources: Vec<Stock<'a>>,
    names: Vec<Name<'a>>,
    numbers: FxHashMap<&'a str, NameId>,
    pub(super) packages: Vec<Package<'a>>,
    identities: FxHashMap<Identity, PackageId>,
    /// By source and position there.
    places: FxHashMap<(u32, u32), PackageId>,
    arch: &'a str,
    /// The tags of the repositories, numbered from 1.
    tags: Vec<&'a str>,
}

/// A repository's packages.
struct Stock<'a> {
    index: &'a ApkIndex,
    /// The bit of its tag.
    tag: u64,
}

/// A name.
struct Name<'a> {
    text: &'a str,
    /// What follows is meaningful only when it was opened.
    is_open: bool,
    /// In the order of the indexes.
    providers: Vec<Provider<'a>>,
    /// The names whose providers have an `install_if` that speaks of this one, in apk's order.
    triggered: Vec<NameId>,
}

/// More than this many different tags cannot be told apart; apk itself takes fewer.
pub(super) const MOST_TAGS: usize = 63;

impl<'a> Catalogue<'a> {
    pub(super) fn new(sources: &[Source<'a>], arch: &'a str) -> Self {
        let mut catalogue = Self {
            sources: Vec::with_capacity(sources.len()),
            names: Vec::new(),
            numbers: FxHashMap::default(),
            packages: Vec::new(),
            identities: FxHashMap::default(),
            places: FxHashMap::default(),
            arch,
            tags: Vec::new(),
        };
        for source in sources {
            let tag = catalogue.tag_bit(source.repository.tag.as_deref());
            catalogue.sources.push(Stock { index: source.index, tag });
        }
        catalogue
    }

    /// The bit of a repository's tag, numbering it where it is new.
    fn tag_bit(&mut self, tag: Option<&'a str>) -> u64 {
        let Some(tag) = tag else { return 1 };
        if self.tag(tag).is_none() && self.tags.len() < MOST_TAGS {
            self.tags.push(tag);
        }
        self.tag(tag).unwrap_or(0)
    }

    /// The tags whose bits are set, as `@tag`.
    pub(super) fn tag_names(&self, bits: u64) -> Vec<String> {
        let is_set = |place: &usize| bits & (2 << place) != 0;
        (0..self.tags.len()).filter(is_set).map(|place| format!("@{}", self.tags[place])).collect()
    }

    /// The bit of a tag that some repository has.
    pub(super) fn tag(&self, tag: &str) -> Option<u64> {
        self.tags.iter().position(|other| *other == tag).map(|place| 2 << place)
    }

    /// Finds who provides a name, and what may come by `install_if` for its sake.
    pub(super) fn open(&mut self, name: NameId) {
        if std::mem::replace(&mut self.names[name.0 as usize].is_open, true) {
            return;
        }
        let text = self.name(name);
        let (mut providers, mut triggered) = (Vec::new(), Vec::new());
        for source in 0..self.sources.len() as u32 {
            let index = self.sources[source as usize].index;
            for (position, record) in index.providers(text) {
                let package = self.enrol(source, position as u32, record);
                // One that an earlier repository holds as well is among them already.
                if self.package(package).home != (source, position as u32) {
                    continue;
                }
                let described = self.package(package);
                let own = Provision { name: described.name, version: Some(record.version()) };
                let provisions = std::iter::once(&own).chain(&described.provides);
                providers.extend(
                    provisions
                        .filter(|provision| provision.name == name)
                        .map(|provision| Provider { package, version: provision.version }),
                );
            }
            for (position, record) in index.conditional_on(text) {
                let package = self.enrol(source, position as u32, record);
                let package = self.package(package);
                if package.install_if.iter().any(|condition| condition.name == name) {
                    triggered.push(package.name);
                    triggered.extend(package.provides.iter().map(|provision| provision.name));
                }
            }
        }
        self.sort(&mut triggered);
        let opened = &mut self.names[name.0 as usize];
        (opened.providers, opened.triggered) = (providers, triggered);
    }

    /// The number of the package that stands at `position` in the index of `source`, which is `record`.
    fn enrol(&mut self, source: u32, position: u32, record: IndexRecord<'a>) -> PackageId {
        if let Some(package) = self.places.get(&(source, position)) {
            return *package;
        }
        let next = PackageId(self.packages.len() as u32);
        let package = *self.identities.entry(record.identity()).or_insert(next);
        if package == next {
            self.add(record, (source, position));
        }
        self.places.insert((source, position), package);
        let tag = self.sources[source as usize].tag;
        let entry = &mut self.packages[package.0 as usize];
        if entry.sources.last() != Some(&source) {
            entry.sources.push(source);
        }
        entry.tags |= tag;
        package
    }

    fn add(&mut self, record: IndexRecord<'a>, home: (u32, u32)) {
        let name = self.number(record.name());
        let mut defect = None;
        let mut provides = Vec::new();
        for word in record.provides() {
            match split_provided(word) {
                Ok(part) => {
                    let version = match part.requirement {
                        Requirement::Version(_, version) => Some(version),
                        _ => None,
                    };
                    provides.push(Provision { name: self.number(part.name), version });
                }
                Err(_) => defect = record.to_entry().err(),
            }
        }
        let conditions: Option<Vec<_>> = record.install_if().map(|word| self.need(word)).collect();
        let install_if = conditions.unwrap_or_else(|| {
            // Conditions of which one makes no sense never hold.
            defect = defect.take().or_else(|| record.to_entry().err());
            Vec::new()
        });
        self.packages.push(Package {
            record,
            home,
            name,
            sources: Vec::with_capacity(1),
            tags: 0,
            provider_priority: record.provider_priority(),
            provides,
            install_if,
            depends: Vec::new(),
            defect,
        });
    }

    /// Reads what the solver must know of `package` beyond its names: whether it can be installed, and what it needs.
    pub(super) fn read(&mut self, package: PackageId) {
        let record = self.package(package).record;
        let mut defect = self.package(package).defect.clone().or_else(|| record.own_defect());
        if !matches!(record.arch(), "" | "noarch") && record.arch() != self.arch {
            defect = Some(Defect::Architecture { expected: self.arch.to_owned(), found: record.arch().to_owned() });
        }
        let mut depends = Vec::new();
        for word in record.depends() {
            match self.need(word) {
                Some(need) => depends.push(need),
                None => defect = defect.or_else(|| record.to_entry().err()),
            }
        }
        let package = &mut self.packages[package.0 as usize];
        package.defect = defect;
        package.depends = depends;
    }

    /// Numbers the name of a dependency as packages write them; `None` where it cannot be read.
    fn need(&mut self, word: &'a str) -> Option<Need<'a>> {
        let part = split(word).ok()?;
        if part.tag.is_some() {
            return None;
        }
        Some(Need { name: self.number(part.name), conflict: part.conflict, requirement: part.requirement })
    }

    /// The number of `name`, given out where it is new.
    pub(super) fn number(&mut self, name: &'a str) -> NameId {
        let next = NameId(self.names.len() as u32);
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.names.push(Name { text: name, is_open: false, providers: Vec::new(), triggered: Vec::new() });
        }
        number
    }

    /// The names of the packages that are called `name` or provide it, sorted, each once.
    pub(super) fn provider_titles(&self, name: &str) -> Vec<String> {
        let mut titles = BTreeSet::new();
        for source in &self.sources {
            titles.extend(source.index.providers(name).map(|(_, record)| record.name().to_owned()));
        }
        titles.into_iter().collect()
    }

    /// Whether there are no packages at all.
    pub(super) fn is_empty(&self) -> bool {
        self.sources.iter().all(|source| source.index.is_empty())
    }

    /// A package as it is told to the user: `name-version`.
    pub(super) fn title(&self, package: PackageId) -> String {
        let record = self.package(package).record;
        format!("{}-{}", record.name(), record.version())
    }

    /// How many names there are by now.
    pub(super) fn name_count(&self) -> usize {
        self.names.len()
    }

    /// The text of a name.
    pub(super) fn name(&self, name: NameId) -> &'a str {
        self.names[name.0 as usize].text
    }

    /// All names that any package has or provides, sorted, each once.
    pub(super) fn provided_names(&self) -> BTreeSet<&'a str> {
        let mut names = BTreeSet::new();
        for record in self.sources.iter().flat_map(|source| source.index.records()) {
            names.insert(record.name());
            names.extend(record.provides().filter_map(|word| Some(split_provided(word).ok()?.name)));
        }
        names
    }

    /// The package of that number.
    pub(super) fn package(&self, package: PackageId) -> &Package<'a> {
        &self.packages[package.0 as usize]
    }

    /// Everything that stands for an opened name, in the order of the indexes.
    pub(super) fn providers(&self, name: NameId) -> &[Provider<'a>] {
        let name = &self.names[name.0 as usize];
        debug_assert!(name.is_open, "`{}` was not opened", name.text);
        &name.providers
    }

    /// The names that `install_if` may bring when an opened name is chosen, in apk's order.
    pub(super) fn triggered(&self, name: NameId) -> &[NameId] {
        let name = &self.names[name.0 as usize];
        debug_assert!(name.is_open, "`{}` was not opened", name.text);
        &name.triggered
    }

    /// Sorts names as apk walks them, by their place in a hash table of 20,000 buckets, and drops repetitions. It shows
    /// where several packages come by `install_if` at once.
    pub(super) fn sort(&self, names: &mut Vec<NameId>) {
        const BUCKETS: u32 = 20_000;
        const SEED: u32 = 5381;
        if names.len() < 2 {
            return;
        }
        names.sort_by_cached_key(|name| {
            let text = self.name(*name);
            (murmur(text.as_bytes(), SEED) % BUCKETS, text)
        });
        names.dedup();
    }
}

/// `MurmurHash3`, the one of 32 bits.
fn murmur(bytes: &[u8], seed: u32) -> u32 {
    fn scramble(word: u32) -> u32 {
        word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
    }
    let mut hash = seed;
    let mut chunks = bytes.chunks_exact(4);
    for chunk in &mut chunks {
        let word = chunk.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte));
        hash = (hash ^ scramble(word)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let tail = chunks.remainder();
    if !tail.is_empty() {
        hash ^= scramble(tail.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte)));
    }
    hash ^= bytes.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_murmur() {
        for (text, seed, hash) in [
            ("", 0, 0),
            ("", 1, 0x514e_28b7),
            ("test", 0, 0xba6b_d213),
            ("Hello, world!", 0, 0xc036_3e43),
            ("The quick brown fox jumps over the lazy dog", 0, 0x2e4f_f723),
        ] {
            assert_eq!(murmur(text.as_bytes(), seed), hash, "{text}");
        }
    }
}
