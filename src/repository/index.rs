//! The text of an APKINDEX, read in one pass into records that point into it.
//!
//! A package is a run of lines `X:value`, a blank line ends it (apk-package(5)). `D:`, `p:` and `i:` may repeat and add
//! up; of any other repeated field the last counts. A lower-case field that is not known is ignored, an upper-case one
//! makes the package uninstallable. Refused is the whole index where a line is no field, a number is none, or a package
//! lacks its name, version or identity: nothing of a damaged index is trusted.
//!
//! Of some ten thousand packages a selection looks at a hundred, so every line is checked here but little is kept:
//! where a record lies, its name and version, and by which names it can be found. The rest is read again when it is
//! asked for.

use std::ops::Range;

use super::names::{NameTable, bare_name};
use super::reader::{Reading, read};
use super::{Defect, Error, IndexEntry};
use crate::apk::{Dependency, Identity, PackageName, SyntaxError, Version};

/// The packages of one repository for one architecture.
#[derive(Clone, Debug, Default)]
pub struct ApkIndex {
    text: Box<str>,
    records: Vec<Record>,
    /// Names that packages have or provide.
    provided: NameTable,
    /// Names that stand in a condition of an `install_if`.
    conditions: NameTable,
}

/// Where a value lies in the text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Where a package stands in the text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    /// All its lines.
    pub(super) lines: Span,
    pub(super) name: Span,
    pub(super) version: Span,
}

impl ApkIndex {
    /// Reads the text of the member `APKINDEX`.
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, Error> {
        let text = text.into();
        let limit = u32::MAX as usize;
        if text.len() > limit {
            return Err(Error::TooLarge { found: text.len(), limit });
        }
        let Reading { records, provided, conditions } = read(&text)?;
        let (provided, conditions) = (NameTable::new(&provided), NameTable::new(&conditions));
        Ok(Self { text, records, provided, conditions })
    }

    /// How many packages there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The packages as they are listed.
    pub fn records(&self) -> impl ExactSizeIterator<Item = IndexRecord<'_>> {
        self.records.iter().map(|record| IndexRecord { text: &self.text, record: *record })
    }

    /// The same index with only those packages for which `is_kept` holds.
    ///
    /// # Errors
    /// As [`ApkIndex::parse`], which has read every line of it before.
    pub fn only(&self, mut is_kept: impl FnMut(IndexRecord<'_>) -> bool) -> Result<Self, Error> {
        let mut text = String::new();
        for record in self.records().filter(|record| is_kept(*record)) {
            text.push_str(record.text(record.record.lines).trim_end_matches('\n'));
            text.push_str("\n\n");
        }
        Self::parse(text)
    }

    /// The package listed at `position`, counted from 0.
    pub fn get(&self, position: usize) -> Option<IndexRecord<'_>> {
        self.records.get(position).map(|record| IndexRecord { text: &self.text, record: *record })
    }

    /// The packages that are called `name` or provide it, as they are listed, with their positions.
    pub fn providers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (usize, IndexRecord<'a>)> {
        self.found(&self.provided, name)
            .filter(move |(_, record)| record.name() == name || mentions(record.provides(), name))
    }

    /// The packages with an `install_if` of which a condition speaks of `name`, as they are listed, with their
    /// positions.
    pub fn conditional_on<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (usize, IndexRecord<'a>)> {
        self.found(&self.conditions, name).filter(move |(_, record)| mentions(record.install_if(), name))
    }

    fn found<'a>(&'a self, table: &'a NameTable, name: &'a str) -> impl Iterator<Item = (usize, IndexRecord<'a>)> {
        table.records(name).filter_map(|record| Some((record as usize, self.get(record as usize)?)))
    }
}

fn mentions<'a>(mut words: impl Iterator<Item = &'a str>, name: &str) -> bool {
    words.any(|word| bare_name(word.as_bytes()) == name.as_bytes())
}

/// One package as it stands in an index. Cheap to copy; nothing but its name and version is at hand, and each of its
/// other fields is looked up among its lines.
#[derive(Clone, Copy, Debug)]
pub struct IndexRecord<'a> {
    text: &'a str,
    record: Record,
}

impl<'a> IndexRecord<'a> {
    fn text(self, span: Span) -> &'a str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// Its lines as field and value.
    fn fields(self) -> impl Iterator<Item = (u8, &'a str)> {
        let lines = self.text(self.record.lines).split('\n');
        lines.filter_map(|line| Some((*line.as_bytes().first()?, line.get(2..)?)))
    }

