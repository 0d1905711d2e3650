//! The rules by folder and package, applied, and after them the packages that nothing left needs.

use super::decision::Decisions;
use super::inventory::{EntryId, Inventory, Kind, file_name, parent};
use super::needs::{self, ElfFiles, dependency_name};
use super::policy::Policy;
use super::report::PackageReason;
use super::rules::{PYCACHE, Table};
use crate::rootfs::InstalledPackage;

/// The rule for packages that nothing left needs.
pub(super) const UNNEEDED_PACKAGE: &str = "unneeded-package";

/// Lets go what the rules name, unless a trace proved that something breaks without it.
pub(super) fn apply_rules(
    inventory: &Inventory<'_>,
    decisions: &mut Decisions,
    packages: &[InstalledPackage],
    policy: &Policy,
    required: &dyn Fn(EntryId) -> bool,
) {
    let table = Table::get();
    let named: Vec<bool> = packages
        .iter()
        .map(|package| policy.packages.iter().any(|word| dependency_name(word) == Some(&package.info.name)))
        .collect();
    for id in inventory.ids() {
        let entry = inventory.entry(id);
        if entry.kind == Kind::Directory || !entry.is_prunable() || decisions.goes(id) || required(id) {
            continue;
        }
        if file_name(parent(&entry.path)) == "__pycache__" {
            decisions.let_go(id, PYCACHE);
            continue;
        }
        let Some(rule) = table.rule_for(&entry.path) else { continue };
        let package = entry.package().map(|package| package.0 as usize);
        let wanted = package.is_some_and(|index| {
            named.get(index) == Some(&true) && packages.get(index).is_some_and(|it| rule.made_for(&it.info.name))
        });
        if !wanted {
            decisions.let_go(id, rule.name);
        }
    }
}

/// Lets go all files of packages that nothing left needs. Comes back with the reason of each that stays.
pub(super) fn drop_unneeded(
    inventory: &Inventory<'_>,
    elf_files: &ElfFiles,
    decisions: &mut Decisions,
    packages: &[InstalledPackage],
    policy: &Policy,
) -> Vec<Option<PackageReason>> {
    let reasons = needs::needed_packages(inventory, elf_files, decisions, packages, &policy.packages);
    if reasons.iter().all(Option::is_none) {
        // Nobody asked for anything: there is no knowing what is needed.
        return vec![Some(PackageReason::Untouched); packages.len()];
    }
    for id in inventory.ids() {
        let entry = inventory.entry(id);
        let needed = entry.package().and_then(|package| reasons.get(package.0 as usize)).is_none_or(Option::is_some);
        if !needed && entry.kind != Kind::Directory {
            decisions.let_go(id, UNNEEDED_PACKAGE);
        }
    }
    reasons
}
