//! Names and packages, numbered as the solver comes upon them, with who provides what.
//!
//! A selection of a dozen packages has to do with some hundred of an index of ten thousand, so nothing is numbered
//! before it is asked for: a name gets its number when something speaks of it, and its providers, and whatever may come
//! by `install_if` for its sake, when it is opened. Packages of the same identity are one package here, the one that is
//! listed first: it stands in several repositories, or under several names, which then only a wrongly made index has.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::apk::{NOARCH, Requirement, Split, split_of_index};
use crate::repository::{ApkIndex, Defect, IndexRecord, Repository};

/// A repository and what it holds.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Where it is and how it is pinned.
    pub repository: &'a Repository,
    /// Its packages.
    pub index: &'a ApkIndex,
}

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

/// A dependency, a condition or a wish of the world, with its name numbered. It is kept small, since the solver goes
/// through them again and again, and a package may have thousands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    pub(super) name: NameId,
    pub(super) conflict: bool,
    /// The place of what it asks beyond the name among the catalogue's requirements; 0 stands for nothing.
    requirement: u32,
}

impl Need {
    /// Whether any provider of the name will do.
    pub(super) fn is_any(self) -> bool {
        self.requirement == 0
    }
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
    pub(super) install_if: Vec<Need>,
    /// Filled when the package is discovered.
    pub(super) depends: Vec<Need>,
    /// What keeps it from being installed. Found when the package is discovered.
    pub(super) defect: Option<Defect>,
}

/// The numbered names and packages.
pub(super) struct Catalogue<'a> {
    sources: Vec<Stock<'a>>,
    names: Vec<Name<'a>>,
    numbers: FxHashMap<&'a str, NameId>,
    pub(super) packages: Vec<Package<'a>>,
    /// What dependencies ask beyond a name; the first is nothing at all.
    requirements: Vec<Requirement<'a>>,
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
    /// Where apk's table of names has it.
    bucket: u32,
    /// What follows is meaningful only when it was opened.
    is_open: bool,
    /// In the order of the indexes.
    providers: Vec<Provider<'a>>,
    /// The names whose providers have an `install_if` that speaks of this one, in apk's order.
    triggered: Vec<NameId>,
}

/// How many buckets apk's table of names has, and the seed of the hash that chooses among them.
const BUCKETS: u32 = 20_000;
const SEED: u32 = 5381;

/// More than this many different tags cannot be told apart; apk itself takes fewer.
pub(super) const MOST_TAGS: usize = 63;

