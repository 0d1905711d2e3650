//! The packages of a plan: how many and how large, and as a tree of why each is there.
//!
//! Every package stands in the tree once. At its top is what was asked for and then what came by `install_if`; each
//! other package hangs below one that needs it, as near to the top as can be, so that circles of dependencies have a
//! place too.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};

use super::super::bytes::human;
use crate::pipeline::Selection;
use crate::resolve::{Reason, Selected};

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

/// Bytes to download for a selection, and bytes that it installs before anything is pruned.
pub(super) fn sizes(selection: &Selection) -> (u64, u64) {
    let Totals { download, installed, .. } = Totals::of(selection);
    (download, installed)
}

/// `what` with the sums of its packages, as a line.
pub(super) fn heading(what: &str, selection: &Selection) -> String {
    let Totals { packages, download, installed } = Totals::of(selection);
    let plural = if packages == 1 { "" } else { "s" };
    format!("{what}: {packages} package{plural}, {} to download, {} installed\n", human(download), human(installed))
}

/// A line a package: its name and version, its sizes, why it is there.
pub(super) fn tree(selection: &Selection) -> String {
    let places = Places::of(selection).top_down();
    let lines: Vec<(String, &Line<'_>)> = places
        .iter()
        .map(|line| (format!("{:indent$}{}", "", line.selected.entry, indent = 2 + 2 * line.depth), line))
        .collect();
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default().max(40);
    let mut text = String::new();
    for (name, Line { selected, upper, .. }) in lines {
        let (download, installed) = (human(download_size(selected)), human(selected.entry.installed_size));
        text.push_str(&format!("{name:<width$} {download:>9} {installed:>9}  {}\n", why(&selected.reasons, *upper)));
    }
    text
}

/// A package in the tree, with the package that it hangs below.
struct Line<'a> {
    depth: usize,
    selected: &'a Selected,
    upper: Option<&'a str>,
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

    /// Each package, those below it right after it.
    fn top_down(&self) -> Vec<Line<'a>> {
        let mut lines = Vec::new();
        let top = |selected: &&'a Selected| Line { depth: 0, selected, upper: None };
        let mut stack: Vec<Line<'_>> = self.tops.iter().rev().map(top).collect();
        while let Some(line) = stack.pop() {
            let name = line.selected.entry.name.as_str();
            let below = self.below.get(name).into_iter().flatten().rev();
            stack.extend(below.map(|selected| Line { depth: line.depth + 1, selected, upper: Some(name) }));
            lines.push(line);
        }
        lines
    }
}

/// Why a package stands where it does, in a few words: `asked for as python3`, `comes with bash and docs`, or, below
/// `upper`, `needed by upper (so:libz.so.1) and 4 others`.
fn why(reasons: &[Reason], upper: Option<&str>) -> String {
    let mut others = BTreeSet::new();
    let mut needed = Vec::new();
    for reason in reasons {
        match reason {
            Reason::Needed { by, dependency } if upper == Some(by.as_str()) => needed.push(dependency.to_string()),
            Reason::Needed { by, .. } => _ = others.insert(by.as_str()),
            Reason::Asked { wish } if upper.is_none() => return format!("asked for as {wish}"),
            Reason::InstallIf { conditions } if upper.is_none() => {
                let conditions: Vec<String> = conditions.iter().map(ToString::to_string).collect();
                return format!("comes with {}", conditions.join(" and "));
            }
            Reason::Asked { .. } | Reason::InstallIf { .. } => {}
        }
    }
    let others = match others.len() {
        0 => String::new(),
        1 => " and 1 other".to_owned(),
        count => format!(" and {count} others"),
    };
    format!("needed by {} ({}){others}", upper.unwrap_or_default(), needed.join(", "))
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
