//! One package of a lock, exactly.

use std::collections::BTreeMap;

use crate::apk::writer::IndexedPackage;
use crate::apk::{Identity, PackageName, Version};
use crate::repository::IndexEntry;
use crate::resolve::{Resolution, Selected};

/// The packages of an image or of a stage, by name.
pub type LockedPackages = BTreeMap<PackageName, LockedPackage>;

/// One package, exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedPackage {
    /// Its version.
    pub version: Version,
    /// Its identity, which vouches for its contents.
    pub identity: Identity,
    /// Bytes of the .apk.
    pub size: u64,
    /// Bytes of its files.
    pub installed_size: u64,
    /// The places of the repositories that hold it in
    /// [`LockedArchitecture::indexes`](super::LockedArchitecture::indexes), never empty.
    pub repositories: Vec<usize>,
    /// Of a package without files, what the index says of it: it is never downloaded, so nothing else does.
    pub record: Option<String>,
}

impl LockedPackage {
    fn new(selected: &Selected) -> Self {
        let entry = &selected.entry;
        Self {
            version: entry.version.clone(),
            identity: entry.identity,
            size: entry.size,
            installed_size: entry.installed_size,
            repositories: selected.sources.clone(),
            record: entry.is_virtual().then(|| record_of(entry)),
        }
    }
}

/// The index record of a package, lines of `X:value`.
fn record_of(entry: &IndexEntry) -> String {
    IndexedPackage { info: entry.to_package_info(), identity: entry.identity, size: entry.size }.record()
}

/// The packages of a resolution, as a lock holds them.
pub fn packages_of(resolution: &Resolution) -> LockedPackages {
    resolution.packages.iter().map(|selected| (selected.entry.name.clone(), LockedPackage::new(selected))).collect()
}
