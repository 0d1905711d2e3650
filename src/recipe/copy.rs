//! Files that the recipe brings beside packages: `[[copy]]`, `[[directory]]` and `[[link]]`.

use std::collections::BTreeSet;

use toml::de::DeValue;

use super::field::wrong_type;
use super::grammar::Grammar;
use super::image_path::relative;
use super::image_path::{CopyTarget, ImagePath};
use super::owner::Owner;
use super::problem::Problem;
use super::problem::nearest;
use super::section::Section;
use super::text::{glob, not_a, plain};

/// One `[[copy]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyStep {
    /// A file, a folder or a glob, relative to the recipe's folder, or to the root of the stage that `from` names:
    /// without a leading slash, `..`, or empty parts. Empty: the whole of it.
    pub source: String,
    /// Where it goes.
    pub target: CopyTarget,
    /// Globs of what is left out, relative to the source.
    pub exclude: Vec<String>,
    /// Permission bits of the files; `None`: 0644, or 0755 where the source is executable. Folders are 0755.
    pub mode: Option<u32>,
    /// Whose it will be.
    pub owner: Owner,
    /// The stage that it comes from; `None`: the recipe's folder.
    pub from: Option<String>,
}

/// One `[[directory]]`: a folder that the application writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Where it is.
    pub path: ImagePath,
    /// Whose it is.
    pub owner: Owner,
    /// Permission bits.
    pub mode: u32,
}

/// One `[[link]]`: a symbolic link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it is.
    pub path: ImagePath,
    /// What it points to, as written.
    pub target: String,
}

impl CopyStep {
    /// Reads every `[[copy]]` of a section; `stages` are the names that `from` may have.
    pub(super) fn read_all(section: &mut Section<'_>, stages: &BTreeSet<String>) -> Vec<Self> {
        let copies = section.sections("copy", |section| Self::read(section, stages));
        copies.into_iter().map(|(copy, _)| copy).collect()
    }

    fn read(section: &mut Section<'_>, stages: &BTreeSet<String>) -> Option<Self> {
        section.require("source", "source = \"app.py\"");
        section.require("target", "target = \"/app/\"");
        let from = section.text("from", |name| {
            if stages.contains(name) {
                return Ok(name.to_owned());
            }
            let suggestion = nearest(name, stages.iter().map(String::as_str));
            Err(Problem::UnknownStage { name: name.to_owned(), suggestion })
        });
        // A stage is a whole filesystem, where a path may well be written with its slash.
        let in_stage = section.has("from");
        let source = section.text("source", |text| source(text, in_stage));
        let target = section.text("target", CopyTarget::parse);
        let exclude = section.texts("exclude", exclusion).unwrap_or_default();
        let mode = section.value("mode", mode);
        let owner = section.text("owner", Owner::parse).unwrap_or_else(Owner::root);
        Some(Self { source: source?, target: target?, exclude, mode, owner, from })
    }
}

impl Directory {
    /// Reads every `[[directory]]`; unless they say otherwise they belong to `user`, who writes to them.
    pub(super) fn read_all(section: &mut Section<'_>, user: &str) -> Vec<Self> {
        let directories = section.sections("directory", |section| {
            section.require("path", "path = \"/data\"");
            let path = section.text("path", |text| not_root(text, "made: it is there"));
            let owner = section.text("owner", Owner::parse).unwrap_or_else(|| Owner::user(user));
            let mode = section.value("mode", mode).unwrap_or(0o755);
            Some(Self { path: path?, owner, mode })
        });
        section.unlike("folder", directories, |directory| directory.path.to_string())
    }
}

impl Link {
    /// Reads every `[[link]]`.
    pub(super) fn read_all(section: &mut Section<'_>) -> Vec<Self> {
        let links = section.sections("link", |section| {
            section.require("path", "path = \"/usr/local/bin/app\"");
            section.require("target", "target = \"/app/bin/app\"");
            let path = section.text("path", |text| not_root(text, "a link"));
            let target = section
                .text("target", |text| if text.is_empty() { Err(not_a(Grammar::Path, text)) } else { plain(text) });
            Some(Self { path: path?, target: target? })
        });
        section.unlike("link", links, |link| link.path.to_string())
    }
}

fn not_root(text: &str, what: &'static str) -> Result<ImagePath, Problem> {
    match ImagePath::parse(text)? {
        path if path.in_tree().is_empty() => Err(Problem::Root { what }),
        path => Ok(path),
    }
}

/// A file, folder or glob inside a folder; `.` is the folder itself.
fn source(text: &str, in_stage: bool) -> Result<String, Problem> {
    if text.is_empty() {
        return Err(not_a(Grammar::Path, text));
    }
    if text.starts_with('/') && !in_stage {
        return Err(Problem::Absolute { path: text.to_owned() });
    }
    let path = relative(text)?;
    glob(&path)?;
    Ok(path)
}

/// A pattern of what is left out; with `!` before it, of what is taken after all.
fn exclusion(text: &str) -> Result<String, Problem> {
    let pattern = text.trim().strip_prefix('!').unwrap_or(text.trim());
    relative(pattern)?;
    if pattern.trim_matches('/').is_empty() {
        return Err(Problem::Glob { pattern: text.to_owned(), reason: "it names nothing".to_owned() });
    }
    glob(pattern)?;
    Ok(text.trim().to_owned())
}

/// Reads `"0640"`, or the TOML number `0o640`. A plain number is refused: whoever writes 640 means octal, and TOML does
/// not.
fn mode(key: &str, value: &DeValue<'_>) -> Result<u32, Problem> {
    let text = match value {
        DeValue::String(text) => text.as_ref(),
        DeValue::Integer(number) if number.radix() == 8 => number.as_str(),
        DeValue::Integer(number) => return Err(not_a(Grammar::Mode, number.as_str())),
        _ => return Err(wrong_type(key, "a mode", value)),
    };
    let octal = (3..=4).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    u32::from_str_radix(text, 8).ok().filter(|_| octal).ok_or_else(|| not_a(Grammar::Mode, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal() {
        let read = |text: &str| mode("mode", &DeValue::String(text.into()));
        for (text, mode) in [("0640", 0o640), ("755", 0o755), ("1777", 0o1777), ("0000", 0), ("7777", 0o7777)] {
            assert_eq!(read(text), Ok(mode));
        }
        for wrong in ["", "7", "64", "0o640", "0888", "07777", "rw-r--r--", "-640", "+640"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sources_stay_in_their_folder() {
        for (text, path) in
            [(".", ""), ("app.py", "app.py"), ("./src//x/", "src/x"), ("static/**/*.css", "static/**/*.css")]
        {
            assert_eq!(source(text, false).as_deref(), Ok(path));
        }
        assert_eq!(source("/deps", true).as_deref(), Ok("deps"));
        assert_eq!(source("/", true).as_deref(), Ok(""));
        for wrong in ["", "/etc/passwd", "../x", "a/../../b", "a\nb", "[", "{a"] {
            assert!(source(wrong, false).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_exclusion_may_be_turned_round() {
        for text in ["**/*.log", "!keep.log", "/build", "node_modules"] {
            assert_eq!(exclusion(text).as_deref(), Ok(text));
        }
        for wrong in ["", "!", "/", "../x", "["] {
            assert!(exclusion(wrong).is_err(), "{wrong}");
        }
    }
}
