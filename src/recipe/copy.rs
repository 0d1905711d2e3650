//! Files that the recipe brings beside packages: `[[copy]]`, `[[directory]]` and `[[link]]`.

use super::{CopyTarget, ImagePath, Owner};

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
