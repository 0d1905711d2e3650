//! Reading the text of an index: every line is checked, and the packages and their names are noted.
//!
//! A large index is read in parts that end between packages, on as many threads as there are. What comes out does not
//! depend on how many that is: parts are put together in their order, and the error that is told is the first.

use memchr::{memchr_iter, memmem};
use rayon::prelude::*;

use super::Error;
use super::index::{Record, Span};
use super::names::Mention;
use crate::apk::Identity;

/// The least bytes that are worth a thread of their own.
const PART: usize = 256 << 10;

/// What was read of an index.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) records: Vec<Record>,
    /// Names that packages have or provide, by the record's position.
    pub(super) provided: Vec<Mention>,
    /// Names of the conditions of `install_if`, by the record's position.
    pub(super) conditions: Vec<Mention>,
}

/// Reads the whole text of an index, which is at most `u32::MAX` bytes long.
pub(super) fn read(text: &str) -> Result<Reading, Error> {
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
        whole.append(reading?);
    }
    Ok(whole)
}

impl Reading {
    /// Reads the lines of `text` from `start` to `end`.
    fn of(text: &str, start: usize, end: usize) -> Result<Self, Error> {
        // A package takes some 400 bytes of an index, and has some four names.
        let expected = (end - start) / 350;
        let mut reading = Self {
            records: Vec::with_capacity(expected),
            provided: Vec::with_capacity(expected * 5),
            conditions: Vec::new(),
        };
        let bytes = text.as_bytes().get(start..end).unwrap_or_default();
        let mut package = Unfinished::default();
        let mut line_start = start;
        for line_end in memchr_iter(b'\n', bytes).map(|end| start + end).chain([end]) {
            if line_start == line_end {
                reading.finish(text, &mut package, line_start)?;
            } else if line_start < line_end {
                reading.line(text, &mut package, Span { start: line_start as u32, end: line_end as u32 })?;
            }
            line_start = line_end + 1;
        }
        reading.finish(text, &mut package, end)?;
        Ok(reading)
    }

    /// Puts what was read after this behind it.
    fn append(&mut self, mut other: Self) {
        let before = self.records.len() as u32;
        if before == 0 {
            *self = other;
            return;
        }
        for mention in other.provided.iter_mut().chain(&mut other.conditions) {
            mention.record += before;
        }
        self.records.append(&mut other.records);
        self.provided.append(&mut other.provided);
        self.conditions.append(&mut other.conditions);
    }

    fn line(&mut self, text: &str, package: &mut Unfinished, line: Span) -> Result<(), Error> {
        let range = line.start as usize..line.end as usize;
        let Some(&[field, b':', ref value @ ..]) = text.as_bytes().get(range.clone()) else {
            let line = text.get(range.clone()).unwrap_or_default();
            return Err(Error::Line { line: number_of(text, range.start), text: line.chars().take(40).collect() });
        };
        package.start.get_or_insert(line.start);
        let span = Span { start: line.start + 2, end: line.end };
        let as_text = || text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let wrong = |expected| Error::Value {
            line: number_of(text, range.start),
            field: char::from(field),
            expected,
            found: as_text().chars().take(80).collect(),
        };
        let record = self.records.len() as u32;
        let words = || value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        match field {
            b'P' => package.name = Some(span),
            b'V' => package.version = Some(span),
            b'C' => {
                Identity::parse(as_text()).ok_or_else(|| wrong("an identity like Q1…"))?;
                package.has_identity = true;
            }
            b'S' | b'I' => _ = as_text().parse::<u64>().map_err(|_| wrong("a number of bytes"))?,
            b't' => _ = as_text().parse::<i64>().map_err(|_| wrong("seconds since 1970"))?,
            b'k' => _ = as_text().parse::<u32>().map_err(|_| wrong("a number"))?,
            b'p' => self.provided.extend(words().map(|word| Mention::of(word, record))),
            b'i' => self.conditions.extend(words().map(|word| Mention::of(word, record))),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, text: &str, package: &mut Unfinished, end: usize) -> Result<(), Error> {
        let package = std::mem::take(package);
        let Some(start) = package.start else { return Ok(()) };
        let missing = |field| Error::MissingField { line: number_of(text, start as usize), field };
        let name = package.name.ok_or_else(|| missing('P'))?;
        let version = package.version.ok_or_else(|| missing('V'))?;
        if !package.has_identity {
            return Err(missing('C'));
        }
        let own = text.as_bytes().get(name.start as usize..name.end as usize).unwrap_or_default();
        self.provided.push(Mention::named(own, self.records.len() as u32));
        self.records.push(Record { lines: Span { start, end: end as u32 }, name, version });
        Ok(())
    }
}

/// A package whose lines are still being met.
#[derive(Default)]
struct Unfinished {
    start: Option<u32>,
    name: Option<Span>,
    version: Option<Span>,
    has_identity: bool,
}

/// The number, counted from 1, of the line that begins at `position`.
fn number_of(text: &str, position: usize) -> usize {
    1 + memchr_iter(b'\n', text.as_bytes().get(..position).unwrap_or_default()).count()
}
