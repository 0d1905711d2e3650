//! Bytecode from earlier builds, a file for each source: a checksum of all that follows, whether it is bytecode or the
//! interpreter's refusal, the SHA-1 of the bytecode, and that or a message.

use std::io::Read as _;
use std::path::PathBuf;

use crate::digest::{Checksum, Sha1Digest, Sha256Digest};
use crate::fetch::Cache;
use crate::mapping::Mapping;
use crate::prune::bytecode::Compiled;
use crate::rootfs::Content;
use crate::unfinished;

const CHECKSUM: usize = 16;
const SHA1: usize = 20;
const IS_BYTECODE: u8 = 1;
const IS_REFUSAL: u8 = 0;

/// The folder of the cache where it lies.
pub(super) struct KeptBytecode(pub(super) PathBuf);

impl KeptBytecode {
    /// What is kept under `key`, if it is whole.
    pub(super) fn read(&self, key: Sha256Digest) -> Option<Compiled> {
        let file = fs_err::File::open(self.0.join(key.to_string())).ok()?;
        let mut bytes = Vec::new();
        // The standard library's file knows its length, and reads it at once.
        file.file().read_to_end(&mut bytes).ok()?;
        // Read, not mapped: there are many of them, and the system allows so many mappings only.
        let bytes = Mapping::from(bytes);
        let (checksum, body) = bytes.split_first_chunk()?;
        if Checksum::of(body).0 != *checksum {
            return None;
        }
        Cache::touch(&file);
        let (kind, rest) = body.split_first()?;
        if *kind != IS_BYTECODE {
            return Some(Compiled::Refused(String::from_utf8_lossy(rest).into_owned()));
        }
        let checksum = Sha1Digest(*rest.first_chunk()?);
        let content = bytes.slice(CHECKSUM + 1 + SHA1..bytes.len())?;
        Some(Compiled::Bytes(Content::Mapped(content), checksum))
    }

    /// Keeps `compiled` under `key`.
    pub(super) fn keep(&self, key: Sha256Digest, compiled: &Compiled) -> std::io::Result<()> {
        let body = match compiled {
            Compiled::Bytes(content, checksum) => [&[IS_BYTECODE], &checksum.0[..], content].concat(),
            Compiled::Refused(message) => [&[IS_REFUSAL], message.as_bytes()].concat(),
        };
        let kept = [&Checksum::of(&body).0[..], &body].concat();
        unfinished::write_unsynced(&self.0.join(key.to_string()), &kept)
    }
}
