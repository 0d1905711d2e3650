//! Layers applied one over another into a tree (image-spec layer.md), whoever made them.
//!
//! Whiteouts of a layer act on what is below it and never on its own entries, so they are applied first. A path whose
//! parent is a symbolic link goes where the link leads, always inside the image. What would leave it, or stand in a
//! file as if that were a folder, is refused. Devices and pipes are passed over, because a tree has no place for them.

use std::collections::BTreeMap;

use super::store::Allowance;
use crate::mapping::MappedSlice;
use crate::rootfs::{Content, Inode, InodeId, InodeKind, Metadata, Origin, Tree, TreeError};
use crate::tar_reader::{LONGEST_PATH, TarEntry, TarKind, TarReader};

/// How a name in a layer says that another is gone.
const WHITEOUT: &str = ".wh.";
/// How it says that all below its folder is gone.
const OPAQUE: &str = ".wh..wh..opq";
/// How deep folders may stand in one another. Nobody's do, and a tree is walked the slower the deeper it is.
const DEEPEST_FOLDER: usize = 255;
/// Bytes of the longest name, as in every file system (limits.h, NAME_MAX).
const LONGEST_NAME: usize = 255;
/// Bytes of memory that an inode takes, with its name in its folder.
const MEMORY_OF_INODE: u64 = 320;
/// Bytes of memory that the path of an entry takes, beside its letters.
const MEMORY_OF_PATH: u64 = 100;
/// How many links one path may lead through, as in the kernel (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Applies the layer `tar`, uncompressed, over `tree`, and gives the paths that it brought, folders among them. The
/// error says what is wrong with it.
pub(super) fn apply(tree: &mut Tree, tar: &MappedSlice, allowance: &mut Allowance) -> Result<Vec<String>, String> {
    // Names are read twice rather than kept: a layer may have hundreds of thousands.
    for entry in TarReader::new(tar) {
        let entry = entry?;
        if is_left_out(&entry) {
            continue;
        }
        let path = normal(&entry.path_text()?)?;
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let Some(hidden) = name.strip_prefix(WHITEOUT) else { continue };
        let Some(folder) = existing_folder(tree, folder)? else { continue };
        if name == OPAQUE {
            let id = tree.lookup(&folder);
            let names: Vec<Box<str>> = id
                .and_then(|id| tree.children(id))
                .map(|children| children.keys().cloned().collect())
                .unwrap_or_default();
            for name in names {
                tree.remove(&join(&folder, &name));
            }
        } else if !matches!(hidden, "" | "." | "..") && !hidden.starts_with(WHITEOUT) {
            tree.remove(&join(&folder, hidden));
        }
    }
    let mut brought = Vec::new();
    for entry in TarReader::new(tar) {
        let entry = entry?;
        if is_left_out(&entry) {
            continue;
        }
        let path = normal(&entry.path_text()?)?;
        let name = path.rsplit('/').next().unwrap_or(&path);
        if name.starts_with(WHITEOUT) {
            continue;
        }
        let before = tree.inode_count();
        let went =
            put(tree, &path, &entry, tar).map_err(|reason| format!("`{}`: {reason}", path.replace('\n', "\\n")))?;
        let made = (tree.inode_count() - before) as u64;
        let attributes: usize = entry.xattrs()?.values().map(Vec::len).sum();
        allowance.take_memory(made * MEMORY_OF_INODE + MEMORY_OF_PATH + 3 * went.len() as u64 + attributes as u64)?;
        brought.push(went);
    }
    Ok(brought)
}

/// Whether a tree has no place for `entry`.
fn is_left_out(entry: &TarEntry<'_>) -> bool {
    matches!(entry.kind(), TarKind::CharacterDevice | TarKind::BlockDevice | TarKind::Pipe)
}

