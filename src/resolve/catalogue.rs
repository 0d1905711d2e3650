//! All names and packages of all indexes, numbered, with who provides what.
//!
//! Building it reads every `P:`, `p:` and `i:` once; versions, `D:` and the rest of a package are read only when the
//! solver comes upon it. A package that stands in several repositories (the same identity) is one package here.

use std::collections::HashMap;

use super::Source;
use crate::apk::{Identity, Requirement, split, split_provided};
use crate::repository::{Defect, IndexRecord};

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
    pub(super) name: NameId,
    /// The repositories that hold it, by their place among the sources, in order.
    pub(super) sources: Vec<u32>,
    /// The tags of those repositories, a bit each; bit 0 stands for no tag.
    pub(super) tags: u64,
    pub(super) provides: Vec<Provision<'a>>,
    pub(super) install_if: Vec<Need<'a>>,
    /// Filled when the package is discovered.
    pub(super) depends: Vec<Need<'a>>,
    /// What was found wrong so far.
    pub(super) defect: Option<Defect>,
}

/// The numbered names and packages.
pub(super) struct Catalogue<'a> {
    names: Vec<&'a str>,
    numbers: HashMap<&'a str, NameId>,
    pub(super) packages: Vec<Package<'a>>,
    providers: Vec<Provider<'a>>,
    /// Where each name's providers lie; names met later have none.
    ranges: Vec<(u32, u32)>,
    /// The names whose providers have an `install_if` that speaks of the name.
    triggered: HashMap<NameId, Vec<NameId>>,
    arch: &'a str,
    /// The tags of the repositories, numbered from 1.
    tags: Vec<&'a str>,
}

/// More than this many different tags cannot be told apart; apk itself takes fewer.
pub(super) const MOST_TAGS: usize = 63;

impl<'a> Catalogue<'a> {
    pub(super) fn new(sources: &[Source<'a>], arch: &'a str) -> Self {
        let expected = sources.iter().map(|source| source.index.len()).sum::<usize>();
        let mut catalogue = Self {
            names: Vec::with_capacity(expected * 4),
            numbers: HashMap::with_capacity(expected * 4),
            packages: Vec::with_capacity(expected),
            providers: Vec::new(),
            ranges: Vec::new(),
            triggered: HashMap::new(),
            arch,
            tags: Vec::new(),
        };
        let mut identities: HashMap<Identity, PackageId> = HashMap::with_capacity(expected);
        for (number, source) in sources.iter().enumerate() {
            let tag = catalogue.tag_bit(source.repository.tag.as_deref());
            for record in source.index.records() {
                let next = PackageId(catalogue.packages.len() as u32);
                let package = *identities.entry(record.identity()).or_insert(next);
                if package == next {
                    catalogue.add(record);
                }
                let package = &mut catalogue.packages[package.0 as usize];
                if package.sources.last() != Some(&(number as u32)) {
                    package.sources.push(number as u32);
                }
                package.tags |= tag;
            }
        }
        catalogue.connect();
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

    fn add(&mut self, record: IndexRecord<'a>) {
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
            name,
            sources: Vec::with_capacity(1),
            tags: 0,
            provides,
            install_if,
            depends: Vec::new(),
            defect,
        });
    }

    /// Sorts the providers by name, each name's in the order of the indexes, and finds whom `install_if` concerns.
    fn connect(&mut self) {
        let mut counts = vec![0_u32; self.names.len()];
        for package in &self.packages {
            counts[package.name.0 as usize] += 1;
            for provision in &package.provides {
                counts[provision.name.0 as usize] += 1;
            }
        }
        let mut end = 0;
        self.ranges = counts
            .iter()
            .map(|count| {
                end += count;
                (end - count, end - count)
            })
            .collect();
        self.providers = vec![Provider { package: PackageId(0), version: None }; end as usize];
        for (number, package) in self.packages.iter().enumerate() {
            let own = Provision { name: package.name, version: Some(package.record.version()) };
            for provision in std::iter::once(&own).chain(&package.provides) {
                let range = &mut self.ranges[provision.name.0 as usize];
                self.providers[range.1 as usize] =
                    Provider { package: PackageId(number as u32), version: provision.version };
                range.1 += 1;
            }
        }
        for package in &self.packages {
            for condition in &package.install_if {
                let triggered = self.triggered.entry(condition.name).or_default();
                triggered.push(package.name);
                triggered.extend(package.provides.iter().map(|provision| provision.name));
            }
        }
        for names in self.triggered.values_mut() {
            sort_as_apk(&self.names, names);
        }
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
            self.names.push(name);
        }
        number
    }

    /// The number of `name`, where anything has to do with it.
    pub(super) fn known(&self, name: &str) -> Option<NameId> {
        self.numbers.get(name).copied()
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
        self.names[name.0 as usize]
    }

    /// All names that any package has or provides.
    pub(super) fn provided_names(&self) -> impl Iterator<Item = &'a str> {
        self.ranges.iter().zip(&self.names).filter(|(range, _)| range.0 < range.1).map(|(_, name)| *name)
    }

    /// The package of that number.
    pub(super) fn package(&self, package: PackageId) -> &Package<'a> {
        &self.packages[package.0 as usize]
    }

    /// Everything that stands for a name, in the order of the indexes.
    pub(super) fn providers(&self, name: NameId) -> &[Provider<'a>] {
        match self.ranges.get(name.0 as usize) {
            Some(&(start, end)) => &self.providers[start as usize..end as usize],
            None => &[],
        }
    }

    /// The names that `install_if` may bring when `name` is chosen, in apk's order.
    pub(super) fn triggered(&self, name: NameId) -> &[NameId] {
        self.triggered.get(&name).map_or(&[], Vec::as_slice)
    }

    /// Puts `names` into apk's order and drops repetitions.
    pub(super) fn sort(&self, names: &mut Vec<NameId>) {
        sort_as_apk(&self.names, names);
    }
}

/// Sorts names as apk walks them: by their place in a hash table of 20,000 buckets. It shows where several packages
/// come by `install_if` at once.
fn sort_as_apk(texts: &[&str], names: &mut Vec<NameId>) {
    const BUCKETS: u32 = 20_000;
    const SEED: u32 = 5381;
    names.sort_by_cached_key(|name| {
        let text = texts[name.0 as usize];
        (murmur(text.as_bytes(), SEED) % BUCKETS, text)
    });
    names.dedup();
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
