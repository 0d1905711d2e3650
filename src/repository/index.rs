//! The text of an APKINDEX, read in one pass into records that point into it.
//!
//! A package is a run of lines `X:value`, a blank line ends it (apk-package(5)). `D:`, `p:` and `i:` may repeat and add
//! up; of any other repeated field the last counts. A lower-case field that is not known is ignored, an upper-case one
//! makes the package uninstallable, and so does a line without `X:`, a field that should be a number and is not, text that
//! is not UTF-8, and a missing version or identity: the signature vouches for the other packages all the same. Text in
//! which nothing is a package is an error.
//!
//! Of some ten thousand packages a selection looks at a hundred, so every line is checked here but little is kept:
//! where a record lies, its name and version, and by which names it can be found. The rest is read again when it is
//! asked for.

use std::collections::BTreeMap;

use memchr::memmem;

use super::entry::{Defect, IndexEntry};
use super::error::Error;
use super::names::{NameTable, bare_name};
use super::reader::{Reading, Record, Span, read};
use crate::apk::{Dependency, Identity, PackageName, Split, Version, split, split_of_index};

/// How many packages an index may have: the largest of Alpine has some thirty thousand.
const MOST_PACKAGES: usize = 120_000;

/// The packages of one repository for one architecture.
#[derive(Clone, Debug, Default)]
pub struct ApkIndex {
    text: Box<str>,
    records: Vec<Record>,
    /// Names that packages have or provide.
    provided: NameTable,
    /// Names that stand in a condition of an `install_if`.
    conditions: NameTable,
    identities: NameTable,
    /// What is wrong with the records with which something is, by their positions.
    defects: BTreeMap<u32, Defect>,
}

impl ApkIndex {
    /// Reads the member `APKINDEX`.
    ///
    /// # Errors
    /// Where there is text and no package, and where there is too much of it.
    pub fn parse(bytes: impl Into<Vec<u8>>) -> Result<Self, Error> {
        let (text, replaced) = to_text(bytes.into());
        let limit = u32::MAX as usize;
        if text.len() > limit {
            return Err(Error::TooLarge { found: text.len(), limit });
        }
        // Each package takes far more memory than its shortest record.
        if memmem::find_iter(text.as_bytes(), b"\nP:").count() > MOST_PACKAGES {
            return Err(Error::TooManyPackages { limit: MOST_PACKAGES });
        }
        let Reading { records, provided, conditions, identities, defects } = read(&text);
        if records.is_empty()
            && let Some((number, line)) = text.lines().enumerate().find(|(_, line)| !line.is_empty())
        {
            return Err(Error::NoPackage { line: number + 1, text: line.chars().take(40).collect() });
        }
        let mut defects: BTreeMap<_, _> = defects.into_iter().collect();
        for position in replaced {
            let record = records.partition_point(|record| record.lines.end as usize <= position);
            let belongs = records.get(record).is_some_and(|record| record.lines.range().contains(&position));
            if belongs {
                let line = text.get(..position).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
                let field = text.get(line..).and_then(|line| line.chars().next()).unwrap_or_default();
                defects.entry(record as u32).or_insert(Defect::NotText { field });
            }
        }
        let table = |mentions: Vec<_>| NameTable::new(&mentions);
        Ok(Self {
            text: text.into(),
            records,
            provided: table(provided),
            conditions: table(conditions),
            identities: table(identities),
            defects,
        })
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
        let records = self.records.iter().enumerate();
        records.map(|(position, record)| IndexRecord {
            text: &self.text,
            record: *record,
            defect: self.defects.get(&(position as u32)),
        })
    }

    /// The same index with only those packages for which `is_kept` holds.
    ///
    /// # Errors
    /// As [`ApkIndex::parse`], which has read every line of it before.
    pub fn only(&self, mut is_kept: impl FnMut(IndexRecord<'_>) -> bool) -> Result<Self, Error> {
        let (mut text, mut defects) = (String::new(), Vec::new());
        for record in self.records().filter(|record| is_kept(*record)) {
            text.push_str(record.text(record.record.lines).trim_end_matches('\n'));
            text.push_str("\n\n");
            defects.push(record.defect);
        }
        let mut index = Self::parse(text)?;
        // That something was no text is no longer seen.
        index.defects = (0..).zip(defects).filter_map(|(place, defect)| Some((place, defect?.clone()))).collect();
        Ok(index)
    }

    /// The package listed at `position`, counted from 0.
    pub fn get(&self, position: usize) -> Option<IndexRecord<'_>> {
        let record = *self.records.get(position)?;
        Some(IndexRecord { text: &self.text, record, defect: self.defects.get(&(position as u32)) })
    }

