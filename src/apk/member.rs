//! The gzip members of a package or an index: signatures, then what they cover (apk-package(5)).
//!
//! Each member is inflated up to its own end and no further, so the compressed bytes that identities and signatures
//! cover are known exactly. A signature member is a tar and is read as one: abuild 3.15 and later begin it with a PAX
//! header, others with a GNU long name, and several signatures stand in one member or one after another.
//!
//! Refused: other formats, members beyond any sensible size, anything but signatures in a signature member, a package
//! without `.PKGINFO`. Nothing is trusted yet while this reads, so it reads little.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::ops::Range;

use flate2::bufread::GzDecoder;

use super::error::Error;
use super::identity::Identity;
use super::package_info::PackageInfo;
use super::signature::Signature;
use crate::digest::{Sha1Digest, Sha256Digest};
use crate::tar_reader::TarReader;

/// Bytes of a control member, packed or not: scripts have a few thousand. Each becomes several, in lists of words, before
/// anything is verified.
const LIMIT: usize = 2 << 20;
/// Bytes of a signature member: that of a key of 8,192 bits has 1,024, with its headers some 3,000.
const SIGNATURE_LIMIT: usize = 64 << 10;
/// How many signatures are read at most; Alpine's packages have one.
const MOST_SIGNATURES: usize = 16;

/// All of a package but its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its signatures, of known algorithms and others.
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
        let Signed { signatures, length, next } = read_signatures(reader, "control member")?;
        let (tar, control) = next.inflate(LIMIT)?;
        let mut entries = tar_entries(&tar, "control member")?;
        let position = entries.iter().position(|(name, _)| name == ".PKGINFO");
        let (_, text) = entries.swap_remove(position.ok_or(Error::Missing { member: ".PKGINFO" })?);
        let text = str::from_utf8(text).map_err(|_| Error::NotText { what: ".PKGINFO" })?;
        let scripts = entries
            .iter()
            .filter_map(|(name, contents)| Some((name.strip_prefix('.')?.to_owned(), contents.to_vec())))
            .collect();
        let info = PackageInfo::parse(text)?;
        let length = length + control.len() as u64;
        Ok(Self { signatures, control, info, scripts, length })
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

/// The signatures that a package or an index begins with, and the member after them, which they cover.
pub(super) struct Signed<'r, R> {
    pub(super) signatures: Vec<Signature>,
    /// Bytes of the signature members, as they are packed.
    pub(super) length: u64,
    pub(super) next: Member<'r, R>,
}

/// Reads the signature members that `reader` begins with, none or some. The member after them is called `member` in
/// messages.
pub(super) fn read_signatures<'r, R: BufRead>(
    mut reader: &'r mut R,
    member: &'static str,
) -> Result<Signed<'r, R>, Error> {
    let mut signatures = Vec::new();
    let mut length = 0;
    loop {
        check_magic(reader, member)?;
        let next = Member::begin(reader, member)?;
        if !next.has_signature()? {
            return Ok(Signed { signatures, length, next });
        }
        let (tar, packed, rest) = next.into_signature()?;
        signatures.extend(signatures_in(&tar)?);
        if signatures.len() > MOST_SIGNATURES {
            return Err(Error::TooManySignatures { limit: MOST_SIGNATURES });
        }
        length += packed;
        reader = rest;
    }
}

/// A gzip member of which the beginning is inflated.
pub(super) struct Member<'r, R> {
    decoder: GzDecoder<Recording<'r, R>>,
    start: Vec<u8>,
    name: &'static str,
    /// Why it cannot be inflated even so far.
    failure: Option<Error>,
}

impl<'r, R: BufRead> Member<'r, R> {
    /// Inflates as much as a signature may have, and a byte more where there is one.
    fn begin(reader: &'r mut R, name: &'static str) -> Result<Self, Error> {
        let mut decoder = GzDecoder::new(Recording { inner: reader, taken: Vec::new() });
        let mut start = Vec::new();
        let result = decoder.by_ref().take(SIGNATURE_LIMIT as u64 + 1).read_to_end(&mut start);
        let member = Self { decoder, start, name, failure: None };
        match result {
            Ok(_) => Ok(member),
            Err(error) if member.has_signature().unwrap_or(false) => Err(damaged("signature", &error)),
            // Of what comes after the signatures they say whether it was changed, before anything else does.
            Err(error) => Ok(Self { failure: Some(damaged(name, &error)), ..member }),
        }
    }

