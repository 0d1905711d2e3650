//! Files as memory: package data is mapped, never copied.
//!
//! This is the one file outside the sandbox with `unsafe` in it. A mapping is sound only while nobody truncates the
//! file under it; the files mapped here lie in the cache, are written beside their place, renamed into it, and never
//! changed afterwards. The exception are the application's own large files, which live where their author works:
//! truncating one within the seconds that a build takes ends the build by SIGBUS, before anything is renamed into
//! place.
#![expect(unsafe_code, reason = "mapping a file is unsafe by nature; this file is its only home")]

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::digest::{Checksum, PIECE, RunningHash as _, Sha1, Sha1Digest, Sha256, Sha256Digest, Xxh3Pieces};

/// While no more than this is mapped, nothing is let go of: it would be read again soon, and bringing it back takes a
/// fifth of the time of a small image's build.
const MAY_STAY: usize = 64 << 20;

/// Bytes of all files that are mapped now.
static MAPPED: AtomicUsize = AtomicUsize::new(0);

/// A whole file, mapped read-only. Cloning shares the mapping.
#[derive(Clone)]
pub struct Mapping(Arc<Source>);

enum Source {
    Mapped(Map),
    Owned(Vec<u8>),
}

/// A map that is counted.
struct Map(memmap2::Mmap);

impl Map {
    fn new(map: memmap2::Mmap) -> Self {
        MAPPED.fetch_add(map.len(), Ordering::Relaxed);
        Self(map)
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        MAPPED.fetch_sub(self.0.len(), Ordering::Relaxed);
    }
}

impl Mapping {
    /// Maps the file at `path`. The error is the one of opening or mapping it, and names the path.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::of(&fs_err::File::open(path)?)
    }

    /// Maps `file`, which is open for reading.
    pub fn of(file: &fs_err::File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            return Ok(Self::from(Vec::new()));
        }
        // SAFETY: cache files are never modified in place, see the head of this file.
        let map = unsafe { memmap2::Mmap::map(file.file())? };
        Ok(Self(Arc::new(Source::Mapped(Map::new(map)))))
    }

    /// Maps the first `length` bytes of the file at `path`, which must have as many.
    pub fn open_part(path: &Path, length: usize) -> io::Result<Self> {
        Self::part_of(&fs_err::File::open(path)?, length)
    }

    /// Maps the first `length` bytes of `file`, which must have as many.
    pub fn part_of(file: &fs_err::File, length: usize) -> io::Result<Self> {
        if file.metadata()?.len() < length as u64 {
            let path = file.path().display();
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("`{path}` is too short")));
        }
        if length == 0 {
            return Ok(Self::from(Vec::new()));
        }
        // SAFETY: cache files are never modified in place, see the head of this file.
        let map = unsafe { memmap2::MmapOptions::new().len(length).map(file.file())? };
        Ok(Self(Arc::new(Source::Mapped(Map::new(map)))))
    }

    /// The bytes of `range`, sharing this mapping; `None` where the range does not lie inside it.
    pub fn slice(&self, range: Range<usize>) -> Option<MappedSlice> {
        self.get(range.clone())?;
        Some(MappedSlice { mapping: self.clone(), range })
    }

    /// Tells the system that these bytes are not needed for now. It may refuse, which costs nothing but memory.
    fn let_go(&self, start: usize, length: usize) {
        if let Source::Mapped(Map(map)) = &*self.0
            && MAPPED.load(Ordering::Relaxed) > MAY_STAY
        {
            // SAFETY: the mapping is of a file and read-only, so what is dropped is read from the file again.
            let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, length) };
        }
    }

    /// All of it as a slice.
    pub fn whole(&self) -> MappedSlice {
        MappedSlice { mapping: self.clone(), range: 0..self.len() }
    }
}

impl From<Vec<u8>> for Mapping {
    /// Bytes that were made here rather than read, in the same shape.
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Source::Owned(bytes)))
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &*self.0 {
            Source::Mapped(Map(map)) => map,
            Source::Owned(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Mapping({} bytes)", self.len())
    }
}

