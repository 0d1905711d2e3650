//! Putting what is copied into the tree of an image.

use std::collections::BTreeMap;

use super::super::{Inode, InodeId, InodeKind, Metadata, Origin, Tree, TreeError};
use super::files::File;
use super::{Copied, Error, Request, join};

/// The image that is copied into.
pub(super) struct Placing<'a> {
    tree: &'a mut Tree,
    request: &'a Request<'a>,
    origin: Origin,
    /// The folder last asked for: as asked, and with its links followed.
    last_folder: Option<(String, String)>,
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
        if let Some((asked, real)) = &self.last_folder
            && asked == path
        {
            return Ok(real.clone());
        }
        let mut real = String::new();
        let mut so_far = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            so_far = join(&so_far, part);
            let place = join(&real, part);
            real = match self.tree.get(&place).map(|inode| &inode.kind) {
                Some(InodeKind::Directory(_)) => place,
                Some(InodeKind::Symlink(_)) => self.behind_link(&place)?,
                Some(InodeKind::File { .. }) => {
                    return Err(TreeError::NotADirectory { path: path.to_owned(), parent: place }.into());
                }
                None => {
                    let above = so_far.len() < self.request.target.len();
                    let metadata = if above { self.implied() } else { self.metadata(0o755) };
                    let kind = InodeKind::Directory(BTreeMap::new());
                    self.tree.insert(&place, Inode { kind, metadata })?;
                    place
                }
            };
        }
        self.last_folder = Some((path.to_owned(), real.clone()));
        Ok(real)
    }

    /// The folder that the link `path` of the image leads to.
    fn behind_link(&self, path: &str) -> Result<String, Error> {
        let not_a_folder = || TreeError::NotADirectory { path: path.to_owned(), parent: path.to_owned() };
        match self.tree.resolve(path) {
            Some(real) if self.tree.lookup(&real).is_some_and(|id| self.tree.children(id).is_some()) => Ok(real),
            _ => Err(not_a_folder().into()),
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
