//! One entry of a package's data member, as a value: what the tar says about a path, and where its contents lie.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::digest::Sha1Digest;

/// One path of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Relative to the root, without leading or trailing slash, without `.`, `..` or control characters.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits, including set-id and sticky: at most 0o7777.
    pub mode: u32,
    /// Numeric owner, used where `user` is not in the image's own passwd.
    pub uid: u32,
    /// Numeric group, used where `group` is not in the image's own group file.
    pub gid: u32,
    /// Owner by name; empty where the tar names none.
    pub user: String,
    /// Group by name; empty where the tar names none.
    pub group: String,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Extended attributes, by name (`security.capability`), from `SCHILY.xattr.*`.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

/// What an [`Entry`] is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// A folder.
    Directory,
    /// A file, whose contents are this range of the inflated data member.
    File {
        /// Bytes in the inflated data member.
        content: Range<usize>,
        /// SHA-1 of the contents, from `APK-TOOLS.checksum.SHA1` and checked, or computed where the tar has none.
        checksum: Sha1Digest,
    },
    /// A symbolic link; its target is free text.
    Symlink {
        /// As written.
        target: String,
    },
    /// Another name for a file that the same package brings.
    HardLink {
        /// The path of that file, in the same form as [`Entry::path`].
        target: String,
    },
}