    /// The packages that are called `name` or provide it, as they are listed, with their positions.
    pub fn providers<'a>(&'a self, name: &str) -> impl Iterator<Item = (usize, IndexRecord<'a>)> {
        self.found(&self.provided, name)
            .filter(move |(_, record)| record.name() == name || mentions(record.provides(), name))
    }

    /// The packages with an `install_if` of which a condition speaks of `name`, as they are listed, with their
    /// positions.
    pub fn conditional_on<'a>(&'a self, name: &str) -> impl Iterator<Item = (usize, IndexRecord<'a>)> {
        self.found(&self.conditions, name).filter(move |(_, record)| mentions(record.install_if(), name))
    }

    /// The position of the first package of that identity. As to apk, the others of the same one are the same package,
    /// whatever they are called.
    pub(crate) fn first_of(&self, identity: Identity) -> Option<usize> {
        let short = identity.short();
        let is_it = |record: IndexRecord<'_>| record.identity().map(Identity::short) == Some(short);
        let mut positions = self.identities.records(&short).map(|position| position as usize);
        positions.find(|position| self.get(*position).is_some_and(is_it))
    }

    fn found<'a>(&'a self, table: &'a NameTable, name: &str) -> impl Iterator<Item = (usize, IndexRecord<'a>)> {
        table.records(name.as_bytes()).filter_map(|record| Some((record as usize, self.get(record as usize)?)))
    }
}

/// The bytes as text, with a replacement character for each part that is not UTF-8, and where those are.
fn to_text(bytes: Vec<u8>) -> (String, Vec<usize>) {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return (text, Vec::new()),
        Err(error) => error.into_bytes(),
    };
    let (mut text, mut replaced) = (String::with_capacity(bytes.len()), Vec::new());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            replaced.push(text.len());
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    (text, replaced)
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
    defect: Option<&'a Defect>,
}

impl<'a> IndexRecord<'a> {
    fn text(self, span: Span) -> &'a str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// Its lines as field and value.
    fn fields(self) -> impl Iterator<Item = (u8, &'a str)> {
        let lines = self.text(self.record.lines).split('\n');
        lines.filter_map(|line| match line.as_bytes() {
            [field, b':', ..] => Some((*field, line.get(2..)?)),
            _ => None,
        })
    }

    /// The value of a field that counts once; empty where it is missing.
    fn field(self, field: u8) -> &'a str {
        self.fields().filter(|(other, _)| *other == field).last().map_or("", |(_, value)| value)
    }

    /// The number in a field; 0 where it is missing or is not a number, which was seen when the index was read.
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

    /// `C:`; `None` where there is none to be read, and the package cannot be installed.
    pub fn identity(self) -> Option<Identity> {
        Identity::parse(self.field(b'C'))
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

    /// What it provides, so far as that makes sense: a word that makes none ends its line. apk's `apk_blob_pull_deps`.
    pub(crate) fn sound_provides(self) -> impl Iterator<Item = Split<'a>> {
        let lines = self.fields().filter(|(field, _)| *field == b'p');
        lines.flat_map(|(_, value)| value.split_ascii_whitespace().map_while(|word| split_of_index(word).ok()))
    }

    /// The conditions of its `install_if`. Where one makes no sense, those up to the end of its line are left out.
    pub(crate) fn sound_install_if(self) -> Vec<Split<'a>> {
        let mut conditions = Vec::new();
        for (_, value) in self.fields().filter(|(field, _)| *field == b'i') {
            for word in value.split_ascii_whitespace() {
                match split(word) {
                    Ok(condition) if condition.tag.is_none() => conditions.push(condition),
                    _ => {
                        conditions.clear();
                        break;
                    }
                }
            }
        }
        conditions
    }

    /// What keeps the package from being installed, so far as its own fields tell without their lists.
    pub(crate) fn own_defect(self) -> Option<Defect> {
        if let Some(defect) = self.defect {
            return Some(defect.clone());
        }
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
            identity: self.identity().ok_or(Defect::MissingField { field: 'C' })?,
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
            depends: self
                .depends()
                .map(Dependency::parse)
                .collect::<Result<_, _>>()
                .map_err(|error| Defect::Dependency { error })?,
            provides: self.sound_provides().map(Dependency::of_split).collect(),
            install_if: self.sound_install_if().into_iter().map(Dependency::of_split).collect(),
        })
    }
}

/// Whether a field is unknown and may not be ignored.
fn is_unknown(field: u8) -> bool {
    field.is_ascii_uppercase() && !matches!(field, b'C' | b'P' | b'V' | b'A' | b'S' | b'I' | b'T' | b'U' | b'L' | b'D')
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
