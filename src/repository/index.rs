//! The text of an APKINDEX, read in one pass into records that point into it.
//!
//! A package is a run of lines `X:value`, a blank line ends it (apk-package(5)). `D:`, `p:` and `i:` may repeat and add
//! up; of any other repeated field the last counts. A lower-case field that is not known is ignored, an upper-case one
//! makes the package uninstallable. Refused is the whole index where a line is no field, a number is none, or a package
//! lacks its name, version or identity: nothing of a damaged index is trusted.

use crate::apk::{Dependency, Identity, PackageName, SyntaxError, Version};

use super::{Defect, Error, IndexEntry};

/// The packages of one repository for one architecture.
#[derive(Clone, Debug, Default)]
pub struct ApkIndex {
    text: Box<str>,
    records: Vec<Record>,
}

/// Where a value lies in the text.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Clone, Debug)]
struct Record {
    identity: Identity,
    size: u64,
    installed_size: u64,
    build_date: i64,
    provider_priority: u32,
    unknown_field: Option<char>,
    name: Span,
    version: Span,
    arch: Span,
    description: Span,
    url: Span,
    license: Span,
    origin: Span,
    maintainer: Span,
    commit: Span,
    depends: Span,
    provides: Span,
    install_if: Span,
    /// What a repeated `D:`, `p:` or `i:` adds; hardly ever anything.
    repeated: Vec<(u8, Span)>,
}

impl ApkIndex {
    /// Reads the text of the member `APKINDEX`.
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, Error> {
        let text = text.into();
        let limit = u32::MAX as usize;
        if text.len() > limit {
            return Err(Error::TooLarge { found: text.len(), limit });
        }
        let records = Reader::default().read(&text)?;
        Ok(Self { text, records })
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
        self.records.iter().map(|record| IndexRecord { text: &self.text, record })
    }

    /// The package listed at `position`, counted from 0.
    pub fn get(&self, position: usize) -> Option<IndexRecord<'_>> {
        self.records.get(position).map(|record| IndexRecord { text: &self.text, record })
    }
}

/// A record whose fields are still being met.
#[derive(Default)]
struct Unfinished {
    line: usize,
    identity: Option<Identity>,
    name: Option<Span>,
    version: Option<Span>,
    rest: Option<Record>,
}

#[derive(Default)]
struct Reader {
    records: Vec<Record>,
}

impl Reader {
    fn read(mut self, text: &str) -> Result<Vec<Record>, Error> {
        // A package takes some 450 bytes of an index.
        self.records.reserve(text.len() / 400);
        let mut package = Unfinished::default();
        let mut start = 0;
        for (number, line) in text.split('\n').enumerate() {
            let number = number + 1;
            let next = start + line.len() + 1;
            if line.is_empty() {
                self.finish(&mut package)?;
            } else {
                package.read(number, line, start)?;
            }
            start = next;
        }
        self.finish(&mut package)?;
        Ok(self.records)
    }

    fn finish(&mut self, package: &mut Unfinished) -> Result<(), Error> {
        let package = std::mem::take(package);
        let Some(mut record) = package.rest else { return Ok(()) };
        let missing = |field| Error::MissingField { line: package.line, field };
        record.name = package.name.ok_or(missing('P'))?;
        record.version = package.version.ok_or(missing('V'))?;
        record.identity = package.identity.ok_or(missing('C'))?;
        self.records.push(record);
        Ok(())
    }
}

