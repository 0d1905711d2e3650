//! A package's data, inflated and held against `datahash` in one pass over its bytes.

use std::io::{self, BufRead, Read, Write};

use flate2::bufread::MultiGzDecoder;

use super::Error;
use super::error::FilePlace;
use crate::apk::{self, Head};
use crate::digest::Sha256;

/// How much larger than its `size` says a package's data may be: a tar has headers and padding, `size` counts neither.
const HEADROOM: u64 = 1 << 30;

/// What can go wrong between a package's bytes and a file of its data.
#[derive(Debug)]
pub(super) enum UnpackError {
    /// The package is not what it should be.
    Package(apk::Error),
    /// It could not be read.
    Read(io::Error),
    /// Its data could not be written.
    Write(io::Error),
}

impl UnpackError {
    /// The same with the package's URL or path.
    pub(super) fn at(self, location: &str) -> Error {
        match self {
            Self::Package(source) => Error::Package { location: location.to_owned(), source },
            Self::Read(error) => Error::file(FilePlace::Repository, format!("cannot read {location}"), error),
            Self::Write(error) => Error::file(FilePlace::Cache, "cannot write the cache", error),
        }
    }
}

impl From<apk::Error> for UnpackError {
    fn from(error: apk::Error) -> Self {
        Self::Package(error)
    }
}

/// Inflates the data member that `reader` stands at into `sink`. Gives the number of compressed bytes, all of which are
/// what `head` vouches for. Nothing in `sink` may be used where this fails.
pub(super) fn unpack(reader: &mut impl BufRead, head: &Head, sink: &mut impl Write) -> Result<u64, UnpackError> {
    let expected = head.data_digest()?;
    if reader.fill_buf().map_err(UnpackError::Read)?.is_empty() {
        return Err(apk::Error::Missing { member: "data member" }.into());
    }
    let limit = head.info.installed_size.saturating_mul(4).saturating_add(HEADROOM);
    let mut hashing = Hashing { inner: reader, hasher: Sha256::new(), length: 0 };
    let mut decoder = MultiGzDecoder::new(&mut hashing);
    let mut buffer = vec![0; 256 << 10];
    let mut inflated = 0_u64;
    loop {
        let read = match decoder.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(read_failure(error)),
        };
        inflated = inflated.saturating_add(read as u64);
        if inflated > limit {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            return Err(apk::Error::TooLarge { member: "data member", limit }.into());
        }
        sink.write_all(buffer.get(..read).unwrap_or_default()).map_err(UnpackError::Write)?;
    }
    let found = hashing.hasher.finish();
    if found != expected {
        return Err(apk::Error::DataMismatch { expected, found }.into());
    }
    Ok(hashing.length)
}

/// Reads the data member that `reader` stands at, and holds it against `head` without inflating it.
pub(super) fn check(reader: &mut impl BufRead, head: &Head) -> Result<(), UnpackError> {
    let expected = head.data_digest()?;
    let mut hasher = Sha256::new();
    loop {
        let buffered = match reader.fill_buf() {
            Ok([]) => break,
            Ok(buffered) => buffered,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(UnpackError::Read(error)),
        };
        hasher.update(buffered);
        let length = buffered.len();
        reader.consume(length);
    }
    let found = hasher.finish();
    if found == expected { Ok(()) } else { Err(apk::Error::DataMismatch { expected, found }.into()) }
}

/// A decoder's errors are about the bytes, all others about the file.
fn read_failure(error: io::Error) -> UnpackError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            UnpackError::Package(apk::Error::Inflate { member: "data member", reason: "it ends too soon".to_owned() })
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            UnpackError::Package(apk::Error::Inflate { member: "data member", reason: error.to_string() })
        }
        _ => UnpackError::Read(error),
    }
}

/// Hashes and counts what is taken from `inner`.
struct Hashing<'a, R> {
    inner: &'a mut R,
    hasher: Sha256,
    length: u64,
}

impl<R: BufRead> Read for Hashing<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        self.length += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Hashing<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What is consumed was just handed out, so this reads nothing new.
        if let Ok(buffered) = self.inner.fill_buf() {
            self.hasher.update(buffered.get(..amount).unwrap_or(buffered));
        }
        self.length += amount as u64;
        self.inner.consume(amount);
    }
}
