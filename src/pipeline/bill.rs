//! The bill of an image that is too large: by how much, what weighs most, and what could be left out.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::built_image::BuiltImage;
use super::retrace::{Retraced, Untraceable};
use crate::image::Contents;
use crate::prune::{Cut, Profile, Report};
use crate::recipe::{self, Recipe, SizeLimits};
use crate::rootfs::{InodeKind, Rootfs, Tree};

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
    /// Where a compressed size did not hold and layers are compressed with gzip: that the recipe, or else the command
    /// line, chose that.
    pub gzip: Option<ChosenBy>,
    /// What could be left out most cheaply.
    pub savings: Savings,
}

/// Who chose how layers are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// The recipe, perhaps by saying nothing.
    Recipe,
    /// The command line, against the recipe.
    CommandLine,
}

/// What could be left out, as far as a trace of the command tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Savings {
    /// Bytes that `profile = "traced"` would take, where the recipe has another profile.
    pub traced: Option<u64>,
    /// Modules that all who import them can do without, the largest saving first.
    pub cuts: Vec<Cut>,
    /// Why nothing is known, where that is so.
    pub unknown: Option<String>,
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
        let Savings { traced, cuts, unknown } = &self.savings;
        json!({
            "exceeded": exceeded.map(|(size, allowed, found)| json!({ "size": size, "allowed": allowed, "found": found }))
                .collect::<Vec<_>>(),
            "packages": lines(&self.packages),
            "folders": lines(&self.folders),
            "compression": self.gzip.map(|_| "zstd"),
            "traced": traced,
            "unknown": unknown,
            "cuts": cuts.iter().map(|cut| json!({
                "module": cut.module, "bytes": cut.bytes, "files": cut.files, "importers": cut.importers,
            })).collect::<Vec<_>>(),
        })
    }

    /// Whether `image` is over `limits`.
    pub(super) fn is_due(limits: &SizeLimits, image: &BuiltImage) -> bool {
        exceeded(limits, image.unpacked_size, Some(image.packed.compressed_size())).is_some()
    }

    /// Holds an image that was just built against `limits`; `None` where it keeps to them.
    pub(super) fn draw_up(recipe: &Recipe, image: &BuiltImage, rootfs: &Rootfs) -> Option<Self> {
        let exceeded = exceeded(&recipe.size, image.unpacked_size, Some(image.packed.compressed_size()))?;
        let packages = image.report.packages.iter();
        let packages = packages.map(|package| (format!("{}-{}", package.name, package.version), package.bytes));
        let folders = heaviest(folders(&rootfs.tree).into_iter());
        let gzip = gzip(recipe, &exceeded, image.packed.has_gzip());
        let savings = Savings::of_report(&image.report)
            .unwrap_or_else(|| Savings::of_retrace(recipe, Retraced::of_built(rootfs, recipe)));
        Some(Self { exceeded, packages: heaviest(packages), folders, gzip, savings })
    }

    /// Holds an image that lies on disk against the sizes of `recipe`; `None` where it keeps to them. `report` is what
    /// its build said of it, if that is known; without it the image is traced.
    pub fn of_stored(recipe: &Recipe, contents: &Contents, report: Option<&Report>) -> Option<Self> {
        let exceeded = exceeded(&recipe.size, contents.total().bytes, contents.compressed_size())?;
        let (amounts, _) = contents.by_package();
        let packages = contents.packages.iter().zip(amounts);
        let packages =
            packages.map(|(package, amount)| (format!("{}-{}", package.name, package.version), amount.bytes));
        let folders = heaviest(folders(&contents.tree).into_iter());
        let gzip = gzip(recipe, &exceeded, contents.image.has_gzip());
        let savings = report
            .and_then(Savings::of_report)
            .unwrap_or_else(|| Savings::of_retrace(recipe, Retraced::of(contents, Some(recipe))));
        Some(Self { exceeded, packages: heaviest(packages), folders, gzip, savings })
    }
}

impl Savings {
    /// Those that a build has found; `None` where it did not trace.
    fn of_report(report: &Report) -> Option<Self> {
        let cuts = || report.cuts.iter().take(LINES).cloned().collect();
        (report.profile == Profile::Traced).then(|| Self { cuts: cuts(), ..Self::default() })
    }

