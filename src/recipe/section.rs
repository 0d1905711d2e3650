//! A table of a recipe while it is read: every key is asked for once, by name and type, and what nobody asked for is an
//! unknown key.
//!
//! A value that is wrong is noted with its place and read as if it were absent, so that the rest is still looked at; a
//! recipe with a note against it is refused as a whole in the end.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::faults::Faults;
use super::field::{Field, integer};
use super::problem::{Problem, nearest};

/// One table.
pub(super) struct Section<'a> {
    /// What its keys are called in messages: `alpine.`, or nothing at the top.
    prefix: String,
    table: &'a DeTable<'a>,
    /// Where the table itself is, for keys that are missing.
    span: Range<usize>,
    faults: &'a Faults,
    asked: Vec<&'static str>,
    /// Keys that are needed and not there, with a line that would do.
    missing: Vec<(&'static str, String)>,
}

impl<'a> Section<'a> {
    /// The whole document.
    pub(super) fn top(document: &'a Spanned<DeTable<'a>>, faults: &'a Faults) -> Self {
        // A missing key has no place: the beginning of the first line stands for it.
        Self {
            prefix: String::new(),
            table: document.get_ref(),
            span: 0..0,
            faults,
            asked: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The table that `field` holds.
    fn of(field: &Field<'a>) -> Option<Self> {
        let table = field.table("a table")?;
        let prefix = format!("{}.", field.key);
        Some(Section {
            prefix,
            table,
            span: field.value.span(),
            faults: field.faults,
            asked: Vec::new(),
            missing: Vec::new(),
        })
    }

    /// A table without keys, for one that is not there.
    fn absent(&self, key: &str, empty: &'a DeTable<'a>) -> Self {
        let prefix = format!("{}{key}.", self.prefix);
        Section {
            prefix,
            table: empty,
            span: self.span.clone(),
            faults: self.faults,
            asked: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Where the value of `key` is, and otherwise where this table is.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// Notes `problem` at the value of `key`.
    pub(super) fn note(&self, key: &str, problem: Problem) {
        self.faults.note(problem, self.span_of(key));
    }

    /// Says that `key` is needed; `sample` is what could be added.
    pub(super) fn require(&mut self, key: &'static str, sample: &str) {
        if !self.has(key) {
            self.missing.push((key, sample.to_owned()));
        }
    }

    fn ask(&mut self, key: &'static str) -> Option<Field<'a>> {
        self.asked.push(key);
        let value = self.table.get(key)?;
        Some(Field { key: format!("{}{key}", self.prefix), value, faults: self.faults })
    }

    /// The string at `key`, as `read` understands it.
    pub(super) fn text<T>(&mut self, key: &'static str, read: impl Fn(&str) -> Result<T, Problem>) -> Option<T> {
        self.ask(key)?.text(&read)
    }

    /// The value at `key`, a string or something else, as `read` understands it.
    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&str, &DeValue<'_>) -> Result<T, Problem>,
    ) -> Option<T> {
        self.ask(key)?.read(&read)
    }

    /// The integer at `key`, which lies in `range`.
    pub(super) fn integer(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        self.ask(key)?.read(&|key, value| integer(key, value, range.clone()))
    }

    /// The one of `choices` at `key`.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        self.text(key, |text| {
            choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice).ok_or_else(|| {
                let choices: Vec<&'static str> = choices.iter().map(|(name, _)| *name).collect();
                let suggestion = nearest(text, choices.iter().copied());
                Problem::NotOneOf { value: text.to_owned(), choices, suggestion }
            })
        })
    }

    /// The list of strings at `key`, each as `read` understands it.
    pub(super) fn texts<T>(&mut self, key: &'static str, read: impl Fn(&str) -> Result<T, Problem>) -> Option<Vec<T>> {
        let list = self.ask(key)?.list("a list of strings")?;
        Some(list.iter().filter_map(|field| field.text(&read)).collect())
    }

    /// The list at `key`, each value as `read` understands it, with its place.
    pub(super) fn values<T>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        read: impl Fn(&str, &DeValue<'_>) -> Result<T, Problem>,
    ) -> Option<Vec<(T, Range<usize>)>> {
        let list = self.ask(key)?.list(expected)?;
        Some(list.iter().filter_map(|field| Some((field.read(&read)?, field.value.span()))).collect())
    }

