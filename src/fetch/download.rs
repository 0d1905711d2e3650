//! One package from one mirror into the cache, resumed where an earlier attempt was cut off.
//!
//! The unfinished download is a file named by the package's identity, and its own lock: whoever holds it downloads, and
//! others wait and then find the package there. It stays when a build is interrupted.

use std::io::{BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use reqwest::header::RANGE;

use super::client::Client;
use super::{Cache, Error, FilePlace, Section, Wanted};
use crate::address::Address;
use crate::apk::{Head, Identity};
use crate::held::open_alone;
use crate::progress::Task;

/// Whether a download has all that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The server said how long it is, and so long it is.
    Announced,
    /// The server did not say, so the end of the connection may have come too soon.
    Unknown,
}

/// A download that is under way and belongs to this thread alone.
pub(super) struct Partial {
    file: fs_err::File,
    path: PathBuf,
}

impl Partial {
    /// The unfinished download of `identity`, once nobody else is at it.
    pub(super) fn lock(cache: &Cache, identity: Identity) -> Result<Self, Error> {
        let path = cache.make_section(Section::Partial)?.join(format!("{}.part", identity.to_hex()));
        let failed = |error| Error::file(FilePlace::Cache, "cannot write the cache", error);
        // Whoever has it now may finish it and move it away; then it is another one.
        Ok(Self { file: open_alone(&path, || ()).map_err(failed)?, path })
    }

    /// Brings the whole of the file from `url`. Bytes that are there count as downloaded. How many it should be the index
    /// says, but a package may have been signed again since: it is whole where its server says so, and what it is worth
    /// is seen when it is verified.
    pub(super) fn complete(
        &mut self,
        client: &Client,
        url: &Address,
        wanted: &Wanted,
        task: &dyn Task,
    ) -> Result<Extent, Error> {
        let failed = |error| Error::file(FilePlace::Cache, "cannot write the cache", error);
        let mut have = self.length()?;
        if have > wanted.most_bytes() {
            have = self.truncate()?;
        }
        if have == wanted.size && have > 0 {
            return Ok(Extent::Announced);
        }
        let range = [(RANGE, format!("bytes={have}-"))];
        let mut answer = client.get(url, "a package", if have > 0 { &range } else { &[] })?;
        let goes_on = answer.status() == StatusCode::PARTIAL_CONTENT
            && answer.range().is_some_and(|(first, _)| first == have)
            && answer.range().zip(answer.announced).is_none_or(|((_, whole), rest)| have + rest == whole);
        if have > 0 && !goes_on {
            have = self.truncate()?;
            if answer.status() != StatusCode::OK {
                answer = client.get(url, "a package", &[])?;
            }
        }
        let too_long =
            |found| Error::TooLong { url: url.to_string(), listed: wanted.size, limit: wanted.most_bytes(), found };
        let whole = answer.announced.map(|announced| have.saturating_add(announced));
        if let Some(whole) = whole.filter(|whole| *whole > wanted.most_bytes()) {
            return Err(too_long(whole));
        }
        let extent = if whole.is_some() { Extent::Announced } else { Extent::Unknown };
        task.advance(have);
        self.file.seek(SeekFrom::Start(have)).map_err(failed)?;
        let mut buffer = vec![0; 128 << 10];
        loop {
            let read = answer.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            have += read as u64;
            if have > wanted.most_bytes() {
                self.truncate()?;
                return Err(too_long(have));
            }
            self.file.write_all(buffer.get(..read).unwrap_or_default()).map_err(failed)?;
            task.advance(read as u64);
        }
        Ok(extent)
    }

    /// Reads its head, and holds that against what is wanted. The reader that comes back stands at the data.
    pub(super) fn open(&self, location: &str, wanted: &Wanted) -> Result<(Head, BufReader<fs_err::File>), Error> {
        let file = fs_err::File::open(&self.path)
            .map_err(|error| Error::file(FilePlace::Cache, "cannot read the cache", error))?;
        open_package(file, location, wanted)
    }

    /// Forgets what was downloaded.
    pub(super) fn truncate(&mut self) -> Result<u64, Error> {
        self.file.set_len(0).map_err(|error| Error::file(FilePlace::Cache, "cannot write the cache", error))?;
        Ok(0)
    }

    /// How much is there.
    pub(super) fn length(&self) -> Result<u64, Error> {
        Ok(self.file.metadata().map_err(|error| Error::file(FilePlace::Cache, "cannot read the cache", error))?.len())
    }

    /// Syncs it and puts it in its `place` in the cache, verified as it is.
    pub(super) fn keep(self, place: &Path) -> Result<(), Error> {
        let failed = |error| Error::file(FilePlace::Cache, "cannot write the cache", error);
        self.file.sync_all().map_err(failed)?;
        fs_err::rename(&self.path, place).map_err(failed)
    }

    /// Takes it away: somebody else has the package in the cache by now.
    pub(super) fn remove(self) -> Result<(), Error> {
        Cache::discard(&self.path)
    }
}

/// Reads the head of the package in `file`, holds its identity, name, version and architecture against what is wanted,
/// and leaves the reader at the data.
pub(super) fn open_package(
    file: fs_err::File,
    location: &str,
    wanted: &Wanted,
) -> Result<(Head, BufReader<fs_err::File>), Error> {
    let broken = |source| Error::Package { location: location.to_owned(), source };
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let head = Head::read(&mut reader).map_err(broken)?;
    head.check_identity(wanted.identity).map_err(broken)?;
    wanted.check(&head.info).map_err(broken)?;
    Ok((head, reader))
}
