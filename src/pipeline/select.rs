//! Which packages: indexes in, a selection out.

use crate::digest::Sha256Digest;
use crate::progress::Progress;
use crate::recipe::{Alpine, Architecture, Recipe, Release, RepositoryPlace, RepositorySource, Scripts};
use crate::repository::{ApkIndex, Repository};
use crate::resolve::{self, Resolution, Selected, Source, World};

use super::{Error, Overrides, Workshop, sources};

/// The packages of one world on one architecture.
#[derive(Clone, Debug)]
pub struct Selection {
    /// For which machine.
    pub arch: Architecture,
    /// The repositories that were read, in order.
    pub repositories: Vec<Repository>,
    /// The digest of each repository's index.
    pub index_digests: Vec<Sha256Digest>,
    /// The packages, in install order.
    pub resolution: Resolution,
}

impl Selection {
    /// The repositories that hold `selected`, as they were given.
    pub fn repositories_of(&self, selected: &Selected) -> Vec<String> {
        let repositories = selected.sources.iter().filter_map(|place| self.repositories.get(*place));
        repositories.filter_map(|repository| repository.locations.first()).map(ToString::to_string).collect()
    }

    /// The packages that come only from a tagged repository, with its tag.
    pub(super) fn pins(&self) -> impl Iterator<Item = (String, String)> {
        self.resolution.packages.iter().filter_map(|selected| {
            let mut tags = selected.sources.iter().filter_map(|place| self.repositories.get(*place)).map(|it| &it.tag);
            let first = tags.next()?.clone()?;
            tags.all(Option::is_some).then(|| (selected.entry.name.to_string(), first))
        })
    }
}

/// The indexes of some repositories, read and verified.
pub(super) struct Indexes {
    repositories: Vec<Repository>,
    packages: Vec<ApkIndex>,
    digests: Vec<Sha256Digest>,
    arch: Architecture,
}

impl Indexes {
    pub(super) fn read(
        repositories: Vec<Repository>,
        arch: Architecture,
        workshop: &Workshop,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let (packages, digests) = workshop.indexes(&repositories, arch, progress)?.into_iter().unzip();
        Ok(Self { repositories, packages, digests, arch })
    }

    /// Those of a recipe.
    pub(super) fn of_recipe(
        recipe: &Recipe,
        arch: Architecture,
        workshop: &Workshop,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let repositories = sources::repositories(&recipe.alpine, &recipe.folder, &workshop.overrides)?;
        Self::read(repositories, arch, workshop, progress)
    }

    pub(super) fn resolve(&self, world: &World) -> Result<Selection, Error> {
        let sources: Vec<Source<'_>> = self
            .repositories
            .iter()
            .zip(&self.packages)
            .map(|(repository, index)| Source { repository, index })
            .collect();
        Ok(Selection {
            arch: self.arch,
            repositories: self.repositories.clone(),
            index_digests: self.digests.clone(),
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
    let workshop = Workshop::open(overrides, None)?;
    let named = |name: &str| RepositorySource { place: RepositoryPlace::Named(name.to_owned()), tag: None };
    let alpine = Alpine {
        release,
        mirrors: vec![crate::recipe::DEFAULT_MIRROR.to_owned()],
        repositories: vec![named("main"), named("community")],
        keys: Vec::new(),
        packages: Vec::new(),
        scripts: Scripts::default(),
    };
    let repositories = sources::repositories(&alpine, std::path::Path::new(""), overrides)?;
    let host = [Architecture::host()];
    let archs = if overrides.archs.is_empty() { &host[..] } else { &overrides.archs };
    let selections =
        archs.iter().map(|arch| Indexes::read(repositories.clone(), *arch, &workshop, progress)?.resolve(world));
    selections.collect()
}
