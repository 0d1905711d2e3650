//! What is taken away: `[prune]`.

use super::grammar::Grammar;
use super::problem::Problem;
use super::section::Section;
use super::text::{glob, not_a};

/// The recipe's `[prune]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prune {
    /// How much.
    pub profile: Profile,
    /// Globs of paths that stay against every rule.
    pub keep: Vec<String>,
    /// Globs of paths that go, in copied files too.
    pub remove: Vec<String>,
    /// Modules that every reachable importer can do without.
    pub drop: Vec<String>,
    /// In which form packages' Python code stays.
    pub bytecode: Bytecode,
}

/// How much is pruned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Only what `remove` names.
    None,
    /// What the rules by folder and package name.
    #[default]
    Standard,
    /// What the command cannot reach, as well.
    Traced,
}

/// In which form packages' Python code stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bytecode {
    /// As `.py`.
    #[default]
    Source,
    /// As `.pyc` in place of `.py`.
    Compiled,
}

impl Prune {
    /// Reads `[prune]`.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let profiles = [("none", Profile::None), ("standard", Profile::Standard), ("traced", Profile::Traced)];
        let bytecodes = [("source", Bytecode::Source), ("compiled", Bytecode::Compiled)];
        Self {
            profile: section.choice("profile", &profiles).unwrap_or_default(),
            keep: section.texts("keep", pattern).unwrap_or_default(),
            remove: section.texts("remove", pattern).unwrap_or_default(),
            drop: section.texts("drop", module).unwrap_or_default(),
            bytecode: section.choice("bytecode", &bytecodes).unwrap_or_default(),
        }
    }
}

/// A glob of paths in the image, with or without a slash before it.
fn pattern(text: &str) -> Result<String, Problem> {
    if text.split('/').any(|part| part == "..") {
        return Err(Problem::Glob { pattern: text.to_owned(), reason: "no path in an image has a `..`".to_owned() });
    }
    if text.trim_matches('/').is_empty() {
        return Err(Problem::Glob { pattern: text.to_owned(), reason: "it names nothing".to_owned() });
    }
    glob(text)?;
    Ok(text.to_owned())
}

/// The name of a module of Python, or of a package of Node.
fn module(text: &str) -> Result<String, Problem> {
    let fits = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-' | '/' | '@' | ':');
    if text.is_empty() || text.starts_with(['.', '/']) || text.ends_with(['.', '/']) || !text.chars().all(fits) {
        return Err(not_a(Grammar::Module, text));
    }
    Ok(text.to_owned())
}
