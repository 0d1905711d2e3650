//! The lock file: exactly which packages an image is made of, so that it can be made again.
//!
//! Its goals, in order: complete (with it and the packages a build needs no index), readable, sorted with a package a
//! line so that differences are small, and the same bytes from the same values. It is TOML, named after its recipe:
//! `python.toml` has `python.lock`. What the recipe said when the lock was made stands in it, so that a recipe that has
//! moved on is noticed. The order of installation is not recorded: it follows from the packages themselves, and from
//! the index records of those that have no files, which stand in the lock for that.

mod changes;
mod error;
mod inputs;
mod lockfile;
mod package;
mod written;

use std::path::{Path, PathBuf};

pub use changes::{Change, changes};
pub use error::Error;
pub use inputs::Inputs;
pub use lockfile::{LockedArchitecture, LockedIndex, Lockfile};
pub use package::{LockedPackage, LockedPackages, packages_of};

/// Where the lock of the recipe at `recipe` is: beside it, `python.lock` for `python.toml`.
pub fn path_of(recipe: &Path) -> PathBuf {
    recipe.with_extension("lock")
}

#[cfg(test)]
mod tests;
