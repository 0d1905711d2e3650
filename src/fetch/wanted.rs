//! What a build asks for: a package as an index or a lock file vouches for it.

use std::fmt;

use crate::apk::{Identity, PackageName, Version};
use crate::repository::{IndexEntry, Location, Repository};

/// A package to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// What it must be.
    pub identity: Identity,
    /// Bytes of the .apk.
    pub size: u64,
    /// Where it may be found, to be tried in order.
    pub locations: Vec<Location>,
}

impl Wanted {
    /// The package of `entry`, out of the index for `arch` of `repository`.
    pub fn from_index(entry: &IndexEntry, repository: &Repository, arch: &str) -> Self {
        Self {
            name: entry.name.clone(),
            version: entry.version.clone(),
            identity: entry.identity,
            size: entry.size,
            locations: repository.package_locations(arch, &entry.name, &entry.version),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.name, self.version)
    }
}