/// Puts `entry` into `tree` and gives the path where it went.
fn put(tree: &mut Tree, path: &str, entry: &TarEntry<'_>, tar: &MappedSlice) -> Result<String, String> {
    let metadata = Metadata {
        mode: entry.mode()?,
        uid: entry.uid()?,
        gid: entry.gid()?,
        mtime: entry.mtime()?,
        xattrs: entry.xattrs()?,
        origin: Origin::Generated,
    };
    if path.is_empty() {
        return if entry.kind() == TarKind::Directory {
            tree.inode_mut(Tree::ROOT).metadata = metadata;
            Ok(String::new())
        } else {
            Err("the root is not a folder".to_owned())
        };
    }
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = made_folder(tree, parent)?;
    let path = join(&parent, name);
    let tree_error = |error: TreeError| error.to_string();
    let kind = match entry.kind() {
        TarKind::Directory => {
            if let Some(id) = tree.lookup(&path)
                && tree.children(id).is_some()
            {
                tree.inode_mut(id).metadata = metadata;
                return Ok(path);
            }
            InodeKind::Directory(BTreeMap::new())
        }
        TarKind::Symlink => match entry.target_text()? {
            target if target.is_empty() => {
                return Err("it is a symbolic link to nothing, which no system can make".to_owned());
            }
            target => InodeKind::Symlink(target),
        },
        TarKind::HardLink => {
            let target = normal(&entry.target_text()?)?;
            let id = existing(tree, &target)?
                .ok_or_else(|| format!("it is a hard link to `{target}`, which is not there"))?;
            if tree.children(id).is_some() {
                return Err(format!("it is a hard link to `{target}`, which is a folder"));
            }
            if tree.lookup(&path) != Some(id) {
                tree.remove(&path);
                tree.link(&path, id).map_err(tree_error)?;
            }
            return Ok(path);
        }
        _ => {
            let content = tar.slice(entry.content()).ok_or("its bytes lie outside the layer")?;
            InodeKind::File { content: Content::Mapped(content), checksum: None }
        }
    };
    tree.remove(&path);
    tree.insert(&path, Inode { kind, metadata }).map_err(tree_error)?;
    Ok(path)
}

/// Makes the folder `path` and its missing parents in `tree` as an engine would: links on the way are followed, and
/// what is made is 0755 and root's. The error says what is in the way.
pub fn make_folder(tree: &mut Tree, path: &str) -> Result<(), String> {
    made_folder(tree, &normal(path)?).map(drop)
}

/// A path of a tar in the tree's form.
fn normal(name: &str) -> Result<String, String> {
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err(format!("`{name}` would lead out of the image"));
    }
    if parts.len() > DEEPEST_FOLDER {
        return Err(format!("a path lies deeper than {DEEPEST_FOLDER} folders"));
    }
    if let Some(part) = parts.iter().find(|part| part.len() > LONGEST_NAME) {
        let (begin, length) = (part.chars().take(20).collect::<String>(), part.len());
        return Err(format!("the name `{begin}…` has {length} bytes, more than {LONGEST_NAME}"));
    }
    Ok(parts.join("/"))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The inode that `path` names, links above it followed, itself not.
fn existing(tree: &Tree, path: &str) -> Result<Option<InodeId>, String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    Ok(existing_folder(tree, folder)?.and_then(|folder| tree.lookup(&join(&folder, name))))
}

/// Where the folder `path` really is, all links followed; `None` if there is none.
fn existing_folder(tree: &Tree, path: &str) -> Result<Option<String>, String> {
    follow(tree, path).map(|(real, missing)| missing.is_empty().then_some(real))
}

/// The same, but what is missing is made, as engines do: 0755 and root's.
fn made_folder(tree: &mut Tree, path: &str) -> Result<String, String> {
    let (mut real, missing) = follow(tree, path)?;
    for name in missing {
        real = join(&real, &name);
        let metadata =
            Metadata { mode: 0o755, uid: 0, gid: 0, mtime: 0, xattrs: BTreeMap::new(), origin: Origin::Generated };
        let folder = Inode { kind: InodeKind::Directory(BTreeMap::new()), metadata };
        tree.insert(&real, folder).map_err(|error| error.to_string())?;
    }
    Ok(real)
}

