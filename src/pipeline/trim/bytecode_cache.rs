//! Bytecode from earlier builds: a file for each source, and a file for all sources of an image together, since opening
//! hundreds of files takes longer than reading what is in them.
//!
//! Of each source it says whether it is bytecode or the interpreter's refusal, the SHA-1 of the bytecode, and that or a
//! message. In a set of several, a list of lengths is before them.

use std::io;
use std::path::PathBuf;

use crate::digest::{Sha1Digest, Sha256, Sha256Digest};
use crate::kept;
use crate::mapping::MappedSlice;
use crate::prune::bytecode::Compiled;
use crate::rootfs::Content;

const SHA1: usize = 20;
const IS_BYTECODE: u8 = 1;
const IS_REFUSAL: u8 = 0;

/// The folder of the cache where it lies.
pub(super) struct BytecodeCache(pub(super) PathBuf);

impl BytecodeCache {
    /// What is kept under `key`, if it is whole.
    pub(super) fn read(&self, key: Sha256Digest) -> Option<Compiled> {
        decode(&kept::read(&self.0.join(key.to_string()))?)
    }

    /// Keeps `compiled` under `key`.
    pub(super) fn keep(&self, key: Sha256Digest, compiled: &Compiled) -> io::Result<()> {
        kept::write(&self.0.join(key.to_string()), &encode(compiled))
    }

    /// What is kept under just these `keys`, in their order, if it is whole.
    pub(super) fn read_set(&self, keys: &[Sha256Digest]) -> Option<Vec<Compiled>> {
        let bytes = kept::read(&self.set_path(keys))?;
        let (lengths, rest) = postcard::take_from_bytes::<Vec<usize>>(&bytes).ok()?;
        let mut end = bytes.len() - rest.len();
        let mut set = Vec::with_capacity(lengths.len());
        for length in lengths {
            let start = end;
            end = end.checked_add(length)?;
            set.push(decode(&bytes.slice(start..end)?)?);
        }
        (set.len() == keys.len()).then_some(set)
    }

    /// Keeps `set` under `keys`, in the same order.
    pub(super) fn keep_set(&self, keys: &[Sha256Digest], set: &[&Compiled]) -> io::Result<()> {
        let parts: Vec<Vec<u8>> = set.iter().map(|compiled| encode(compiled)).collect();
        let lengths: Vec<usize> = parts.iter().map(Vec::len).collect();
        let lengths = postcard::to_stdvec(&lengths).map_err(io::Error::other)?;
        kept::write(&self.set_path(keys), &[lengths, parts.concat()].concat())
    }

    fn set_path(&self, keys: &[Sha256Digest]) -> PathBuf {
        let mut hasher = Sha256::new();
        for key in keys {
            hasher.update(&key.0);
        }
        self.0.join(format!("{}.set", hasher.finish()))
    }
}

fn decode(bytes: &MappedSlice) -> Option<Compiled> {
    let (kind, rest) = bytes.split_first()?;
    if *kind != IS_BYTECODE {
        return Some(Compiled::Refused(String::from_utf8_lossy(rest).into_owned()));
    }
    let checksum = Sha1Digest(*rest.first_chunk()?);
    let content = bytes.slice(1 + SHA1..bytes.len())?;
    Some(Compiled::Bytes(Content::Mapped(content), checksum))
}

fn encode(compiled: &Compiled) -> Vec<u8> {
    match compiled {
        Compiled::Bytes(content, checksum) => [&[IS_BYTECODE], &checksum.0[..], content].concat(),
        Compiled::Refused(message) => [&[IS_REFUSAL], message.as_bytes()].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_found_by_all_of_its_keys_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let cache = BytecodeCache(folder.path().to_owned());
        let bytes = |text: &str| Compiled::Bytes(text.as_bytes().to_vec().into(), Sha1Digest::of(text.as_bytes()));
        let set = [bytes("one"), Compiled::Refused("line 3: no".to_owned()), bytes("")];
        let keys: Vec<Sha256Digest> = ["a", "b", "c"].map(|key| Sha256Digest::of(key.as_bytes())).into();
        cache.keep_set(&keys, &set.each_ref()).unwrap();
        let found = cache.read_set(&keys).unwrap();
        let plain = |compiled: &Compiled| match compiled {
            Compiled::Bytes(content, checksum) => (Some(*checksum), content.to_vec()),
            Compiled::Refused(message) => (None, message.clone().into_bytes()),
        };
        assert_eq!(found.iter().map(plain).collect::<Vec<_>>(), set.iter().map(plain).collect::<Vec<_>>());
        let reversed: Vec<Sha256Digest> = keys.iter().rev().copied().collect();
        assert!(cache.read_set(&keys[..2]).is_none() && cache.read_set(&reversed).is_none());
    }
}
