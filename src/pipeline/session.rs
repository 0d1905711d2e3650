//! What builds share: which keys are trusted, who fetches, where the cache is, and what was read before.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::Error;
use super::index_set::IndexSet;
use super::memory_cache::MemoryCache;
use super::selection::Selection;
use super::sources::Overrides;
use crate::apk::Keyring;
use crate::fetch::{self, Cache, FetchOptions, Fetcher, Logins, Section, VerifiedApk, Wanted};
use crate::platform::Architecture;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::repository::{Location, Repository};

/// A fetcher with a cache behind it, set up as the command line and a recipe say.
#[derive(Debug)]
pub struct Session {
    pub(super) overrides: Overrides,
    fetcher: Fetcher,
    memory: MemoryCache,
    fetching: Mutex<()>,
}

impl Session {
    /// Sets it up for `recipe`, or for no recipe at all. Nothing is asked of the network yet.
    pub fn open(overrides: &Overrides, recipe: Option<&Recipe>) -> Result<Self, Error> {
        let mut options = FetchOptions::new(match &overrides.cache_dir {
            Some(folder) => Cache::at(folder),
            None => Cache::of_user()?,
        });
        options.keyring = keyring(overrides, recipe)?;
        options.allow_untrusted = overrides.allow_untrusted;
        options.offline = overrides.offline;
        options.logins = Logins::of_environment();
        Ok(Self {
            overrides: overrides.clone(),
            fetcher: Fetcher::new(options),
            memory: MemoryCache::default(),
            fetching: Mutex::default(),
        })
    }

    /// The same, using the cache and local folders only.
    pub(super) fn without_network(&self) -> Self {
        let overrides = Overrides { offline: true, ..self.overrides.clone() };
        Self {
            overrides,
            fetcher: self.fetcher.without_network(),
            memory: MemoryCache::default(),
            fetching: Mutex::default(),
        }
    }

    /// The index of each of `repositories` for `arch`, in the same order.
    pub(super) fn indexes(
        &self,
        repositories: &[Repository],
        arch: Architecture,
        progress: &dyn Progress,
    ) -> Result<Arc<IndexSet>, Error> {
        let _guard = self.fetching();
        if let Some(indexes) = self.memory.indexes(repositories, arch) {
            return Ok(indexes);
        }
        let fetched = self.fetcher.indexes(repositories, arch.as_str(), progress)?;
        let indexes = Arc::new(IndexSet::of_fetched(fetched));
        self.memory.keep_indexes(repositories, arch, indexes.clone());
        Ok(indexes)
    }

    /// The packages of `selection`, verified, in install order; those without files are not among them.
    pub(super) fn packages(&self, selection: &Selection, progress: &dyn Progress) -> Result<Vec<VerifiedApk>, Error> {
        Ok(self.fetch(&wanted(selection), progress)?)
    }

    /// Each of `wanted`, verified, in the same order.
    pub(super) fn fetch(&self, wanted: &[Wanted], progress: &dyn Progress) -> Result<Vec<VerifiedApk>, fetch::Error> {
        let _guard = self.fetching();
        let known: Vec<Option<VerifiedApk>> =
            wanted.iter().map(|wanted| self.memory.package(wanted.identity)).collect();
        let missing: Vec<Wanted> =
            wanted.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(wanted, _)| wanted.clone()).collect();
        let fetched = self.fetcher.packages(&missing, progress)?;
        self.memory.keep_packages(&fetched);
        let mut fetched = fetched.into_iter();
        Ok(known.into_iter().filter_map(|known| known.or_else(|| fetched.next())).collect())
    }

    /// Held while something is fetched that another build of this call may want too: it waits, and finds it on the
    /// memory.
    fn fetching(&self) -> MutexGuard<'_, ()> {
        self.fetching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The .apk of each of `wanted`, verified whole, as a file of the cache or of a local repository.
    pub(super) fn archives(&self, wanted: &[Wanted], progress: &dyn Progress) -> Result<Vec<PathBuf>, fetch::Error> {
        self.fetcher.archives(wanted, progress)
    }

    /// The folder where compressed parts of layers are kept.
    pub(super) fn layers_folder(&self) -> Result<PathBuf, Error> {
        Ok(self.fetcher.cache().make_section(Section::Blobs)?)
    }

    /// The folder where what files say is kept.
    pub(super) fn traces_folder(&self) -> Result<PathBuf, Error> {
        Ok(self.fetcher.cache().make_section(Section::Traces)?)
    }

    /// The folder where compiled sources are kept.
    pub(super) fn bytecode_folder(&self) -> Result<PathBuf, Error> {
        Ok(self.fetcher.cache().make_section(Section::Bytecode)?)
    }

    /// The cache.
    pub(super) fn cache(&self) -> &Cache {
        self.fetcher.cache()
    }

    /// The folder where finished stages are kept.
    pub(super) fn stages_folder(&self) -> Result<PathBuf, Error> {
        Ok(self.fetcher.cache().make_section(Section::Stages)?)
    }
}

/// A session for each of `recipes`. Those that trust the same keys share one, and with it all that was read already.
pub fn open_sessions(overrides: &Overrides, recipes: &[Recipe]) -> Result<Vec<Arc<Session>>, Error> {
    let mut open: BTreeMap<Vec<PathBuf>, Arc<Session>> = BTreeMap::new();
    let session = |recipe: &Recipe| {
        let keys = recipe.alpine.keys.iter().map(|key| recipe.folder.join(key)).collect();
        Ok(Arc::clone(match open.entry(keys) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(Arc::new(Session::open(overrides, Some(recipe))?)),
        }))
    };
    recipes.iter().map(session).collect()
}

/// What to fetch for a selection: each package from any of the repositories that hold it.
pub(super) fn wanted(selection: &Selection) -> Vec<Wanted> {
    let packages = selection.resolution.packages.iter().filter(|selected| !selected.entry.is_virtual());
    let wanted = packages.map(|selected| {
        let entry = &selected.entry;
        let repositories = selected.sources.iter().filter_map(|place| selection.repositories.get(*place));
        let locations: Vec<Location> = repositories
            .flat_map(|repository| {
                repository.package_locations(selection.arch.as_str(), &entry.arch, &entry.name, &entry.version)
            })
            .collect();
        Wanted {
            name: entry.name.clone(),
            version: entry.version.clone(),
            identity: entry.identity,
            arch: if entry.arch.is_empty() { selection.arch.to_string() } else { entry.arch.clone() },
            size: entry.size,
            locations,
        }
    });
    wanted.collect()
}

/// Who is trusted: the folder of the command line alone, or else Alpine and the recipe's keys.
fn keyring(overrides: &Overrides, recipe: Option<&Recipe>) -> Result<Keyring, fetch::Error> {
    if let Some(folder) = &overrides.keys_dir {
        return fetch::keyring_of_folder(folder);
    }
    let mut keyring = Keyring::alpine();
    if let Some(recipe) = recipe {
        for key in &recipe.alpine.keys {
            fetch::add_key_file(&mut keyring, &recipe.folder.join(key))?;
        }
    }
    Ok(keyring)
}
