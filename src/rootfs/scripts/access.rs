//! How scripts get at the tree: paths as the shell sees them, reading, and making files that belong to the script.
//!
//! `/proc`, `/sys` and `/dev` are the running machine's. What a script reads or writes there is not understood, except
//! `/dev/null`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::tree::{Content, Inode, InodeId, InodeKind, Metadata, Origin};
use super::flow::{Flow, give_up, unknown};
use super::shell::Shell;

/// Bytes of the largest file that a script writes here.
const LARGEST: usize = 16 << 20;

/// Bytes of the longest path that the kernel takes (limits.h, `PATH_MAX` without the final zero).
const LONGEST_PATH: usize = 4095;

/// Bytes of the longest name that Linux's file systems take (limits.h, `NAME_MAX`).
const LONGEST_NAME: usize = 255;

impl Shell<'_> {
    /// `path` as seen from where the shell is, relative to the root, nothing resolved; `None` where it is longer than
    /// any path can be.
    fn place(&self, path: &str) -> Flow<Option<String>> {
        let place = match (path.starts_with('/'), &self.state.folder) {
            (true, _) => path.to_owned(),
            (false, Some(folder)) => format!("{folder}/{path}"),
            (false, None) => return unknown("the folder that it is in comes from what was not run"),
        };
        if place.len() > LONGEST_PATH && path.len() <= LONGEST_PATH {
            return give_up("its folders go deeper and deeper");
        }
        let fits = place.len() <= LONGEST_PATH && place.split('/').all(|part| part.len() <= LONGEST_NAME);
        Ok(fits.then_some(place))
    }

    /// `follow` of the tree, applied to what `path` means here.
    fn follow(
        &self,
        path: &str,
        follow: impl FnOnce(&super::super::tree::Tree, &str, &mut usize) -> Option<String>,
    ) -> Flow<Option<String>> {
        let Some(place) = self.place(path)? else { return Ok(None) };
        outside_machine(path, &place)?;
        let mut walked = 0;
        let real = follow(self.tree, &place, &mut walked);
        self.spend_work(walked)?;
        if let Some(real) = &real {
            outside_machine(path, real)?;
        }
        Ok(real)
    }

    /// The real path of what is at `path`, the last link followed; `None` where there is nothing.
    pub(super) fn existing(&self, path: &str) -> Flow<Option<String>> {
        if path == "/dev/null" {
            return Ok(None);
        }
        self.follow(path, super::super::tree::Tree::resolve_counted)
    }

    /// The real path of the entry at `path`, the last link not followed; `None` where its folder is missing.
    pub(super) fn entry(&self, path: &str) -> Flow<Option<String>> {
        let real = self.follow(path, super::super::tree::Tree::resolve_parent_counted)?;
        Ok(real.filter(|real| self.is_folder_at(parent(real))))
    }

    /// The real path at which a file opened for writing as `path` would be; `None` where its folder is missing.
    pub(super) fn writable(&self, path: &str) -> Flow<Option<String>> {
        let real = self.follow(path, super::super::tree::Tree::resolve_target_counted)?;
        Ok(real.filter(|real| self.is_folder_at(parent(real))))
    }

    /// What is at the real path `real`.
    pub(super) fn at(&self, real: &str) -> Option<&Inode> {
        self.tree.get(real)
    }

    pub(super) fn is_folder_at(&self, real: &str) -> bool {
        self.tree.lookup(real).is_some_and(|id| self.tree.children(id).is_some())
    }

    /// The names in the folder `real`, in order; none where it is no folder.
    pub(super) fn names_in(&self, real: &str) -> Flow<Vec<String>> {
        let children = self.tree.lookup(real).and_then(|id| self.tree.children(id));
        self.spend_work(children.map_or(0, BTreeMap::len))?;
        Ok(children.into_iter().flat_map(BTreeMap::keys).map(std::string::ToString::to_string).collect())
    }

    /// The bytes of the file at `path`; `None` where there is none.
    pub(super) fn read_file(&mut self, path: &str) -> Flow<Option<Vec<u8>>> {
        if path == "/dev/null" {
            return Ok(Some(Vec::new()));
        }
        let Some(real) = self.existing(path)? else { return Ok(None) };
        self.may_read(&real)?;
        let bytes = self.tree.file(&real).map(|content| content.to_vec());
        self.spend_bytes(bytes.as_ref().map_or(0, Vec::len))?;
        Ok(bytes)
    }

    /// The same as text.
    pub(super) fn read_text(&mut self, path: &str) -> Flow<Option<String>> {
        self.read_file(path)?.map(text_of).transpose()
    }

    /// Metadata of something that the script makes.
    pub(super) fn own(&self, mode: u32) -> Metadata {
        let (uid, gid) = self.state.identity.as_ref().map_or((0, 0), |identity| (identity.uid, identity.gid));
        Metadata {
            mode,
            uid,
            gid,
            mtime: self.call.timestamp,
            xattrs: BTreeMap::new(),
            origin: Origin::Script(self.call.package),
        }
    }

    /// Puts something new at the real path `real`; `false` where it cannot be.
    pub(super) fn put(&mut self, real: &str, kind: InodeKind, mode: u32) -> bool {
        if !self.may_change_folder(parent(real)) {
            return false;
        }
        let mut metadata = self.own(mode);
        // What is made in a set-group-id folder has its group, and a folder passes that on.
        if let Some(folder) = self.at(parent(real)).filter(|folder| folder.metadata.mode & 0o2000 != 0) {
            metadata.gid = folder.metadata.gid;
            if matches!(kind, InodeKind::Directory(_)) {
                metadata.mode |= 0o2000;
            }
        }
        self.tree.insert(real, Inode { kind, metadata }).is_ok()
    }

    /// Makes the file `real` where it is missing, and empties it where asked to; `false` where it is no file.
    pub(super) fn make_file(&mut self, real: &str, empty: bool) -> bool {
        let Some(id) = self.tree.lookup(real) else {
            let nothing = InodeKind::File { content: Content::from(Vec::new()), checksum: None };
            return self.put(real, nothing, 0o666 & !self.state.umask);
        };
        let InodeKind::File { content, .. } = &self.tree.inode(id).kind else { return false };
        let is_full = !content.is_empty();
        if !self.may_write(id, real) {
            return false;
        }
        if empty && is_full {
            self.write_content(id, Content::from(Vec::new()));
        }
        true
    }

    /// Gives the file `id` other bytes; its owner and mode stay.
    pub(super) fn write_content(&mut self, id: InodeId, new: Content) {
        let timestamp = self.call.timestamp;
        let inode = self.tree.inode_mut(id);
        if let InodeKind::File { content, checksum } = &mut inode.kind {
            *content = new;
            *checksum = None;
            inode.metadata.mtime = timestamp;
        }
    }

    /// Adds `bytes` to the file `id`.
    pub(super) fn append_to(&mut self, id: InodeId, bytes: &[u8]) -> Flow<()> {
        self.spend_bytes(bytes.len())?;
        if bytes.is_empty() {
            return Ok(());
        }
        if let InodeKind::File { content, .. } = &self.tree.inode(id).kind {
            if content.len() + bytes.len() > LARGEST {
                return give_up("what it writes grows without end");
            }
            // What another file or tree holds as well is copied first.
            let is_own = matches!(content, Content::Bytes(bytes) if Arc::strong_count(bytes) == 1);
            self.spend_bytes(if is_own { 0 } else { content.len() })?;
        }
        let timestamp = self.call.timestamp;
        let inode = self.tree.inode_mut(id);
        if let InodeKind::File { content, checksum } = &mut inode.kind {
            content.change(|content| content.extend_from_slice(bytes));
            *checksum = None;
            inode.metadata.mtime = timestamp;
        }
        Ok(())
    }

    /// Every real path at and below `real`, what is below first.
    pub(super) fn below(&self, real: &str) -> Flow<Vec<String>> {
        // A folder stands before what it holds here, and the whole is turned round at the end.
        let mut paths = Vec::new();
        let mut waiting = vec![real.to_owned()];
        while let Some(path) = waiting.pop() {
            self.spend_work(path.len())?;
            self.spend(1)?;
            waiting.extend(self.names_in(&path)?.iter().map(|name| join(&path, name)));
            paths.push(path);
        }
        paths.reverse();
        Ok(paths)
    }
}

/// The text in `bytes`, which must be UTF-8 to be worked on by letters.
pub(super) fn text_of(bytes: Vec<u8>) -> Flow<String> {
    String::from_utf8(bytes).or_else(|_| unknown("it reads what is not UTF-8"))
}

/// The folder of a real path.
pub(super) fn parent(real: &str) -> &str {
    real.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// A name in a real folder.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Refuses what belongs to the running machine.
fn outside_machine(path: &str, place: &str) -> Flow<()> {
    let mut parts = place.split('/').filter(|part| !matches!(*part, "" | "."));
    match parts.next() {
        Some(folder @ ("proc" | "sys" | "dev")) if parts.next().is_some() => {
            unknown(format!("`{path}` is of the running machine's /{folder}"))
        }
        _ => Ok(()),
    }
}
