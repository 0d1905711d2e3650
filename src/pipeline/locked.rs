//! The packages that a lock names, brought without any index.
//!
//! The lock says which packages; they themselves say what they need, so that the order of installation comes out of the
//! same solver as ever, which is given these packages and no others. Refused is a lock whose packages are not exactly
//! what the recipe asks for then: one that somebody changed by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::error::Error;
use super::lock_names::Named;
use super::part::Part;
use super::release::{self, Asked, IndexRelease};
use super::selection::Selection;
use super::session::Session;
use super::sources::Overrides;
use super::{lock_names, sources};
use crate::apk::PackageName;
use crate::apk::writer::IndexedPackage;
use crate::fetch::{self, VerifiedApk, Wanted};
use crate::lock::{LockedArchitecture, LockedIndex, LockedPackage, LockedPackages, Lockfile};
use crate::platform::Architecture;
use crate::progress::Progress;
use crate::recipe::{Recipe, RepositoryPlace};
use crate::repository::{AlpineRelease, ApkIndex, Location, Repository};
use crate::resolve::{self, Source};

/// What a lock has for one architecture, and where its packages are to be found.
pub(super) struct Locked<'lock> {
    lock: &'lock LockedArchitecture,
    /// As the lock names them, in its order.
    repositories: Vec<Repository>,
    /// Where packages may be found in place of those.
    places: Vec<Repository>,
    /// The release of Alpine that its packages are of, where that is known.
    release: Option<AlpineRelease>,
    /// The release that each of `repositories` is of, where that is known.
    releases: Vec<Option<AlpineRelease>>,
    arch: Architecture,
}

impl<'lock> Locked<'lock> {
    /// The part of `lock` that is for `arch`. Packages come from the repositories that the lock names for them; with
    /// repositories on the command line, from any of those.
    pub(super) fn new(
        lock: &'lock Lockfile,
        recipe: &Recipe,
        arch: Architecture,
        overrides: &Overrides,
    ) -> Result<Self, Error> {
        let incoherent = |reason: String| Error::Lock { arch, reason };
        let lock = lock.architectures.get(arch.as_str()).ok_or_else(|| incoherent("it has none".to_owned()))?;
        let places = sources::of_command_line(overrides)?;
        // The same folders again, most likely.
        let is_same = places.len() == lock.indexes.len();
        let named = lock.indexes.iter().enumerate().map(|(place, LockedIndex { repository: name, .. })| {
            let named = lock_names::read(name, place, &recipe.alpine);
            named.map_err(|problem| incoherent(format!("`{name}`: {problem}")))
        });
        let named = named.collect::<Result<Vec<_>, Error>>()?;
        let repositories = named.iter().enumerate().map(|(place, named)| match named {
            Named::Source(source) => sources::locate(source, &recipe.alpine, &recipe.folder, overrides),
            Named::Folder { tag } => {
                let given = places.get(place).filter(|_| is_same);
                let locations = given.map(|given| given.locations.clone()).unwrap_or_default();
                Ok(Repository { locations, tag: tag.clone() })
            }
        });
        let repositories = repositories.collect::<Result<Vec<_>, _>>()?;
        let elsewhere = RepositoryPlace::Folder(PathBuf::new());
        let asked_places = named.iter().map(|named| match named {
            Named::Source(source) => &source.place,
            Named::Folder { .. } => &elsewhere,
        });
        let asked = Asked::of_places(recipe.alpine.release, asked_places);
        let statements: Vec<_> =
            lock.indexes.iter().map(|index| IndexRelease::of_lock(index.release.as_deref())).collect();
        let releases = release::of_each(&repositories, &statements);
        let release = match &lock.release {
            Some(branch) => Some(asked.of_lock(branch, lock.release_version.as_deref()).map_err(incoherent)?),
            // Written before locks named it.
            None => asked.decide(&repositories, &statements)?,
        };
        Ok(Self { lock, repositories, places, release, releases, arch })
    }

    /// The release of what it has with `tag`, or without any, where that is known.
    pub(super) fn release(&self, tag: Option<&str>) -> Option<&AlpineRelease> {
        let mut tagged = self.repositories.iter().zip(&self.releases);
        match tag {
            None => self.release.as_ref(),
            Some(_) => {
                tagged.find_map(|(repository, release)| release.as_ref().filter(|_| repository.tag.as_deref() == tag))
            }
        }
    }

    /// The packages of `part`, fetched, in install order; those without files are only in the selection.
    pub(super) fn packages(
        &self,
        part: Part<'_>,
        session: &Session,
        progress: &dyn Progress,
    ) -> Result<(Selection, Vec<VerifiedApk>), Error> {
        let packages = self.part(part)?;
        progress.stage("fetching");
        let fetched = session.fetch(&self.wanted(packages), progress).map_err(about_lock)?;
        let entries = fetched.iter().map(|package| {
            index_entry(package.info().clone(), package.identity(), package.compressed_size(), package.arch())
        });
        let selection = self.select(part, packages, entries)?;
        let mut by_name: BTreeMap<String, VerifiedApk> =
            fetched.into_iter().map(|package| (package.info().name.clone(), package)).collect();
        let order = selection.resolution.packages.iter();
        let in_order = order.filter_map(|selected| by_name.remove(selected.entry.name.as_str())).collect();
        Ok((selection, in_order))
    }

