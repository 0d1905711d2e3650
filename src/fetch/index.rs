//! A repository's signed index: from a folder, or from a mirror by way of the cache.
//!
//! A cached index is taken as it is for a short while, and then asked about again (RFC 9110: ETag, Last-Modified), so
//! that an unchanged one costs one small answer. Its signature is verified every time. Refused: an index without a
//! trusted signature, unless asked for, and anything that is no index.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::StatusCode;
use reqwest::header::{ETAG, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use serde::{Deserialize, Serialize};

use super::attempts::first_success;
use super::{Error, Fetcher, FilePlace, Section};
use crate::address::Address;
use crate::apk::{self, IndexText, SignedIndex};
use crate::cache::entry::open_file;
use crate::digest::Sha256Digest;
use crate::kept;
use crate::progress::Progress;
use crate::repository::{Location, Repository};
use crate::unfinished;

/// Alpine's largest has some 3 MB.
const LIMIT: u64 = 256 << 20;

/// A verified index, not inflated yet.
#[derive(Clone, Debug)]
pub struct FetchedIndex {
    bytes: Vec<u8>,
    /// Of the file APKINDEX.tar.gz.
    pub digest: Sha256Digest,
    /// Where it came from.
    pub location: Location,
    /// The trusted key that signed it; `None` only where untrusted indexes are accepted.
    pub signer: Option<String>,
}

impl FetchedIndex {
    /// Inflates it: the packages' records, for [`crate::repository::ApkIndex::parse`], and what it says that it is.
    pub fn open(&self) -> Result<IndexText, Error> {
        let broken = |source| Error::Index { location: self.location.to_string(), source };
        let archive = SignedIndex::read(&self.bytes).map_err(broken)?;
        let opened = if self.signer.is_some() { archive.open() } else { archive.open_unverified() };
        opened.map_err(broken)
    }
}

/// What is kept beside a cached index.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    url: String,
    /// Of the index that this is about.
    sha256: String,
    etag: Option<String>,
    last_modified: Option<String>,
    /// When the mirror was asked last, in seconds since 1970.
    checked: u64,
}

/// A cached index and what is known about it.
struct Cached {
    bytes: Vec<u8>,
    digest: Sha256Digest,
    record: Record,
}

impl Fetcher {
    /// The index for `arch` of each of `repositories`, in the same order.
    pub fn indexes(
        &self,
        repositories: &[Repository],
        arch: &str,
        progress: &dyn Progress,
    ) -> Result<Vec<FetchedIndex>, Error> {
        Self::in_parallel(repositories, |repository| self.index(repository, arch, progress))
    }

    /// The index for `arch` of `repository`, from the first of its locations that gives a trusted one.
    pub fn index(&self, repository: &Repository, arch: &str, progress: &dyn Progress) -> Result<FetchedIndex, Error> {
        let locations = repository.index_locations(arch);
        let what = format!("the index of {repository} for {arch}");
        let locations: Vec<&Location> = locations.iter().collect();
        let outcome = first_success(&what, &locations, self.options.pause, |location| match location {
            Location::Folder(path) => self.index_of_folder(path),
            Location::Url(url) => self.index_of_mirror(url, progress),
        });
        match outcome {
            // Any of the mirrors' would do, so what is missing is named once.
            Err(Error::AllMirrors { failures, .. })
                if failures.iter().all(|failure| matches!(failure, Error::Offline { .. })) =>
            {
                Err(Error::Offline { missing: vec![what] })
            }
            outcome => outcome,
        }
    }

