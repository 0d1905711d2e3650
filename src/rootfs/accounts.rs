//! The account files of a tree: `/etc/passwd`, `/etc/group` and `/etc/shadow`.

use std::collections::BTreeMap;

use super::error::Error;
use super::tree::{Content, Inode, InodeKind, Metadata, Origin, Tree};
use crate::platform::accounts::{AccountEntry, AccountFile};

/// Where the accounts are.
pub const PASSWD: &str = "etc/passwd";
/// Where the groups are.
pub const GROUP: &str = "etc/group";
/// Where the passwords are.
pub const SHADOW: &str = "etc/shadow";

/// Reads the account file at `path` of `tree`, links followed; `None` where there is none.
pub fn read<T: AccountEntry>(tree: &Tree, path: &str) -> Option<AccountFile<T>> {
    let content = tree.file(&tree.resolve(path)?)?;
    Some(AccountFile::parse(&String::from_utf8_lossy(content)))
}

/// Writes `file` to `path` of `tree`, links followed. A file that is there keeps its owner and mode; a new one gets
/// `mode`, root as its owner, and `origin`.
///
/// # Errors
/// Where something else than a file is at `path` or on the way there.
pub fn write<T: AccountEntry>(
    file: &AccountFile<T>,
    tree: &mut Tree,
    path: &str,
    mode: u32,
    timestamp: i64,
    origin: Origin,
) -> Result<(), Error> {
    let real = tree.resolve_target(path).unwrap_or_else(|| path.to_owned());
    let content = Content::from(file.text().into_bytes());
    let kind = InodeKind::File { content, checksum: None };
    let failed = |source| Error::Generated { path: real.clone(), source };
    match tree.lookup(&real) {
        Some(id) if matches!(tree.inode(id).kind, InodeKind::File { .. }) => {
            let inode = tree.inode_mut(id);
            inode.kind = kind;
            inode.metadata.mtime = timestamp;
        }
        _ => {
            let metadata = Metadata { mode, uid: 0, gid: 0, mtime: timestamp, xattrs: BTreeMap::new(), origin };
            tree.insert(&real, Inode { kind, metadata }).map_err(failed)?;
        }
    }
    Ok(())
}