impl<'a> Catalogue<'a> {
    pub(super) fn new(sources: &[Source<'a>], arch: &'a str) -> Self {
        let mut catalogue = Self {
            sources: Vec::with_capacity(sources.len()),
            names: Vec::new(),
            numbers: FxHashMap::default(),
            packages: Vec::new(),
            requirements: vec![Requirement::Any],
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

    /// Whether any repository has a tag.
    pub(super) fn has_tags(&self) -> bool {
        !self.tags.is_empty()
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
        let package = match self.first_of_same_identity(source, position, record) {
            Some((source, position, first)) => self.enrol(source, position, first),
            None => self.add(record, (source, position)),
        };
        self.places.insert((source, position), package);
        let tag = self.sources[source as usize].tag;
        let entry = &mut self.packages[package.0 as usize];
        if let Err(place) = entry.sources.binary_search(&source) {
            entry.sources.insert(place, source);
        }
        entry.tags |= tag;
        package
    }

    /// Where a record stands before this one that has the same identity, if there is any.
    fn first_of_same_identity(
        &self,
        source: u32,
        position: u32,
        record: IndexRecord<'a>,
    ) -> Option<(u32, u32, IndexRecord<'a>)> {
        let identity = record.identity()?;
        let (place, index, first) = (0..=source)
            .zip(&self.sources)
            .find_map(|(place, stock)| Some((place, stock.index, stock.index.first_of(identity)?)))?;
        let is_itself = (place, first) == (source, position as usize);
        if is_itself { None } else { Some((place, first as u32, index.get(first)?)) }
    }

    fn add(&mut self, record: IndexRecord<'a>, home: (u32, u32)) -> PackageId {
        let name = self.number(record.name());
        let provides: Vec<_> = record
            .sound_provides()
            .map(|part| {
                let version = match part.requirement {
                    Requirement::Version(_, version) => Some(version),
                    _ => None,
                };
                Provision { name: self.number(part.name), version }
            })
            .collect();
        let install_if: Vec<_> = record.sound_install_if().into_iter().map(|part| self.need(&part)).collect();
        let package = PackageId(self.packages.len() as u32);
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
            defect: None,
        });
        package
    }

    /// Reads what the solver must know of `package` beyond its names: whether it can be installed, and what it needs.
    pub(super) fn read(&mut self, package: PackageId) {
        let record = self.package(package).record;
        let mut defect = record.own_defect();
        if !matches!(record.arch(), "" | NOARCH) && record.arch() != self.arch {
            defect = Some(Defect::Architecture { expected: self.arch.to_owned(), found: record.arch().to_owned() });
        }
        let mut depends = Vec::new();
        for word in record.depends() {
            let part = split_of_index(word);
            if !part.as_ref().is_ok_and(Split::has_sound_version) {
                defect = defect.or_else(|| record.to_entry().err());
            }
            match part {
                Ok(part) => depends.push(self.need(&part)),
                // apk does not know the rest either.
                Err(_) => break,
            }
        }
        let package = &mut self.packages[package.0 as usize];
        package.defect = defect;
        package.depends = depends;
    }

    /// A dependency with its name numbered.
    pub(super) fn need(&mut self, part: &Split<'a>) -> Need {
        let requirement = match part.requirement {
            Requirement::Any => 0,
            requirement => {
                self.requirements.push(requirement);
                self.requirements.len() as u32 - 1
            }
        };
        Need { name: self.number(part.name), conflict: part.conflict, requirement }
    }

    /// What a dependency asks beyond its name.
    pub(super) fn requirement(&self, need: Need) -> Requirement<'a> {
        self.requirements[need.requirement as usize]
    }

    /// The number of `name`, given out where it is new.
    pub(super) fn number(&mut self, name: &'a str) -> NameId {
        let next = NameId(self.names.len() as u32);
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            let bucket = murmur(name.as_bytes(), SEED) % BUCKETS;
            self.names.push(Name { text: name, bucket, is_open: false, providers: Vec::new(), triggered: Vec::new() });
        }
        number
    }

    /// The names of the packages that are called `name` or provide it, sorted, each once.
    pub(super) fn provider_titles(&self, name: &str) -> Vec<String> {
        let listed = self.listed(name).filter(|(_, first)| first.is_none());
        let titles: BTreeSet<_> = listed.map(|(record, _)| record.name().to_owned()).collect();
        titles.into_iter().collect()
    }

    /// The packages that are called `name` or provide it, and are passed over because another one that is listed
    /// before has the same identity; with that one.
    pub(super) fn passed_over(&self, name: &str) -> Vec<(IndexRecord<'a>, IndexRecord<'a>)> {
        self.listed(name).filter_map(|(record, first)| Some((record, first?))).collect()
    }

    /// The packages that the indexes list for `name`, each with another one before it of the same identity that does
    /// not stand for the name.
    fn listed(&self, name: &str) -> impl Iterator<Item = (IndexRecord<'a>, Option<IndexRecord<'a>>)> {
        let sources = (0_u32..).zip(&self.sources);
        sources.flat_map(move |(source, stock)| {
            stock.index.providers(name).filter(move |(_, record)| stands_for(*record, name)).map(
                move |(position, record)| {
                    let first = self.first_of_same_identity(source, position as u32, record);
                    (record, first.map(|(_, _, first)| first).filter(|first| !stands_for(*first, name)))
                },
            )
        })
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
            names.extend(record.sound_provides().map(|part| part.name));
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

    /// Sorts names as apk walks them, by their place in its hash table, and drops repetitions. It shows where several
    /// packages come by `install_if` at once.
    pub(super) fn sort(&self, names: &mut Vec<NameId>) {
        names.sort_unstable_by_key(|name| {
            let name = &self.names[name.0 as usize];
            (name.bucket, name.text)
        });
        names.dedup();
    }
}

/// Whether a package is called `name` or provides it.
fn stands_for(record: IndexRecord<'_>, name: &str) -> bool {
    record.name() == name || record.sound_provides().any(|part| part.name == name)
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
