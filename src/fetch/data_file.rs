//! A package's inflated data in the cache: the tar, the paths in it as values, and behind them a seal that says what
//! both must be.
//!
//! The seal holds the `datahash` that vouched for the data and a checksum of all that is before it, so that a damaged
//! file is known when it is used. The paths point into the mapped tar, which need not be read for them; nothing is
//! copied.

use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;

use super::unpack::unpack;
use super::{Cache, Error, FilePlace, Section};
use crate::apk::{self, Entry, Head};
use crate::cache::entry::open_file;
use crate::digest::{Checksum, HashingWriter, Sha1Digest, Sha256Digest, Xxh3Pieces};
use crate::kept;
use crate::mapping::{MappedSlice, Mapping};
use crate::unfinished::Unfinished;

/// To be changed with [`Entry`], whose fields are written in their order.
const MAGIC: &[u8; 16] = b"apkbuild data 3\n";
/// Magic, the tar's length (little-endian), `datahash`, checksum of all that is before the seal.
const SEAL: usize = 16 + 8 + 32 + 16;

/// A package's data, and the paths in it.
pub(super) struct Data {
    pub(super) tar: MappedSlice,
    pub(super) entries: Vec<Entry>,
}

/// The data that `datahash` vouches for, if the cache has it whole. What is damaged is taken away.
pub(super) fn open(cache: &Cache, datahash: Sha256Digest) -> Result<Option<Data>, Error> {
    let path = cache.data_path(datahash);
    let failed = |error| Error::file(FilePlace::Cache, "cannot read the cache", error);
    let Some(file) = open_file(&path).map_err(failed)? else { return Ok(None) };
    if let Some(sealed) = Sealed::open(&file, datahash).map_err(failed)?
        && let Some(data) = sealed.read()
    {
        kept::touch(&file);
        return Ok(Some(data));
    }
    Cache::discard(&path)?;
    Ok(None)
}

/// Whether `file`, named by its `datahash`, is whole.
pub(super) fn is_whole(file: &fs_err::File) -> io::Result<bool> {
    let name = file.path().file_stem().and_then(|stem| stem.to_str()).and_then(Sha256Digest::from_hex);
    let Some(datahash) = name else { return Ok(false) };
    Ok(Sealed::open(file, datahash)?.is_some_and(|sealed| sealed.is_whole()))
}

/// A file with a seal that may be its own.
struct Sealed {
    /// All before the seal.
    contents: Mapping,
    tar_length: usize,
    checksum: Checksum,
}

impl Sealed {
    /// `file`, where it ends in a seal for `datahash`.
    fn open(file: &fs_err::File, datahash: Sha256Digest) -> io::Result<Option<Self>> {
        let Some(length) = file.metadata()?.len().checked_sub(SEAL as u64) else { return Ok(None) };
        let mut seal = [0; SEAL];
        file.file().read_exact_at(&mut seal, length)?;
        let (Some(rest), Ok(length)) = (seal.strip_prefix(MAGIC), usize::try_from(length)) else { return Ok(None) };
        let Some((tar_length, rest)) = rest.split_first_chunk() else { return Ok(None) };
        let Ok(tar_length) = usize::try_from(u64::from_le_bytes(*tar_length)) else { return Ok(None) };
        let checksum = rest.strip_prefix(&datahash.0).and_then(|checksum| checksum.try_into().ok());
        let Some(checksum) = checksum.map(Checksum).filter(|_| tar_length <= length) else { return Ok(None) };
        Ok(Some(Self { contents: Mapping::part_of(file, length)?, tar_length, checksum }))
    }

    fn is_whole(&self) -> bool {
        self.contents.whole().checksum() == self.checksum
    }

    /// The data, unless it is damaged.
    fn read(self) -> Option<Data> {
        // What is read out of damaged data is thrown away.
        let read = || postcard::from_bytes(self.contents.get(self.tar_length..)?).ok();
        let (is_whole, entries) = rayon::join(|| self.is_whole(), read);
        let entries = entries.filter(|_| is_whole)?;
        Some(Data { tar: self.contents.slice(0..self.tar_length)?, entries })
    }
}

/// Inflates the data member that `reader` stands at into the cache.
pub(super) fn create(cache: &Cache, head: &Head, reader: &mut impl io::BufRead, location: &str) -> Result<Data, Error> {
    let broken = |source| Error::Package { location: location.to_owned(), source };
    let datahash = head.data_digest().map_err(broken)?;
    cache.make_section(Section::Data)?;
    let cannot_write = |error| Error::file(FilePlace::Cache, "cannot write the cache", error);
    let mut file = Unfinished::beside(&cache.data_path(datahash)).map_err(cannot_write)?;
    let mut writer = HashingWriter::<_, Xxh3Pieces>::new(&mut file);
    unpack(reader, head, &mut writer).map_err(|error| error.at(location))?;
    let length = writer.written();
    let length_in_memory = usize::try_from(length)
        .map_err(|_| broken(apk::Error::TooLarge { member: "data member", limit: usize::MAX }))?;
    let mapping = Mapping::open_part(writer.inner().path(), length_in_memory).map_err(cannot_write)?;
    // Checked before it counts as known: a file that appears here has had every checksum held against it.
    let hash = |content| mapping.slice(content).map_or_else(|| Sha1Digest::of(b""), |content| content.sha1());
    let entries = apk::read_entries_hashing(&mapping, &hash).map_err(broken)?;
    let kept = postcard::to_stdvec(&entries).map_err(|error| cannot_write(io::Error::other(error)))?;
    writer.write_all(&kept).map_err(cannot_write)?;
    let (_, checksum, _) = writer.finish();
    let seal = [&MAGIC[..], &length.to_le_bytes(), &datahash.0, &checksum.0].concat();
    file.write_all(&seal).map_err(cannot_write)?;
    file.finish_unsynced().map_err(cannot_write)?;
    Ok(Data { tar: mapping.whole(), entries })
}
