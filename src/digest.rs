//! Digests as values: SHA-1 for Alpine's identities, SHA-256 for everything an image names, XXH3 for what this program
//! wrote into its own cache, where only damage is to be found: who can write there could write a digest as well.
//!
//! A digest prints as lower-case hexadecimal. Which hash it is stands in its type, so that one cannot be compared with
//! the other by mistake.

use std::fmt;
use std::io::{self, Write};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha1::Digest as _;

/// A SHA-1 digest, 20 bytes, and written as those into this program's own files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sha1Digest(pub [u8; 20]);

/// A SHA-256 digest, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Digest(pub [u8; 32]);

impl Sha1Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha1::Sha1::digest(bytes).into())
    }

    /// Reads 40 hexadecimal digits; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 20];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl Sha256Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// Reads 64 hexadecimal digits; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// The digest as OCI descriptors write it: `sha256:` and 64 hexadecimal digits (image-spec descriptor.md).
    pub fn to_oci(self) -> String {
        format!("sha256:{self}")
    }
}

impl Serialize for Sha256Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| serde::de::Error::custom("expected 64 hexadecimal digits"))
    }
}

impl fmt::Display for Sha1Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha1Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sha1:{self}")
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sha256:{self}")
    }
}

/// A running SHA-1.
#[derive(Clone, Default)]
pub struct Sha1(sha1::Sha1);

impl Sha1 {
    /// Takes `bytes` in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all that was taken in.
    pub fn finish(self) -> Sha1Digest {
        Sha1Digest(self.0.finalize().into())
    }
}

/// A running SHA-256.
#[derive(Clone)]
pub struct Sha256(aws_lc_rs::digest::Context);

impl Sha256 {
    /// Nothing hashed yet.
    pub fn new() -> Self {
        Self(aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256))
    }

    /// Takes `bytes` in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all that was taken in.
    pub fn finish(self) -> Sha256Digest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        Sha256Digest(bytes)
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

/// A 128-bit XXH3 checksum. It finds damage and stops nobody who means harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum(pub [u8; 16]);

impl Checksum {
    /// The checksum of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(bytes).to_le_bytes())
    }
}

/// A running XXH3 checksum.
#[derive(Clone, Default)]
pub struct Xxh3(xxhash_rust::xxh3::Xxh3);

/// A running hash of one kind or another.
pub trait RunningHash: Default {
    /// What comes out.
    type Digest;
    /// Takes `bytes` in.
    fn update(&mut self, bytes: &[u8]);
    /// The digest of all that was taken in.
    fn finish(self) -> Self::Digest;
}

impl RunningHash for Xxh3 {
    type Digest = Checksum;

    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self) -> Checksum {
        Checksum(self.0.digest128().to_le_bytes())
    }
}

/// Bytes of a piece of [`Xxh3Pieces`].
pub const PIECE: usize = 4 << 20;

/// A running checksum over the checksums of pieces of [`PIECE`] bytes, so that where the bytes lie together the pieces
/// can be read at the same time.
#[derive(Default)]
pub struct Xxh3Pieces {
    /// Over the pieces that are whole.
    whole: Xxh3,
    piece: Xxh3,
    /// Bytes in `piece`, fewer than [`PIECE`].
    filled: usize,
}

impl Xxh3Pieces {
    /// Takes in a piece by its checksum. All but the last must be of [`PIECE`] bytes.
    pub fn add(&mut self, piece: Checksum) {
        self.whole.update(&piece.0);
    }
}

impl RunningHash for Xxh3Pieces {
    type Digest = Checksum;

    fn update(&mut self, mut bytes: &[u8]) {
        while let Some((part, rest)) = bytes.split_at_checked(PIECE - self.filled) {
            self.piece.update(part);
            let piece = std::mem::take(&mut self.piece).finish();
            self.add(piece);
            self.filled = 0;
            bytes = rest;
        }
        self.piece.update(bytes);
        self.filled += bytes.len();
    }

    fn finish(mut self) -> Checksum {
        if self.filled > 0 {
            let piece = std::mem::take(&mut self.piece).finish();
            self.add(piece);
        }
        self.whole.finish()
    }
}

impl RunningHash for Sha256 {
    type Digest = Sha256Digest;

    fn update(&mut self, bytes: &[u8]) {
        Self::update(self, bytes);
    }

    fn finish(self) -> Sha256Digest {
        Self::finish(self)
    }
}

/// A writer that hashes and counts what passes through it to `inner`.
pub struct HashingWriter<W, H> {
    inner: W,
    hasher: H,
    written: u64,
}

/// One that hashes with SHA-256.
pub type Sha256Writer<W> = HashingWriter<W, Sha256>;

impl<W: Write, H: RunningHash> HashingWriter<W, H> {
    /// Starts at zero bytes.
    pub fn new(inner: W) -> Self {
        Self { inner, hasher: H::default(), written: 0 }
    }

    /// What it writes to.
    pub fn inner(&self) -> &W {
        &self.inner
    }

    /// The number of bytes that passed so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The inner writer, the digest and the number of bytes that passed.
    pub fn finish(self) -> (W, H::Digest, u64) {
        (self.inner, self.hasher.finish(), self.written)
    }
}

impl<W: Write, H: RunningHash> Write for HashingWriter<W, H> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..taken).unwrap_or(bytes));
        self.written += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digests() {
        assert_eq!(Sha1Digest::of(b"abc").to_string(), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            Sha256Digest::of(b"abc").to_oci(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn hexadecimal_is_read_strictly() {
        let digest = Sha256Digest::of(b"x");
        assert_eq!(Sha256Digest::from_hex(&digest.to_string()), Some(digest));
        assert_eq!(Sha256Digest::from_hex("ab"), None);
        assert_eq!(Sha1Digest::from_hex(&"zz".repeat(20)), None);
    }

    #[test]
    fn a_writer_hashes_what_passes() {
        let mut writer = Sha256Writer::new(Vec::new());
        writer.write_all(b"ab").unwrap();
        writer.write_all(b"c").unwrap();
        let (inner, digest, written) = writer.finish();
        assert_eq!((inner.as_slice(), written), (b"abc".as_slice(), 3));
        assert_eq!(digest, Sha256Digest::of(b"abc"));
    }
}
