//! Files that end in the SHA-256 of all that is before it: large ones, which are written before their digest is known.

use crate::digest::Sha256Digest;
use crate::mapping::{MappedSlice, Mapping};

/// Bytes of the digest.
pub const LENGTH: usize = 32;

/// What `file` holds, not verified yet, and the digest that it must have; `None` where it is too short for one.
pub fn split(file: &fs_err::File) -> Option<(MappedSlice, Sha256Digest)> {
    let mapping = Mapping::of(file).ok()?;
    let end = mapping.len().checked_sub(LENGTH)?;
    let digest = Sha256Digest(mapping.get(end..)?.try_into().ok()?);
    Some((mapping.slice(0..end)?, digest))
}

/// Whether `file` is what its digest says.
pub fn is_whole(file: &fs_err::File) -> bool {
    split(file).is_some_and(|(bytes, digest)| bytes.sha256() == digest)
}
