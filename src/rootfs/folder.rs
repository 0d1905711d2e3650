//! A tree written to a folder, and a folder read back as a tree.
//!
//! Writing never leaves the folder: every name is opened relative to its parent's descriptor, one part at a time,
//! through openat2(2) with `RESOLVE_IN_ROOT` and no link followed, so that not even a link planted meanwhile leads
//! elsewhere (on kernels or in containers without that call, openat(2) with `O_NOFOLLOW` of single names does the
//! same). An ordinary user can write a tree too, but not its owners. Reading refuses or leaves out what no image can
//! carry.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use fs_err as fs;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::error::Error;
use super::tree::{Content, Inode, InodeId, InodeKind, Metadata, Origin, Tree};
use crate::mapping::Mapping;

/// What becomes of owners when a tree is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// They are set, which needs root, or ids mapped in a user namespace. So are all extended attributes.
    Keep,
    /// Everything belongs to the caller, and attributes that the system refuses to set are left out.
    Caller,
}

impl Owners {
    /// What this process can do: root keeps owners, but not root of a user namespace that is alone in it
    /// (user_namespaces(7)).
    pub fn possible() -> Self {
        let only_id = |map: String| map.split_whitespace().nth(2) == Some("1") && map.lines().count() == 1;
        let is_alone = fs::read_to_string("/proc/self/uid_map").is_ok_and(only_id);
        if nix::unistd::geteuid().is_root() && !is_alone { Self::Keep } else { Self::Caller }
    }
}

/// What becomes of owners and times when a folder is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// Owner and group of everything; without them what the folder says.
    pub owner: Option<(u32, u32)>,
    /// Modification time of everything, in seconds since 1970; without it what the folder says.
    pub timestamp: Option<i64>,
    /// Whether sockets, pipes and device nodes are left out; else they are an error.
    pub skip_unfit: bool,
    /// Who brought it all.
    pub origin: Origin,
}

/// Files above this size are mapped when they are read; the number of mappings a process may have is limited.
const MAPPED_FROM: u64 = 256 * 1024;

/// Writes `tree` into `folder`, which is made where it is missing and must be empty.
pub fn write_folder(tree: &Tree, folder: &Path, owners: Owners) -> Result<(), Error> {
    let failed = |doing, source: std::io::Error| Error::Folder { path: folder.display().to_string(), doing, source };
    fs::create_dir_all(folder).map_err(|source| failed("making the folder", source))?;
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let root =
        rustix::fs::open(folder, flags, Mode::empty()).map_err(|errno| failed("opening the folder", errno.into()))?;
    let mut writer = Writer { tree, owners, many_names: many_names(tree), written: BTreeMap::new() };
    writer.fill(&root, folder, Tree::ROOT)?;
    writer.finish(&root, folder, &tree.inode(Tree::ROOT).metadata)
}

struct Writer<'tree> {
    tree: &'tree Tree,
    owners: Owners,
    /// Files with several names.
    many_names: BTreeSet<InodeId>,
    /// Those of them that were written, with the first name.
    written: BTreeMap<InodeId, (OwnedFd, String)>,
}

impl Writer<'_> {
    fn fill(&mut self, folder: &OwnedFd, path: &Path, id: InodeId) -> Result<(), Error> {
        let names: Vec<(Box<str>, InodeId)> = self
            .tree
            .children(id)
            .map(|children| children.iter().map(|(name, id)| (name.clone(), *id)).collect())
            .unwrap_or_default();
        for (name, id) in names {
            let path = path.join(&*name);
            let failed = |doing: &'static str| {
                let path = path.display().to_string();
                move |errno: Errno| Error::Folder { path, doing, source: errno.into() }
            };
            let inode = self.tree.inode(id);
            match &inode.kind {
                InodeKind::Directory(_) => {
                    rustix::fs::mkdirat(folder, &*name, Mode::RWXU).map_err(failed("making the folder"))?;
                    let flags = OFlags::DIRECTORY | OFlags::RDONLY;
                    let inner = open_in(folder.as_fd(), &name, flags, Mode::empty()).map_err(failed("opening"))?;
                    self.fill(&inner, &path, id)?;
                    self.finish(&inner, &path, &inode.metadata)?;
                }
                InodeKind::Symlink(target) => {
                    rustix::fs::symlinkat(target.as_str(), folder, &*name).map_err(failed("making the link"))?;
                    let no_follow = AtFlags::SYMLINK_NOFOLLOW;
                    if self.owners == Owners::Keep {
                        let (uid, gid) = ids(&inode.metadata);
                        rustix::fs::chownat(folder, &*name, uid, gid, no_follow)
                            .map_err(failed("setting the owner"))?;
                    }
                    let times = times(&inode.metadata);
                    rustix::fs::utimensat(folder, &*name, &times, no_follow).map_err(failed("setting the time"))?;
                }
                InodeKind::File { content, .. } => {
                    if let Some((first_folder, first)) = self.written.get(&id) {
                        rustix::fs::linkat(first_folder, first.as_str(), folder, &*name, AtFlags::empty())
                            .map_err(failed("making the hard link"))?;
                        continue;
                    }
                    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
                    let file =
                        open_in(folder.as_fd(), &name, flags, Mode::RUSR | Mode::WUSR).map_err(failed("making"))?;
                    write_all(&file, content).map_err(failed("writing"))?;
                    self.finish(&file, &path, &inode.metadata)?;
                    if self.many_names.contains(&id) {
                        let folder = folder.try_clone().map_err(|source| io_error(&path, "keeping it open", source))?;
                        self.written.insert(id, (folder, name.into_string()));
                    }
                }
            }
        }
        Ok(())
    }

    /// Owner first, because that clears set-id bits; then attributes, mode and time.
    fn finish(&self, fd: &OwnedFd, path: &Path, metadata: &Metadata) -> Result<(), Error> {
        let failed = |doing: &'static str| {
            move |errno: Errno| Error::Folder { path: path.display().to_string(), doing, source: errno.into() }
        };
        if self.owners == Owners::Keep {
            let (uid, gid) = ids(metadata);
            rustix::fs::fchown(fd, uid, gid).map_err(failed("setting the owner"))?;
        }
        for (name, value) in &metadata.xattrs {
            match rustix::fs::fsetxattr(fd, name.as_str(), value, XattrFlags::empty()) {
                Err(Errno::PERM | Errno::ACCESS | Errno::NOTSUP) if self.owners == Owners::Caller => {}
                result => result.map_err(failed("setting an extended attribute"))?,
            }
        }
        rustix::fs::fchmod(fd, Mode::from_raw_mode(metadata.mode & 0o7777)).map_err(failed("setting the mode"))?;
        rustix::fs::futimens(fd, &times(metadata)).map_err(failed("setting the time"))
    }
}

