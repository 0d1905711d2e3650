//! A value of a recipe with its name and place, and what is said where it is of another type than it should be.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::faults::Faults;
use super::problem::Problem;

/// A value with its name and place.
pub(super) struct Field<'a> {
    /// With the table before it.
    pub(super) key: String,
    pub(super) value: &'a Spanned<DeValue<'a>>,
    pub(super) faults: &'a Faults,
}

impl<'a> Field<'a> {
    /// What `read` makes of it; what it finds wrong is noted.
    pub(super) fn read<T>(&self, read: &impl Fn(&str, &DeValue<'_>) -> Result<T, Problem>) -> Option<T> {
        read(&self.key, self.value.get_ref()).map_err(|problem| self.faults.note(problem, self.value.span())).ok()
    }

    /// What `read` makes of it as a string.
    pub(super) fn text<T>(&self, read: &impl Fn(&str) -> Result<T, Problem>) -> Option<T> {
        self.read(&|key, value| match value {
            DeValue::String(text) => read(text),
            _ => Err(wrong_type(key, "a string", value)),
        })
    }

    /// What it holds as a list.
    pub(super) fn list(&self, expected: &'static str) -> Option<Vec<Field<'a>>> {
        let DeValue::Array(array) = self.value.get_ref() else {
            self.faults.note(wrong_type(&self.key, expected, self.value.get_ref()), self.value.span());
            return None;
        };
        let field = |(number, value)| Field { key: format!("{}[{number}]", self.key), value, faults: self.faults };
        Some(array.iter().enumerate().map(field).collect())
    }

    /// It as a table.
    pub(super) fn table(&self, expected: &'static str) -> Option<&'a DeTable<'a>> {
        if let DeValue::Table(table) = self.value.get_ref() {
            return Some(table);
        }
        self.faults.note(wrong_type(&self.key, expected, self.value.get_ref()), self.value.span());
        None
    }
}

/// The number that `value` is, if it lies in `range`.
pub(super) fn integer(key: &str, value: &DeValue<'_>, range: RangeInclusive<u32>) -> Result<u32, Problem> {
    let DeValue::Integer(integer) = value else { return Err(wrong_type(key, "a number", value)) };
    let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
    match number.and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number)) {
        Some(number) => Ok(number),
        None => Err(Problem::OutOfRange {
            key: key.to_owned(),
            value: integer.to_string(),
            minimum: *range.start(),
            maximum: *range.end(),
        }),
    }
}

/// The problem that `value` is not `expected`.
pub(super) fn wrong_type(key: &str, expected: &'static str, value: &DeValue<'_>) -> Problem {
    let found = match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let instead = match (expected, value) {
        ("a string", DeValue::Integer(number)) => Some(format!("\"{number}\"")),
        ("a string", DeValue::Float(number)) => Some(format!("\"{number}\"")),
        ("a string", DeValue::Boolean(flag)) => Some(format!("\"{flag}\"")),
        ("a number", DeValue::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() => {
            Some(text.to_string())
        }
        ("a list of strings" | "a list of words", DeValue::String(text)) => {
            let words: Vec<String> = text.split_whitespace().map(|word| format!("{word:?}")).collect();
            Some(format!("[{}]", words.join(", ")))
        }
        ("a list of tables", DeValue::Table(_)) => Some(format!("[[{key}]]")),
        _ => None,
    };
    Problem::WrongType { key: key.to_owned(), expected, found, instead }
}
