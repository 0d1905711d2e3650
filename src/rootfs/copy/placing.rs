//! Putting what is copied into the tree of an image.

use std::collections::BTreeMap;

use super::super::tree::{Inode, InodeId, InodeKind, Metadata, Origin, Tree, TreeError};
use super::error::Error;
use super::files::File;
use super::request::{Copied, Request, join};

/// A folder that was asked for.
struct Reached {
    asked: String,
    /// Its path with links followed.
    real: String,
    id: InodeId,
}

/// The image that is copied into.
pub(super) struct Placing<'a> {
    tree: &'a mut Tree,
    request: &'a Request<'a>,
    origin: Origin,
    /// The folder last asked for, from which those in it need not be looked for again.
    last_folder: Option<Reached>,
    /// Files with several names that were put in before.
    linked: BTreeMap<InodeId, InodeId>,
    pub(super) copied: Copied,
}

impl<'a> Placing<'a> {
    pub(super) fn new(tree: &'a mut Tree, request: &'a Request<'a>, origin: Origin) -> Self {
        Self { tree, request, origin, last_folder: None, linked: BTreeMap::new(), copied: Copied::default() }
    }

    /// Makes the folder `path`, unless it is there.
    pub(super) fn folder(&mut self, path: &str) -> Result<(), Error> {
        self.real_folder(path).map(drop)
    }

    /// Puts `file`, which is `source_path`, at `path`.
    pub(super) fn file(&mut self, path: &str, source_path: &str, file: File) -> Result<(), Error> {
        let place = self.room(path, source_path)?;
        self.copied.files += 1;
        self.copied.bytes += file.content.len() as u64;
        if let Some(first) = file.identity.and_then(|identity| self.linked.get(&identity)) {
            self.tree.link(&place, *first)?;
            return Ok(());
        }
        let mode = self.request.mode.unwrap_or(if file.executable { 0o755 } else { 0o644 });
        let metadata = Metadata { xattrs: file.xattrs, ..self.metadata(mode) };
        let kind = InodeKind::File { content: file.content, checksum: file.checksum };
        let id = self.tree.insert(&place, Inode { kind, metadata })?;
        if let Some(identity) = file.identity {
            self.linked.insert(identity, id);
        }
        Ok(())
    }

    /// Puts a link to `target`, which is `source_path`, at `path`.
    pub(super) fn symlink(&mut self, path: &str, source_path: &str, target: String) -> Result<(), Error> {
        let place = self.room(path, source_path)?;
        self.copied.files += 1;
        self.tree.insert(&place, Inode { kind: InodeKind::Symlink(target), metadata: self.metadata(0o777) })?;
        Ok(())
    }

    /// Where a file that is to be at `path` really goes; folders on the way are made.
    fn room(&mut self, path: &str, source_path: &str) -> Result<String, Error> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let place = join(&self.real_folder(folder)?, name);
        let is_folder = self.tree.lookup(&place).is_some_and(|id| self.tree.children(id).is_some());
        if is_folder || name.is_empty() {
            return Err(Error::FolderInTheWay { path: place, source_path: source_path.to_owned() });
        }
        Ok(place)
    }

    /// The real path of the folder `path`, which is made where it is not there. Folders above the target are root's.
    fn real_folder(&mut self, path: &str) -> Result<String, Error> {
        let inside = |reached: &Reached| {
            path.strip_prefix(&reached.asked).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut reached = match self.last_folder.take() {
            Some(reached) if inside(&reached) => reached,
            _ => Reached { asked: String::new(), real: String::new(), id: Tree::ROOT },
        };
        let mut end = reached.asked.len();
        for part in path.get(end..).unwrap_or_default().split('/') {
            end += part.len() + 1;
            if part.is_empty() {
                continue;
            }
            let there = self.tree.children(reached.id).and_then(|children| children.get(part).copied());
            let place = join(&reached.real, part);
            (reached.real, reached.id) = match there.map(|id| (id, &self.tree.inode(id).kind)) {
                Some((id, InodeKind::Directory(_))) => (place, id),
                Some((_, InodeKind::Symlink(_))) => self.behind_link(&place)?,
                Some((_, InodeKind::File { .. })) => {
                    return Err(TreeError::NotADirectory { path: path.to_owned(), parent: place }.into());
                }
                None => {
                    // `end` counts the slash after the part.
                    let above = end <= self.request.target.len();
                    let metadata = if above { self.implied() } else { self.metadata(0o755) };
                    let kind = InodeKind::Directory(BTreeMap::new());
                    let id = self.tree.insert(&place, Inode { kind, metadata })?;
                    (place, id)
                }
            };
        }
        path.clone_into(&mut reached.asked);
        let real = reached.real.clone();
        self.last_folder = Some(reached);
        Ok(real)
    }

    /// The folder that the link `path` of the image leads to.
    fn behind_link(&self, path: &str) -> Result<(String, InodeId), Error> {
        let real = self.tree.resolve(path);
        let id = real.as_ref().and_then(|real| self.tree.lookup(real));
        match (real, id) {
            (Some(real), Some(id)) if self.tree.children(id).is_some() => Ok((real, id)),
            _ => Err(TreeError::NotADirectory { path: path.to_owned(), parent: path.to_owned() }.into()),
        }
    }

    fn metadata(&self, mode: u32) -> Metadata {
        let Request { uid, gid, mtime, .. } = *self.request;
        Metadata { mode, uid, gid, mtime, xattrs: BTreeMap::new(), origin: self.origin }
    }

    /// What a folder above the target is, of which the step says nothing.
    fn implied(&self) -> Metadata {
        Metadata { uid: 0, gid: 0, ..self.metadata(0o755) }
    }
}