fn many_names(tree: &Tree) -> BTreeSet<InodeId> {
    let mut seen = BTreeSet::new();
    let is_folder = |id: InodeId| tree.children(id).is_some();
    tree.walk().map(|(_, id)| id).filter(|id| !is_folder(*id) && !seen.insert(*id)).collect()
}

/// Opens the single name `name` below `folder`.
fn open_in(folder: BorrowedFd<'_>, name: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(folder, name, flags, mode, resolve) {
        Err(Errno::NOSYS | Errno::PERM) => rustix::fs::openat(folder, name, flags, mode),
        result => result,
    }
}

fn write_all(file: &OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn ids(metadata: &Metadata) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(metadata.uid)), Some(Gid::from_raw(metadata.gid)))
}

fn times(metadata: &Metadata) -> Timestamps {
    let time = Timespec { tv_sec: metadata.mtime, tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}

/// Reads all that is in `folder`, names in byte order, hard links kept. Large files are mapped, so nothing may change
/// the files while the tree is used; deleting them is fine.
pub fn read_folder(folder: &Path, options: &ReadOptions) -> Result<Tree, Error> {
    let mut tree = Tree::new();
    let metadata = fs::symlink_metadata(folder).map_err(|source| io_error(folder, "reading", source))?;
    tree.inode_mut(Tree::ROOT).metadata = read_metadata(folder, &metadata, options)?;
    let mut links = BTreeMap::new();
    read_below(&mut tree, folder, "", options, &mut links)?;
    Ok(tree)
}

fn read_below(
    tree: &mut Tree,
    folder: &Path,
    prefix: &str,
    options: &ReadOptions,
    links: &mut BTreeMap<(u64, u64), InodeId>,
) -> Result<(), Error> {
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| io_error(folder, "reading", source))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let unfit = |kind| Error::UnfitFile { path: path.display().to_string(), kind };
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| unfit("a name that is not UTF-8"))?;
        let place = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        let metadata = entry.metadata().map_err(|source| io_error(&path, "reading", source))?;
        let file_type = metadata.file_type();
        let kind = if file_type.is_dir() {
            InodeKind::Directory(BTreeMap::new())
        } else if file_type.is_symlink() {
            let target = fs::read_link(&path).map_err(|source| io_error(&path, "reading", source))?;
            let target = target.to_str().ok_or_else(|| unfit("a link to a name that is not UTF-8"))?;
            InodeKind::Symlink(target.to_owned())
        } else if file_type.is_file() {
            if let Some(id) = links.get(&(metadata.dev(), metadata.ino())) {
                tree.link(&place, *id).map_err(|source| Error::Generated { path: place.clone(), source })?;
                continue;
            }
            let content = read_content(&path, metadata.len())?;
            InodeKind::File { content, checksum: None }
        } else if options.skip_unfit {
            continue;
        } else if file_type.is_socket() {
            return Err(unfit("a socket"));
        } else if file_type.is_fifo() {
            return Err(unfit("a pipe"));
        } else {
            return Err(unfit("a device node"));
        };
        let is_folder = matches!(kind, InodeKind::Directory(_));
        let inode = Inode { kind, metadata: read_metadata(&path, &metadata, options)? };
        let id = tree.insert(&place, inode).map_err(|source| Error::Generated { path: place.clone(), source })?;
        if is_folder {
            read_below(tree, &path, &place, options, links)?;
        } else if metadata.nlink() > 1 {
            links.insert((metadata.dev(), metadata.ino()), id);
        }
    }
    Ok(())
}

