//! How scripts get at the tree: paths as the shell sees them, reading, and making files that belong to the script.
//!
//! `/proc`, `/sys` and `/dev` are the running machine's. What a script reads or writes there is not understood, except
//! `/dev/null`.

use std::collections::BTreeMap;

use super::super::{Content, Inode, InodeId, InodeKind, Metadata, Origin};
use super::shell::{Flow, Shell, give_up, unknown};

/// Bytes that are as much work as a command.
const BYTES_A_STEP: usize = 4096;

/// Bytes of the largest file that a script writes here.
const LARGEST: usize = 16 << 20;

impl Shell<'_> {
    /// `path` as seen from where the shell is, relative to the root, nothing resolved.
    pub(super) fn place(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.state.folder) }
    }

    /// Refuses what belongs to the running machine.
    fn outside_machine(&self, path: &str) -> Flow<()> {
        let place = self.place(path);
        let mut parts = place.split('/').filter(|part| !matches!(*part, "" | "."));
        match parts.next() {
            Some(folder @ ("proc" | "sys" | "dev")) if parts.next().is_some() => {
                unknown(format!("`{path}` is of the running machine's /{folder}"))
            }
            _ => Ok(()),
        }
    }

    /// The real path of what is at `path`, the last link followed; `None` where there is nothing.
    pub(super) fn existing(&self, path: &str) -> Flow<Option<String>> {
        if path == "/dev/null" {
            return Ok(None);
        }
        self.outside_machine(path)?;
        Ok(self.tree.resolve(&self.place(path)))
    }

    /// The real path of the entry at `path`, the last link not followed; `None` where its folder is missing.
    pub(super) fn entry(&self, path: &str) -> Flow<Option<String>> {
        self.outside_machine(path)?;
        let real = self.tree.resolve_parent(&self.place(path));
        Ok(real.filter(|real| self.is_folder_at(parent(real))))
    }

    /// The real path at which a file opened for writing as `path` would be; `None` where its folder is missing.
    pub(super) fn writable(&self, path: &str) -> Flow<Option<String>> {
        self.outside_machine(path)?;
        let real = self.tree.resolve_target(&self.place(path));
        Ok(real.filter(|real| self.is_folder_at(parent(real))))
    }

    /// What is at the real path `real`.
    pub(super) fn at(&self, real: &str) -> Option<&Inode> {
        self.tree.get(real)
    }

    pub(super) fn is_folder_at(&self, real: &str) -> bool {
        self.tree.lookup(real).is_some_and(|id| self.tree.children(id).is_some())
    }

    /// The bytes of the file at `path`; `None` where there is none.
    pub(super) fn read_file(&mut self, path: &str) -> Flow<Option<Vec<u8>>> {
        if path == "/dev/null" {
            return Ok(Some(Vec::new()));
        }
        let real = self.existing(path)?;
        let bytes = real.and_then(|real| self.tree.file(&real)).map(|content| content.to_vec());
        self.spend(bytes.as_ref().map_or(0, |bytes| bytes.len() / BYTES_A_STEP))?;
        Ok(bytes)
    }

    /// Metadata of something that the script makes.
    pub(super) fn own(&self, mode: u32) -> Metadata {
        Metadata {
            mode,
            uid: 0,
            gid: 0,
            mtime: self.call.timestamp,
            xattrs: BTreeMap::new(),
            origin: Origin::Script(self.call.package),
        }
    }

    /// Puts something new at the real path `real`; `false` where it cannot be.
    pub(super) fn put(&mut self, real: &str, kind: InodeKind, mode: u32) -> bool {
        let metadata = self.own(mode);
        self.tree.insert(real, Inode { kind, metadata }).is_ok()
    }

    /// Makes the file `real` where it is missing, and empties it where asked to; `false` where it is no file.
    pub(super) fn make_file(&mut self, real: &str, empty: bool) -> bool {
        let nothing = || InodeKind::File { content: Content::from(Vec::new()), checksum: None };
        match self.tree.lookup(real) {
            None => self.put(real, nothing(), 0o666 & !self.state.umask),
            Some(id) => {
                let is_full =
                    matches!(&self.tree.inode(id).kind, InodeKind::File { content, .. } if !content.is_empty());
                if empty && is_full { self.change_file(id, Vec::clear) } else { self.is_file(id) }
            }
        }
    }

    /// Adds `bytes` to the file `real`, which is there.
    pub(super) fn append_to(&mut self, real: &str, bytes: &[u8]) -> Flow<()> {
        self.spend(bytes.len() / BYTES_A_STEP)?;
        if bytes.is_empty() {
            return Ok(());
        }
        if let Some(id) = self.tree.lookup(real) {
            if self.tree.file(real).is_some_and(|content| content.len() + bytes.len() > LARGEST) {
                return give_up("what it writes grows without end");
            }
            self.change_file(id, |content| content.extend_from_slice(bytes));
        }
        Ok(())
    }

    fn is_file(&self, id: InodeId) -> bool {
        matches!(self.tree.inode(id).kind, InodeKind::File { .. })
    }

    /// Changes the bytes of the file `id`; `false` where it is none.
    fn change_file(&mut self, id: InodeId, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let timestamp = self.call.timestamp;
        let inode = self.tree.inode_mut(id);
        let InodeKind::File { content, checksum } = &mut inode.kind else { return false };
        content.change(change);
        *checksum = None;
        inode.metadata.mtime = timestamp;
        true
    }

    /// Every real path at and below `real`, what is below first.
    pub(super) fn below(&self, real: &str) -> Vec<String> {
        let mut paths = Vec::new();
        if let Some(children) = self.tree.lookup(real).and_then(|id| self.tree.children(id)) {
            for name in children.keys() {
                paths.extend(self.below(&join(real, name)));
            }
        }
        paths.push(real.to_owned());
        paths
    }
}

/// The folder of a real path.
pub(super) fn parent(real: &str) -> &str {
    real.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// A name in a real folder.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
