//! Making an image small without breaking it: what may go, what must stay, and the reason for each.
//!
//! Three profiles: `none` takes only what the recipe's `remove` names; `standard` goes by rules that stand in a table,
//! each with a name; `traced` follows what the command can reach. Everything is decided first and carried out at the
//! end, so a refusal leaves the tree as it was. The room reads and changes values: it opens no file. What is left of a
//! package's record in the installed database is the renderer's business, which reads the tree that is left here.

pub mod bytecode;
mod cuts;
mod decision;
mod elf;
mod error;
mod inventory;
mod leftovers;
mod needs;
mod node;
mod patterns;
mod policy;
mod python;
mod report;
mod rules;
mod standard;
#[cfg(test)]
mod tests;
mod trace;
mod traced;
mod why;

use std::collections::{BTreeSet, HashSet};

use crate::rootfs::{InodeId, InstalledPackage, Origin, Rootfs};

use decision::{Decisions, Verdict};
use inventory::{Inventory, Kind, join};
use patterns::Patterns;
use trace::Source;
use traced::Traced;

pub use error::Error;
pub use policy::{Bytecode, Policy, Profile};
pub use report::{Cut, KeptPath, PackageReason, PackageReport, PrunedPath, Reason, Report, RuleTotal, Unfollowed};
pub use trace::{Facts, News};

/// Makes ready what every pruning needs, whatever it is of. It may be called while there is nothing to prune yet.
pub fn prepare() {
    rules::Table::get();
}

/// Takes out of `rootfs` what `policy` lets go, and says what went and why the rest stayed.
///
/// # Errors
/// [`Error`] says what is refused; the tree is whole then.
pub fn prune(rootfs: &mut Rootfs, policy: &Policy) -> Result<Report, Error> {
    prune_knowing(rootfs, policy, &mut Facts::default())
}

/// As [`prune`], with what earlier runs read of the same contents; what is read anew is added to it.
pub fn prune_knowing(rootfs: &mut Rootfs, policy: &Policy, facts: &mut Facts) -> Result<Report, Error> {
    let keep = Patterns::new("keep", &policy.keep)?;
    let remove = Patterns::new("remove", &policy.remove)?;
    if let (Some(module), true) = (policy.drop.first(), policy.profile != Profile::Traced) {
        return Err(Error::DropWithoutTrace { module: module.clone(), profile: policy.profile.name() });
    }
    let inventory = Inventory::of(&rootfs.tree);
    let mut decisions = Decisions::new(&inventory);
    for id in inventory.ids() {
        let entry = inventory.entry(id);
        if let Some(pattern) = keep.first_match(&entry.path) {
            decisions.keep(id, pattern);
        } else if entry.kind != Kind::Directory
            && let Some(pattern) = remove.first_match(&entry.path)
        {
            decisions.let_go(id, format!("remove:{pattern}"));
        }
    }
    let mut traced = None;
    let reasons = match policy.profile {
        Profile::None => vec![Some(PackageReason::Untouched); rootfs.packages.len()],
        Profile::Standard | Profile::Traced => {
            let elf_files = needs::elf_files(&inventory);
            if policy.profile == Profile::Traced {
                trace::require_threads()?;
                let found = traced::trace(&inventory, &decisions, &rootfs.packages, policy, facts)?;
                traced::let_go_unreached(&inventory, &mut decisions, &rootfs.packages, policy, &found);
                traced = Some(found);
            }
            let required = |id| traced.as_ref().is_some_and(|traced| traced.reasons.is_required(id));
            standard::apply_rules(&inventory, &mut decisions, &rootfs.packages, policy, &required);
            standard::drop_unneeded(&inventory, &elf_files, &mut decisions, &rootfs.packages, policy)
        }
    };
    let unneeded: Vec<bool> = reasons.iter().map(Option::is_none).collect();
    let workdir = join("", &policy.workdir);
    leftovers::let_go(&rootfs.tree, &inventory, &mut decisions, &remove, &unneeded, &workdir);

    let mut report = write_report(&inventory, &decisions, &rootfs.packages, reasons, traced.as_ref());
    report.profile = policy.profile;
    report.unmatched = keep.unmatched(&inventory);
    report.unmatched.extend(remove.unmatched(&inventory));
    report.scripts = scripts(&inventory, policy, traced.as_ref());
    // Backwards, so that what a folder holds goes before the folder.
    for path in report.pruned.iter().rev() {
        rootfs.tree.remove(&path.path);
    }
    for (package, total) in rootfs.packages.iter_mut().zip(&report.packages) {
        package.is_pruned = total.reason.is_none();
    }
    Ok(report)
}

