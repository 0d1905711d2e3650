//! What a build came to, kept by all that went into it, so that an unchanged recipe is not built again.
//!
//! What goes in is this program, the recipe, the architecture, the indexes or the lock that select packages, every file
//! that is copied from the recipe's folder, the given time, and how layers are compressed; stages follow from these.
//! Layers are taken out of the cache, each byte verified. Where anything is missing or damaged, the image is made as if
//! nothing had been kept.

use std::borrow::Cow;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::bill::Bill;
use super::built_image::{BuiltImage, PackageCount};
use super::choice::Choice;
use super::error::Error;
use super::order::Order;
use super::session::Session;
use super::translate;
use crate::digest::{Sha256, Sha256Digest};
use crate::fetch::{Cache, Section};
use crate::image::{self, LayerNote, Sbom};
use crate::kept;
use crate::platform::Architecture;
use crate::prune::Report;
use crate::rootfs::{ScriptNote, Tree, copy, dump};

/// The place of a build's outcome.
pub(super) struct Record {
    cache: Cache,
    key: Sha256Digest,
    copied: Sha256Digest,
}

/// A build's outcome as JSON.
#[derive(Serialize, Deserialize)]
struct Outcome<'image> {
    layers: Vec<LayerNote>,
    unpacked_size: u64,
    packages: PackageCount,
    report: Cow<'image, Report>,
    /// Where one was asked for.
    sbom: Option<Cow<'image, Sbom>>,
    created: i64,
    release: Option<Cow<'image, str>>,
    script_notes: Cow<'image, [ScriptNote]>,
}

impl Record {
    /// That of `order` for `arch`; `None` where the files themselves are wanted, which no record has, or where what is
    /// copied cannot be read, which is for the build to tell.
    pub(super) fn of(order: &Order<'_>, arch: Architecture, choice: &Choice<'_>, session: &Session) -> Option<Self> {
        if order.wants_files() {
            return None;
        }
        let copied = copied(order, session.cache()).ok()?;
        let compression = order.compression().ok()?;
        let mut hasher = Sha256::new();
        // The debug form of a recipe and of a lock has every field, those too that are added later.
        for part in [
            env!("APKBUILD_SOURCES"),
            &format!("{:?}", order.recipe),
            arch.as_str(),
            &choice.fingerprint(),
            &format!("{:?} {compression:?}", order.timestamp),
            &copied.to_string(),
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Some(Self { cache: session.cache().clone(), key: hasher.finish(), copied })
    }

    /// The image, if it was made before, all of it is there, and it keeps to the recipe's sizes.
    pub(super) fn recall(
        &self,
        order: &Order<'_>,
        arch: Architecture,
        session: &Session,
    ) -> Result<Option<BuiltImage>, Error> {
        let Some(outcome) = self.read() else { return Ok(None) };
        if outcome.sbom.is_none() && !order.sboms.is_empty() {
            return Ok(None);
        }
        let Some(layers) = image::recall(outcome.layers, order.compression()?, &session.layers_folder()?)? else {
            return Ok(None);
        };
        let packed = translate::packed(order.recipe, arch, layers, outcome.created)?;
        let image = BuiltImage {
            arch,
            packed,
            unpacked_size: outcome.unpacked_size,
            packages: outcome.packages,
            report: outcome.report.into_owned(),
            sbom: outcome.sbom.filter(|_| !order.sboms.is_empty()).map(Cow::into_owned),
            created: outcome.created,
            release: outcome.release.map(Cow::into_owned),
            script_notes: outcome.script_notes.into_owned(),
        };
        // A bill says what weighs most, which only the files tell.
        Ok((!Bill::is_due(&order.recipe.size, &image)).then_some(image))
    }

    fn read(&self) -> Option<Outcome<'static>> {
        let path = self.cache.section(Section::Builds).join(self.file_name());
        serde_json::from_slice(&kept::read(&path)?).ok()
    }

    fn file_name(&self) -> String {
        format!("{}.json", self.key)
    }

    /// What the build came to, and where that is to be kept; nothing where what it copied changed meanwhile.
    pub(super) fn to_keep(&self, order: &Order<'_>, image: &BuiltImage) -> Result<Option<(PathBuf, Vec<u8>)>, Error> {
        if copied(order, &self.cache).ok() != Some(self.copied) {
            return Ok(None);
        }
        let outcome = Outcome {
            layers: image.packed.layers.iter().map(LayerNote::from).collect(),
            unpacked_size: image.unpacked_size,
            packages: image.packages,
            report: Cow::Borrowed(&image.report),
            sbom: image.sbom.as_ref().map(Cow::Borrowed),
            created: image.created,
            release: image.release.as_deref().map(Cow::Borrowed),
            script_notes: Cow::Borrowed(&image.script_notes),
        };
        let json = serde_json::to_vec(&outcome).map_err(std::io::Error::from)?;
        Ok(Some((self.cache.make_section(Section::Builds)?.join(self.file_name()), json)))
    }
}

/// The digest of all that the recipe and its stages copy from the recipe's folder.
fn copied(order: &Order<'_>, cache: &Cache) -> Result<Sha256Digest, copy::Error> {
    let recipe = order.recipe;
    let outputs = &order.outputs(cache);
    let steps = recipe.copies.iter().chain(recipe.stages.iter().flat_map(|stage| &stage.copies));
    let mut hasher = Sha256::new();
    for step in steps.filter(|step| step.from.is_none()) {
        let mut tree = Tree::new();
        copy::copy_from_folder(&mut tree, &recipe.folder, &translate::copy(step, 0, 0, 0), outputs)?;
        hasher.update(&dump::digest(&tree).0);
    }
    Ok(hasher.finish())
}
