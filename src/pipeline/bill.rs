//! The bill of an image that is too large: by how much, what weighs most, and what could be left out.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::BuiltImage;
use crate::image::Contents;
use crate::prune::Cut;
use crate::recipe::SizeLimits;
use crate::rootfs::{InodeKind, Tree};

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
    /// Modules that all who import them can do without, the largest saving first; known to a build only.
    pub cuts: Vec<Cut>,
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
    /// The same for a program: sizes in bytes.
    pub fn to_json(&self) -> Value {
        let lines = |lines: &[BillLine]| -> Vec<Value> {
            lines.iter().map(|line| json!({ "name": line.name, "bytes": line.bytes })).collect()
        };
        let exceeded = self.exceeded.iter();
        json!({
            "exceeded": exceeded.map(|(size, allowed, found)| json!({ "size": size, "allowed": allowed, "found": found }))
                .collect::<Vec<_>>(),
            "packages": lines(&self.packages),
            "folders": lines(&self.folders),
            "cuts": self.cuts.iter().map(|cut| json!({
                "module": cut.module, "bytes": cut.bytes, "files": cut.files, "importers": cut.importers,
            })).collect::<Vec<_>>(),
        })
    }

    /// Whether `image` is over `limits`.
    pub(super) fn is_due(limits: &SizeLimits, image: &BuiltImage) -> bool {
        exceeded(limits, image.unpacked_size, image.packed.compressed_size()).is_some()
    }

    /// Holds an image that was just built against `limits`; `None` where it keeps to them.
    pub(super) fn draw_up(limits: &SizeLimits, image: &BuiltImage, tree: &Tree) -> Option<Self> {
        let exceeded = exceeded(limits, image.unpacked_size, image.packed.compressed_size())?;
        let packages = image.report.packages.iter();
        let packages = packages.map(|package| (format!("{}-{}", package.name, package.version), package.bytes));
        let cuts = image.report.cuts.iter().take(LINES).cloned().collect();
        Some(Self { exceeded, packages: heaviest(packages), folders: heaviest(folders(tree).into_iter()), cuts })
    }

    /// Holds an image that lies on disk against `limits`; `None` where it keeps to them.
    pub fn of_stored(limits: &SizeLimits, contents: &Contents) -> Option<Self> {
        let exceeded = exceeded(limits, contents.total().bytes, contents.image.compressed_size())?;
        let (amounts, _) = contents.by_package();
        let packages = contents.packages.iter().zip(amounts);
        let packages =
            packages.map(|(package, amount)| (format!("{}-{}", package.name, package.version), amount.bytes));
        let folders = heaviest(folders(&contents.tree).into_iter());
        Some(Self { exceeded, packages: heaviest(packages), folders, cuts: Vec::new() })
    }
}

/// Which sizes are over `limits`, if any.
fn exceeded(limits: &SizeLimits, unpacked: u64, compressed: u64) -> Option<Vec<(&'static str, u64, u64)>> {
    let sizes = [("unpacked", limits.unpacked, unpacked), ("compressed", limits.compressed, compressed)];
    let over = |(name, limit, found): (_, Option<u64>, u64)| Some((name, limit.filter(|limit| found > *limit)?, found));
    let exceeded: Vec<_> = sizes.into_iter().filter_map(over).collect();
    (!exceeded.is_empty()).then_some(exceeded)
}

/// The weight of each folder three deep at most, with all below it.
fn folders(tree: &Tree) -> BTreeMap<String, u64> {
    let mut weights = BTreeMap::new();
    for (path, id) in tree.walk() {
        let InodeKind::File { content, .. } = &tree.inode(id).kind else { continue };
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
        if !self.cuts.is_empty() {
            write!(formatter, "\n  cheapest cuts, for `drop` under [prune]:")?;
        }
        for cut in &self.cuts {
            let importers = match cut.importers.as_slice() {
                [] => String::new(),
                [one] => format!(", imported by {one}"),
                [first, rest @ ..] => format!(", imported by {first} and {} more", rest.len()),
            };
            write!(formatter, "\n    {:>10}  \"{}\"{importers}", megabytes(cut.bytes), cut.module)?;
        }
        Ok(())
    }
}
