//! What is to be built: a recipe, and what the command line says about the way.

use std::path::{Path, PathBuf};

use crate::fetch::Cache;
use crate::image::{self, Compression, CompressionKind, SbomFormat, config_beside};
use crate::lock::Lockfile;
use crate::platform::Architecture;
use crate::recipe::Recipe;

use super::sources::Overrides;
use super::translate;

/// One build.
#[derive(Clone, Debug)]
pub struct Order<'recipe> {
    /// What is to be in it.
    pub recipe: &'recipe Recipe,
    /// What the command line says in place of the recipe.
    pub overrides: &'recipe Overrides,
    /// Exactly which packages; `None`: what the recipe selects from the repositories now.
    pub lock: Option<&'recipe Lockfile>,
    /// Where it is written; `None`: nowhere, since it goes to an engine or a registry.
    pub place: Option<Place>,
    /// Bills of materials that are written beside it.
    pub sboms: Vec<SbomFormat>,
    /// What else is written, other recipes' images among it, which must not be copied into the image either.
    pub companions: Vec<PathBuf>,
    /// A reference in place of the recipe's name and tag; one without a name (`:1.0`) changes the tag alone.
    pub tag: Option<String>,
    /// How layers are compressed; `None`: as the recipe says.
    pub compression: Option<CompressionKind>,
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

impl<'recipe> Order<'recipe> {
    /// An image of `recipe` that is not written and may have any size; `lock` says of which packages.
    pub fn new(recipe: &'recipe Recipe, overrides: &'recipe Overrides, lock: Option<&'recipe Lockfile>) -> Self {
        Self {
            recipe,
            overrides,
            lock,
            place: None,
            sboms: Vec::new(),
            companions: Vec::new(),
            tag: None,
            compression: None,
            level: None,
            over_size_is_allowed: true,
            timestamp: None,
        }
    }

    /// How layers are compressed, by the command line or else the recipe.
    ///
    /// # Errors
    /// Where there is no such level.
    pub fn compression(&self) -> Result<Compression, image::Error> {
        let kind = self.compression.unwrap_or_else(|| translate::compression(self.recipe.compression));
        Compression::new(kind, self.level)
    }

    /// The image's reference as it was asked for.
    pub(super) fn reference(&self) -> String {
        let recipe = self.recipe;
        match &self.tag {
            None => format!("{}:{}", recipe.name, recipe.tag),
            Some(tag) if tag.starts_with(':') => format!("{}{tag}", recipe.name),
            Some(reference) => reference.clone(),
        }
    }

    /// What is not copied into the image: all that is written, the `cache` among it, and what the same recipe writes in
    /// another form or when nothing else is said. What an earlier build left must not make a later one another image.
    pub(super) fn outputs(&self, cache: &Cache) -> Vec<PathBuf> {
        let usual = PathBuf::from(Place::usual_name(self.recipe, Format::Archive));
        let mut outputs = [cache.places(), self.companions.clone()].concat();
        for image in self.place.iter().map(|place| &place.path).chain([&usual]) {
            outputs.extend([image.clone(), config_beside(image)]);
            for format in [SbomFormat::Spdx, SbomFormat::CycloneDx] {
                let archs = Architecture::ALL.into_iter().map(Some).chain([None]);
                outputs.extend(archs.filter_map(|arch| sbom_beside(image, arch, format)));
            }
        }
        outputs
    }

    /// Everything that the build writes outside the cache.
    pub fn written(&self) -> Vec<PathBuf> {
        let Some(place) = &self.place else { return Vec::new() };
        let sboms = self.archs().iter().flat_map(|arch| self.sboms.iter().filter_map(|it| self.sbom_place(*arch, *it)));
        [place.path.clone(), config_beside(&place.path)].into_iter().chain(sboms).collect()
    }

    /// Where the bill of materials for `arch` is written, if the image is written at all.
    pub(super) fn sbom_place(&self, arch: Architecture, format: SbomFormat) -> Option<PathBuf> {
        let several = self.archs().len() > 1;
        sbom_beside(&self.place.as_ref()?.path, several.then_some(arch), format)
    }

    /// Whether the files themselves are needed, not only the layers that they make.
    pub(super) fn wants_files(&self) -> bool {
        self.place.as_ref().is_some_and(|place| place.format == Format::Rootfs)
    }

    /// For which architectures, the first one first.
    pub(super) fn archs(&self) -> &[Architecture] {
        self.overrides.archs(self.recipe)
    }
}

impl Place {
    /// What the image of `recipe` is called where nobody says.
    pub fn usual_name(recipe: &Recipe, format: Format) -> String {
        let name = recipe.name.rsplit('/').next().unwrap_or_default();
        if format == Format::Archive { format!("{name}.tar") } else { name.to_owned() }
    }
}

/// The place of a bill of materials: beside the image, under its name, with the architecture where there are several.
fn sbom_beside(image: &Path, arch: Option<Architecture>, format: SbomFormat) -> Option<PathBuf> {
    let name = image.file_name()?.to_str()?;
    let name = name.strip_suffix(".tar").unwrap_or(name);
    let arch = arch.map(|arch| format!(".{arch}")).unwrap_or_default();
    Some(image.with_file_name(format!("{name}{arch}{}", format.file_suffix())))
}