/// Follows `path` as chroot(2) would: how far it exists, and the names that are missing below that.
fn follow(tree: &Tree, path: &str) -> Result<(String, Vec<String>), String> {
    let mut real = String::new();
    let mut ahead: Vec<String> = path.rsplit('/').map(str::to_owned).collect();
    let mut links = 0;
    while let Some(part) = ahead.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                real.truncate(real.rfind('/').unwrap_or(0));
                continue;
            }
            _ => {}
        }
        let next = join(&real, &part);
        if next.len() > LONGEST_PATH {
            return Err(format!("its path leads to one of more than {LONGEST_PATH} bytes"));
        }
        if next.matches('/').count() >= DEEPEST_FOLDER {
            return Err(format!("it lies deeper than {DEEPEST_FOLDER} folders"));
        }
        match tree.get(&next).map(|inode| &inode.kind) {
            Some(InodeKind::Directory(_)) => real = next,
            Some(InodeKind::Symlink(target)) => {
                links += 1;
                if links > MOST_LINKS || target.len() > LONGEST_PATH {
                    return Err(format!("`{next}` leads through too many links"));
                }
                if target.starts_with('/') {
                    real.clear();
                }
                ahead.extend(target.rsplit('/').map(str::to_owned));
            }
            Some(InodeKind::File { .. }) => return Err(format!("`{next}` is a file, not a folder")),
            None => {
                // A missing name ends the way; what follows must be names that can be made.
                ahead.push(part);
                ahead.reverse();
                let missing: Vec<String> =
                    ahead.into_iter().filter(|part| !matches!(part.as_str(), "" | ".")).collect();
                if missing.iter().any(|part| part == "..") {
                    return Err(format!("`{next}` is not there, and a link leads through it"));
                }
                return Ok((real, missing));
            }
        }
    }
    Ok((real, Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::super::header::{self, Kind, OwnerNames};
    use super::*;
    use crate::tar_reader::padding;

    /// A layer of entries written as `name`, `name/`, `name -> target`, `name => hard link`; a file holds its own name.
    fn layer(entries: &[&str]) -> MappedSlice {
        let metadata =
            Metadata { mode: 0o755, uid: 0, gid: 0, mtime: 0, xattrs: BTreeMap::new(), origin: Origin::Generated };
        let mut bytes = Vec::new();
        for entry in entries {
            let mut write = |name: &str, kind| {
                header::write(&mut bytes, name, kind, &metadata, &OwnerNames::default()).unwrap();
            };
            if let Some((name, target)) = entry.split_once(" -> ") {
                write(name, Kind::Symlink(target));
            } else if let Some((name, target)) = entry.split_once(" => ") {
                write(name, Kind::HardLink(target));
            } else if let Some(name) = entry.strip_suffix('/') {
                write(name, Kind::Directory);
            } else {
                write(entry, Kind::File(entry.len() as u64));
                bytes.extend_from_slice(entry.as_bytes());
                bytes.resize(bytes.len() + padding(entry.len() as u64), 0);
            }
        }
        bytes.into()
    }

    /// The tree of `layers` in the same notation.
    fn applied(layers: &[&[&str]]) -> Result<String, String> {
        let mut tree = Tree::new();
        for entries in layers {
            apply(&mut tree, &layer(entries), &mut Allowance::for_stored(1 << 20))?;
        }
        let lines: Vec<String> = tree
            .walk()
            .map(|(path, id)| match &tree.inode(id).kind {
                InodeKind::Directory(_) => format!("{path}/"),
                InodeKind::Symlink(target) => format!("{path} -> {target}"),
                InodeKind::File { content, .. } => format!("{path}: {}", String::from_utf8_lossy(content)),
            })
            .collect();
        Ok(lines.join(" "))
    }

    #[test]
    fn layers_lie_over_one_another() {
        let table: [(&[&[&str]], &str); 9] = [
            (&[&["a/", "a/b"], &["a/b", "./c"]], "a/ a/b: a/b c: ./c"),
            (&[&["deep/er/file"]], "deep/ deep/er/ deep/er/file: deep/er/file"),
            (&[&["a/", "a/b", "a/c"], &["a/.wh.b"]], "a/ a/c: a/c"),
            (&[&["a/", "a/b", "a/c"], &["a/d", "a/.wh..wh..opq"]], "a/ a/d: a/d"),
            (&[&["a"], &[".wh.a", "a/"]], "a/"),
            (&[&["a/", "a/b"], &["a"]], "a: a"),
            (&[&["a"], &["b => a"], &["a"]], "a: a b: a"),
            (
                &[&["usr/", "usr/bin/", "bin -> usr/bin"], &["bin/sh"]],
                "bin -> usr/bin usr/ usr/bin/ usr/bin/sh: bin/sh",
            ),
            (&[&["up -> ../../.."], &["up/f"]], "f: up/f up -> ../../.."),
        ];
        for (layers, expected) in table {
            assert_eq!(applied(layers).unwrap(), expected, "{layers:?}");
        }
    }

    #[test]
    fn what_would_leave_the_image_is_refused() {
        let (deep, folder, long) = ("a/".repeat(256), "a/".repeat(255), "n".repeat(256));
        let (link, below) = (format!("b -> {folder}"), "b/c/d".to_owned());
        let table: [(&[&str], &str); 12] = [
            (&["a -> no/../etc", "a/b"], "`a/b`: `no` is not there, and a link leads through it"),
            (&["../etc/passwd"], "`../etc/passwd` would lead out of the image"),
            (&["a/../../b"], "`a/../../b` would lead out of the image"),
            (&["a => ../b"], "`a`: `../b` would lead out of the image"),
            (&["a => b"], "`a`: it is a hard link to `b`, which is not there"),
            (&["d/", "a => d"], "`a`: it is a hard link to `d`, which is a folder"),
            (&["a", "a/b"], "`a/b`: `a` is a file, not a folder"),
            (&["a -> b", "b -> a", "a/c"], "`a/c`: `a` leads through too many links"),
            (&["a -> "], "`a`: it is a symbolic link to nothing, which no system can make"),
            (&[&long], "the name `nnnnnnnnnnnnnnnnnnnn…` has 256 bytes, more than 255"),
            (&[&deep], "a path lies deeper than 255 folders"),
            (&[&folder, &link, &below], "`b/c/d`: it lies deeper than 255 folders"),
        ];
        for (entries, expected) in table {
            assert_eq!(applied(&[entries]).unwrap_err(), expected);
        }
    }
}