    /// Whether the first entry of its tar is a signature.
    fn has_signature(&self) -> Result<bool, Error> {
        let broken = |error: &io::Error| Error::Tar { member: self.name, reason: error.to_string() };
        let mut archive = tar::Archive::new(io::Cursor::new(self.start.as_slice()));
        for entry in archive.entries_with_seek().map_err(|error| broken(&error))? {
            let entry = match entry {
                Ok(entry) => entry,
                Err(_) if self.failure.is_some() => return Ok(false),
                Err(error) => return Err(broken(&error)),
            };
            if !entry.header().entry_type().is_pax_global_extensions() {
                return Ok(entry.path_bytes().starts_with(Signature::PREFIX.as_bytes()));
            }
        }
        Ok(false)
    }

    /// The tar of a signature member, how many bytes it is packed in, and the reader at what comes after it.
    fn into_signature(self) -> Result<(Vec<u8>, u64, &'r mut R), Error> {
        if self.start.len() > SIGNATURE_LIMIT {
            return Err(Error::TooLarge { member: "signature", limit: SIGNATURE_LIMIT });
        }
        let Recording { inner, taken } = self.decoder.into_inner();
        Ok((self.start, taken.len() as u64, inner))
    }

    /// Its contents, `limit` bytes at most, and the compressed bytes as they were.
    fn inflate(self, limit: usize) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let Self { mut decoder, start: mut contents, name, failure } = self;
        if let Some(failure) = failure {
            return Err(failure);
        }
        let left = (limit + 1).saturating_sub(contents.len());
        decoder.by_ref().take(left as u64).read_to_end(&mut contents).map_err(|error| damaged(name, &error))?;
        if contents.len() > limit {
            return Err(Error::TooLarge { member: name, limit });
        }
        Ok((contents, decoder.into_inner().taken))
    }
}

/// The signatures in the tar of a signature member, which holds nothing else.
fn signatures_in(tar: &[u8]) -> Result<Vec<Signature>, Error> {
    const MEMBER: &str = "signature";
    let broken = |reason: String| Error::Tar { member: MEMBER, reason };
    let mut archive = tar::Archive::new(io::Cursor::new(tar));
    let mut signatures = Vec::new();
    let mut end = 0;
    for entry in archive.entries_with_seek().map_err(|error| broken(error.to_string()))? {
        let entry = entry.map_err(|error| broken(error.to_string()))?;
        let name = entry.path_bytes();
        let name = str::from_utf8(&name).map_err(|_| Error::NotText { what: "signature's name" })?;
        let too_short = || broken(format!("`{name}` ends too soon"));
        let range = content_range(entry.raw_file_position(), entry.size()).ok_or_else(too_short)?;
        let contents = tar.get(range.clone()).ok_or_else(too_short)?;
        end = range.end.next_multiple_of(512);
        if end > tar.len() {
            return Err(too_short());
        }
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            continue;
        }
        if !kind.is_file() || !name.starts_with(Signature::PREFIX) {
            return Err(Error::BesideSignature { name: name.to_owned() });
        }
        // A name that the header cannot hold stands before it, and the header has its beginning. Which of two names
        // counts would be for each reader to guess.
        let short = entry.header().path_bytes();
        if short.starts_with(Signature::PREFIX.as_bytes()) && !name.as_bytes().starts_with(&short) {
            let names = [String::from_utf8_lossy(&short).into_owned(), name.to_owned()];
            return Err(Error::TwoSigners { names });
        }
        signatures.push(Signature::from_entry(name, contents)?);
    }
    if tar.get(end..).unwrap_or_default().iter().any(|byte| *byte != 0) {
        return Err(broken("something stands behind its end".to_owned()));
    }
    Ok(signatures)
}

/// Names and contents of the files in a small tar.
pub(super) fn tar_entries<'a>(tar: &'a [u8], member: &'static str) -> Result<Vec<(String, &'a [u8])>, Error> {
    let entries = tar_ranges(tar, member)?.into_iter();
    Ok(entries.map(|(name, range)| (name, tar.get(range).unwrap_or_default())).collect())
}

/// Names of the files in a small tar, and where in it their contents lie.
pub(super) fn tar_ranges(tar: &[u8], member: &'static str) -> Result<Vec<(String, Range<usize>)>, Error> {
    let broken = |reason: String| Error::Tar { member, reason };
    let mut found = Vec::new();
    for entry in TarReader::new(tar) {
        let entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.into_owned();
        found.push((String::from_utf8(name).map_err(|_| Error::NotText { what: "entry's name" })?, entry.content()));
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

/// Keeps what is taken from `inner`, and takes no more than any member has.
pub(super) struct Recording<'a, R> {
    inner: &'a mut R,
    taken: Vec<u8>,
}

impl<R: BufRead> Read for Recording<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Recording<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken.len() > LIMIT {
            return Err(io::Error::other(format!("it has more than {LIMIT} bytes as it is packed")));
        }
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
            (b"ADB.xxxx", "this is in apk's third format (ADB), which is not read here"),
            (b"ADBd\x01", "this is in apk's third format (ADB), which is not read here"),
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
