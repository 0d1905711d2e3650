//! Every path of a tree with what deciding needs to know about it, in the tree's own order.
//!
//! Decisions are made on this list and carried out at the end, so that a refusal leaves the tree as it was. Links are
//! followed here, inside the image only: a target that climbs above the root stays at the root, as the kernel has it.

use std::collections::{BTreeSet, HashMap};

use rustc_hash::FxHashMap;

use crate::digest::Sha1Digest;
use crate::rootfs::{Content, InodeId, InodeKind, Origin, PackageId, Tree};

/// A place in [`Inventory::entries`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EntryId(pub u32);

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
    Symlink,
}

/// One path.
pub(crate) struct Entry {
    pub path: String,
    pub inode: InodeId,
    pub origin: Origin,
    pub kind: Kind,
    /// Bytes of a file's contents; zero for anything else.
    pub size: u64,
}

impl Entry {
    /// The package that brought it, itself or by its script.
    pub(crate) fn package(&self) -> Option<PackageId> {
        match self.origin {
            Origin::Package(id) | Origin::Script(id) => Some(id),
            Origin::Copied | Origin::Stage | Origin::Generated => None,
        }
    }

    /// Whether rules and reachability may take it. What the user wrote and what this program made is not theirs.
    pub(crate) fn is_prunable(&self) -> bool {
        matches!(self.origin, Origin::Package(_) | Origin::Script(_) | Origin::Stage)
    }
}

/// All paths of a tree.
pub(crate) struct Inventory<'tree> {
    tree: &'tree Tree,
    pub entries: Vec<Entry>,
    by_path: FxHashMap<String, EntryId>,
    /// How many names an inode has, where it has more than one.
    names: HashMap<InodeId, u32>,
}

/// Links that are followed in one path before it is given up (path_resolution(7)).
const MAX_LINKS: usize = 40;

impl<'tree> Inventory<'tree> {
    /// Lists `tree`.
    pub(crate) fn of(tree: &'tree Tree) -> Self {
        let mut entries = Vec::new();
        let mut by_path = FxHashMap::default();
        let mut names: HashMap<InodeId, u32> = HashMap::new();
        for (path, inode) in tree.walk() {
            let (kind, size) = match &tree.inode(inode).kind {
                InodeKind::Directory(_) => (Kind::Directory, 0),
                InodeKind::File { content, .. } => (Kind::File, content.len() as u64),
                InodeKind::Symlink(_) => (Kind::Symlink, 0),
            };
            by_path.insert(path.clone(), EntryId(entries.len() as u32));
            *names.entry(inode).or_default() += 1;
            entries.push(Entry { path, inode, origin: tree.inode(inode).metadata.origin, kind, size });
        }
        names.retain(|_, count| *count > 1);
        Self { tree, entries, by_path, names }
    }

    /// The entry behind `id`.
    pub(crate) fn entry(&self, id: EntryId) -> &Entry {
        &self.entries[id.0 as usize]
    }

    /// All ids in order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = EntryId> + use<> {
        (0..self.entries.len() as u32).map(EntryId)
    }

    /// The entry at just this path, no link followed.
    pub(crate) fn find(&self, path: &str) -> Option<EntryId> {
        self.by_path.get(path).copied()
    }

    /// The bytes of a file.
    pub(crate) fn content(&self, id: EntryId) -> Option<&'tree Content> {
        match &self.tree.inode(self.entry(id).inode).kind {
            InodeKind::File { content, .. } => Some(content),
            _ => None,
        }
    }

    /// The names in a folder.
    pub(crate) fn children(&self, id: EntryId) -> impl Iterator<Item = &'tree str> + use<'tree> {
        self.tree.children(self.entry(id).inode).into_iter().flatten().map(|(name, _)| &**name)
    }

    /// The SHA-1 of a file's contents, where somebody computed it.
    pub(crate) fn checksum(&self, id: EntryId) -> Option<Sha1Digest> {
        match &self.tree.inode(self.entry(id).inode).kind {
            InodeKind::File { checksum, .. } => *checksum,
            _ => None,
        }
    }

    /// The file that `path` leads to, links followed.
    pub(crate) fn file_at(&self, path: &str) -> Option<EntryId> {
        self.resolve(path, &mut Vec::new()).filter(|id| self.entry(*id).kind == Kind::File)
    }

    /// The folder that `path` leads to, links followed.
    pub(crate) fn folder_at(&self, path: &str) -> Option<EntryId> {
        self.resolve(path, &mut Vec::new()).filter(|id| self.entry(*id).kind == Kind::Directory)
    }

    /// Whether the way to `path`, which names no entry itself, ends at a folder or a file without any link before that,
    /// so that it leads nowhere. This is what most questions come to, and answering them part by part takes far longer.
    fn ends_before(&self, path: &str) -> bool {
        if !is_plain(path) {
            return false;
        }
        let mut before = path;
        loop {
            match self.find(before) {
                Some(id) => return self.entry(id).kind != Kind::Symlink,
                None if before.is_empty() => return true,
                None => before = parent(before),
            }
        }
    }

    /// How many names the inode of `id` has.
    pub(crate) fn name_count(&self, id: EntryId) -> u32 {
        self.names.get(&self.entry(id).inode).copied().unwrap_or(1)
    }

    /// The inodes that have several names, with their number.
    pub(crate) fn shared_inodes(&self) -> HashMap<InodeId, u32> {
        self.names.clone()
    }

    /// What `path` leads to when every link on the way is followed: the entry, and in `visited` each link that was
    /// followed. `None` where it leads nowhere, in circles, or to the root itself.
    pub(crate) fn resolve(&self, path: &str, visited: &mut Vec<EntryId>) -> Option<EntryId> {
        if let Some(id) = self.find(path)
            && self.entry(id).kind != Kind::Symlink
        {
            return Some(id);
        }
        if self.ends_before(path) {
            return None;
        }
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut current = String::new();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    current.truncate(current.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let next = if current.is_empty() { part } else { format!("{current}/{part}") };
            let id = self.find(&next)?;
            match &self.tree.inode(self.entry(id).inode).kind {
                InodeKind::Symlink(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return None;
                    }
                    visited.push(id);
                    if target.starts_with('/') {
                        current.clear();
                    }
                    rest.extend(target.split('/').rev().map(str::to_owned));
                }
                InodeKind::File { .. } if rest.iter().any(|part| !matches!(part.as_str(), "" | ".")) => return None,
                _ => current = next,
            }
        }
        self.find(&current)
    }
}

