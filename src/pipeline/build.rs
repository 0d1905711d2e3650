//! A build from top to bottom: select the packages, fetch and verify them, install them into a tree, copy the
//! application, prune, write the database, pack layers, write the archive. Each step is a room's; here stands only what
//! passes from one to the next.

use std::path::PathBuf;
use std::time::Instant;

use super::assemble::{self, RootfsInputs};
use super::bill::Bill;
use super::built_image::{BuiltImage, PackageCount};
use super::choice::Choice;
use super::error::Error;
use super::order::{Format, Order, Place};
use super::part::Part;
use super::record::Record;
use super::sbom::{self, WrittenSbom};
use super::session::Session;
use super::trim::{self, Traces, Trimmed};
use super::{root_folder, stage, translate};
use crate::image::{self, ImageSet, LayerOptions, Reference, Sbom};
use crate::kept;
use crate::platform::Architecture;
use crate::progress::Progress;
use crate::prune;
use crate::rootfs::{self, Installation, Rootfs};
use crate::unfinished;

/// What a build made.
#[derive(Debug)]
pub struct Built {
    /// The image's name and tag as people write them.
    pub reference: Reference,
    /// All of it, as it goes into an archive, an engine or a registry.
    pub set: ImageSet,
    /// What was written; `None` where nothing was to be.
    pub written: Option<image::Written>,
    /// The bills of materials that were written beside it.
    pub sboms: Vec<WrittenSbom>,
    /// One for each architecture, the recipe's first one first.
    pub images: Vec<BuiltImage>,
    /// Where it is over the recipe's size and that was allowed: by how much, and what weighs most.
    pub over_size: Option<Bill>,
    /// Seconds from beginning to end.
    pub seconds: f64,
}

/// An image of one architecture, the files that it was made of, and what is of use to later builds. One that was built
/// before and is found again has nothing of these.
pub(super) struct Made {
    pub(super) image: BuiltImage,
    files: Option<Rootfs>,
    record: Option<Record>,
    traces: Option<Traces>,
}

impl Made {
    /// Files for the cache, of use to later builds.
    pub(super) fn to_keep(&self, order: &Order<'_>) -> Result<Vec<(PathBuf, Vec<u8>)>, Error> {
        let traces = self.traces.as_ref().and_then(Traces::to_keep);
        let record = self.record.as_ref().map(|record| record.to_keep(order, &self.image)).transpose()?;
        Ok(traces.into_iter().chain(record.flatten()).collect())
    }
}

/// Keeps `files` in the cache. What was built is as good where that fails.
pub(super) fn keep(files: Result<Vec<(PathBuf, Vec<u8>)>, Error>, progress: &dyn Progress) {
    let keep =
        |files: Vec<(PathBuf, Vec<u8>)>| Ok(files.iter().try_for_each(|(path, bytes)| kept::write(path, bytes))?);
    if let Err(error) = files.and_then(keep) {
        progress.warning(&format!("later builds will not know of this one: {error}"));
    }
}

/// Builds the image that `order` asks for and writes it.
pub fn build(order: &Order<'_>, session: &Session, progress: &dyn Progress) -> Result<Built, Error> {
    let start = Instant::now();
    let reference = Reference::parse(&order.reference())?;
    let mut all = Vec::new();
    let mut over_size = None;
    // They only take room, and this build may need it.
    order.written().iter().for_each(|place| unfinished::clear_leftovers(place));
    for &arch in order.archs() {
        let mut made = build_for(order, arch, session, progress)?;
        if let Some(bill) = made.files.as_ref().and_then(|files| Bill::draw_up(order.recipe, &made.image, files)) {
            if !order.over_size_is_allowed {
                keep(made.to_keep(order), progress);
                return Err(Error::OverSize(Box::new(bill)));
            }
            over_size.get_or_insert(bill);
        }
        // The files of all architectures would be held to the end, and hardly anybody wants them.
        made.files.take_if(|_| !order.wants_files());
        all.push(made);
    }
    progress.stage("writing");
    let packed = all.iter().map(|made| made.image.packed.clone()).collect();
    let set = ImageSet::new(reference.clone(), packed)?;
    // The disk is waited for at the end of the one, and not in the other. Written meanwhile, it would be waited for too.
    let to_keep = || all.iter().map(|made| made.to_keep(order)).collect::<Result<Vec<_>, _>>();
    let (written, kept) = rayon::join(|| write(order, &set, &all), to_keep);
    keep(kept.map(|files| files.concat()), progress);
    let (written, sboms) = written?;
    let images = all.into_iter().map(|made| made.image).collect();
    Ok(Built { reference, set, written, sboms, images, over_size, seconds: start.elapsed().as_secs_f64() })
}

