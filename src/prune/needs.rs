//! Which packages something left still needs, and what it is.
//!
//! The recipe's own packages are needed. So is what a needed package depends on, save that a dependency on a shared
//! library (`so:`) which the package's own ELF files once stated ends with the last of those files, and one on a
//! pkg-config file (`pc:`) with the package's last such file. A dependency that no file states (a library opened by
//! name, a program) never ends. A package that came in by `install_if` is needed as long as its conditions are. A
//! package that brought no files itself is there as long as all that it brings in is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::decision::{Decisions, Verdict};
use super::elf::{self, ElfNeeds};
use super::inventory::{EntryId, Inventory, Kind};
use super::report::PackageReason;
use crate::rootfs::{InstalledPackage, PackageId};

/// What every ELF file asks for.
pub(super) type ElfFiles = BTreeMap<EntryId, ElfNeeds>;

/// Reads the ELF files of an inventory.
pub(super) fn elf_files(inventory: &Inventory<'_>) -> ElfFiles {
    inventory
        .ids()
        .filter(|id| inventory.entry(*id).kind == Kind::File)
        .filter_map(|id| Some((id, elf::read(inventory.content(id)?)?)))
        .collect()
}

/// Why each package is needed, `None` where nothing left needs it.
pub(super) fn needed_packages(
    inventory: &Inventory<'_>,
    elf_files: &ElfFiles,
    decisions: &Decisions,
    packages: &[InstalledPackage],
    named: &[String],
) -> Vec<Option<PackageReason>> {
    let mut search = Search {
        packages,
        providers: providers(packages),
        ended: ended_dependencies(inventory, elf_files, decisions, packages),
        alive: alive(inventory, decisions, packages),
        reasons: vec![None; packages.len()],
        queue: Vec::new(),
    };
    for word in named {
        if let Some(name) = dependency_name(word) {
            search.reach(name, &PackageReason::Named { word: word.clone() });
        }
    }
    for id in inventory.ids() {
        let entry = inventory.entry(id);
        match (decisions.verdict(id), entry.package()) {
            (Verdict::Kept(pattern), Some(package)) => {
                search.mark(package.0 as usize, PackageReason::Keep { pattern: pattern.clone() });
            }
            (Verdict::Stays | Verdict::Kept(_), None) => {
                for soname in elf_files.get(&id).iter().flat_map(|needs| &needs.needed) {
                    search.reach(&format!("so:{soname}"), &PackageReason::File { path: entry.path.clone() });
                }
            }
            _ => {}
        }
    }
    search.run();
    search.reasons
}

struct Search<'a> {
    packages: &'a [InstalledPackage],
    providers: BTreeMap<&'a str, Vec<usize>>,
    /// For each package the dependencies that ended with its files.
    ended: Vec<BTreeSet<String>>,
    /// Packages of which something is left, or which never had anything.
    alive: Vec<bool>,
    reasons: Vec<Option<PackageReason>>,
    queue: Vec<usize>,
}

impl Search<'_> {
    /// Every package that provides `name` is needed for `reason`.
    fn reach(&mut self, name: &str, reason: &PackageReason) {
        for package in self.providers.get(name).cloned().unwrap_or_default() {
            self.mark(package, reason.clone());
        }
    }

    /// The package is needed, unless nothing is left of it. The first reason counts.
    fn mark(&mut self, package: usize, reason: PackageReason) {
        if self.alive.get(package) == Some(&true)
            && let Some(slot @ None) = self.reasons.get_mut(package)
        {
            *slot = Some(reason);
            self.queue.push(package);
        }
    }

    fn run(&mut self) {
        loop {
            while let Some(index) = self.queue.pop() {
                let Some(package) = self.packages.get(index) else { continue };
                for dependency in &package.info.depends {
                    let Some(name) = dependency_name(dependency) else { continue };
                    if self.ended.get(index).is_some_and(|ended| ended.contains(name)) {
                        continue;
                    }
                    let by = package.info.name.clone();
                    self.reach(name, &PackageReason::Dependency { by, dependency: dependency.clone() });
                }
            }
            for (index, package) in self.packages.iter().enumerate() {
                let conditions = &package.info.install_if;
                if !conditions.is_empty() && conditions.iter().all(|condition| self.holds(condition)) {
                    self.mark(index, PackageReason::InstallIf { conditions: conditions.clone() });
                }
            }
            if self.queue.is_empty() {
                return;
            }
        }
    }

    /// Whether an install_if condition still holds. `!name` held when the package was chosen, and taking away keeps it.
    fn holds(&self, condition: &str) -> bool {
        dependency_name(condition).is_none_or(|name| {
            self.providers
                .get(name)
                .is_some_and(|packages| packages.iter().any(|index| matches!(self.reasons.get(*index), Some(Some(_)))))
        })
    }
}

