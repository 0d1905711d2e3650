//! A package's inflated data in the cache: the tar, and behind it a seal that says what it must be.
//!
//! The seal holds the `datahash` that vouched for the data and a checksum of the tar, so that a damaged file is known when
//! it is used. Entries are read from the mapped tar; nothing is copied.

use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::cache::open_if_there;
use super::unpack::unpack;
use super::{Cache, Error, FilePlace, Section};
use crate::apk::{self, Checksums, Entry, Head};
use crate::digest::{Checksum, HashingWriter, Sha1Digest, Sha256Digest, Xxh3};
use crate::kept;
use crate::mapping::Mapping;
use crate::unfinished::Unfinished;

const MAGIC: &[u8; 16] = b"apkbuild data 2\n";
/// Magic, the tar's length (little-endian), `datahash`, checksum of the tar.
const SEAL: usize = 16 + 8 + 32 + 16;

/// A package's data, and the paths in it.
pub(super) struct Data {
    pub(super) mapping: Mapping,
    pub(super) entries: Vec<Entry>,
}

/// The data that `datahash` vouches for, if the cache has it whole. What is damaged is taken away.
pub(super) fn open(cache: &Cache, datahash: Sha256Digest, location: &str) -> Result<Option<Data>, Error> {
    let path = cache.data_path(datahash);
    let failed = |error| Error::file(FilePlace::Cache, "cannot read the cache", error);
    let Some(file) = open_if_there(&path).map_err(failed)? else { return Ok(None) };
    if let Some((length, checksum)) = read_seal(&file, datahash).map_err(failed)? {
        let mapping = Mapping::open_part(&path, length).map_err(failed)?;
        // What is read out of damaged data is thrown away.
        let read = || apk::read_entries(&mapping, Checksums::Known);
        let (is_whole, entries) = rayon::join(|| mapping.whole().checksum() == checksum, read);
        if is_whole {
            kept::touch(&file);
            let entries = entries.map_err(|source| Error::Package { location: location.to_owned(), source })?;
            return Ok(Some(Data { mapping, entries }));
        }
    }
    Cache::discard(&path)?;
    Ok(None)
}

/// Whether the file at `path`, named by its `datahash`, is whole.
pub(super) fn is_whole(path: &Path) -> io::Result<bool> {
    let name = path.file_stem().and_then(|stem| stem.to_str()).and_then(Sha256Digest::from_hex);
    let (Some(datahash), Some(file)) = (name, open_if_there(path)?) else { return Ok(false) };
    let Some((length, checksum)) = read_seal(&file, datahash)? else { return Ok(false) };
    Ok(Mapping::open_part(path, length)?.whole().checksum() == checksum)
}

/// Inflates the data member that `reader` stands at into the cache.
pub(super) fn create(cache: &Cache, head: &Head, reader: &mut impl io::BufRead, location: &str) -> Result<Data, Error> {
    let broken = |source| Error::Package { location: location.to_owned(), source };
    let datahash = head.data_digest().map_err(broken)?;
    cache.make_section(Section::Data)?;
    let cannot_write = |error| Error::file(FilePlace::Cache, "cannot write the cache", error);
    let mut file = Unfinished::beside(&cache.data_path(datahash)).map_err(cannot_write)?;
    let mut writer = HashingWriter::<_, Xxh3>::new(&mut file);
    unpack(reader, head, &mut writer).map_err(|error| error.at(location))?;
    let (_, checksum, length) = writer.finish();
    let length_in_memory = usize::try_from(length)
        .map_err(|_| broken(apk::Error::TooLarge { member: "data member", limit: usize::MAX }))?;
    let mapping = Mapping::open_part(file.path(), length_in_memory).map_err(cannot_write)?;
    // Checked before it counts as known: a file that appears here has had every checksum held against it.
    let hash = |content| mapping.slice(content).map_or_else(|| Sha1Digest::of(b""), |content| content.sha1());
    let entries = apk::read_entries_hashing(&mapping, Checksums::Check, &hash).map_err(broken)?;
    let mut seal = Vec::with_capacity(SEAL);
    seal.extend_from_slice(MAGIC);
    seal.extend_from_slice(&length.to_le_bytes());
    seal.extend_from_slice(&datahash.0);
    seal.extend_from_slice(&checksum.0);
    file.write_all(&seal).map_err(cannot_write)?;
    file.finish_unsynced().map_err(cannot_write)?;
    Ok(Data { mapping, entries })
}

/// Length and checksum of the tar, where the file ends in a seal for `datahash`.
fn read_seal(file: &fs_err::File, datahash: Sha256Digest) -> io::Result<Option<(usize, Checksum)>> {
    let Some(length) = file.metadata()?.len().checked_sub(SEAL as u64) else { return Ok(None) };
    let mut seal = [0; SEAL];
    file.file().read_exact_at(&mut seal, length)?;
    let mut expected = Vec::with_capacity(SEAL);
    expected.extend_from_slice(MAGIC);
    expected.extend_from_slice(&length.to_le_bytes());
    expected.extend_from_slice(&datahash.0);
    let checksum = seal.strip_prefix(expected.as_slice()).and_then(|checksum| checksum.try_into().ok());
    Ok(usize::try_from(length).ok().zip(checksum.map(Checksum)))
}
