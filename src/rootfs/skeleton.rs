//! Folders that apk itself makes, beside those of the packages.

use std::collections::BTreeMap;

use super::error::Error;
use super::tree::{Inode, InodeKind, Metadata, Origin, Tree};

/// Folders that apk makes in an empty root before anything else; `lib/apk/db` follows with the database.
pub(super) const SKELETON: [(&str, u32); 2] = [("etc", 0o755), ("etc/apk", 0o755)];

/// Folders that apk makes before it runs a script, for what it mounts there.
pub(super) const MOUNTED: [(&str, u32); 2] = [("dev", 0o755), ("proc", 0o555)];

/// Makes those of `folders` of which nothing is there.
pub(super) fn make_folders(tree: &mut Tree, folders: &[(&str, u32)], timestamp: i64) -> Result<(), Error> {
    for (path, mode) in folders {
        if tree.lookup(path).is_none() {
            let inode = Inode { kind: InodeKind::Directory(BTreeMap::new()), metadata: generated(*mode, timestamp) };
            tree.insert(path, inode).map_err(|source| Error::Generated { path: (*path).to_owned(), source })?;
        }
    }
    Ok(())
}

/// Metadata of something that this program makes, owned by root.
pub(super) fn generated(mode: u32, timestamp: i64) -> Metadata {
    Metadata { mode, uid: 0, gid: 0, mtime: timestamp, xattrs: BTreeMap::new(), origin: Origin::Generated }
}
