//! The parts of a recipe that packages are chosen for.

use super::select;
use crate::apk::Dependency;
use crate::recipe::{Recipe, Stage};
use crate::resolve::World;

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
