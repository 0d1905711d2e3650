//! What a build asks for: a package as an index or a lock file vouches for it.

use std::fmt;

use crate::apk::{self, Identity, PackageInfo, PackageName, Version};
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
    /// The architecture that the index gives it (`A:`); empty where it gives none.
    pub arch: String,
    /// Bytes of the .apk, as its index or lock says: a hint, since it may have been signed again since it was listed.
    pub size: u64,
    /// Where it may be found, to be tried in order.
    pub locations: Vec<Location>,
}

/// How many bytes more than its index says a package may have. Sixteen signatures of the longest that are read are 1 MiB;
/// the rest is for indexes whose sizes are wrong.
const MARGIN: u64 = 64 << 20;

impl Wanted {
    /// The package of `entry`, out of the index for `arch` of `repository`.
    pub fn from_index(entry: &IndexEntry, repository: &Repository, arch: &str) -> Self {
        Self {
            name: entry.name.clone(),
            version: entry.version.clone(),
            identity: entry.identity,
            arch: entry.arch.clone(),
            size: entry.size,
            locations: repository.package_locations(arch, &entry.arch, &entry.name, &entry.version),
        }
    }

    /// How many bytes are taken from a server at most, before anything of them is verified.
    pub(super) fn most_bytes(&self) -> u64 {
        self.size.saturating_add(MARGIN)
    }

    /// Holds what the package says of itself against what vouches for it. Indexes give packages for any machine the
    /// architecture that they are for themselves (`apk index --rewrite-arch`), so `noarch` is no contradiction.
    pub(super) fn check(&self, info: &PackageInfo) -> Result<(), apk::Error> {
        if (info.name.as_str(), info.version.as_str()) != (self.name.as_str(), self.version.as_str()) {
            let found = format!("{}-{}", info.name, info.version);
            return Err(apk::Error::WrongPackage { expected: self.to_string(), found });
        }
        let says_nothing = info.arch.is_empty() || self.arch.is_empty();
        if says_nothing || info.arch == apk::NOARCH || info.arch == self.arch {
            return Ok(());
        }
        Err(apk::Error::WrongArchitecture { expected: self.arch.clone(), found: info.arch.clone() })
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.name, self.version)
    }
}