/// Writes the image and its bills of materials: all beside their places before any is put there, so that what cannot be
/// written is known while nothing has changed yet.
fn write(order: &Order<'_>, set: &ImageSet, all: &[Made]) -> Result<(Option<image::Written>, Vec<WrittenSbom>), Error> {
    let (sboms, bills) = sbom::begin(order, all.iter().map(|made| &made.image), &set.reference)?;
    let mut archive = None;
    let written = match &order.place {
        None => None,
        Some(Place { path, format: Format::Archive }) => {
            let (written, file) = set.begin_archive(path)?;
            archive = file;
            Some(written)
        }
        Some(Place { path, format: Format::OciFolder }) => Some(set.write_folder(path)?),
        Some(Place { path, format: Format::Rootfs }) => {
            let [Made { image, files: Some(rootfs), .. }] = all else {
                return Err(Error::SeveralRoots { count: all.len() });
            };
            Some(root_folder::write(image, rootfs, path, set)?)
        }
    };
    unfinished::finish_all(archive.into_iter().chain(bills).collect()).map_err(image::Error::Write)?;
    Ok((written, sboms))
}

/// Builds the image of one architecture, or finds it where it was built before. Nothing is written outside the cache.
pub(super) fn build_for(
    order: &Order<'_>,
    arch: Architecture,
    session: &Session,
    progress: &dyn Progress,
) -> Result<Made, Error> {
    assemble::see_that_scripts_run(order.recipe, arch)?;
    let choice = Choice::of_order(order, arch, session, progress)?;
    let record = Record::of(order, arch, &choice, session);
    if let Some(record) = &record
        && let Some(image) = record.recall(order, arch, session)?
    {
        return Ok(Made { image, files: None, record: None, traces: None });
    }
    Ok(Made { record, ..make(order, arch, &choice, session, progress)? })
}

/// Makes the image of one architecture.
fn make(
    order: &Order<'_>,
    arch: Architecture,
    choice: &Choice<'_>,
    session: &Session,
    progress: &dyn Progress,
) -> Result<Made, Error> {
    let recipe = order.recipe;
    rayon::spawn(prune::prepare);
    let (selection, packages) = choice.packages(Part::image(recipe), session, progress)?;
    let stages = stage::build_stages(order, arch, choice, session, progress)?;
    progress.stage("installing");
    let timestamp = order.timestamp.unwrap_or_else(|| rootfs::newest_build_date(&packages));
    let outputs = &order.outputs(session.cache());
    let scratch = &session.stages_folder()?;
    let release = selection.release.as_ref();
    let inputs = RootfsInputs {
        recipe,
        stage: None,
        copies: &recipe.copies,
        outputs,
        release,
        stages: &stages,
        scratch,
        timestamp,
    };
    let Installation { mut rootfs, notes } = assemble::assemble(&inputs, &packages)?;
    assemble::adjust(recipe, &mut rootfs.tree, timestamp)?;
    rootfs.packages.extend(translate::packages_without_files(&selection));
    progress.stage("pruning");
    let Trimmed { report, traces } = trim::trim(&mut rootfs, recipe, arch, session, progress)?;
    rootfs::write_database(&mut rootfs, &translate::database(recipe, arch, &selection, timestamp))?;
    progress.stage("packing");
    let options = LayerOptions {
        layering: translate::layering(recipe.layers),
        compression: order.compression()?,
        cache: Some(&session.layers_folder()?),
    };
    let layers = image::pack(&rootfs, &options)?;
    let packed = translate::packed(recipe, arch, layers, timestamp)?;
    let packages = PackageCount {
        installed: report.packages.len(),
        left: report.packages.iter().filter(|package| package.reason.is_some()).count(),
    };
    let unpacked_size = image::unpacked_size(&rootfs);
    let sbom = (!order.sboms.is_empty()).then(|| Sbom::of(&rootfs.tree));
    let created = timestamp;
    let release = selection.release.map(|release| release.branch.to_string());
    let image =
        BuiltImage { arch, packed, unpacked_size, packages, report, sbom, created, release, script_notes: notes };
    Ok(Made { image, files: Some(rootfs), record: None, traces })
}
