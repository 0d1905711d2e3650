//! Reading the text of an index: every line is checked, and the packages, their names and what is wrong with any of
//! them are noted.
//!
//! A large index is read in parts that end between packages, on as many threads as there are. What comes out does not
//! depend on how many that is: parts are put together in their order.

use std::ops::Range;

use memchr::{memchr_iter, memmem};
use rayon::prelude::*;

use super::entry::Defect;
use super::names::Mention;
use crate::apk::Identity;

/// The least bytes that are worth a thread of their own.
const PART: usize = 256 << 10;

/// Where a value lies in the text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) fn range(self) -> Range<usize> {
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

/// What was read of an index.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) records: Vec<Record>,
    /// Names that packages have or provide, by the record's position.
    pub(super) provided: Vec<Mention>,
    /// Names of the conditions of `install_if`, by the record's position.
    pub(super) conditions: Vec<Mention>,
    /// The identities, by the record's position.
    pub(super) identities: Vec<Mention>,
    /// What is wrong with a record, by its position: the first thing, where there are several.
    pub(super) defects: Vec<(u32, Defect)>,
}

/// Reads the whole text of an index, which is at most `u32::MAX` bytes long.
pub(super) fn read(text: &str) -> Reading {
    let count = (text.len() / PART).min(rayon::current_num_threads());
    if count < 2 {
        return Reading::of(text, 0, text.len());
    }
    let mut borders = vec![0];
    for number in 1..count {
        let target = text.len() / count * number;
        let end = text.as_bytes().get(target..).and_then(|rest| memmem::find(rest, b"\n\n"));
        borders.extend(end.map(|end| target + end + 2));
    }
    borders.push(text.len());
    borders.dedup();
    let parts: Vec<_> = borders.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?))).collect();
    let readings: Vec<_> = parts.into_par_iter().map(|(start, end)| Reading::of(text, start, end)).collect();
    let mut whole = Reading::default();
    for reading in readings {
        whole.append(reading);
    }
    whole
}

impl Reading {
    /// Reads the lines of `text` from `start` to `end`.
    fn of(text: &str, start: usize, end: usize) -> Self {
        // A package takes some 400 bytes of an index, and has some four names.
        let expected = (end - start) / 350;
        let mut reading = Self {
            records: Vec::with_capacity(expected),
            provided: Vec::with_capacity(expected * 5),
            identities: Vec::with_capacity(expected),
            ..Self::default()
        };
        let bytes = text.as_bytes().get(start..end).unwrap_or_default();
        let mut package = Unfinished::default();
        let mut line_start = start;
        for line_end in memchr_iter(b'\n', bytes).map(|end| start + end).chain([end]) {
            if line_start == line_end {
                reading.finish(text, &mut package, line_start);
            } else if line_start < line_end {
                reading.line(text, &mut package, Span { start: line_start as u32, end: line_end as u32 });
            }
            line_start = line_end + 1;
        }
        reading.finish(text, &mut package, end);
        reading
    }

    /// Puts what was read after this behind it.
    fn append(&mut self, mut other: Self) {
        let before = self.records.len() as u32;
        if before == 0 {
            *self = other;
            return;
        }
        for mention in other.provided.iter_mut().chain(&mut other.conditions).chain(&mut other.identities) {
            mention.record += before;
        }
        for (record, _) in &mut other.defects {
            *record += before;
        }
        self.records.append(&mut other.records);
        self.provided.append(&mut other.provided);
        self.conditions.append(&mut other.conditions);
        self.identities.append(&mut other.identities);
        self.defects.append(&mut other.defects);
    }

    fn line(&mut self, text: &str, package: &mut Unfinished, line: Span) {
        let range = line.start as usize..line.end as usize;
        let start = *package.start.get_or_insert(line.start);
        let Some(&[field, b':', ref value @ ..]) = text.as_bytes().get(range.clone()) else {
            package.defect.get_or_insert_with(|| Defect::Line {
                line: 1 + lines_in(text, start as usize..range.start),
                text: text.get(range).unwrap_or_default().chars().take(40).collect(),
            });
            return;
        };
        let span = Span { start: line.start + 2, end: line.end };
        let as_text = || text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let record = self.records.len() as u32;
        let words = || value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let expected = match field {
            b'P' => {
                package.name = Some(span);
                return;
            }
            b'V' => {
                package.version = Some(span);
                return;
            }
            b'C' => {
                package.identity = Identity::parse(as_text());
                if package.identity.is_some() {
                    return;
                }
                "an identity like Q1…"
            }
            b'S' | b'I' if as_text().parse::<u64>().is_err() => "a number of bytes",
            b't' if as_text().parse::<i64>().is_err() => "seconds since 1970",
            b'k' if as_text().parse::<u32>().is_err() => "a number",
            b'p' => return self.provided.extend(words().map(|word| Mention::of(word, record))),
            b'i' => return self.conditions.extend(words().map(|word| Mention::of(word, record))),
            _ => return,
        };
        let found = || as_text().chars().take(80).collect();
        package.defect.get_or_insert_with(|| Defect::Value { field: char::from(field), expected, found: found() });
    }

    fn finish(&mut self, text: &str, package: &mut Unfinished, end: usize) {
        let package = std::mem::take(package);
        let Some(start) = package.start else { return };
        // What has no name nobody can ask for.
        let Some(name) = package.name else { return };
        let record = self.records.len() as u32;
        let missing = |field| Defect::MissingField { field };
        let without = match (package.version, package.identity) {
            (None, _) => Some(missing('V')),
            (_, None) => Some(missing('C')),
            _ => None,
        };
        self.defects.extend(package.defect.or(without).map(|defect| (record, defect)));
        let own = text.as_bytes().get(name.start as usize..name.end as usize).unwrap_or_default();
        self.provided.push(Mention::named(own, record));
        self.identities.extend(package.identity.map(|identity| Mention::named(&identity.short(), record)));
        let version = package.version.unwrap_or(Span { start: name.end, end: name.end });
        self.records.push(Record { lines: Span { start, end: end as u32 }, name, version });
    }
}

/// A package whose lines are still being met.
#[derive(Default)]
struct Unfinished {
    start: Option<u32>,
    name: Option<Span>,
    version: Option<Span>,
    identity: Option<Identity>,
    defect: Option<Defect>,
}

/// How many lines end within `range`.
fn lines_in(text: &str, range: Range<usize>) -> usize {
    memchr_iter(b'\n', text.as_bytes().get(range).unwrap_or_default()).count()
}
