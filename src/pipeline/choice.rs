//! How packages are chosen: from the repositories' indexes, or as a lock names them.

use super::locked::Locked;
use super::select::{self, Indexes};
use super::{Error, Order, Selection, Workshop};
use crate::apk::Dependency;
use crate::fetch::VerifiedApk;
use crate::progress::Progress;
use crate::recipe::{Architecture, Recipe, Stage};
use crate::resolve::World;

/// What stands behind the packages of a build.
pub(super) enum Choice<'order> {
    /// Selected from what the repositories have now.
    Indexes(Indexes),
    /// Exactly those of a lock.
    Lock(Locked<'order>),
}

/// The image or a stage: each has packages of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'recipe> {
    /// The stage's name; `None` for the image.
    pub(super) stage: Option<&'recipe str>,
    packages: &'recipe [Dependency],
}

impl<'recipe> Part<'recipe> {
    /// The image.
    pub(super) fn image(recipe: &'recipe Recipe) -> Self {
        Self { stage: None, packages: &recipe.alpine.packages }
    }

    /// A stage.
    pub(super) fn stage(stage: &'recipe Stage) -> Self {
        Self { stage: Some(&stage.name), packages: &stage.packages }
    }

    /// All of a recipe, the image first.
    pub(super) fn all(recipe: &'recipe Recipe) -> impl Iterator<Item = Self> {
        std::iter::once(Self::image(recipe)).chain(recipe.stages.iter().map(Self::stage))
    }

    /// What it asks for.
    pub(super) fn world(&self) -> World {
        select::world(self.packages)
    }
}

impl<'order> Choice<'order> {
    /// By the order's lock where it has one, or else by the indexes, which are read now.
    pub(super) fn of_order(
        order: &Order<'order>,
        arch: Architecture,
        workshop: &Workshop,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        if let Some(lock) = order.lock {
            return Ok(Self::Lock(Locked::new(lock, order.recipe, arch, &workshop.overrides)?));
        }
        progress.stage("resolving");
        Ok(Self::Indexes(Indexes::of_recipe(order.recipe, arch, workshop, progress)?))
    }

    /// What decides the choice beside the recipe.
    pub(super) fn fingerprint(&self) -> String {
        match self {
            Self::Indexes(indexes) => indexes.fingerprint(),
            Self::Lock(locked) => locked.fingerprint(),
        }
    }

    /// The packages of `part`, chosen and fetched, in install order; those without files are only in the selection.
    pub(super) fn packages(
        &self,
        part: Part<'_>,
        workshop: &Workshop,
        progress: &dyn Progress,
    ) -> Result<(Selection, Vec<VerifiedApk>), Error> {
        match self {
            Self::Indexes(indexes) => {
                let selection = indexes.resolve(&part.world())?;
                progress.stage("fetching");
                let packages = workshop.packages(&selection, progress)?;
                Ok((selection, packages))
            }
            Self::Lock(locked) => locked.packages(part, workshop, progress),
        }
    }

    /// The packages of `part`, chosen. Indexes say all of them; what a lock names is fetched, because only the packages
    /// themselves say what they need.
    pub(super) fn selection(
        &self,
        part: Part<'_>,
        workshop: &Workshop,
        progress: &dyn Progress,
    ) -> Result<Selection, Error> {
        match self {
            Self::Indexes(indexes) => indexes.resolve(&part.world()),
            Self::Lock(locked) => Ok(locked.packages(part, workshop, progress)?.0),
        }
    }
}
