//! The way from what is wanted to verified packages: the cache, then folders and mirrors in their order.
//!
//! Packages are brought by a few threads at once and come back in the order they were asked for. A package from a
//! folder of this machine is read where it lies; its data is inflated into the cache all the same, since the tree of an
//! image points into that.

use std::io::{BufReader, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::attempts::first_success;
use super::cache::open_if_there;
use super::client::Client;
use super::download::{Extent, Partial, open_package};
use super::{Cache, Error, FilePlace, Logins, Section, VerifiedApk, Wanted, data_file, unpack};
use crate::address::Address;
use crate::apk::{Head, Keyring};
use crate::cache::entry::open_file;
use crate::kept;
use crate::progress::{Progress, Task};
use crate::repository::Location;

/// Downloads at once: enough to hide a mirror's delays, few enough for its manners.
const THREADS: usize = 6;

/// What is done with a package once its identity holds: given its head, a reader at its data, the path where it lies or
/// will lie, and what to call it in messages.
trait Take<T>: Fn(&Head, &mut BufReader<fs_err::File>, &Path, &str) -> Result<T, Error> {}

impl<T, F: Fn(&Head, &mut BufReader<fs_err::File>, &Path, &str) -> Result<T, Error>> Take<T> for F {}

/// How a [`Fetcher`] goes about it.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Where downloads are kept.
    pub cache: Cache,
    /// Whose signatures on indexes are trusted.
    pub keyring: Keyring,
    /// Whether an index needs no trusted signature.
    pub allow_untrusted: bool,
    /// Where credentials for servers are looked for, beside their addresses.
    pub logins: Logins,
    /// Whether only the cache and folders may be used.
    pub offline: bool,
    /// How long a cached index is taken without asking its mirror again.
    pub index_freshness: Duration,
    /// The first pause before a mirror is asked again; further ones double.
    pub pause: Duration,
}

impl FetchOptions {
    /// Alpine's keys, signatures needed, no credentials but an address' own, online.
    pub fn new(cache: Cache) -> Self {
        Self {
            cache,
            keyring: Keyring::alpine(),
            allow_untrusted: false,
            logins: Logins::default(),
            offline: false,
            index_freshness: Duration::from_mins(1),
            pause: Duration::from_millis(500),
        }
    }
}

/// Brings indexes and packages.
#[derive(Debug)]
pub struct Fetcher {
    pub(super) options: FetchOptions,
    pub(super) client: Client,
}

impl Fetcher {
    /// Nothing is asked, opened or made before the first index or package.
    pub fn new(options: FetchOptions) -> Self {
        let client = Client::new(options.logins.clone());
        Self { options, client }
    }

    /// The same with the cache and folders only.
    #[must_use]
    pub fn without_network(&self) -> Self {
        Self::new(FetchOptions { offline: true, ..self.options.clone() })
    }

    /// The cache that it keeps things in.
    pub fn cache(&self) -> &Cache {
        &self.options.cache
    }

    /// Every package of `wanted`, verified, in the same order.
    ///
    /// # Errors
    /// The failure of the first of them that failed; with `offline`, one error that names all that are missing.
    pub fn packages(&self, wanted: &[Wanted], progress: &dyn Progress) -> Result<Vec<VerifiedApk>, Error> {
        Self::in_parallel(wanted, |wanted| self.package(wanted, progress))
    }

    /// The .apk of each of `wanted`, verified whole, as a file: in the cache, or where it lies in a local repository.
    pub fn archives(&self, wanted: &[Wanted], progress: &dyn Progress) -> Result<Vec<PathBuf>, Error> {
        Self::in_parallel(wanted, |wanted| {
            self.bring(wanted, progress, |head, reader, path, location| {
                unpack::check(reader, head).map_err(|error| error.at(location))?;
                Ok(path.to_owned())
            })
        })
    }

    fn package(&self, wanted: &Wanted, progress: &dyn Progress) -> Result<VerifiedApk, Error> {
        self.bring(wanted, progress, |head, reader, _, location| {
            let broken = |source| Error::Package { location: location.to_owned(), source };
            let datahash = head.data_digest().map_err(broken)?;
            let data = match data_file::open(self.cache(), datahash)? {
                Some(data) => data,
                None => data_file::create(self.cache(), head, reader, location)?,
            };
            VerifiedApk::assemble(wanted, head.clone(), data).map_err(broken)
        })
    }

    /// Opens the package from the cache, or a folder, or downloads it, and hands it to `take`, which says whether its
    /// data is what it should be: what fails there is not kept.
    fn bring<T>(&self, wanted: &Wanted, progress: &dyn Progress, take: impl Take<T>) -> Result<T, Error> {
        if let Some(taken) = self.take_cached(wanted, &take)? {
            return Ok(taken);
        }
        let what = wanted.to_string();
        let usable: Vec<&Location> = wanted
            .locations
            .iter()
            .filter(|location| !self.options.offline || location.as_path().is_some_and(Path::is_file))
            .collect();
        if usable.is_empty() && !wanted.locations.is_empty() {
            let place = wanted.locations.iter().find_map(Location::as_path);
            let place = place.map(|path| format!(" (expected at {})", path.display())).unwrap_or_default();
            return Err(Error::Offline { missing: vec![format!("{what}{place}")] });
        }
        let mut task: Option<Box<dyn Task>> = None;
        let mut attempt = |location: &Location| match location {
            Location::Folder(path) => take_from_folder(wanted, path, &take),
            Location::Url(url) => {
                let size = Some(wanted.size).filter(|size| *size > 0);
                let task = task.get_or_insert_with(|| progress.download(&what, size));
                self.download(wanted, url, task.as_ref(), &take)
            }
        };
        first_success(&what, &in_groups(&usable), self.options.pause, |group: &&[&Location]| {
            first_there(group, &mut attempt)
        })
    }