/// Whether every part of `path` is a name: none is empty, and none begins with a dot, as `.` and `..` do.
fn is_plain(path: &str) -> bool {
    let mut starts = true;
    for byte in path.bytes() {
        if starts && matches!(byte, b'/' | b'.') {
            return false;
        }
        starts = byte == b'/';
    }
    !starts
}

/// The folder that holds `path`; empty for the root.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// The last part of `path`.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// What follows the last dot of `path`'s last part.
pub(crate) fn extension(path: &str) -> Option<&str> {
    file_name(path).rsplit_once('.').map(|(_, extension)| extension)
}

/// Whether `path` lies in `folder`, however deep.
pub(crate) fn below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Those that pip filled, which its records lie in, of a tree with these `folders`.
pub(crate) fn filled_by_pip<'path>(folders: impl Iterator<Item = &'path str>) -> BTreeSet<String> {
    folders.filter(|folder| folder.ends_with(".dist-info")).map(|folder| parent(folder).to_owned()).collect()
}

/// `path` as seen from `folder`, both below the root: `.` and `..` taken out by text, an absolute path on its own.
pub(crate) fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    parts.retain(|part| !part.is_empty());
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::tests::Sample;
    use super::*;

    #[test]
    fn paths_are_joined_inside_the_root() {
        for (folder, path, joined) in [
            ("usr/lib", "libz.so.1", "usr/lib/libz.so.1"),
            ("usr/lib", "../bin/sh", "usr/bin/sh"),
            ("usr/lib", "../../../../etc", "etc"),
            ("usr/lib", "/bin//./sh", "bin/sh"),
            ("", "bin/sh", "bin/sh"),
        ] {
            assert_eq!(join(folder, path), joined);
        }
    }

    #[test]
    fn links_are_followed_and_named() {
        let mut sample = Sample::default();
        sample.file("usr/lib/libz.so.1.3", "z").link("usr/lib/libz.so.1", "libz.so.1.3").link("lib", "usr/lib");
        sample.link("loop", "loop").link("up", "../../usr");
        let rootfs = sample.build();
        let inventory = Inventory::of(&rootfs.tree);
        let follow = |path: &str| {
            let mut visited = Vec::new();
            let found = inventory.resolve(path, &mut visited).map(|id| inventory.entry(id).path.clone());
            (found, visited.iter().map(|id| inventory.entry(*id).path.clone()).collect::<Vec<_>>())
        };
        assert_eq!(
            follow("lib/libz.so.1"),
            (Some("usr/lib/libz.so.1.3".into()), vec!["lib".into(), "usr/lib/libz.so.1".into()])
        );
        assert_eq!(follow("up/lib").0.as_deref(), Some("usr/lib"));
        assert_eq!(follow("loop").0, None);
        assert_eq!(follow("usr/lib/libz.so.1.3/x").0, None);
        for path in ["nothing", "usr/lib/nothing/more", "lib/nothing", "usr/./nothing", ""] {
            assert_eq!(follow(path).0, None, "{path}");
        }
        for path in ["usr/./lib/", "usr//lib", "usr/bin/../lib/../lib", "lib/.", "../usr/lib"] {
            assert_eq!(follow(path).0.as_deref(), (path != "usr/bin/../lib/../lib").then_some("usr/lib"), "{path}");
        }
    }
}
