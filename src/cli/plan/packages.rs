//! The packages of a plan: how many and how large, and as a tree of why each is there.
//!
//! Every package stands in the tree once. At its top is what was asked for and then what came by `install_if`; each other
//! package hangs below one that needs it, as near to the top as can be, so that circles of dependencies have a place too.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};

use super::super::bytes::human;
use crate::pipeline::Selection;
use crate::resolve::{Reason, Selected};

/// How many of those that need a package are named; the others are counted.
const NAMED: usize = 3;

/// Sums over a selection.
struct Totals {
    packages: usize,
    /// Bytes of all .apk files; a package without files has none.
    download: u64,
    /// Bytes of what they install.
    installed: u64,
}

impl Totals {
    fn of(selection: &Selection) -> Self {
        let packages = &selection.resolution.packages;
        Self {
            packages: packages.len(),
            download: packages.iter().map(download_size).sum(),
            installed: packages.iter().map(|selected| selected.entry.installed_size).sum(),
        }
    }
}

/// Bytes to download for a package: none for one without files.
fn download_size(selected: &Selected) -> u64 {
    if selected.entry.is_virtual() { 0 } else { selected.entry.size }
}

/// `what` with the sums of its packages, as a line.
pub(super) fn heading(what: &str, selection: &Selection) -> String {
    let Totals { packages, download, installed } = Totals::of(selection);
    let plural = if packages == 1 { "" } else { "s" };
    format!("{what}: {packages} package{plural}, {} to download, {} installed\n", human(download), human(installed))
}

/// A line a package: its name and version, its sizes, why it is there.
pub(super) fn tree(selection: &Selection) -> String {
    let places = Places::of(selection);
    let lines: Vec<(String, &Selected)> = places
        .top_down()
        .into_iter()
        .map(|(depth, selected)| (format!("{:indent$}{}", "", selected.entry, indent = 2 + 2 * depth), selected))
        .collect();
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default().max(40);
    let mut text = String::new();
    for (name, selected) in lines {
        let (download, installed) = (human(download_size(selected)), human(selected.entry.installed_size));
        text.push_str(&format!("{name:<width$} {download:>9} {installed:>9}  {}\n", why(&selected.reasons)));
    }
    text
}

/// Where each package of a selection stands in its tree.
struct Places<'a> {
    tops: Vec<&'a Selected>,
    below: BTreeMap<&'a str, Vec<&'a Selected>>,
}

impl<'a> Places<'a> {
    fn of(selection: &'a Selection) -> Self {
        let packages = &selection.resolution.packages;
        let is_needed = |selected: &&Selected| matches!(selected.reasons.first(), Some(Reason::Needed { .. }));
        let mut needs: BTreeMap<&str, Vec<&Selected>> = BTreeMap::new();
        for selected in packages.iter().filter(is_needed) {
            for reason in &selected.reasons {
                if let Reason::Needed { by, .. } = reason {
                    needs.entry(by.as_str()).or_default().push(selected);
                }
            }
        }
        let is_asked = |selected: &&Selected| matches!(selected.reasons.first(), Some(Reason::Asked { .. }));
        let (mut tops, by_condition): (Vec<&Selected>, Vec<&Selected>) =
            packages.iter().filter(|selected| !is_needed(selected)).partition(is_asked);
        let mut placed = BTreeSet::new();
        let mut below: BTreeMap<&str, Vec<&Selected>> = BTreeMap::new();
        // What both need is told of what was asked for.
        for tops in [&tops, &by_condition] {
            let mut nearest: VecDeque<&Selected> = tops.iter().copied().collect();
            while let Some(upper) = nearest.pop_front() {
                let name = upper.entry.name.as_str();
                for lower in needs.remove(name).unwrap_or_default() {
                    if placed.insert(lower.entry.name.as_str()) {
                        below.entry(name).or_default().push(lower);
                        nearest.push_back(lower);
                    }
                }
            }
        }
        tops.extend(by_condition);
        Self { tops, below }
    }

    /// Each package with its depth, those below a package right after it.
    fn top_down(&self) -> Vec<(usize, &'a Selected)> {
        let mut lines = Vec::new();
        let mut stack: Vec<(usize, &Selected)> = self.tops.iter().rev().map(|top| (0, *top)).collect();
        while let Some((depth, selected)) = stack.pop() {
            lines.push((depth, selected));
            let below = self.below.get(selected.entry.name.as_str());
            stack.extend(below.into_iter().flatten().rev().map(|lower| (depth + 1, *lower)));
        }
        lines
    }
}

/// The reasons in a few words: `asked for as python3, needed by py3-pip (python3~3.12) and 4 others`.
fn why(reasons: &[Reason]) -> String {
    let mut words = Vec::new();
    let mut needed = Vec::new();
    for reason in reasons {
        match reason {
            Reason::Asked { wish } => words.push(format!("asked for as {wish}")),
            Reason::Needed { by, dependency } => match needed.last_mut() {
                // The dependencies of one package stand together.
                Some((last, dependencies)) if *last == by => *dependencies = format!("{dependencies}, {dependency}"),
                _ => needed.push((by, dependency.to_string())),
            },
            Reason::InstallIf { conditions } => {
                let conditions: Vec<String> = conditions.iter().map(ToString::to_string).collect();
                words.push(format!("comes with {}", conditions.join(" and ")));
            }
        }
    }
    if !needed.is_empty() {
        let named = if needed.len() == NAMED + 1 { NAMED + 1 } else { NAMED };
        let shown = needed.iter().take(named).map(|(by, dependencies)| format!("{by} ({dependencies})"));
        let others = match needed.len().saturating_sub(named) {
            0 => String::new(),
            others => format!(" and {others} others"),
        };
        words.push(format!("needed by {}{others}", shown.collect::<Vec<_>>().join(", ")));
    }
    words.join("; ")
}

/// A selection as JSON: its packages in install order, and its sums.
pub(super) fn selection_document(selection: &Selection) -> Value {
    let totals = Totals::of(selection);
    let packages = selection.resolution.packages.iter().map(|selected| {
        json!({
            "name": selected.entry.name.as_str(),
            "version": selected.entry.version.as_str(),
            "size": selected.entry.size,
            "download-size": download_size(selected),
            "installed-size": selected.entry.installed_size,
            "repositories": selection.repositories_of(selected),
            "reasons": selected.reasons.iter().map(reason_document).collect::<Vec<_>>(),
        })
    });
    json!({
        "packages": packages.collect::<Vec<_>>(),
        "download-size": totals.download,
        "installed-size": totals.installed,
    })
}

fn reason_document(reason: &Reason) -> Value {
    match reason {
        Reason::Asked { wish } => json!({ "kind": "asked", "wish": wish.to_string() }),
        Reason::Needed { by, dependency } => {
            json!({ "kind": "needed", "by": by.as_str(), "dependency": dependency.to_string() })
        }
        Reason::InstallIf { conditions } => {
            let conditions: Vec<String> = conditions.iter().map(ToString::to_string).collect();
            json!({ "kind": "install-if", "conditions": conditions })
        }
    }
}