impl Unfinished {
    fn read(&mut self, number: usize, line: &str, start: usize) -> Result<(), Error> {
        let &[field, b':', ..] = line.as_bytes() else {
            return Err(Error::Line { line: number, text: line.chars().take(40).collect() });
        };
        let value = line.get(2..).unwrap_or_default();
        let span = Span { start: (start + 2) as u32, end: (start + line.len()) as u32 };
        let wrong = |expected| Error::Value {
            line: number,
            field: char::from(field),
            expected,
            found: value.chars().take(80).collect(),
        };
        let record = self.rest.get_or_insert_with(|| {
            self.line = number;
            Record::empty()
        });
        match field {
            b'P' => self.name = Some(span),
            b'V' => self.version = Some(span),
            b'C' => self.identity = Some(Identity::parse(value).ok_or_else(|| wrong("an identity like Q1…"))?),
            b'S' => record.size = value.parse().map_err(|_| wrong("a number of bytes"))?,
            b'I' => record.installed_size = value.parse().map_err(|_| wrong("a number of bytes"))?,
            b't' => record.build_date = value.parse().map_err(|_| wrong("seconds since 1970"))?,
            b'k' => record.provider_priority = value.parse().map_err(|_| wrong("a number"))?,
            b'A' => record.arch = span,
            b'T' => record.description = span,
            b'U' => record.url = span,
            b'L' => record.license = span,
            b'o' => record.origin = span,
            b'm' => record.maintainer = span,
            b'c' => record.commit = span,
            b'D' | b'p' | b'i' => {
                let list = match field {
                    b'D' => &mut record.depends,
                    b'p' => &mut record.provides,
                    _ => &mut record.install_if,
                };
                if list.end == 0 {
                    *list = span;
                } else {
                    record.repeated.push((field, span));
                }
            }
            upper if upper.is_ascii_uppercase() => record.unknown_field = Some(char::from(upper)),
            _ => {}
        }
        Ok(())
    }
}

impl Record {
    fn empty() -> Self {
        let span = Span::default();
        Self {
            identity: Identity::Sha1(crate::digest::Sha1Digest([0; 20])),
            size: 0,
            installed_size: 0,
            build_date: 0,
            provider_priority: 0,
            unknown_field: None,
            name: span,
            version: span,
            arch: span,
            description: span,
            url: span,
            license: span,
            origin: span,
            maintainer: span,
            commit: span,
            depends: span,
            provides: span,
            install_if: span,
            repeated: Vec::new(),
        }
    }
}

/// One package as it stands in an index. Cheap to copy; nothing but sizes and the identity has been interpreted yet.
#[derive(Clone, Copy, Debug)]
pub struct IndexRecord<'a> {
    text: &'a str,
    record: &'a Record,
}

impl<'a> IndexRecord<'a> {
    fn text(self, span: Span) -> &'a str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    fn words(self, field: u8, first: Span) -> impl Iterator<Item = &'a str> {
        let repeated = self.record.repeated.iter().filter(move |(other, _)| *other == field).map(|(_, span)| *span);
        std::iter::once(first).chain(repeated).flat_map(move |span| self.text(span).split_ascii_whitespace())
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
        self.record.identity
    }

    /// `A:`; empty where the index does not say.
    pub fn arch(self) -> &'a str {
        self.text(self.record.arch)
    }

    /// `o:`, the source package.
    pub fn origin(self) -> &'a str {
        self.text(self.record.origin)
    }

    /// `S:`, the size of the .apk in bytes.
    pub fn size(self) -> u64 {
        self.record.size
    }

    /// `I:`, the installed size in bytes.
    pub fn installed_size(self) -> u64 {
        self.record.installed_size
    }

    /// `k:`
    pub fn provider_priority(self) -> u32 {
        self.record.provider_priority
    }

    /// The words of `D:`, in order.
    pub fn depends(self) -> impl Iterator<Item = &'a str> {
        self.words(b'D', self.record.depends)
    }

    /// The words of `p:`, in order.
    pub fn provides(self) -> impl Iterator<Item = &'a str> {
        self.words(b'p', self.record.provides)
    }

    /// The words of `i:`, in order.
    pub fn install_if(self) -> impl Iterator<Item = &'a str> {
        self.words(b'i', self.record.install_if)
    }

    /// What keeps the package from being installed, so far as its own fields tell without their lists.
    pub(crate) fn own_defect(self) -> Option<Defect> {
        if let Some(field) = self.record.unknown_field {
            return Some(Defect::UnknownField { field });
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
            description: self.text(self.record.description).to_owned(),
            url: self.text(self.record.url).to_owned(),
            license: self.text(self.record.license).to_owned(),
            origin: self.origin().to_owned(),
            maintainer: self.text(self.record.maintainer).to_owned(),
            build_date: self.record.build_date,
            commit: self.text(self.record.commit).to_owned(),
            provider_priority: self.provider_priority(),
            depends: dependencies('D', self.depends(), Dependency::parse)?,
            provides: dependencies('p', self.provides(), Dependency::parse_provided)?,
            install_if: dependencies('i', self.install_if(), Dependency::parse_provided)?,
        })
    }
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
