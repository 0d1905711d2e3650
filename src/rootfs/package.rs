//! A package as the root filesystem remembers it, for pruning, for the database and for layers.

use std::collections::BTreeMap;

use super::record::Record;
use crate::apk::{Identity, PackageInfo};
use crate::fetch::{Script, VerifiedApk};

/// A package that was installed.
#[derive(Clone, Debug)]
pub struct InstalledPackage {
    /// The identity that its index vouched for.
    pub identity: Identity,
    /// What it says about itself.
    pub info: PackageInfo,
    /// The architecture that the index gives it, which its own words need not be: `noarch` packages stand in Alpine's
    /// indexes as packages for the index's machine.
    pub arch: String,
    /// Every path that its archive lists, folders included, in the archive's order.
    pub paths: Vec<String>,
    /// What the installed database says of the paths that became the package's, in the archive's order. A file that
    /// another package took over is not here.
    pub records: Vec<Record>,
    /// Its scripts.
    pub scripts: BTreeMap<Script, Vec<u8>>,
    /// Bytes of the .apk as its index says (`S:`).
    pub compressed_size: u64,
    /// Whether one of its scripts failed.
    pub broken_script: bool,
    /// Whether pruning found that nothing needs it. It is not installed any more, even if it never had files.
    pub is_pruned: bool,
}

impl InstalledPackage {
    /// A package that brings nothing.
    pub fn new(identity: Identity, info: PackageInfo) -> Self {
        Self {
            identity,
            arch: info.arch.clone(),
            info,
            paths: Vec::new(),
            records: Vec::new(),
            scripts: BTreeMap::new(),
            compressed_size: 0,
            broken_script: false,
            is_pruned: false,
        }
    }

    /// The package `apk`, of which nothing is placed yet.
    pub(super) fn of(apk: &VerifiedApk) -> Self {
        Self {
            paths: apk.entries().iter().map(|entry| entry.path.clone()).collect(),
            arch: apk.arch().to_owned(),
            scripts: apk.scripts().clone(),
            compressed_size: apk.compressed_size(),
            ..Self::new(apk.identity(), apk.info().clone())
        }
    }

    /// `name-version`.
    pub fn name_and_version(&self) -> String {
        format!("{}-{}", self.info.name, self.info.version)
    }
}