fn read_content(path: &Path, size: u64) -> Result<Content, Error> {
    if size >= MAPPED_FROM {
        let mapping = Mapping::open(path).map_err(|source| io_error(path, "mapping", source))?;
        return Ok(Content::Mapped(mapping.whole()));
    }
    fs::read(path).map(Content::from).map_err(|source| io_error(path, "reading", source))
}

fn read_metadata(path: &Path, metadata: &std::fs::Metadata, options: &ReadOptions) -> Result<Metadata, Error> {
    let (uid, gid) = options.owner.unwrap_or((metadata.uid(), metadata.gid()));
    let mode = if metadata.file_type().is_symlink() { 0o777 } else { metadata.mode() & 0o7777 };
    let mtime = options.timestamp.unwrap_or(metadata.mtime());
    let xattrs = if metadata.file_type().is_symlink() { BTreeMap::new() } else { read_xattrs(path)? };
    Ok(Metadata { mode, uid, gid, mtime, xattrs, origin: options.origin })
}

/// The attributes that belong to a file and not to the machine that it is on: users' own, and capabilities.
fn read_xattrs(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let failed = |errno: Errno| io_error(path, "reading an extended attribute", errno.into());
    let mut names = vec![0; 64 * 1024];
    let length = match rustix::fs::llistxattr(path, names.as_mut_slice()) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => return Ok(BTreeMap::new()),
        Err(errno) => return Err(failed(errno)),
    };
    names.truncate(length);
    let mut xattrs = BTreeMap::new();
    for name in names.split(|byte| *byte == 0) {
        let Ok(name) = std::str::from_utf8(name) else { continue };
        if !(name.starts_with("user.") || name == "security.capability") {
            continue;
        }
        let mut value = vec![0; 64 * 1024];
        let length = rustix::fs::lgetxattr(path, name, value.as_mut_slice()).map_err(failed)?;
        value.truncate(length);
        xattrs.insert(name.to_owned(), value);
    }
    Ok(xattrs)
}

fn io_error(path: &Path, doing: &'static str, source: std::io::Error) -> Error {
    Error::Folder { path: path.display().to_string(), doing, source }
}

#[cfg(test)]
mod tests {
    use super::super::dump::dump;
    use super::super::skeleton::generated;
    use super::*;

    fn sample() -> Tree {
        let mut tree = Tree::new();
        tree.make_directories("a/b", &generated(0o750, 5)).unwrap();
        let file = |bytes: &[u8], mode| Inode {
            kind: InodeKind::File { content: bytes.to_vec().into(), checksum: None },
            metadata: generated(mode, 1_700_000_000),
        };
        let id = tree.insert("a/b/file", file(b"hello", 0o4711)).unwrap();
        tree.link("a/again", id).unwrap();
        tree.insert("a/b/large", file(&vec![7; 300_000], 0o400)).unwrap();
        for (path, target) in [("a/out", "/etc"), ("a/nowhere", "../../../..")] {
            let kind = InodeKind::Symlink(target.to_owned());
            tree.insert(path, Inode { kind, metadata: generated(0o777, 6) }).unwrap();
        }
        tree
    }

    fn options(owner: Option<(u32, u32)>) -> ReadOptions {
        ReadOptions { owner, timestamp: None, skip_unfit: false, origin: Origin::Generated }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("root");
        let tree = sample();
        write_folder(&tree, &place, Owners::Caller).unwrap();
        let read = read_folder(&place, &options(Some((0, 0)))).unwrap();
        assert_eq!(dump(&read), dump(&tree));
        for (path, id) in tree.walk() {
            assert_eq!(
                read.get(&path).map(|inode| inode.metadata.mtime),
                Some(tree.inode(id).metadata.mtime),
                "{path}"
            );
        }
    }

    #[test]
    fn a_folder_with_something_in_it_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        write_folder(&sample(), folder.path(), Owners::Caller).unwrap();
        let error = write_folder(&sample(), folder.path(), Owners::Caller).unwrap_err();
        assert!(error.to_string().ends_with("making the folder failed"), "{error}");
    }

    #[test]
    fn what_no_image_carries_is_refused_or_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        fs::write(folder.path().join("file"), "x").unwrap();
        let error = read_folder(folder.path(), &options(None)).unwrap_err().to_string();
        assert!(error.ends_with("socket` is a socket, which an image cannot carry"), "{error}");
        let skipping = ReadOptions { skip_unfit: true, timestamp: Some(3), ..options(Some((1, 2))) };
        let tree = read_folder(folder.path(), &skipping).unwrap();
        let metadata = &tree.get("file").unwrap().metadata;
        assert_eq!((metadata.uid, metadata.gid, metadata.mtime, tree.walk().count()), (1, 2, 3, 1));
    }
}