    fn index_of_folder(&self, path: &Path) -> Result<FetchedIndex, Error> {
        let missing = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                third_format_beside(path).unwrap_or_else(|| Error::NoFile { path: path.to_owned(), what: "index" })
            }
            _ => Error::file(FilePlace::Repository, "cannot read an index", error),
        };
        let bytes = fs_err::read(path).map_err(missing)?;
        let digest = Sha256Digest::of(&bytes);
        self.verified(bytes, digest, Location::Folder(path.to_owned()))
    }

    fn index_of_mirror(&self, url: &Address, progress: &dyn Progress) -> Result<FetchedIndex, Error> {
        let location = || Location::Url(url.clone());
        let Some(cached) = self.cached_index(url)? else {
            if self.options.offline {
                return Err(Error::Offline { missing: vec![url.to_string()] });
            }
            return self.download_index(url, None, progress);
        };
        let fresh = self.options.offline || age(cached.record.checked) < self.options.index_freshness.as_secs();
        if !fresh {
            return self.download_index(url, Some(cached), progress);
        }
        match self.verified(cached.bytes, cached.digest, location()) {
            Err(Error::Index { .. }) if !self.options.offline => self.download_index(url, None, progress),
            outcome => outcome,
        }
    }

    /// Asks the mirror, if only whether `cached` is still what it has.
    fn download_index(
        &self,
        url: &Address,
        cached: Option<Cached>,
        progress: &dyn Progress,
    ) -> Result<FetchedIndex, Error> {
        let headers: Vec<(HeaderName, String)> = cached
            .iter()
            .flat_map(|cached| {
                [(IF_NONE_MATCH, &cached.record.etag), (IF_MODIFIED_SINCE, &cached.record.last_modified)]
            })
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect();
        let mut answer = self.client.get(url, "an index", &headers)?;
        let location = Location::Url(url.clone());
        if answer.status() == StatusCode::NOT_MODIFIED {
            // Only a cached index was asked about; without one, this is an answer to nothing.
            let Some(mut cached) = cached else {
                return Err(Error::Broken {
                    url: url.to_string(),
                    reason: "unasked, it says `not modified`".to_owned(),
                });
            };
            let Ok(index) = self.verified(cached.bytes, cached.digest, location) else {
                return self.download_index(url, None, progress);
            };
            cached.record.checked = now();
            self.keep_record(url, &record_text(&cached.record))?;
            return Ok(index);
        }
        let task = progress.download(&format!("{url} (index)"), answer.announced);
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 128 << 10];
        loop {
            let read = answer.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            bytes.extend_from_slice(buffer.get(..read).unwrap_or_default());
            if bytes.len() as u64 > LIMIT {
                return Err(Error::TooLarge { url: url.to_string(), limit: LIMIT });
            }
            task.advance(read as u64);
        }
        let digest = Sha256Digest::of(&bytes);
        let index = self.verified(bytes, digest, location)?;
        let record = Record {
            url: url.to_string(),
            sha256: index.digest.to_string(),
            etag: answer.header(&ETAG),
            last_modified: answer.header(&LAST_MODIFIED),
            checked: now(),
        };
        self.keep(&self.index_path(url, "tar.gz"), &index.bytes)?;
        self.keep_record(url, &record_text(&record))?;
        Ok(index)
    }

    /// Verifies the signature of `bytes`, which have `digest`. An index that nobody vouches for is opened, so that
    /// another mirror can be asked where it is damaged.
    fn verified(&self, bytes: Vec<u8>, digest: Sha256Digest, location: Location) -> Result<FetchedIndex, Error> {
        let broken = |source| Error::Index { location: location.to_string(), source };
        let archive = SignedIndex::read(&bytes).map_err(broken)?;
        let signer = match archive.verify(&self.options.keyring) {
            Ok(name) => Some(name.to_owned()),
            Err(_) if self.options.allow_untrusted => archive.open_unverified().map(|_| None).map_err(broken)?,
            Err(error) => return Err(broken(error)),
        };
        Ok(FetchedIndex { bytes, digest, location, signer })
    }

    /// The cached index of `url` with its record, where both are there and belong together.
    fn cached_index(&self, url: &Address) -> Result<Option<Cached>, Error> {
        let failed = |error| Error::file(FilePlace::Cache, "cannot read the cache", error);
        let Some(record) = kept::read(&self.index_path(url, "json")) else { return Ok(None) };
        let Ok(record) = serde_json::from_slice::<Record>(&record) else { return Ok(None) };
        let path = self.index_path(url, "tar.gz");
        let Some(file) = open_file(&path).map_err(failed)? else { return Ok(None) };
        let mut bytes = Vec::new();
        (&file).read_to_end(&mut bytes).map_err(failed)?;
        let digest = Sha256Digest::of(&bytes);
        if record.url != url.as_str() || record.sha256 != digest.to_string() {
            return Ok(None);
        }
        kept::touch(&file);
        Ok(Some(Cached { bytes, digest, record }))
    }

    /// The name tells indexes with different queries apart, which may be of different repositories.
    fn index_path(&self, url: &Address, extension: &str) -> PathBuf {
        let name = Sha256Digest::of(url.request().as_bytes());
        self.options.cache.section(Section::Indexes).join(format!("{name}.{extension}"))
    }

    fn keep_record(&self, url: &Address, text: &[u8]) -> Result<(), Error> {
        self.options.cache.make_section(Section::Indexes)?;
        kept::write(&self.index_path(url, "json"), text)
            .map_err(|error| Error::file(FilePlace::Cache, "cannot write the cache", error))
    }

    fn keep(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        self.options.cache.make_section(Section::Indexes)?;
        unfinished::write_unsynced(path, bytes)
            .map_err(|error| Error::file(FilePlace::Cache, "cannot write the cache", error))
    }
}

/// Whether `bytes` are the index that `record`, a file of the cache, tells of. A damaged record says nothing of it.
pub(super) fn is_of_record(bytes: &[u8], record: &fs_err::File) -> bool {
    let record = kept::contents(record).and_then(|text| serde_json::from_slice::<Record>(&text).ok());
    record.is_none_or(|record| record.sha256 == Sha256Digest::of(bytes).to_string())
}

/// Where there is no index at `path`, but one of apk's third format in that folder or the one above: that it is one.
fn third_format_beside(path: &Path) -> Option<Error> {
    let folders = path.ancestors().skip(1).take(2);
    let places = folders.flat_map(|folder| ["Packages.adb", "packages.adb"].map(|name| folder.join(name)));
    let found = places.into_iter().find(|place| place.is_file())?;
    Some(Error::Index { location: found.display().to_string(), source: apk::Error::VersionThree })
}

fn record_text(record: &Record) -> Vec<u8> {
    // A record of texts and a number can always be written.
    serde_json::to_vec(record).unwrap_or_default()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Seconds since `checked`; for ever, where that lies in the future.
fn age(checked: u64) -> u64 {
    now().checked_sub(checked).unwrap_or(u64::MAX)
}
