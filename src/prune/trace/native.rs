//! What an ELF file says beyond its headers: the names in its read-only data.
//!
//! A library that is opened by name and a module that native code imports stand in the file as texts. Taking every such
//! text for a use keeps too much rather than too little.

use serde::{Deserialize, Serialize};

use super::super::elf::{self, ElfNeeds};
use super::super::python::is_identifier;

/// What one ELF file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NativeFacts {
    /// What the loader is asked for.
    pub needs: ElfNeeds,
    /// It calls `dlopen`.
    pub opens_libraries: bool,
    /// The Python modules whose start it holds (`PyInit_…`).
    pub modules: Vec<Box<str>>,
    /// Where it holds any: texts that are names, dotted ones too.
    pub names: Vec<Box<str>>,
    /// Texts that look like a library's file name.
    pub libraries: Vec<Box<str>>,
}

/// Larger files (a Node is one) are not searched for texts.
const MAX_SEARCHED: usize = 64 << 20;
/// Longer texts are no names.
const MAX_NAME: usize = 80;

/// Reads an ELF file; what is none says nothing.
pub(crate) fn read(bytes: &[u8]) -> NativeFacts {
    let mut facts = NativeFacts { needs: elf::read(bytes).unwrap_or_default(), ..NativeFacts::default() };
    if bytes.len() > MAX_SEARCHED {
        return facts;
    }
    let mut names: Vec<&str> = Vec::new();
    let mut start = 0;
    for end in memchr::memchr_iter(0, bytes) {
        let text = bytes.get(start..end).unwrap_or_default();
        start = end + 1;
        if !(3..=MAX_NAME).contains(&text.len()) {
            continue;
        }
        let Ok(text) = std::str::from_utf8(text) else { continue };
        if let Some(module) = text.strip_prefix("PyInit_") {
            facts.modules.push(module.into());
        } else if text == "dlopen" {
            facts.opens_libraries = true;
        } else if text.starts_with("lib") && text.contains(".so") && !text.contains(['%', ' ']) {
            facts.libraries.push(text.into());
        } else if text.split('.').all(is_identifier) {
            names.push(text);
        }
    }
    facts.modules.sort_unstable();
    facts.modules.dedup();
    facts.libraries.sort_unstable();
    facts.libraries.dedup();
    if !facts.modules.is_empty() {
        names.sort_unstable();
        names.dedup();
        facts.names = names.into_iter().map(Into::into).collect();
    }
    facts
}
