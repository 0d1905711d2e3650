//! A filesystem as a value: directories as ordered maps, all inodes in one table addressed by an id.
//!
//! A hard link is a second name for the same id, so nothing is reference-counted. Contents are not copied here: they
//! point into mapped cache files, or hold the few bytes that were made on the way. Paths are relative to the root,
//! without leading or trailing slash; the root itself is the empty path. A path given to this type is taken literally:
//! no method follows a symbolic link, so no package can lead another's files out of place.

use std::collections::{BTreeMap, btree_map};
use std::ops::Deref;
use std::sync::Arc;

use crate::digest::Sha1Digest;
use crate::mapping::MappedSlice;

/// The place of an inode in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(u32);

/// The place of a package in [`super::Rootfs::packages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub u32);

/// Who brought a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A package's archive.
    Package(PackageId),
    /// A package's install script.
    Script(PackageId),
    /// The recipe's `[[copy]]`, from the recipe's own folder: the application.
    Copied,
    /// The recipe's `[[copy]]` out of a stage, so in part dependencies that somebody else wrote.
    Stage,
    /// This program: accounts, the installed database, mount points, the recipe's links and folders.
    Generated,
}

/// What a file holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// Bytes that lie in a mapped file.
    Mapped(MappedSlice),
    /// Bytes made here.
    Bytes(Arc<Vec<u8>>),
}

impl Content {
    /// Changes the bytes; those of a mapped file, and those that another tree has as well, are copied first.
    pub fn change(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = match std::mem::replace(self, Self::from(Vec::new())) {
            Self::Mapped(slice) => slice.to_vec(),
            Self::Bytes(bytes) => Arc::unwrap_or_clone(bytes),
        };
        change(&mut bytes);
        *self = Self::from(bytes);
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(slice) => slice,
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Arc::new(bytes))
    }
}

/// Everything about an inode but what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Permission bits with set-id and sticky: at most 0o7777.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Extended attributes by full name.
    pub xattrs: BTreeMap<String, Vec<u8>>,
    /// Who brought it. For a directory that several packages list: the one that apk 3.0 has own it.
    pub origin: Origin,
}

/// A file, a folder or a symbolic link.
#[derive(Clone, Debug)]
pub struct Inode {
    /// What it is.
    pub kind: InodeKind,
    /// All else.
    pub metadata: Metadata,
}

/// What an [`Inode`] is.
#[derive(Clone, Debug)]
pub enum InodeKind {
    /// A folder: names to inodes, in order.
    Directory(BTreeMap<Box<str>, InodeId>),
    /// A file.
    File {
        /// Its bytes.
        content: Content,
        /// SHA-1 of the bytes where somebody computed it already (packages' files); the installed database wants it.
        checksum: Option<Sha1Digest>,
    },
    /// A symbolic link with its target as written.
    Symlink(String),
}

/// Why a path could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The folder that should hold the path is missing.
    #[error("`{path}`: its parent folder `{parent}` does not exist")]
    NoParent {
        /// The path asked for.
        path: String,
        /// The nearest missing parent.
        parent: String,
    },
    /// A parent of the path is a file or a link.
    #[error("`{path}`: `{parent}` is not a folder")]
    NotADirectory {
        /// The path asked for.
        path: String,
        /// What is not a folder.
        parent: String,
    },
    /// The path is empty, absolute, or has an empty, `.` or `..` part.
    #[error("`{path}` is not a path inside the image")]
    BadPath {
        /// As it was given.
        path: String,
    },
    /// A folder that is not empty stands where something else should go.
    #[error("`{path}` is a folder that is not empty")]
    DirectoryInTheWay {
        /// The path asked for.
        path: String,
    },
}

/// A root filesystem in memory.
#[derive(Clone, Debug)]
pub struct Tree {
    inodes: Vec<Inode>,
}

impl Tree {
    /// The inode of the root folder.
    pub const ROOT: InodeId = InodeId(0);

    /// An empty root folder, 0755, owned by root, that this program made.
    pub fn new() -> Self {
        let metadata =
            Metadata { mode: 0o755, uid: 0, gid: 0, mtime: 0, xattrs: BTreeMap::new(), origin: Origin::Generated };
        Self { inodes: vec![Inode { kind: InodeKind::Directory(BTreeMap::new()), metadata }] }
    }

    /// How many inodes were ever made in it.
    pub fn inode_count(&self) -> usize {
        self.inodes.len()
    }

