//! The gzip members of a package: signatures, control, data, one after another (apk-package(5)).
//!
//! Each member is inflated up to its own end and no further, so the compressed bytes that identities and signatures
//! cover are known exactly. Refused: other formats, members beyond any sensible size, a package without `.PKGINFO`.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::ops::Range;

use flate2::bufread::GzDecoder;

use super::{Error, Identity, PackageInfo, Signature};
use crate::digest::{Sha1Digest, Sha256Digest};

/// Signatures are some hundred bytes, scripts a few thousand.
const LIMIT: usize = 16 << 20;

/// All of a package but its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Every signature of a known kind.
    pub signatures: Vec<Signature>,
    /// The control member as it stands in the package, compressed; the identity is its digest.
    pub control: Vec<u8>,
    /// What the package says about itself.
    pub info: PackageInfo,
    /// The other entries of the control member, without the dot of their names: `pre-install`, `trigger`…
    pub scripts: BTreeMap<String, Vec<u8>>,
    /// How many bytes of the package come before its data member.
    pub length: u64,
}

impl Head {
    /// Reads up to the data member, and leaves `reader` at its first byte.
    pub fn read(reader: &mut impl BufRead) -> Result<Self, Error> {
        let mut signatures = Vec::new();
        let mut length = 0;
        loop {
            check_magic(reader, "control member")?;
            let (tar, compressed) = inflate_one(reader, "control member")?;
            length += compressed.len() as u64;
            let mut entries = tar_entries(&tar, "control member")?;
            if entries.iter().any(|(name, _)| name.starts_with(".SIGN.")) {
                signatures.extend(entries.iter().filter_map(|(name, contents)| Signature::from_entry(name, contents)));
                continue;
            }
            let position = entries.iter().position(|(name, _)| name == ".PKGINFO");
            let (_, text) = entries.swap_remove(position.ok_or(Error::Missing { member: ".PKGINFO" })?);
            let text = str::from_utf8(text).map_err(|_| Error::NotText { what: ".PKGINFO" })?;
            let scripts = entries
                .iter()
                .filter_map(|(name, contents)| Some((name.strip_prefix('.')?.to_owned(), contents.to_vec())))
                .collect();
            let info = PackageInfo::parse(text)?;
            return Ok(Self { signatures, info, scripts, control: compressed, length });
        }
    }

    /// The identity by SHA-1, the `C:Q1…` of an index.
    pub fn identity(&self) -> Identity {
        Identity::Sha1(Sha1Digest::of(&self.control))
    }

    /// Holds the control member against the identity that an index vouches for.
    pub fn check_identity(&self, expected: Identity) -> Result<(), Error> {
        let found = expected.of_same_kind(&self.control);
        if found == expected { Ok(()) } else { Err(Error::IdentityMismatch { expected, found }) }
    }

    /// The digest of the compressed data member that the control member vouches for.
    pub fn data_digest(&self) -> Result<Sha256Digest, Error> {
        self.info.data_digest().ok_or(Error::PackageInfoMissing { key: "datahash" })
    }
}

/// Refuses what is no gzip data, and names what it is.
pub(super) fn check_magic(reader: &mut impl BufRead, member: &'static str) -> Result<(), Error> {
    let start = reader.fill_buf().map_err(|error| damaged(member, &error))?;
    let found = match start {
        [] => return Err(Error::Missing { member }),
        [0x1f, 0x8b, ..] | [0x1f] => return Ok(()),
        [b'A', b'D', b'B', b'.' | b'd' | b'c', ..] => return Err(Error::VersionThree),
        [b'<', ..] => "HTML or XML".to_owned(),
        _ => {
            let first: Vec<u8> = start.iter().copied().take(16).collect();
            format!("`{}`", first.escape_ascii())
        }
    };
    Err(Error::NotGzip { found })
}

/// Inflates one member: its contents, and the compressed bytes as they were.
fn inflate_one(reader: &mut impl BufRead, member: &'static str) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let mut recording = Recording { inner: reader, taken: Vec::new() };
    let mut contents = Vec::new();
    GzDecoder::new(&mut recording)
        .take(LIMIT as u64 + 1)
        .read_to_end(&mut contents)
        .map_err(|error| damaged(member, &error))?;
    if contents.len() > LIMIT {
        return Err(Error::TooLarge { member, limit: LIMIT });
    }
    Ok((contents, recording.taken))
}