/// The packages behind each name, their own names among them.
fn providers(packages: &[InstalledPackage]) -> BTreeMap<&str, Vec<usize>> {
    let mut providers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, package) in packages.iter().enumerate() {
        let provided = package.info.provides.iter().filter_map(|provided| dependency_name(provided));
        for name in provided.chain([package.info.name.as_str()]) {
            providers.entry(name).or_default().push(index);
        }
    }
    providers
}

/// The name in `name`, `name>=1`, `name@tag`; `None` for a conflict.
pub(super) fn dependency_name(word: &str) -> Option<&str> {
    let name = word.split(['<', '>', '=', '~', '@']).next()?;
    (!name.is_empty() && !name.starts_with('!')).then_some(name)
}

/// For each package the `so:` and `pc:` names that its files stated and that no file which stays states.
fn ended_dependencies(
    inventory: &Inventory<'_>,
    elf_files: &ElfFiles,
    decisions: &Decisions,
    packages: &[InstalledPackage],
) -> Vec<BTreeSet<String>> {
    let mut ended = vec![BTreeSet::new(); packages.len()];
    let mut has_pkg_config = vec![false; packages.len()];
    for (id, needs) in elf_files {
        if let Some(ended) = slot(&mut ended, inventory.entry(*id).package()) {
            ended.extend(needs.needed.iter().map(|soname| format!("so:{soname}")));
        }
    }
    for (id, needs) in elf_files.iter().filter(|(id, _)| !decisions.goes(**id)) {
        if let Some(ended) = slot(&mut ended, inventory.entry(*id).package()) {
            for soname in &needs.needed {
                ended.remove(&format!("so:{soname}"));
            }
        }
    }
    for id in inventory.ids().filter(|id| !decisions.goes(*id)) {
        let entry = inventory.entry(id);
        if Path::new(&entry.path).extension().is_some_and(|extension| extension == "pc")
            && let Some(has) = slot(&mut has_pkg_config, entry.package())
        {
            *has = true;
        }
    }
    for ((ended, has_pkg_config), package) in ended.iter_mut().zip(has_pkg_config).zip(packages) {
        if !has_pkg_config {
            let names = package.info.depends.iter().filter_map(|word| dependency_name(word));
            ended.extend(names.filter(|name| name.starts_with("pc:")).map(str::to_owned));
        }
    }
    ended
}

/// Packages of which something is left, or which never had anything.
fn alive(inventory: &Inventory<'_>, decisions: &Decisions, packages: &[InstalledPackage]) -> Vec<bool> {
    let mut had = vec![false; packages.len()];
    for entry in inventory.entries.iter().filter(|entry| entry.kind != Kind::Directory) {
        if let Some(had) = slot(&mut had, entry.package()) {
            *had = true;
        }
    }
    let left = decisions.packages_with_files(inventory, packages.len());
    let mut alive: Vec<bool> = had.iter().zip(left).map(|(had, left)| left || !had).collect();
    let providers = providers(packages);
    loop {
        let broken = packages.iter().enumerate().find(|(index, package)| {
            let of = |list: &[bool]| list.get(*index).copied().unwrap_or_default();
            of(&alive)
                && !of(&had)
                && package.info.depends.iter().filter_map(|word| dependency_name(word)).any(|name| {
                    providers.get(name).is_some_and(|them| them.iter().all(|it| alive.get(*it) == Some(&false)))
                })
        });
        match broken.and_then(|(index, _)| alive.get_mut(index)) {
            Some(alive) => *alive = false,
            None => return alive,
        }
    }
}

fn slot<T>(list: &mut [T], package: Option<PackageId>) -> Option<&mut T> {
    list.get_mut(package?.0 as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_dependencies() {
        for (word, name) in [
            ("busybox", Some("busybox")),
            ("python3~3.12", Some("python3")),
            ("so:libz.so.1=1.3", Some("so:libz.so.1")),
            ("nginx@edge", Some("nginx")),
            ("/bin/sh", Some("/bin/sh")),
            ("!uclibc", None),
            ("", None),
            (">=1", None),
        ] {
            assert_eq!(dependency_name(word), name, "{word}");
        }
    }
}
