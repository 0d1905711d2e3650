//! Where a copy comes from: a folder of this machine, or the tree of a stage, seen in the same way.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::super::tree::{Content, InodeId, InodeKind, Tree};
use super::error::Error;
use crate::mapping::Mapping;

/// As many links as Linux follows for one path (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Files up to this size are read; larger ones are mapped, so that memory does not grow with them.
const READ_UP_TO: u64 = 256 * 1024;

/// What is at a path, no link followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A folder.
    Directory,
    /// A file.
    File,
    /// A symbolic link with its target.
    Symlink(String),
    /// A socket, a pipe, a device.
    Special,
}

/// A file with what is copied of it.
pub(super) struct File {
    pub(super) content: Content,
    pub(super) checksum: Option<crate::digest::Sha1Digest>,
    pub(super) executable: bool,
    pub(super) xattrs: BTreeMap<String, Vec<u8>>,
    /// The same for all names of one file, where names are kept together.
    pub(super) identity: Option<InodeId>,
}

/// Files by paths without a slash at either end; the empty path is all of it.
pub(super) trait Files {
    /// What messages call it.
    fn place(&self) -> String;

    /// What is at `path`; `None` where nothing is.
    fn kind(&self, path: &str) -> Result<Option<Kind>, Error>;

    /// The names in the folder `path`, in byte order.
    fn names(&self, path: &str) -> Result<Vec<String>, Error>;

    /// The file at `path`.
    fn file(&self, path: &str) -> Result<File, Error>;

    /// Where an absolute link leads, if it stays inside: a path to go on with from the root.
    fn absolute<'a>(&self, target: &'a str) -> Option<&'a str>;

    /// Whether `..` at the root stays there, as it does after a chroot.
    fn is_whole_system(&self) -> bool;
}

/// The recipe's folder.
pub(super) struct Folder<'a>(pub(super) &'a Path);

impl Folder<'_> {
    fn join(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.0.to_owned() } else { self.0.join(path) }
    }
}

impl Files for Folder<'_> {
    fn place(&self) -> String {
        "the recipe's folder".to_owned()
    }

    fn kind(&self, path: &str) -> Result<Option<Kind>, Error> {
        let place = self.join(path);
        // The folder itself may be a link; below it nothing is followed here.
        let found = if path.is_empty() { fs_err::metadata(&place) } else { fs_err::symlink_metadata(&place) };
        let metadata = match found {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let kind = metadata.file_type();
        Ok(Some(if kind.is_dir() {
            Kind::Directory
        } else if kind.is_file() {
            Kind::File
        } else if kind.is_symlink() {
            let target = fs_err::read_link(&place)?.into_os_string().into_string();
            let target = target.map_err(|_| Error::Name { path: path.to_owned() })?;
            if target.contains(char::is_control) {
                return Err(Error::Name { path: path.to_owned() });
            }
            Kind::Symlink(target)
        } else {
            Kind::Special
        }))
    }

    fn names(&self, path: &str) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for entry in fs_err::read_dir(self.join(path))? {
            let name = entry?.file_name();
            let shown =
                || if path.is_empty() { name.display().to_string() } else { format!("{path}/{}", name.display()) };
            match name.to_str() {
                Some(name) if !name.contains(char::is_control) => names.push(name.to_owned()),
                _ => return Err(Error::Name { path: shown() }),
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn file(&self, path: &str) -> Result<File, Error> {
        let place = self.join(path);
        let file = fs_err::File::open(&place)?;
        let metadata = file.metadata()?;
        let content = if metadata.size() <= READ_UP_TO {
            let mut bytes = Vec::with_capacity(usize::try_from(metadata.size()).unwrap_or(0));
            // Read as it is: a file would first be asked again how large it is, and there may be very many.
            file.take(u64::MAX).read_to_end(&mut bytes)?;
            Content::from(bytes)
        } else {
            Content::Mapped(Mapping::open(&place)?.whole())
        };
        let executable = metadata.permissions().mode() & 0o111 != 0;
        // Extended attributes and hard links are the machine's, not the application's: another checkout has others.
        Ok(File { content, checksum: None, executable, xattrs: BTreeMap::new(), identity: None })
    }

    fn absolute<'a>(&self, _target: &'a str) -> Option<&'a str> {
        None
    }

    fn is_whole_system(&self) -> bool {
        false
    }
}

/// The root filesystem of a stage.
pub(super) struct StageFiles<'a> {
    pub(super) name: &'a str,
    pub(super) tree: &'a Tree,
}

impl Files for StageFiles<'_> {
    fn place(&self) -> String {
        format!("stage `{}`", self.name)
    }

    fn kind(&self, path: &str) -> Result<Option<Kind>, Error> {
        Ok(self.tree.get(path).map(|inode| match &inode.kind {
            InodeKind::Directory(_) => Kind::Directory,
            InodeKind::File { .. } => Kind::File,
            InodeKind::Symlink(target) => Kind::Symlink(target.clone()),
        }))
    }

    fn names(&self, path: &str) -> Result<Vec<String>, Error> {
        let children = self.tree.lookup(path).and_then(|id| self.tree.children(id));
        Ok(children.into_iter().flatten().map(|(name, _)| name.to_string()).collect())
    }

    fn file(&self, path: &str) -> Result<File, Error> {
        let missing = || Error::Missing { path: path.to_owned(), place: self.place(), near: None, there: Vec::new() };
        let id = self.tree.lookup(path).ok_or_else(missing)?;
        let inode = self.tree.inode(id);
        let InodeKind::File { content, checksum } = &inode.kind else { return Err(missing()) };
        Ok(File {
            content: content.clone(),
            checksum: *checksum,
            executable: inode.metadata.mode & 0o111 != 0,
            xattrs: inode.metadata.xattrs.clone(),
            identity: Some(id),
        })
    }

    fn absolute<'a>(&self, target: &'a str) -> Option<&'a str> {
        Some(target)
    }

    fn is_whole_system(&self) -> bool {
        true
    }
}

/// The real path behind `path`, every link followed; a link that leads out is refused. `Ok(Err(part))` where `part` is
/// not there.
pub(super) fn follow(files: &dyn Files, path: &str) -> Result<Result<String, String>, Error> {
    let parts = |path: &str| -> Vec<String> {
        path.rsplit('/').filter(|part| !matches!(*part, "" | ".")).map(str::to_owned).collect()
    };
    let mut waiting = parts(path);
    let mut real: Vec<String> = Vec::new();
    let mut links = 0;
    let mut last_link = (String::new(), String::new());
    while let Some(part) = waiting.pop() {
        if part == ".." {
            if real.pop().is_none() && !files.is_whole_system() {
                let (path, target) = last_link;
                return Err(Error::LeadsOut { path, target, place: files.place() });
            }
            continue;
        }
        real.push(part);
        let here = real.join("/");
        match files.kind(&here)? {
            None => return Ok(Err(here)),
            Some(Kind::Symlink(target)) => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(Error::LinkLoop { path: path.to_owned() });
                }
                real.pop();
                let way = if target.starts_with('/') {
                    real.clear();
                    files.absolute(&target)
                } else {
                    Some(target.as_str())
                };
                let Some(way) = way else {
                    return Err(Error::LeadsOut { path: here, target, place: files.place() });
                };
                waiting.extend(parts(way));
                last_link = (here, target);
            }
            Some(Kind::Directory | Kind::File | Kind::Special) => {}
        }
    }
    Ok(Ok(real.join("/")))
}
