//! What is to be built: a recipe, and what the command line says about the way.

use std::path::PathBuf;

use crate::image::CompressionKind;
use crate::recipe::{Architecture, Recipe};

use super::Overrides;

/// One build.
#[derive(Clone, Debug)]
pub struct Order<'recipe> {
    /// What is to be in it.
    pub recipe: &'recipe Recipe,
    /// What the command line says in place of the recipe.
    pub overrides: &'recipe Overrides,
    /// Where it goes.
    pub place: Place,
    /// A reference in place of the recipe's name and tag; one without a name (`:1.0`) changes the tag alone.
    pub tag: Option<String>,
    /// How layers are compressed.
    pub compression: CompressionKind,
    /// How hard; `None`: what serves best.
    pub level: Option<u32>,
    /// Whether an image over its size is written all the same.
    pub over_size_is_allowed: bool,
    /// SOURCE_DATE_EPOCH in seconds since 1970; `None`: the newest build date among the packages.
    pub timestamp: Option<i64>,
}

/// Where an image is written, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file or folder.
    pub path: PathBuf,
    /// As what.
    pub format: Format,
}

/// In which form an image is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One archive that every Docker and podman loads.
    #[default]
    Archive,
    /// An OCI image folder.
    OciFolder,
    /// The files themselves.
    Rootfs,
}

impl Order<'_> {
    /// The image's reference as it was asked for.
    pub(super) fn reference(&self) -> String {
        let recipe = self.recipe;
        match &self.tag {
            None => format!("{}:{}", recipe.name, recipe.tag),
            Some(tag) if tag.starts_with(':') => format!("{}{tag}", recipe.name),
            Some(reference) => reference.clone(),
        }
    }

    /// For which architectures, the first one first.
    pub(super) fn archs(&self) -> Vec<Architecture> {
        if self.overrides.archs.is_empty() { self.recipe.archs.clone() } else { self.overrides.archs.clone() }
    }
}
