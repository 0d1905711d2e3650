//! What pruning leaves behind without a purpose: links to what went, and folders that became empty.
//!
//! A folder that a package brought empty has a purpose (a spool, a mount point), and so has one with an owner or mode
//! of its own; neither goes. The folders that every system has stay even when they become empty.

use super::decision::Decisions;
use super::inventory::{EntryId, Inventory, Kind, parent};
use super::patterns::Patterns;
use crate::rootfs::{Origin, Tree};

/// The rule for links whose target went.
pub(super) const DANGLING_LINK: &str = "dangling-link";
/// The rule for folders that became empty.
pub(super) const EMPTY_FOLDER: &str = "empty-folder";

/// Lets go what has no purpose any more, until there is no more of it.
///
/// `unneeded` tells of a package by its number whether all of it went, so that its empty folders go too; `workdir` is
/// below the root.
pub(super) fn let_go(
    tree: &Tree,
    inventory: &Inventory<'_>,
    decisions: &mut Decisions,
    remove: &Patterns,
    unneeded: &[bool],
    workdir: &str,
) {
    // Where each link led before anything went.
    let links: Vec<(EntryId, Vec<EntryId>)> = inventory
        .ids()
        .filter(|id| inventory.entry(*id).kind == Kind::Symlink && inventory.entry(*id).is_prunable())
        .filter_map(|id| {
            let mut way = Vec::new();
            let end = inventory.resolve(&inventory.entry(id).path, &mut way)?;
            way.push(end);
            Some((id, way))
        })
        .collect();
    loop {
        let mut changed = false;
        for (id, way) in &links {
            if way.iter().any(|step| step != id && decisions.goes(*step)) {
                changed |= decisions.let_go(*id, DANGLING_LINK);
            }
        }
        changed |= empty_folders(tree, inventory, decisions, remove, unneeded, workdir);
        if !changed {
            return;
        }
    }
}

fn empty_folders(
    tree: &Tree,
    inventory: &Inventory<'_>,
    decisions: &mut Decisions,
    remove: &Patterns,
    unneeded: &[bool],
    workdir: &str,
) -> bool {
    let count = inventory.entries.len();
    let mut had = vec![false; count];
    let mut has = vec![false; count];
    let mut changed = false;
    // Backwards, what a folder holds comes before the folder.
    for index in (0..count).rev() {
        let id = EntryId(index as u32);
        let entry = inventory.entry(id);
        if entry.kind == Kind::Directory && !has[index] && !decisions.goes(id) {
            let metadata = &tree.inode(entry.inode).metadata;
            let plain = metadata.uid == 0 && metadata.gid == 0 && metadata.mode == 0o755;
            let of_unneeded =
                entry.package().is_some_and(|package| unneeded.get(package.0 as usize).copied().unwrap_or_default());
            let in_use = is_base(&entry.path)
                || workdir == entry.path
                || workdir.strip_prefix(&entry.path).is_some_and(|rest| rest.starts_with('/'));
            if let Some(pattern) = remove.first_match(&entry.path) {
                changed |= decisions.let_go(id, format!("remove:{pattern}"));
            } else if !in_use
                && matches!(entry.origin, Origin::Package(_) | Origin::Stage)
                && (of_unneeded || (plain && had[index]))
            {
                changed |= decisions.let_go(id, EMPTY_FOLDER);
            }
        }
        if let Some(EntryId(folder)) = inventory.find(parent(&entry.path)) {
            had[folder as usize] = true;
            has[folder as usize] |= !decisions.goes(id);
        }
    }
    changed
}

/// Whether every system has this folder: all at the root, and those right below `usr`, `usr/local` and `var`. By
/// `lib-dynload` Python knows its own prefix, even when no module is left in it.
fn is_base(path: &str) -> bool {
    match path.rsplit_once('/') {
        None => true,
        Some((parent, name)) => {
            matches!(parent, "usr" | "usr/local" | "var" | "home")
                || (parent == "etc" && matches!(name, "apk" | "ssl"))
                || name == "lib-dynload"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_folders() {
        for (path, base) in [
            ("tmp", true),
            ("usr/share", true),
            ("var/lib", true),
            ("home/appuser", true),
            ("usr/share/doc", false),
            ("usr/lib/python3.12/test", false),
        ] {
            assert_eq!(is_base(path), base, "{path}");
        }
    }
}