    /// What it names for `part`.
    pub(super) fn part(&self, part: Part<'_>) -> Result<&'lock LockedPackages, Error> {
        let missing = || {
            let reason = format!("it has no stage `{}`", part.stage.unwrap_or_default());
            Error::Lock { arch: self.arch, reason }
        };
        self.lock.part(part.stage).ok_or_else(missing)
    }

    /// The tags of its repositories.
    pub(super) fn tags(&self) -> impl Iterator<Item = &str> {
        self.repositories.iter().filter_map(|repository| repository.tag.as_deref())
    }

    /// The tags of the repositories that hold `package`, each once; `None` stands for those without.
    pub(super) fn tags_of(&self, package: &LockedPackage) -> BTreeSet<Option<&str>> {
        let places = package.repositories.iter().filter_map(|place| self.repositories.get(*place));
        places.map(|repository| repository.tag.as_deref()).collect()
    }

    /// Those of `packages` that have files, as they are wanted.
    pub(super) fn wanted(&self, packages: &LockedPackages) -> Vec<Wanted> {
        let packages = packages.iter().filter(|(_, package)| package.record.is_none());
        packages.map(|(name, package)| self.wanted_package(name, package)).collect()
    }

    fn wanted_package(&self, name: &PackageName, package: &LockedPackage) -> Wanted {
        let places: Vec<&Repository> = if self.places.is_empty() {
            package.repositories.iter().filter_map(|place| self.repositories.get(*place)).collect()
        } else {
            self.places.iter().collect()
        };
        let arch = package.arch(self.arch.as_str()).to_owned();
        let locations: Vec<Location> = places
            .into_iter()
            .flat_map(|repository| repository.package_locations(self.arch.as_str(), &arch, name, &package.version))
            .collect();
        Wanted {
            name: name.clone(),
            version: package.version.clone(),
            identity: package.identity,
            arch,
            size: package.size,
            locations,
        }
    }

    /// Lets the solver select among the locked packages alone. `entries` is what those with files say of themselves.
    pub(super) fn select(
        &self,
        part: Part<'_>,
        packages: &LockedPackages,
        entries: impl Iterator<Item = IndexedPackage>,
    ) -> Result<Selection, Error> {
        let incoherent = |reason: String| Error::Lock { arch: self.arch, reason };
        let records: BTreeMap<String, String> =
            entries.map(|entry| (entry.info.name.clone(), entry.record())).collect();
        let mut texts = vec![String::new(); self.repositories.len()];
        for (name, package) in packages {
            let record = package.record.as_ref().or_else(|| records.get(name.as_str()));
            let Some(record) = record else {
                return Err(incoherent(format!("what it names as {name} is another package")));
            };
            for place in &package.repositories {
                if let Some(text) = texts.get_mut(*place) {
                    text.push_str(record);
                    text.push('\n');
                }
            }
        }
        let indexes = texts.into_iter().map(ApkIndex::parse).collect::<Result<Vec<_>, _>>();
        let indexes = indexes.map_err(|error| incoherent(error.to_string()))?;
        let sources: Vec<Source<'_>> =
            self.repositories.iter().zip(&indexes).map(|(repository, index)| Source { repository, index }).collect();
        let resolution = resolve::resolve(&part.world(), &sources, self.arch.as_str())
            .map_err(|unsatisfiable| incoherent(format!("among its packages, {unsatisfiable}")))?;
        let is_locked = |selected: &resolve::Selected| {
            let package = packages.get(&selected.entry.name);
            package.is_some_and(|package| package.version == selected.entry.version)
        };
        if let Some(other) = resolution.packages.iter().find(|selected| !is_locked(selected)) {
            return Err(incoherent(format!("what it names as {} is {}", other.entry.name, other.entry)));
        }
        if let Some(name) = packages.keys().find(|name| resolution.get(name.as_str()).is_none()) {
            return Err(incoherent(format!("nothing asks for {name}")));
        }
        let index_digests = self.lock.indexes.iter().map(|index| index.digest).collect();
        Ok(Selection {
            arch: self.arch,
            repositories: self.repositories.clone(),
            index_digests,
            release: self.release.clone(),
            releases: self.releases.clone(),
            resolution,
        })
    }

    /// What decides which packages these are.
    pub(super) fn fingerprint(&self) -> String {
        format!("{:?} {:?} {:?}", self.lock, self.release, self.releases)
    }
}

/// What an index says of a package to which it gives the architecture `arch`. To one for any machine that is mostly the
/// index's own, as in Alpine's indexes.
pub(super) fn index_entry(
    mut info: crate::apk::PackageInfo,
    identity: crate::apk::Identity,
    size: u64,
    arch: &str,
) -> IndexedPackage {
    arch.clone_into(&mut info.arch);
    IndexedPackage { info, identity, size }
}

/// Tells what a failed download means to somebody who has a lock.
pub(super) fn about_lock(error: fetch::Error) -> Error {
    let (is_gone, is_another) = (fetch::Error::is_not_found, fetch::Error::is_another_package);
    if let fetch::Error::NoLocation { what: package } = error {
        return Error::LockedFolder { package };
    }
    let (any_other, all_gone) = match &error {
        fetch::Error::AllMirrors { failures, .. } => (failures.iter().any(is_another), failures.iter().all(is_gone)),
        error => (is_another(error), is_gone(error)),
    };
    match (any_other, all_gone) {
        (true, _) => Error::LockedAnother(error),
        (false, true) => Error::LockedGone(error),
        (false, false) => Error::Fetch(error),
    }
}
