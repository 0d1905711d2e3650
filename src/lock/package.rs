//! One package of a lock, exactly.

use std::collections::BTreeMap;

use crate::apk::writer::IndexedPackage;
use crate::apk::{Identity, NOARCH, PackageName, Version};
use crate::repository::{ApkIndex, IndexEntry};
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
    /// Whether the index lists it as a package for any machine (`A:noarch`) and not as one for the index's own, as
    /// Alpine's indexes do with all of them. The installed database repeats that.
    pub is_noarch: bool,
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
    /// What the index for `arch` gives as its architecture.
    pub fn arch<'arch>(&self, arch: &'arch str) -> &'arch str {
        if self.is_noarch { NOARCH } else { arch }
    }

    fn new(selected: &Selected) -> Self {
        let entry = &selected.entry;
        Self {
            version: entry.version.clone(),
            identity: entry.identity,
            is_noarch: entry.arch == NOARCH,
            size: entry.size,
            installed_size: entry.installed_size,
            repositories: selected.sources.clone(),
            record: entry.is_virtual().then(|| record_of(entry)),
        }
    }
}

/// What the `record` of a package is, or what is wrong with it: it is exactly one, and can be installed.
pub(super) fn read_record(record: &str) -> Result<IndexEntry, String> {
    let index = ApkIndex::parse(record).map_err(|error| format!("cannot be read: {error}"))?;
    let mut records = index.records();
    match (records.next(), records.next()) {
        (Some(record), None) => record.to_entry().map_err(|defect| format!("cannot be used: {defect}")),
        (None, _) => Err("is empty".to_owned()),
        _ => Err("is that of several packages".to_owned()),
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