/// The signature members that `bytes` begin with, and what comes after them.
pub(super) fn split_signatures(bytes: &[u8]) -> Result<(Vec<Signature>, &[u8]), Error> {
    let mut signatures = Vec::new();
    let mut rest = bytes;
    loop {
        check_magic(&mut rest, "index")?;
        let mut name = [0; 6];
        let is_signature = GzDecoder::new(rest).read_exact(&mut name).is_ok() && name == *b".SIGN.";
        if !is_signature {
            return Ok((signatures, rest));
        }
        let (tar, _) = inflate_one(&mut rest, "signature")?;
        let entries = tar_entries(&tar, "signature")?;
        signatures.extend(entries.iter().filter_map(|(name, contents)| Signature::from_entry(name, contents)));
    }
}

/// Names and contents of the files in a small tar.
pub(super) fn tar_entries<'a>(tar: &'a [u8], member: &'static str) -> Result<Vec<(String, &'a [u8])>, Error> {
    let entries = tar_ranges(tar, member)?.into_iter();
    Ok(entries.map(|(name, range)| (name, tar.get(range).unwrap_or_default())).collect())
}

/// Names of the files in a small tar, and where in it their contents lie.
pub(super) fn tar_ranges(tar: &[u8], member: &'static str) -> Result<Vec<(String, Range<usize>)>, Error> {
    let broken = |error: &io::Error| Error::Tar { member, reason: error.to_string() };
    let mut archive = tar::Archive::new(io::Cursor::new(tar));
    let mut found = Vec::new();
    for entry in archive.entries_with_seek().map_err(|error| broken(&error))? {
        let entry = entry.map_err(|error| broken(&error))?;
        let name =
            String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| Error::NotText { what: "entry's name" })?;
        let range = content_range(entry.raw_file_position(), entry.size()).filter(|range| range.end <= tar.len());
        match range {
            Some(range) => found.push((name, range)),
            None => return Err(Error::Tar { member, reason: format!("`{name}` ends too soon") }),
        }
    }
    Ok(found)
}

/// Where `size` bytes from `start` on lie, if memory can be addressed so far.
pub(super) fn content_range(start: u64, size: u64) -> Option<Range<usize>> {
    let end = start.checked_add(size)?;
    Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

pub(super) fn damaged(member: &'static str, error: &io::Error) -> Error {
    let reason = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends too soon".to_owned(),
        _ => error.to_string(),
    };
    Error::Inflate { member, reason }
}

/// Keeps what is taken from `inner`.
struct Recording<'a, R> {
    inner: &'a mut R,
    taken: Vec<u8>,
}

impl<R: BufRead> Read for Recording<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.taken.extend(buffer.iter().take(read));
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Recording<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What is consumed was just handed out, so this reads nothing new.
        if let Ok(buffered) = self.inner.fill_buf() {
            self.taken.extend_from_slice(buffered.get(..amount).unwrap_or(buffered));
        }
        self.inner.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_formats_are_named() {
        for (bytes, message) in [
            (b"".as_slice(), "it has no control member"),
            (b"ADB.xxxx", "this is in apk's v3 format (ADB), and only v2 is read here"),
            (b"ADBd\x01", "this is in apk's v3 format (ADB), and only v2 is read here"),
            (b"<!DOCTYPE html>", "expected gzip data, found HTML or XML"),
            (b"PK\x03\x04", "expected gzip data, found `PK\\x03\\x04`"),
            (b"\x1f\x8b\x08\x00", "its control member is damaged: it ends too soon"),
        ] {
            assert_eq!(Head::read(&mut &*bytes).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::copy(&mut io::repeat(0).take(LIMIT as u64 + 10), &mut bomb).unwrap();
        let error = Head::read(&mut bomb.finish().unwrap().as_slice()).unwrap_err();
        assert_eq!(error, Error::TooLarge { member: "control member", limit: LIMIT });
    }
}
