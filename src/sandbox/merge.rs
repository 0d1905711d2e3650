//! What a script changed in a folder, taken back into the tree that the folder was written from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata as FileMetadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{Error, OwnerTable};
use crate::mapping::Mapping;
use crate::rootfs::{Content, Inode, InodeId, InodeKind, Metadata, Origin, ScriptCall, Tree};

/// Files above this size are mapped when they are read; their names may be deleted then.
const MAPPED_FROM: u64 = 256 << 10;

/// What each path of a folder was before: its inode and the time of its last change.
#[derive(Debug)]
pub(super) struct Stamps(BTreeMap<String, Stamp>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Stamp {
    fn of(metadata: &FileMetadata) -> Self {
        Self { inode: metadata.ino(), seconds: metadata.ctime(), nanoseconds: metadata.ctime_nsec() }
    }
}

impl Stamps {
    /// Those of everything in `root`.
    pub(super) fn of(root: &Path) -> io::Result<Self> {
        let mut stamps = BTreeMap::new();
        walk(root, &mut |path, _, metadata| {
            stamps.insert(path.to_owned(), Stamp::of(metadata));
            Ok(())
        })?;
        Ok(Self(stamps))
    }
}

/// Brings `tree` to what lies in `root` after `call`, with the owners and permissions of `table`. What is new or has
/// other contents than before is the script's; all else keeps what it has.
pub(super) fn take_back(
    tree: &mut Tree,
    root: &Path,
    stamps: &Stamps,
    table: &OwnerTable,
    call: &ScriptCall<'_>,
) -> Result<(), Error> {
    let failed = |error| Error::file("take back what a script changed", error);
    let mut seen = BTreeSet::new();
    // Where a file has several names, the inode that it has in the tree.
    let mut several_names: BTreeMap<u64, InodeId> = BTreeMap::new();
    walk(root, &mut |path, file, found| {
        let file_type = found.file_type();
        if !(file_type.is_dir() || file_type.is_file() || file_type.is_symlink()) {
            return Ok(());
        }
        seen.insert(path.to_owned());
        let known = several_names.get(&found.ino()).copied().filter(|_| !found.is_dir());
        let id = match (known, tree.lookup(path)) {
            // A further name of what was seen.
            (Some(known), Some(id)) if known == id => return Ok(()),
            (Some(known), _) => {
                tree.remove(path);
                return tree.link(path, known).map_err(|error| io::Error::other(error.to_string()));
            }
            (None, Some(id)) if is_same_kind(&tree.inode(id).kind, found) => {
                let before = stamps.0.get(path).copied();
                let same_file = before.is_some_and(|stamp| stamp.inode == found.ino());
                if before != Some(Stamp::of(found)) && !has_content(&tree.inode(id).kind, file, found)? {
                    let kind = read(file, found)?;
                    if same_file {
                        // Changed in place, under all its names.
                        let inode = tree.inode_mut(id);
                        inode.kind = kind;
                        inode.metadata.mtime = call.timestamp;
                        inode.metadata.origin = Origin::Script(call.package);
                        // The kernel takes capabilities off a file that is written to.
                        inode.metadata.xattrs.remove("security.capability");
                        id
                    } else {
                        insert(tree, path, kind, call)?
                    }
                } else {
                    id
                }
            }
            (None, _) => {
                tree.remove(path);
                insert(tree, path, read(file, found)?, call)?
            }
        };
        if found.nlink() > 1 && !found.is_dir() {
            several_names.insert(found.ino(), id);
        }
        if let Some((uid, gid, mode)) = table.get(path) {
            let metadata = &mut tree.inode_mut(id).metadata;
            (metadata.uid, metadata.gid) = (*uid, *gid);
            if !found.is_symlink() {
                metadata.mode = *mode;
            }
        }
        Ok(())
    })
    .map_err(failed)?;
    let gone: Vec<String> = tree.walk().map(|(path, _)| path).filter(|path| !seen.contains(path)).collect();
    for path in gone {
        tree.remove(&path);
    }
    Ok(())
}

fn insert(tree: &mut Tree, path: &str, kind: InodeKind, call: &ScriptCall<'_>) -> io::Result<InodeId> {
    let metadata = Metadata {
        mode: 0o777,
        uid: 0,
        gid: 0,
        mtime: call.timestamp,
        xattrs: BTreeMap::new(),
        origin: Origin::Script(call.package),
    };
    tree.insert(path, Inode { kind, metadata }).map_err(|error| io::Error::other(error.to_string()))
}

fn is_same_kind(kind: &InodeKind, found: &FileMetadata) -> bool {
    match kind {
        InodeKind::Directory(_) => found.is_dir(),
        InodeKind::File { .. } => found.is_file(),
        InodeKind::Symlink(_) => found.is_symlink(),
    }
}

/// Whether what lies there has the contents that are known; a folder's are its names, which are looked at one by one.
fn has_content(kind: &InodeKind, file: &Path, found: &FileMetadata) -> io::Result<bool> {
    Ok(match kind {
        InodeKind::Directory(_) => true,
        InodeKind::Symlink(target) => fs_err::read_link(file)?.as_os_str() == target.as_str(),
        InodeKind::File { content, .. } => {
            found.len() == content.len() as u64 && content_of(file, found.len())?[..] == content[..]
        }
    })
}

fn read(file: &Path, found: &FileMetadata) -> io::Result<InodeKind> {
    if found.is_dir() {
        return Ok(InodeKind::Directory(BTreeMap::new()));
    }
    if found.is_symlink() {
        let target = fs_err::read_link(file)?.into_os_string().into_string();
        let not_text = |_| io::Error::other(format!("`{}` leads to a name that is not UTF-8", file.display()));
        return Ok(InodeKind::Symlink(target.map_err(not_text)?));
    }
    Ok(InodeKind::File { content: content_of(file, found.len())?, checksum: None })
}

fn content_of(file: &Path, size: u64) -> io::Result<Content> {
    if size >= MAPPED_FROM {
        return Ok(Content::Mapped(Mapping::open(file)?.whole()));
    }
    fs_err::read(file).map(Content::from)
}

/// Calls `visit` with every path below `root`, parents first and names in byte order, the file and what it is.
fn walk(root: &Path, visit: &mut dyn FnMut(&str, &Path, &FileMetadata) -> io::Result<()>) -> io::Result<()> {
    for entry in walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name() {
        let entry = entry?;
        let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let not_text = || io::Error::other(format!("`{}` has a name that is not UTF-8", entry.path().display()));
        visit(path.to_str().ok_or_else(not_text)?, entry.path(), &entry.metadata()?)?;
    }
    Ok(())
}