    /// The package out of the cache; `None` where it is not there or damaged, and then it is taken away.
    fn take_cached<T>(&self, wanted: &Wanted, take: &impl Take<T>) -> Result<Option<T>, Error> {
        let path = self.cache().package_path(wanted.identity);
        let failed = |error| Error::file(FilePlace::Cache, "cannot read the cache", error);
        let Some(file) = open_file(&path).map_err(failed)? else { return Ok(None) };
        let location = path.display().to_string();
        if let Ok((head, mut reader)) = open_package(file, &location, wanted) {
            match take(&head, &mut reader, &path, &location) {
                Ok(taken) => {
                    kept::touch(reader.get_ref());
                    return Ok(Some(taken));
                }
                Err(Error::Package { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Cache::discard(&path)?;
        Ok(None)
    }

    fn download<T>(&self, wanted: &Wanted, url: &Address, task: &dyn Task, take: &impl Take<T>) -> Result<T, Error> {
        let mut partial = Partial::lock(self.cache(), wanted.identity)?;
        // Another build may have brought it while we waited for the lock.
        if let Some(taken) = self.take_cached(wanted, take)? {
            partial.remove()?;
            return Ok(taken);
        }
        self.cache().make_section(Section::Packages)?;
        let place = self.cache().package_path(wanted.identity);
        loop {
            let resumed = partial.length()? > 0;
            let extent = partial.complete(&self.client, url, wanted, task)?;
            let location = url.as_str();
            let taken = partial.open(location, wanted).and_then(|(head, mut reader)| {
                let taken = take(&head, &mut reader, &place, location)?;
                // Data that the cache has already was not read here; what is to be kept is checked all the same.
                if reader.stream_position().is_ok_and(|position| position == head.length) {
                    unpack::check(&mut reader, &head).map_err(|error| error.at(location))?;
                }
                Ok(taken)
            });
            match taken {
                Ok(taken) => {
                    partial.keep(&place)?;
                    return Ok(taken);
                }
                Err(error @ Error::Package { .. }) => {
                    let found = partial.length()?;
                    if extent == Extent::Unknown && found < wanted.size && !error.is_another_package() {
                        return Err(Error::Truncated { url: url.to_string(), expected: wanted.size, found });
                    }
                    partial.truncate()?;
                    // The first half may have come from another mirror, or from before the package was changed.
                    if !resumed {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// `work` on each of `items` by a few threads; results in their order.
    pub(super) fn in_parallel<I: Sync, T: Send>(
        items: &[I],
        work: impl Fn(&I) -> Result<T, Error> + Sync,
    ) -> Result<Vec<T>, Error> {
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let results: Mutex<Vec<Option<Result<T, Error>>>> = Mutex::new(items.iter().map(|_| None).collect());
        let worker = || {
            while !stop.load(Ordering::Relaxed) {
                let position = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(position) else { return };
                let result = work(item);
                // What is missing offline is told at once and whole.
                if result.as_ref().is_err_and(|error| !matches!(error, Error::Offline { .. })) {
                    stop.store(true, Ordering::Relaxed);
                }
                let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(slot) = results.get_mut(position) {
                    *slot = Some(result);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..THREADS.min(items.len()) {
                // More threads only make it faster.
                if std::thread::Builder::new().spawn_scoped(scope, worker).is_err() {
                    break;
                }
            }
            worker();
        });
        let mut done = Vec::with_capacity(items.len());
        let mut absent = Vec::new();
        for result in results.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten() {
            match result {
                Ok(value) => done.push(value),
                Err(Error::Offline { missing }) => absent.extend(missing),
                Err(error) => return Err(error),
            }
        }
        if absent.is_empty() { Ok(done) } else { Err(Error::Offline { missing: absent }) }
    }
}

/// `locations`, those of one repository together.
fn in_groups<'a, 'b>(locations: &'a [&'b Location]) -> Vec<&'a [&'b Location]> {
    locations.chunk_by(|one, other| one.is_in_repository_of(other)).collect()
}

/// Tries the first of some places in one repository, and another only where the one before does not have the file: a
/// mirror that fails otherwise would fail again. Where none has it, the first is told.
fn first_there<T>(places: &[&Location], mut attempt: impl FnMut(&Location) -> Result<T, Error>) -> Result<T, Error> {
    let mut missing = None;
    for place in places {
        match attempt(place) {
            Err(error) if error.is_not_found() => _ = missing.get_or_insert(error),
            outcome => return outcome,
        }
    }
    Err(missing.unwrap_or_else(|| Error::NoLocation { what: "the package".to_owned() }))
}

/// The package at `path` of a local repository.
fn take_from_folder<T>(wanted: &Wanted, path: &Path, take: &impl Take<T>) -> Result<T, Error> {
    let location = path.display().to_string();
    let failed = |error| Error::file(FilePlace::Repository, format!("cannot read the package {location}"), error);
    let Some(file) = open_if_there(path).map_err(failed)? else {
        return Err(Error::NoFile { path: path.to_owned(), what: "package" });
    };
    let (head, mut reader) = open_package(file, &location, wanted)?;
    debug_assert!(reader.stream_position().is_ok_and(|position| position == head.length), "the data comes next");
    take(&head, &mut reader, path, &location)
}
