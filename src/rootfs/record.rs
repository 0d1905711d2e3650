//! What the installed database says of a path: what its package wants it to be, whatever became of it since.

use std::collections::BTreeMap;

use crate::digest::Sha1Digest;

/// One path of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// As the package lists it.
    pub path: String,
    /// Owner, mode and attributes.
    pub owner: Owner,
    /// What it is.
    pub kind: RecordKind,
}

/// Owner, mode and attributes of a [`Record`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Numeric owner, after a look into the image's own accounts.
    pub uid: u32,
    /// Numeric group, found in the same way.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
    /// Extended attributes.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

/// What a [`Record`] is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// A folder.
    Folder,
    /// A file, a symbolic or a hard link.
    File {
        /// SHA-1 of the contents, or of a symbolic link's target.
        checksum: Sha1Digest,
    },
}

impl Record {
    /// Whether it is of a folder.
    pub fn is_folder(&self) -> bool {
        self.kind == RecordKind::Folder
    }
}

impl Owner {
    /// The digest of the extended attributes as apk writes it (`apk_fileinfo_hash_xattr`): SHA-1 over names and values
    /// in order of the names, each with its length before it. `None` where there are no attributes.
    pub fn xattrs_checksum(&self) -> Option<Sha1Digest> {
        if self.xattrs.is_empty() {
            return None;
        }
        let mut bytes = Vec::new();
        let mut push = |field: &[u8]| {
            bytes.extend_from_slice(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(field);
        };
        for (name, value) in &self.xattrs {
            push(name.as_bytes());
            push(value);
        }
        Some(Sha1Digest::of(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apk::Identity;

    #[test]
    fn attributes_have_the_digest_that_apk_gives_them() {
        let owner = |pairs: &[(&str, &str)]| Owner {
            uid: 0,
            gid: 0,
            mode: 0o644,
            xattrs: pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect(),
        };
        // As apk 2.14.4 wrote them for files with these attributes.
        for (pairs, expected) in [
            (&[("user.d", "1")][..], "Q1ncS0q5+DKA6GNB19dJIaodZxDts="),
            (&[("user.foo", "bar"), ("user.aaa", "1")], "Q1b+OUjtEfOhpG3B4PfeFIY5KAvTM="),
        ] {
            let digest = owner(pairs).xattrs_checksum().map(|digest| Identity::Sha1(digest).to_string());
            assert_eq!(digest.as_deref(), Some(expected));
        }
        assert_eq!(owner(&[]).xattrs_checksum(), None);
    }
}
