//! What a build makes for one architecture.

use serde::{Deserialize, Serialize};

use crate::image::{PackedImage, Sbom};
use crate::platform::Architecture;
use crate::prune::Report;
use crate::rootfs::ScriptNote;

/// What a build made for one architecture.
#[derive(Debug)]
pub struct BuiltImage {
    /// For which.
    pub arch: Architecture,
    /// Its layers and configuration.
    pub packed: PackedImage,
    /// Bytes of all files, hard-linked ones counted once.
    pub unpacked_size: u64,
    /// How many packages were installed, and how many are left after pruning.
    pub packages: PackageCount,
    /// What pruning took and why the rest stayed.
    pub report: Report,
    /// All that ships in it, where a bill of materials was asked for.
    pub sbom: Option<Sbom>,
    /// When it counts as made, in seconds since 1970.
    pub created: i64,
    /// The release of Alpine, `vX.Y` or `edge`, where it is known.
    pub release: Option<String>,
    /// Install scripts that failed or were not understood in full.
    pub script_notes: Vec<ScriptNote>,
}

/// How many packages there were and are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageCount {
    /// Installed.
    pub installed: usize,
    /// Left after pruning.
    pub left: usize,
}
