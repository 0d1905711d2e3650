//! The architectures that a recipe names: `archs`.

use toml::de::DeValue;

use super::field::wrong_type;
use super::problem::{Problem, nearest};
use super::section::Section;
use crate::platform::Architecture;

/// Reads `archs`: each once, and this machine's where there are none.
pub(super) fn read_all(section: &mut Section<'_>) -> Vec<Architecture> {
    let archs = section.values("archs", "a list of strings", read).unwrap_or_default();
    let archs = section.unlike("architecture", archs, ToString::to_string);
    if archs.is_empty() { vec![Architecture::default_target()] } else { archs }
}

fn read(key: &str, value: &DeValue<'_>) -> Result<Architecture, Problem> {
    let DeValue::String(text) = value else { return Err(wrong_type(key, "a string", value)) };
    Architecture::parse(text).map_err(|_| {
        let choices: Vec<&'static str> = Architecture::ALL.into_iter().map(Architecture::as_str).collect();
        let other = Architecture::from_other_name(text).map(|architecture| architecture.to_string());
        let suggestion = other.or_else(|| nearest(text, choices.iter().copied()));
        Problem::NotOneOf { value: text.to_string(), choices, suggestion }
    })
}