    /// The inode behind `id`.
    ///
    /// # Panics
    /// Where `id` comes from another tree.
    pub fn inode(&self, id: InodeId) -> &Inode {
        &self.inodes[id.0 as usize]
    }

    /// The inode behind `id`, to be changed.
    ///
    /// # Panics
    /// Where `id` comes from another tree.
    pub fn inode_mut(&mut self, id: InodeId) -> &mut Inode {
        &mut self.inodes[id.0 as usize]
    }

    /// The inode at `path`, no link followed.
    pub fn lookup(&self, path: &str) -> Option<InodeId> {
        let mut current = Self::ROOT;
        if path.is_empty() {
            return Some(current);
        }
        for part in path.split('/') {
            current = *self.children(current)?.get(part)?;
        }
        Some(current)
    }

    /// The inode at `path`, no link followed.
    pub fn get(&self, path: &str) -> Option<&Inode> {
        self.lookup(path).map(|id| self.inode(id))
    }

    /// What `id` holds, if it is a folder.
    pub fn children(&self, id: InodeId) -> Option<&BTreeMap<Box<str>, InodeId>> {
        match &self.inode(id).kind {
            InodeKind::Directory(children) => Some(children),
            _ => None,
        }
    }

    /// What the folder `id` has under `name`.
    pub fn child(&self, id: InodeId, name: &str) -> Option<InodeId> {
        self.children(id)?.get(name).copied()
    }

    /// The bytes of the file at `path`, no link followed; `None` for anything that is not a file.
    pub fn file(&self, path: &str) -> Option<&Content> {
        match &self.get(path)?.kind {
            InodeKind::File { content, .. } => Some(content),
            _ => None,
        }
    }

    /// Puts `inode` at `path`, whose parent must be a folder, in place of a file, link or empty folder that is there.
    /// Other names of a replaced file keep it.
    pub fn insert(&mut self, path: &str, inode: Inode) -> Result<InodeId, TreeError> {
        self.insert_in(self.folder_of(path)?, path, inode)
    }

    /// The same for who knows which folder `path` is in.
    pub fn insert_in(&mut self, folder: InodeId, path: &str, inode: Inode) -> Result<InodeId, TreeError> {
        let name = self.room_in(folder, path)?;
        let id = self.add(inode);
        self.name(folder, name, id);
        Ok(id)
    }

    /// Keeps `inode` without a name, until [`Tree::link`] gives it one.
    pub fn add(&mut self, inode: Inode) -> InodeId {
        let id = InodeId(u32::try_from(self.inodes.len()).unwrap_or(u32::MAX));
        self.inodes.push(inode);
        id
    }

    /// Gives the inode `id` the further name `path`: a hard link. The same conditions as for [`Tree::insert`] hold.
    pub fn link(&mut self, path: &str, id: InodeId) -> Result<(), TreeError> {
        self.link_in(self.folder_of(path)?, path, id)
    }

    /// The same for who knows which folder `path` is in.
    pub fn link_in(&mut self, folder: InodeId, path: &str, id: InodeId) -> Result<(), TreeError> {
        let name = self.room_in(folder, path)?;
        self.name(folder, name, id);
        Ok(())
    }

    fn name(&mut self, folder: InodeId, name: &str, id: InodeId) {
        if let InodeKind::Directory(children) = &mut self.inode_mut(folder).kind {
            children.insert(name.into(), id);
        }
    }

