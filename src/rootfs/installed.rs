//! The text of `lib/apk/db/installed`, of what is left of each package in the tree.
//!
//! The order of fields is apk's own (apk-tools `apk_db_fdb_write` and `apk_pkg_write_index_entry`): the fields of the
//! index, then `r q s f`, then folders in the order in which the package first names them, each with its files. Mode
//! and owner are what the package asks for, not what a script made of them; `M:` is left out at 0:0:755 and `a:` at
//! 0:0:644. A file that is gone, or that something else took the place of, has no `R:`, a folder that is gone no `F:`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::package::InstalledPackage;
use super::record::{Owner, Record, RecordKind};
use super::root_filesystem::Rootfs;
use super::tree::{InodeKind, Origin, PackageId, Tree};
use crate::apk::{Dependency, Identity, split_of_index};
use crate::digest::Sha1Digest;

/// A package of which something is left, with its records that still hold.
pub(super) struct Remaining<'rootfs> {
    pub(super) package: &'rootfs InstalledPackage,
    records: Vec<&'rootfs Record>,
}

/// What is left of each package, in install order. A package that nothing needs is missing, one that brought files and
/// of which no file is left, and one that brought only folders when none of them is left.
pub(super) fn remaining(rootfs: &Rootfs) -> Vec<Remaining<'_>> {
    (0u32..)
        .map(PackageId)
        .zip(&rootfs.packages)
        .filter(|(_, package)| !package.is_pruned)
        .filter_map(|(id, package)| {
            let records: Vec<&Record> =
                package.records.iter().filter(|record| is_left(&rootfs.tree, record, id)).collect();
            let brought_files = package.records.iter().any(|record| !record.is_folder());
            let is_left = match (brought_files, package.records.is_empty()) {
                (true, _) => records.iter().any(|record| !record.is_folder()),
                (false, false) => !records.is_empty(),
                (false, true) => true,
            };
            is_left.then_some(Remaining { package, records })
        })
        .collect()
}

fn is_left(tree: &Tree, record: &Record, id: PackageId) -> bool {
    if record.is_folder() {
        let real = tree.resolve(&record.path).and_then(|real| tree.lookup(&real));
        return real.is_some_and(|id| tree.children(id).is_some());
    }
    let Some(inode) = tree.resolve_parent(&record.path).and_then(|real| tree.get(&real)) else { return false };
    // What a script rewrote is still the package's; what the recipe or another package put there is not.
    let is_own = match inode.metadata.origin {
        Origin::Package(owner) => owner == id,
        Origin::Script(_) => true,
        Origin::Copied | Origin::Stage | Origin::Generated => false,
    };
    is_own && !matches!(inode.kind, InodeKind::Directory(_))
}

/// The database of `packages`, in their order, which apk has by name. `pins` has the repository tag of the packages that came from a tagged
/// repository, without its `@`.
pub(super) fn text(packages: &[Remaining<'_>], pins: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for remaining in packages {
        // Writing to a string cannot fail.
        let _ = write_package(&mut text, remaining, pins);
        text.push('\n');
    }
    text
}

fn write_package(text: &mut String, remaining: &Remaining<'_>, pins: &BTreeMap<String, String>) -> std::fmt::Result {
    let InstalledPackage { identity, info, arch, compressed_size, broken_script, .. } = remaining.package;
    writeln!(text, "C:{identity}\nP:{}\nV:{}", info.name, info.version)?;
    if !arch.is_empty() {
        writeln!(text, "A:{arch}")?;
    }
    writeln!(text, "S:{compressed_size}\nI:{}", info.installed_size)?;
    writeln!(text, "T:{}\nU:{}\nL:{}", info.description, info.url, info.license)?;
    for (field, value) in [('o', &info.origin), ('m', &info.maintainer)] {
        if !value.is_empty() {
            writeln!(text, "{field}:{value}")?;
        }
    }
    if info.build_date != 0 {
        writeln!(text, "t:{}", info.build_date)?;
    }
    if !info.commit.is_empty() {
        writeln!(text, "c:{}", info.commit)?;
    }
    if info.provider_priority != 0 {
        writeln!(text, "k:{}", info.provider_priority)?;
    }
    for (field, words) in [('D', &info.depends), ('p', &info.provides), ('i', &info.install_if)] {
        if !words.is_empty() {
            writeln!(text, "{field}:{}", dependencies(words))?;
        }
    }
    // Of a package without paths apk says no more.
    if remaining.records.is_empty() {
        return Ok(());
    }
    if !info.replaces.is_empty() {
        writeln!(text, "r:{}", dependencies(&info.replaces))?;
    }
    if info.replaces_priority != 0 {
        writeln!(text, "q:{}", info.replaces_priority)?;
    }
    if let Some(tag) = pins.get(&info.name) {
        writeln!(text, "s:{tag}")?;
    }
    if *broken_script {
        text.push_str("f:s\n");
    }
    write_paths(text, &remaining.records)
}

/// Dependencies as apk prints what it has read (`apk_blob_push_dep`): `foo~=1` is `foo~1`, `foo=>1` is `foo>=1`. What
/// is not a dependency is left as it is.
fn dependencies(words: &[String]) -> String {
    let printed = words.iter().map(|word| {
        split_of_index(word).map_or_else(|_| word.clone(), |split| Dependency::of_split(split).to_string())
    });
    printed.collect::<Vec<_>>().join(" ")
}

/// A folder of the package: its own record, where it has one (the root has none), and its files.
#[derive(Default)]
struct Folder<'record> {
    record: Option<&'record Record>,
    files: Vec<(&'record str, &'record Owner, Sha1Digest)>,
}

fn write_paths(text: &mut String, records: &[&Record]) -> std::fmt::Result {
    let mut order: Vec<(&str, Folder<'_>)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for record in records {
        let (path, file) = match record.kind {
            RecordKind::Folder => (record.path.as_str(), None),
            RecordKind::File { checksum } => {
                let (folder, name) = record.path.rsplit_once('/').unwrap_or(("", &record.path));
                (folder, Some((name, &record.owner, checksum)))
            }
        };
        let place = *places.entry(path).or_insert_with(|| {
            order.push((path, Folder::default()));
            order.len() - 1
        });
        if let Some((_, folder)) = order.get_mut(place) {
            match file {
                Some(file) => folder.files.push(file),
                None => folder.record = Some(record),
            }
        }
    }
    for (path, folder) in order {
        writeln!(text, "F:{path}")?;
        if let Some(Record { owner, .. }) = folder.record {
            write_owner(text, 'M', owner, 0o755)?;
        }
        for (name, owner, checksum) in folder.files {
            writeln!(text, "R:{name}")?;
            write_owner(text, 'a', owner, 0o644)?;
            writeln!(text, "Z:{}", Identity::Sha1(checksum))?;
        }
    }
    Ok(())
}

fn write_owner(text: &mut String, field: char, owner: &Owner, usual_mode: u32) -> std::fmt::Result {
    let Owner { uid, gid, mode, .. } = owner;
    let checksum = owner.xattrs_checksum();
    if (*uid, *gid, *mode) == (0, 0, usual_mode) && checksum.is_none() {
        return Ok(());
    }
    write!(text, "{field}:{uid}:{gid}:{mode:o}")?;
    if let Some(checksum) = checksum {
        write!(text, ":{}", Identity::Sha1(checksum))?;
    }
    writeln!(text)
}