    /// The value of a field that counts once; empty where it is missing.
    fn field(self, field: u8) -> &'a str {
        self.fields().filter(|(other, _)| *other == field).last().map_or("", |(_, value)| value)
    }

    /// The number in a field; 0 where it is missing. That it is one was seen when the index was read.
    fn number(self, field: u8) -> u64 {
        self.field(field).parse().unwrap_or_default()
    }

    fn words(self, field: u8) -> impl Iterator<Item = &'a str> {
        let lines = self.fields().filter(move |(other, _)| *other == field);
        lines.flat_map(|(_, value)| value.split_ascii_whitespace())
    }

    /// `P:`
    pub fn name(self) -> &'a str {
        self.text(self.record.name)
    }

    /// `V:`
    pub fn version(self) -> &'a str {
        self.text(self.record.version)
    }

    /// `C:`
    pub fn identity(self) -> Identity {
        // Every record has one; it was read before.
        Identity::parse(self.field(b'C')).unwrap_or(Identity::Sha1(crate::digest::Sha1Digest([0; 20])))
    }

    /// `A:`; empty where the index does not say.
    pub fn arch(self) -> &'a str {
        self.field(b'A')
    }

    /// `o:`, the source package.
    pub fn origin(self) -> &'a str {
        self.field(b'o')
    }

    /// `S:`, the size of the .apk in bytes.
    pub fn size(self) -> u64 {
        self.number(b'S')
    }

    /// `I:`, the installed size in bytes.
    pub fn installed_size(self) -> u64 {
        self.number(b'I')
    }

    /// `k:`
    pub fn provider_priority(self) -> u32 {
        self.field(b'k').parse().unwrap_or_default()
    }

    /// The words of `D:`, in order.
    pub fn depends(self) -> impl Iterator<Item = &'a str> {
        self.words(b'D')
    }

    /// The words of `p:`, in order.
    pub fn provides(self) -> impl Iterator<Item = &'a str> {
        self.words(b'p')
    }

    /// The words of `i:`, in order.
    pub fn install_if(self) -> impl Iterator<Item = &'a str> {
        self.words(b'i')
    }

    /// What keeps the package from being installed, so far as its own fields tell without their lists.
    pub(crate) fn own_defect(self) -> Option<Defect> {
        let unknown = self.fields().map(|(field, _)| field).filter(|field| is_unknown(*field)).last();
        if let Some(field) = unknown {
            return Some(Defect::UnknownField { field: char::from(field) });
        }
        if !PackageName::is_for_package(self.name()) {
            return Some(Defect::Name);
        }
        Version::of_package(self.version()).err().map(Defect::Version)
    }

    /// The package as a value of its own, or why it cannot be installed at all.
    pub fn to_entry(self) -> Result<IndexEntry, Defect> {
        if let Some(defect) = self.own_defect() {
            return Err(defect);
        }
        Ok(IndexEntry {
            name: PackageName::parse(self.name()).map_err(|_| Defect::Name)?,
            version: Version::of_package(self.version()).map_err(Defect::Version)?,
            identity: self.identity(),
            size: self.size(),
            installed_size: self.installed_size(),
            arch: self.arch().to_owned(),
            description: self.field(b'T').to_owned(),
            url: self.field(b'U').to_owned(),
            license: self.field(b'L').to_owned(),
            origin: self.origin().to_owned(),
            maintainer: self.field(b'm').to_owned(),
            build_date: self.field(b't').parse().unwrap_or_default(),
            commit: self.field(b'c').to_owned(),
            provider_priority: self.provider_priority(),
            depends: dependencies('D', self.depends(), Dependency::parse)?,
            provides: dependencies('p', self.provides(), Dependency::parse_provided)?,
            install_if: dependencies('i', self.install_if(), Dependency::parse_provided)?,
        })
    }
}

/// Whether a field is none that is known, and may not be ignored.
fn is_unknown(field: u8) -> bool {
    field.is_ascii_uppercase() && !matches!(field, b'C' | b'P' | b'V' | b'A' | b'S' | b'I' | b'T' | b'U' | b'L' | b'D')
}

fn dependencies<'a>(
    field: char,
    words: impl Iterator<Item = &'a str>,
    parse: impl Fn(&str) -> Result<Dependency, SyntaxError>,
) -> Result<Vec<Dependency>, Defect> {
    words.map(parse).collect::<Result<_, _>>().map_err(|error| Defect::Dependency { field, error })
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