    fn of_retrace(recipe: &Recipe, retraced: Result<Retraced, Untraceable>) -> Self {
        let unknown = |reason: String| Self { unknown: Some(reason), ..Self::default() };
        match retraced {
            Err(error) => unknown(error.to_string()),
            Ok(retraced) if retraced.met_bytecode() => unknown(
                "the image holds bytecode without source, through which no trace leads; the --report of its build knows them"
                    .to_owned(),
            ),
            Ok(Retraced { report, .. }) => {
                let bytes = Some(report.bytes_pruned()).filter(|bytes| *bytes > 0);
                let traced = bytes.filter(|_| recipe.prune.profile != recipe::Profile::Traced);
                Self { traced, ..Self::of_report(&report).unwrap_or_default() }
            }
        }
    }
}

/// Which sizes are over `limits`, if any.
fn exceeded(limits: &SizeLimits, unpacked: u64, compressed: Option<u64>) -> Option<Vec<(&'static str, u64, u64)>> {
    let sizes = [("unpacked", limits.unpacked, Some(unpacked)), ("compressed", limits.compressed, compressed)];
    let over = |(name, limit, found): (_, Option<u64>, Option<u64>)| {
        let (limit, found) = (limit?, found?);
        (found > limit).then_some((name, limit, found))
    };
    let exceeded: Vec<_> = sizes.into_iter().filter_map(over).collect();
    (!exceeded.is_empty()).then_some(exceeded)
}

/// Whose choice of gzip costs something, if it does.
fn gzip(recipe: &Recipe, exceeded: &[(&str, u64, u64)], has_gzip: bool) -> Option<ChosenBy> {
    let costs = has_gzip && exceeded.iter().any(|(size, ..)| *size == "compressed");
    costs.then_some(match recipe.compression {
        recipe::Compression::Gzip => ChosenBy::Recipe,
        recipe::Compression::Zstd => ChosenBy::CommandLine,
    })
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

/// `bytes` in the unit that leaves something of them to see.
fn weight(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..100_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.2} MB", bytes as f64 / 1e6),
    }
}

impl fmt::Display for Bill {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (name, limit, found)) in self.exceeded.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", and " };
            write!(
                formatter,
                "{separator}the image has {} {name}, where {} is allowed",
                weight(*found),
                weight(*limit)
            )?;
        }
        for (title, lines) in [("packages", &self.packages), ("folders", &self.folders)] {
            write!(formatter, "\n  largest {title}, unpacked:")?;
            for line in lines {
                write!(formatter, "\n    {:>10}  {}", weight(line.bytes), line.name)?;
            }
        }
        // How much was measured on Alpine's own packages and on Node: docs/recipe.md.
        let much = "takes 2 to 12 % off, with --level 18 12 to 21 %; Docker 20.10 and older do not load it";
        match self.gzip {
            None => {}
            Some(ChosenBy::Recipe) => write!(
                formatter,
                "\n  cheapest cut, compressed:\n    compression = \"zstd\", at the top of the recipe: {much}"
            )?,
            Some(ChosenBy::CommandLine) => write!(
                formatter,
                "\n  cheapest cut, compressed:\n    the zstd of the recipe in place of the command line's gzip: {much}"
            )?,
        }
        self.savings.fmt(formatter)
    }
}

impl fmt::Display for Savings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { traced, cuts, unknown } = self;
        if let Some(reason) = unknown {
            return write!(formatter, "\n  cheapest cuts: not known, since {reason}");
        }
        if traced.is_some() || !cuts.is_empty() {
            write!(formatter, "\n  cheapest cuts, under [prune]:")?;
        }
        if let Some(bytes) = traced {
            write!(formatter, "\n    {:>10}  profile = \"traced\", what the command cannot reach", weight(*bytes))?;
        }
        for cut in cuts {
            let importers = match cut.importers.as_slice() {
                [] => String::new(),
                [one] => format!(", imported by {one}"),
                [first, rest @ ..] => format!(", imported by {first} and {} more", rest.len()),
            };
            write!(formatter, "\n    {:>10}  drop = [\"{}\"]{importers}", weight(cut.bytes), cut.module)?;
        }
        Ok(())
    }
}