    /// Makes the folder `path` and its missing parents with `metadata`; folders that are there stay as they are.
    pub fn make_directories(&mut self, path: &str, metadata: &Metadata) -> Result<InodeId, TreeError> {
        let mut current = Self::ROOT;
        for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
            let so_far = path.get(..end).unwrap_or(path);
            current = match self.lookup(so_far) {
                Some(id) if self.children(id).is_some() => id,
                Some(_) => {
                    return Err(TreeError::NotADirectory { path: path.to_owned(), parent: so_far.to_owned() });
                }
                None => self.insert(
                    so_far,
                    Inode { kind: InodeKind::Directory(BTreeMap::new()), metadata: metadata.clone() },
                )?,
            };
        }
        Ok(current)
    }

    /// Takes the name `path` away, with all below it if it is a folder. `false` where there is none.
    pub fn remove(&mut self, path: &str) -> bool {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(parent) = self.lookup(parent) else { return false };
        match &mut self.inode_mut(parent).kind {
            InodeKind::Directory(children) => children.remove(name).is_some(),
            _ => false,
        }
    }

    /// Every path with its inode, parents before what they hold, names in byte order; the root is not among them.
    pub fn walk(&self) -> Walk<'_> {
        Walk {
            tree: self,
            stack: self.children(Self::ROOT).map(|children| (String::new(), children.iter())).into_iter().collect(),
        }
    }

    /// The folder that a new entry for `path` belongs in.
    fn folder_of(&self, path: &str) -> Result<InodeId, TreeError> {
        let (parent, _) = path.rsplit_once('/').unwrap_or(("", path));
        if !parent.is_empty() && !parent.split('/').all(is_name) {
            return Err(TreeError::BadPath { path: path.to_owned() });
        }
        match self.lookup(parent) {
            Some(id) if self.children(id).is_some() => Ok(id),
            Some(_) => Err(TreeError::NotADirectory { path: path.to_owned(), parent: parent.to_owned() }),
            None => Err(TreeError::NoParent { path: path.to_owned(), parent: parent.to_owned() }),
        }
    }

    /// The name that a new entry for `path` has in `folder`, where there is room for it.
    fn room_in<'path>(&self, folder: InodeId, path: &'path str) -> Result<&'path str, TreeError> {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        if !is_name(name) {
            return Err(TreeError::BadPath { path: path.to_owned() });
        }
        let old = self.child(folder, name).and_then(|id| self.children(id));
        if old.is_some_and(|children| !children.is_empty()) {
            return Err(TreeError::DirectoryInTheWay { path: path.to_owned() });
        }
        Ok(name)
    }
}

/// Whether `part` of a path names an entry.
fn is_name(part: &str) -> bool {
    !matches!(part, "" | "." | "..")
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

/// The iterator of [`Tree::walk`].
pub struct Walk<'tree> {
    tree: &'tree Tree,
    /// The folders that are open: what their paths begin with, and what is left of them.
    stack: Vec<(String, btree_map::Iter<'tree, Box<str>, InodeId>)>,
}

impl Iterator for Walk<'_> {
    type Item = (String, InodeId);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (prefix, children) = self.stack.last_mut()?;
            let Some((name, id)) = children.next() else {
                self.stack.pop();
                continue;
            };
            let path = format!("{prefix}{name}");
            if let Some(children) = self.tree.children(*id) {
                self.stack.push((format!("{path}/"), children.iter()));
            }
            return Some((path, *id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Metadata {
        Tree::new().inode(Tree::ROOT).metadata.clone()
    }

    fn file(text: &str) -> Inode {
        Inode {
            kind: InodeKind::File { content: text.as_bytes().to_vec().into(), checksum: None },
            metadata: metadata(),
        }
    }

    #[test]
    fn a_walk_is_in_order_and_parents_come_first() {
        let mut tree = Tree::new();
        tree.make_directories("usr/lib", &metadata()).unwrap();
        tree.make_directories("bin", &metadata()).unwrap();
        let id = tree.insert("usr/lib/b", file("b")).unwrap();
        tree.link("usr/a", id).unwrap();
        let paths: Vec<String> = tree.walk().map(|(path, _)| path).collect();
        assert_eq!(paths, ["bin", "usr", "usr/a", "usr/lib", "usr/lib/b"]);
        assert_eq!(tree.lookup("usr/a"), tree.lookup("usr/lib/b"));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut tree = Tree::new();
        tree.make_directories("a/b", &metadata()).unwrap();
        tree.insert("f", file("f")).unwrap();
        let refused = |tree: &mut Tree, path: &str| tree.insert(path, file("x")).unwrap_err().to_string();
        assert_eq!(refused(&mut tree, "x/y"), "`x/y`: its parent folder `x` does not exist");
        assert_eq!(refused(&mut tree, "f/y"), "`f/y`: `f` is not a folder");
        assert_eq!(refused(&mut tree, "a"), "`a` is a folder that is not empty");
        assert_eq!(refused(&mut tree, "a/../b"), "`a/../b` is not a path inside the image");
        assert_eq!(refused(&mut tree, ""), "`` is not a path inside the image");
        assert!(tree.make_directories("f/g", &metadata()).is_err());
    }

    #[test]
    fn removal_takes_the_name_and_all_below() {
        let mut tree = Tree::new();
        tree.make_directories("a/b", &metadata()).unwrap();
        let id = tree.insert("a/b/c", file("c")).unwrap();
        tree.link("d", id).unwrap();
        assert!(tree.remove("a"));
        assert!(!tree.remove("a"));
        assert_eq!(tree.file("d").map(|content| content.to_vec()), Some(b"c".to_vec()));
        assert_eq!(tree.walk().count(), 1);
    }
}
