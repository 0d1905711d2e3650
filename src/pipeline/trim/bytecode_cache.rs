//! Bytecode from earlier builds, a file for each source: whether it is bytecode or the interpreter's refusal, the SHA-1
//! of the bytecode, and that or a message.

use std::path::PathBuf;

use crate::digest::{Sha1Digest, Sha256Digest};
use crate::kept;
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
        let bytes = kept::read(&self.0.join(key.to_string()))?;
        let (kind, rest) = bytes.split_first()?;
        if *kind != IS_BYTECODE {
            return Some(Compiled::Refused(String::from_utf8_lossy(rest).into_owned()));
        }
        let checksum = Sha1Digest(*rest.first_chunk()?);
        let content = bytes.slice(1 + SHA1..bytes.len())?;
        Some(Compiled::Bytes(Content::Mapped(content), checksum))
    }

    /// Keeps `compiled` under `key`.
    pub(super) fn keep(&self, key: Sha256Digest, compiled: &Compiled) -> std::io::Result<()> {
        let body = match compiled {
            Compiled::Bytes(content, checksum) => [&[IS_BYTECODE], &checksum.0[..], content].concat(),
            Compiled::Refused(message) => [&[IS_REFUSAL], message.as_bytes()].concat(),
        };
        kept::write(&self.0.join(key.to_string()), &body)
    }
}