/// A part of a [`Mapping`], which it keeps alive.
#[derive(Clone)]
pub struct MappedSlice {
    mapping: Mapping,
    range: Range<usize>,
}

impl MappedSlice {
    /// The bytes of `range` within this slice, sharing the mapping; `None` where the range does not lie inside it.
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        self.get(range.clone())?;
        let start = self.range.start.checked_add(range.start)?;
        let end = self.range.start.checked_add(range.end)?;
        Some(Self { mapping: self.mapping.clone(), range: start..end })
    }
}

impl MappedSlice {
    /// Hands its bytes out in order, in pieces, and lets go of each piece afterwards where much is mapped: however
    /// large the files are, only so much of them counts as this program's memory. The bytes stay readable; the system
    /// brings them back when needed.
    pub fn for_each_piece<E>(&self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut start = self.range.start;
        for piece in self.chunks(PIECE) {
            take(piece)?;
            self.mapping.let_go(start, piece.len());
            start += piece.len();
        }
        Ok(())
    }

    /// The checksum of its bytes as [`Xxh3Pieces`] has it, pieces read at the same time.
    pub fn checksum(&self) -> Checksum {
        let piece = |(number, piece): (usize, &[u8])| {
            let checksum = Checksum::of(piece);
            self.mapping.let_go(self.range.start + number * PIECE, piece.len());
            checksum
        };
        let pieces: Vec<Checksum> = self.par_chunks(PIECE).enumerate().map(piece).collect();
        let mut checksum = Xxh3Pieces::default();
        for piece in pieces {
            checksum.add(piece);
        }
        checksum.finish()
    }

    /// The SHA-1 of its bytes, read piece by piece.
    pub fn sha1(&self) -> Sha1Digest {
        let mut hasher = Sha1::default();
        let Ok(()) = self.for_each_piece(|piece| {
            hasher.update(piece);
            Ok::<(), Infallible>(())
        });
        hasher.finish()
    }

    /// The SHA-256 of its bytes, read piece by piece.
    pub fn sha256(&self) -> Sha256Digest {
        let mut hasher = Sha256::new();
        let Ok(()) = self.for_each_piece(|piece| {
            hasher.update(piece);
            Ok::<(), Infallible>(())
        });
        hasher.finish()
    }
}

impl Deref for MappedSlice {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.mapping.get(self.range.clone()).unwrap_or_default()
    }
}

impl Default for MappedSlice {
    /// No bytes.
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl From<Vec<u8>> for MappedSlice {
    fn from(bytes: Vec<u8>) -> Self {
        Mapping::from(bytes).whole()
    }
}

impl fmt::Debug for MappedSlice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MappedSlice({} bytes)", self.range.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_outlives_its_mapping() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        fs_err::write(&path, b"0123456789").unwrap();
        let slice = {
            let mapping = Mapping::open(&path).unwrap();
            assert!(mapping.slice(8..11).is_none(), "a range past the end is refused");
            mapping.slice(2..5).unwrap()
        };
        assert_eq!(&*slice, b"234");
        assert_eq!(&*slice.slice(1..3).unwrap(), b"34");
        assert!(slice.slice(2..4).is_none(), "a part of a slice stays inside it");
    }

    #[test]
    fn bytes_that_were_let_go_of_can_be_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let bytes: Vec<u8> = (0..2 * PIECE + 5).map(|number| (number % 251) as u8).collect();
        fs_err::write(&path, &bytes).unwrap();
        let slice = Mapping::open(&path).unwrap().slice(3..bytes.len()).unwrap();
        let expected = Sha256Digest::of(&bytes[3..]);
        assert_eq!((slice.sha256(), slice.sha256()), (expected, expected));
        assert_eq!(slice.sha1(), Sha1Digest::of(&bytes[3..]));
        let mut checksum = Xxh3Pieces::default();
        bytes[3..].chunks(1_000_003).for_each(|part| checksum.update(part));
        assert_eq!(slice.checksum(), checksum.finish());
        assert_eq!(&*slice, &bytes[3..]);
    }

    #[test]
    fn an_empty_file_maps_to_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Mapping::open(file.path()).unwrap().is_empty());
    }
}