/// The Python files that are run as files: those that the command names, and those that a trace found to be.
fn scripts(inventory: &Inventory<'_>, policy: &Policy, traced: Option<&Traced>) -> Vec<String> {
    let workdir = join("", &policy.workdir);
    let named = policy.command.iter().filter_map(|word| inventory.file_at(&join(&workdir, word)));
    let found = traced.iter().flat_map(|traced| traced.scripts.iter().copied());
    let paths = named.chain(found).map(|id| inventory.entry(id).path.clone());
    paths.filter(|path| inventory::extension(path) == Some("py")).collect::<BTreeSet<_>>().into_iter().collect()
}

fn write_report(
    inventory: &Inventory<'_>,
    decisions: &Decisions,
    packages: &[InstalledPackage],
    reasons: Vec<Option<PackageReason>>,
    traced: Option<&Traced>,
) -> Report {
    let identifiers: Vec<String> =
        packages.iter().map(|package| format!("{}-{}", package.info.name, package.info.version)).collect();
    let mut report = Report::default();
    if let Some(traced) = traced {
        report.unfollowed.clone_from(&traced.unfollowed);
        report.cuts.clone_from(&traced.cuts);
    }
    report.packages = packages
        .iter()
        .zip(reasons)
        .map(|(package, reason)| PackageReport {
            name: package.info.name.clone(),
            version: package.info.version.clone(),
            files: 0,
            bytes: 0,
            pruned: 0,
            reason,
        })
        .collect();
    let mut names = inventory.shared_inodes();
    let mut counted: HashSet<InodeId> = HashSet::new();
    for id in inventory.ids() {
        let entry = inventory.entry(id);
        let package = entry.package().map(|package| package.0 as usize);
        let identifier = package.and_then(|index| identifiers.get(index)).cloned();
        let total = package.and_then(|index| report.packages.get_mut(index));
        if let Verdict::Goes(rule) = decisions.verdict(id) {
            // The bytes of a hard-linked file go with its last name.
            let last = names.get_mut(&entry.inode).is_none_or(|left| {
                *left -= 1;
                *left == 0
            });
            let bytes = if last { entry.size } else { 0 };
            report.bytes_before += bytes;
            if let Some(total) = total {
                total.pruned += bytes;
            }
            let rule_total = report.rules.entry(rule.to_string()).or_default();
            rule_total.paths += 1;
            rule_total.bytes += bytes;
            let path = entry.path.clone();
            report.pruned.push(PrunedPath { path, package: identifier, rule: rule.to_string(), bytes });
            continue;
        }
        if entry.kind == Kind::Directory {
            continue;
        }
        let first = inventory.name_count(id) == 1 || counted.insert(entry.inode);
        let bytes = if first { entry.size } else { 0 };
        report.bytes_before += bytes;
        report.bytes_after += bytes;
        if let Some(total) = total {
            total.files += 1;
            total.bytes += bytes;
        }
        let reached = traced.and_then(|traced| traced.reasons.edge(id, &traced.edges).map(|edge| (traced, edge)));
        let reason = match (decisions.verdict(id), entry.origin) {
            (Verdict::Kept(pattern), _) => Reason::Keep { pattern: pattern.clone() },
            _ if let Some((traced, edge)) = reached => match edge.from {
                Source::Root(root) => {
                    Reason::Root { what: traced.roots.get(root as usize).cloned().unwrap_or_default() }
                }
                Source::File(from) => Reason::Reached {
                    by: inventory.entry(from).path.clone(),
                    how: edge.how.to_string(),
                    line: edge.line,
                    required: edge.required,
                },
            },
            (_, Origin::Package(_) | Origin::Script(_)) => Reason::Package,
            (_, Origin::Copied) => Reason::Copied,
            (_, Origin::Stage) => Reason::Stage,
            (_, Origin::Generated) => Reason::Generated,
        };
        report.kept.push(KeptPath { path: entry.path.clone(), package: identifier, bytes: entry.size, reason });
    }
    report
}
