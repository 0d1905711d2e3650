//! What an ELF file says beyond its headers: the names in its read-only data.
//!
//! A library that is opened by name and a module that native code imports stand in the file as texts. Taking every such
//! text for a use keeps too much rather than too little.

use serde::{Deserialize, Serialize};

use super::super::elf::{self, ElfNeeds};
use super::super::python::is_identifier;
use super::names::Names;

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
    pub names: Names,
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
    if memchr::memmem::find(bytes, INIT).is_some() {
        read_texts(bytes, &mut facts);
    } else {
        read_libraries(bytes, &mut facts);
    }
    facts.modules.sort_unstable();
    facts.modules.dedup();
    facts.libraries.sort_unstable();
    facts.libraries.dedup();
    facts
}

/// What the name of a function that starts a Python module begins with.
const INIT: &[u8] = b"PyInit_";

/// Reads all texts of a file that may hold Python modules: what stands between two zeros.
fn read_texts(bytes: &[u8], facts: &mut NativeFacts) {
    let mut names: Vec<&str> = Vec::new();
    let mut start = 0;
    while let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
        let name = rest.iter().position(|byte| !is_of_a_name(*byte)).unwrap_or(rest.len());
        let is_name = rest.get(name) == Some(&0);
        // Machine code is nearly all of it, and this is where it ends: it is not a name, and begins like nothing
        // sought.
        let Some(length) = (if is_name { Some(name) } else { memchr::memchr(0, rest) }) else { break };
        start += length + 1;
        let text = rest.get(..length).unwrap_or_default();
        if !(is_name || text.starts_with(b"lib") || text.starts_with(INIT)) || !(3..=MAX_NAME).contains(&length) {
            continue;
        }
        let Ok(text) = std::str::from_utf8(text) else { continue };
        if let Some(module) = text.strip_prefix("PyInit_") {
            facts.modules.push(module.into());
        } else if text == "dlopen" {
            facts.opens_libraries = true;
        } else if is_library(text) {
            facts.libraries.push(text.into());
        } else if text.split('.').all(is_identifier) {
            names.push(text);
        }
    }
    if !facts.modules.is_empty() {
        facts.names = names.into_iter().collect();
    }
}

/// Reads of a file that holds no Python module what else is wanted: the libraries that it names, and whether it opens
/// any.
fn read_libraries(bytes: &[u8], facts: &mut NativeFacts) {
    let ends = |at: usize| at.checked_sub(1).is_none_or(|before| bytes.get(before) == Some(&0));
    facts.opens_libraries = memchr::memmem::find_iter(bytes, b"dlopen\0").any(ends);
    for at in memchr::memmem::find_iter(bytes, b".so") {
        let head = bytes.get(at.saturating_sub(MAX_NAME)..at).unwrap_or_default();
        let start = memchr::memrchr(0, head).map_or(at - head.len(), |zero| at - head.len() + zero + 1);
        let Some(rest) = bytes.get(start..).filter(|_| ends(start)) else { continue };
        let text = rest.get(..memchr::memchr(0, rest).unwrap_or(0).min(MAX_NAME + 1)).unwrap_or_default();
        if let Ok(text) = std::str::from_utf8(text)
            && text.len() <= MAX_NAME
            && is_library(text)
        {
            facts.libraries.push(text.into());
        }
    }
}

/// Whether `text` looks like a library's file name.
fn is_library(text: &str) -> bool {
    text.starts_with("lib") && text.contains(".so") && !text.contains(['%', ' '])
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_between_zeros() {
        let texts =
            b"\x7fELF\0\0libz.so.1\0code\xff%lib.so\0dlopen\0lib%s.so\0_pickle\0a.b\0no name\0libfoo-1.so\0xlibq.so\0";
        let plain = read(texts);
        assert!(plain.opens_libraries && plain.modules.is_empty() && plain.names == Names::default());
        assert_eq!(plain.libraries, ["libfoo-1.so".into(), "libz.so.1".into()]);
        let module = read(&[&texts[..], b"PyInit__ssl\0not ended"].concat());
        assert_eq!(module.libraries, plain.libraries);
        assert!(module.opens_libraries);
        assert_eq!(module.modules, ["_ssl".into()]);
        assert_eq!(module.names.iter().collect::<Vec<_>>(), ["_pickle", "a.b", "xlibq.so"]);
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_no_text() {
        let long = format!("lib{}.so\0", "x".repeat(MAX_NAME));
        for texts in ["libz.so", "dlopen", &long, &format!("{long}PyInit_a")] {
            let facts = read(texts.as_bytes());
            assert!(facts.libraries.is_empty() && !facts.opens_libraries && facts.modules.is_empty(), "{texts}");
        }
        assert!(read(b"libz.so\0").libraries == ["libz.so".into()] && read(b"dlopen\0").opens_libraries);
    }
}
