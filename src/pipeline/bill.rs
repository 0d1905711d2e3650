//! The bill of an image that is too large: by how much, and what weighs most.

use std::collections::BTreeMap;
use std::fmt;

use super::BuiltImage;
use crate::recipe::Recipe;
use crate::rootfs::{InodeKind, Rootfs};

/// How many packages and folders a bill names.
const LINES: usize = 8;

/// Why an image is over its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Each size that did not hold: which, what was allowed, what was found, in bytes.
    pub exceeded: Vec<(&'static str, u64, u64)>,
    /// The packages that weigh most, unpacked.
    pub packages: Vec<BillLine>,
    /// The folders that weigh most, unpacked.
    pub folders: Vec<BillLine>,
}

/// One thing with its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillLine {
    /// A package's name and version, or a folder.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
}

impl Bill {
    /// Holds an image against the recipe's `[size]`; `None` where it keeps to it.
    pub(super) fn draw_up(recipe: &Recipe, image: &BuiltImage, rootfs: &Rootfs) -> Option<Self> {
        let sizes = [
            ("unpacked", recipe.size.unpacked, image.unpacked_size),
            ("compressed", recipe.size.compressed, image.packed.compressed_size()),
        ];
        let exceeded: Vec<_> = sizes
            .into_iter()
            .filter_map(|(name, limit, found)| limit.filter(|limit| found > *limit).map(|limit| (name, limit, found)))
            .collect();
        if exceeded.is_empty() {
            return None;
        }
        let packages = image.report.packages.iter();
        let packages = packages.map(|package| (format!("{}-{}", package.name, package.version), package.bytes));
        Some(Self { exceeded, packages: heaviest(packages), folders: heaviest(folders(rootfs).into_iter()) })
    }
}

/// The weight of each folder three deep at most, with all below it.
fn folders(rootfs: &Rootfs) -> BTreeMap<String, u64> {
    let mut weights = BTreeMap::new();
    for (path, id) in rootfs.tree.walk() {
        let InodeKind::File { content, .. } = &rootfs.tree.inode(id).kind else { continue };
        let mut parts = path.split('/').collect::<Vec<_>>();
        parts.pop();
        parts.truncate(3);
        *weights.entry(format!("/{}", parts.join("/"))).or_default() += content.len() as u64;
    }
    weights
}

fn heaviest(lines: impl Iterator<Item = (String, u64)>) -> Vec<BillLine> {
    let mut lines: Vec<BillLine> = lines.map(|(name, bytes)| BillLine { name, bytes }).collect();
    lines.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.name.cmp(&other.name)));
    lines.truncate(LINES);
    lines.retain(|line| line.bytes > 0);
    lines
}

impl fmt::Display for Bill {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let megabytes = |bytes: u64| format!("{:.2} MB", bytes as f64 / 1e6);
        for (position, (name, limit, found)) in self.exceeded.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", and " };
            write!(
                formatter,
                "{separator}the image has {} {name}, where {} is allowed",
                megabytes(*found),
                megabytes(*limit)
            )?;
        }
        for (title, lines) in [("packages", &self.packages), ("folders", &self.folders)] {
            write!(formatter, "\n  largest {title}, unpacked:")?;
            for line in lines {
                write!(formatter, "\n    {:>10}  {}", megabytes(line.bytes), line.name)?;
            }
        }
        Ok(())
    }
}