    /// The string or list of strings at `key`, each as `read` understands it.
    pub(super) fn one_or_more<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&str) -> Result<T, Problem>,
    ) -> Option<Vec<T>> {
        let field = self.ask(key)?;
        if field.value.get_ref().is_str() {
            return field.text(&read).map(|value| vec![value]);
        }
        let list = field.list("a string or a list of strings")?;
        Some(list.iter().filter_map(|field| field.text(&read)).collect())
    }

    /// The table of strings at `key`: each key as `read_key` accepts it, each value as `read` understands it.
    pub(super) fn map<T>(
        &mut self,
        key: &'static str,
        read_key: impl Fn(&str) -> Result<(), Problem>,
        read: impl Fn(&str) -> Result<T, Problem>,
    ) -> BTreeMap<String, T> {
        let mut map = BTreeMap::new();
        let Some(field) = self.ask(key) else { return map };
        let Some(table) = field.table("a table of strings") else { return map };
        for (name, value) in table {
            if let Err(problem) = read_key(name.get_ref()) {
                self.faults.note(problem, name.span());
            }
            let field = Field { key: format!("{}.{}", field.key, name.get_ref()), value, faults: self.faults };
            if let Some(value) = field.text(&read) {
                map.insert(name.get_ref().to_string(), value);
            }
        }
        map
    }

    /// What `read` makes of the table at `key`, or of an empty one where there is none.
    pub(super) fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        let empty = DeTable::new();
        let mut section = match self.ask(key).and_then(|field| Section::of(&field)) {
            Some(section) => section,
            None => self.absent(key, &empty),
        };
        let value = read(&mut section);
        section.finish();
        value
    }

    /// Whether `key` is there, whatever it holds.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The names in the table at `key`, without asking for it.
    pub(super) fn keys_of(&self, key: &str) -> BTreeSet<String> {
        match self.table.get(key).map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => table.keys().map(|name| name.get_ref().to_string()).collect(),
            _ => BTreeSet::new(),
        }
    }

    /// What `read` makes of every table in the list at `key`.
    pub(super) fn sections<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Section<'_>) -> Option<T>,
    ) -> Vec<(T, Range<usize>)> {
        let Some(list) = self.ask(key).and_then(|field| field.list("a list of tables")) else { return Vec::new() };
        let mut values = Vec::new();
        for field in list {
            let Some(mut section) = Section::of(&field) else { continue };
            let value = read(&mut section);
            section.finish();
            values.extend(value.map(|value| (value, field.value.span())));
        }
        values
    }

    /// What `read` makes of every table in the table at `key`, by name.
    pub(super) fn named_sections<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Spanned<Cow<'_, str>>, &mut Section<'_>) -> T,
    ) -> Vec<T> {
        let Some(field) = self.ask(key) else { return Vec::new() };
        let Some(table) = field.table("a table of tables") else { return Vec::new() };
        let mut values = Vec::new();
        for (name, value) in table {
            let field = Field { key: format!("{}.{}", field.key, name.get_ref()), value, faults: self.faults };
            let Some(mut section) = Section::of(&field) else { continue };
            values.push(read(name, &mut section));
            section.finish();
        }
        values
    }

    /// The values without their places, after a look that no two have the same name.
    pub(super) fn unlike<T>(
        &self,
        what: &'static str,
        values: Vec<(T, Range<usize>)>,
        name: impl Fn(&T) -> String,
    ) -> Vec<T> {
        let mut names = BTreeSet::new();
        for (value, span) in &values {
            if !names.insert(name(value)) {
                self.faults.note(Problem::Twice { what, value: name(value) }, span.clone());
            }
        }
        values.into_iter().map(|(value, _)| value).collect()
    }

    /// Where faults of this recipe are noted.
    pub(super) fn faults(&self) -> &'a Faults {
        self.faults
    }

    /// Notes every key that nobody asked for and every one that is missing, unless the former was meant to be the
    /// latter.
    pub(super) fn finish(mut self) {
        for name in self.table.keys() {
            if self.asked.contains(&name.get_ref().as_ref()) {
                continue;
            }
            let suggestion = nearest(name.get_ref(), self.asked.iter().copied());
            self.missing.retain(|(key, _)| suggestion.as_deref() != Some(key));
            let key = name.get_ref().to_string();
            self.faults.note(Problem::UnknownKey { key, suggestion, known: self.asked.clone() }, name.span());
        }
        for (key, sample) in self.missing {
            let key = format!("{}{key}", self.prefix);
            self.faults.note(Problem::MissingKey { key, sample }, self.span.clone());
        }
    }
}
