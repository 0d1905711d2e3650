//! Which packages: indexes in, a selection out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::address::Address;
use crate::apk::Identity;
use crate::platform::Architecture;
use crate::progress::Progress;
use crate::recipe::{Alpine, Recipe, Release, RepositoryPlace, RepositorySource, ScriptFailures, Scripts};
use crate::repository::{ApkIndex, IndexRecord, Repository};
use crate::resolve::{self, Source, World};

use super::error::Error;
use super::index_set::{IndexSet, Parsed};
use super::release::{self, Asked};
use super::selection::Selection;
use super::session::Session;
use super::sources;
use super::sources::Overrides;

/// The indexes of some repositories, read and verified.
pub(super) struct Indexes {
    repositories: Vec<Repository>,
    asked: Asked,
    set: Arc<IndexSet>,
    arch: Architecture,
}

impl Indexes {
    pub(super) fn read(
        repositories: Vec<Repository>,
        asked: Asked,
        arch: Architecture,
        session: &Session,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let set = session.indexes(&repositories, arch, progress)?;
        Ok(Self { repositories, asked, set, arch })
    }

    /// What decides which packages are selected.
    pub(super) fn fingerprint(&self) -> String {
        format!("{:?} {:?} {:?}", self.repositories, self.asked, self.set.digests)
    }

    /// Those of a recipe.
    pub(super) fn of_recipe(
        recipe: &Recipe,
        arch: Architecture,
        session: &Session,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let repositories = sources::repositories(&recipe.alpine, &recipe.folder, &session.overrides)?;
        Self::read(repositories, Asked::of(&recipe.alpine, &session.overrides), arch, session, progress)
    }

    /// The same without other builds of the packages in `kept`, by name, so far as those are still there.
    pub(super) fn keeping(&self, kept: &BTreeMap<String, Identity>) -> Result<Self, Error> {
        let is_the_kept = |record: IndexRecord<'_>| {
            record.identity().is_some_and(|identity| kept.get(record.name()) == Some(&identity))
        };
        let there: BTreeSet<&str> =
            self.named(kept.keys())?.filter(|record| is_the_kept(*record)).map(IndexRecord::name).collect();
        let is_kept = |record: IndexRecord<'_>| !there.contains(record.name()) || is_the_kept(record);
        let Parsed { indexes, releases } = self.set.parsed()?;
        let narrowed = indexes.iter().map(|index| index.only(is_kept)).collect::<Result<_, _>>()?;
        Ok(Self {
            repositories: self.repositories.clone(),
            asked: self.asked.clone(),
            set: Arc::new(self.set.narrowed(narrowed, releases.clone())),
            arch: self.arch,
        })
    }

    /// The packages that are called by one of `names`.
    fn named<'a>(
        &'a self,
        names: impl Iterator<Item = &'a String> + Clone,
    ) -> Result<impl Iterator<Item = IndexRecord<'a>>, Error> {
        Ok(self.set.parsed()?.indexes.iter().flat_map(move |index| {
            let found = names.clone().flat_map(move |name| index.providers(name).map(move |found| (name, found.1)));
            found.filter(|(name, record)| record.name() == *name).map(|(_, record)| record)
        }))
    }

    /// The packages in `names` with all that are built from the same sources, whose versions often belong together.
    pub(super) fn with_siblings(&self, names: &[String]) -> Result<BTreeSet<String>, Error> {
        let origins: BTreeSet<&str> =
            self.named(names.iter())?.map(IndexRecord::origin).filter(|origin| !origin.is_empty()).collect();
        let records = self.set.parsed()?.indexes.iter().flat_map(ApkIndex::records);
        let siblings = records.filter(|record| origins.contains(record.origin()));
        Ok(siblings.map(|record| record.name().to_owned()).chain(names.iter().cloned()).collect())
    }

    pub(super) fn resolve(&self, world: &World) -> Result<Selection, Error> {
        let Parsed { indexes, releases } = self.set.parsed()?;
        let release = self.asked.decide(&self.repositories, releases)?;
        let sources: Vec<Source<'_>> =
            self.repositories.iter().zip(indexes).map(|(repository, index)| Source { repository, index }).collect();
        Ok(Selection {
            arch: self.arch,
            repositories: self.repositories.clone(),
            index_digests: self.set.digests.clone(),
            release,
            releases: release::of_each(&self.repositories, releases),
            resolution: resolve::resolve(world, &sources, self.arch.as_str())?,
        })
    }
}

/// The world of some packages.
pub(super) fn world<'a>(packages: impl IntoIterator<Item = &'a crate::apk::Dependency>) -> World {
    let mut world = World::default();
    for wish in packages {
        world.add(wish.clone());
    }
    world
}

/// The selection for a world without a recipe: from the repositories of the command line, or from main and community of
/// `release` on its mirror or Alpine's own; on each architecture asked for, or the host's.
pub fn resolve(
    world: &World,
    release: Release,
    overrides: &Overrides,
    progress: &dyn Progress,
) -> Result<Vec<Selection>, Error> {
    let session = Session::open(overrides, None)?;
    let named =
        |name: &str| RepositorySource { place: RepositoryPlace::Named(name.to_owned()), tag: None, build_only: false };
    let alpine = Alpine {
        release,
        mirrors: vec![Address::new(crate::recipe::DEFAULT_MIRROR)],
        repositories: vec![named("main"), named("community")],
        keys: Vec::new(),
        packages: Vec::new(),
        scripts: Scripts::default(),
        script_failures: ScriptFailures::default(),
    };
    let repositories = sources::repositories(&alpine, std::path::Path::new(""), overrides)?;
    let asked = Asked::of(&alpine, overrides);
    let host = [Architecture::default_target()];
    let archs = if overrides.archs.is_empty() { &host[..] } else { &overrides.archs };
    let selections = archs
        .iter()
        .map(|arch| Indexes::read(repositories.clone(), asked.clone(), *arch, &session, progress)?.resolve(world));
    selections.collect()
}
