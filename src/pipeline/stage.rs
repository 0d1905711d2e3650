//! Build stages: root filesystems of their own, built before the image that copies out of them.
//!
//! A stage is kept by all that goes into it, its packages, files, commands and the stages before it, and is built again
//! only when that changes. Stages that do not wait for one another are built at the same time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::choice::{Choice, Part};
use super::furnish::{Furnishing, furnish};
use super::{Error, Order, Workshop};
use crate::digest::{Sha256, Sha256Digest};
use crate::progress::Progress;
use crate::recipe::{Architecture, Network, Stage};
use crate::rootfs::folder::{Owners, ReadOptions, read_folder, write_folder};
use crate::rootfs::{Origin, Tree, dump, newest_build_date};
use crate::sandbox::{self, StageCommands};
use crate::unfinished::UnfinishedFolder;

/// The finished stages by name.
pub(super) type Stages = BTreeMap<String, Tree>;

/// Changes whenever the same inputs would give another stage.
const FORMAT: &str = "stage 1";

/// Builds the stages of an order, those that others copy from first.
pub(super) fn build_stages(
    order: &Order<'_>,
    arch: Architecture,
    choice: &Choice<'_>,
    workshop: &Workshop,
    progress: &dyn Progress,
) -> Result<Stages, Error> {
    let mut waiting: Vec<&Stage> = order.recipe.stages.iter().collect();
    let mut finished = Stages::new();
    while !waiting.is_empty() {
        let is_ready = |stage: &&Stage| {
            stage.copies.iter().filter_map(|copy| copy.from.as_ref()).all(|from| finished.contains_key(from))
        };
        let (ready, rest): (Vec<&Stage>, Vec<&Stage>) = waiting.into_iter().partition(is_ready);
        // The recipe room has refused circles, so something is always ready.
        let built = ready.par_iter().map(|stage| {
            progress.stage(&format!("building stage {}", stage.name));
            Ok((stage.name.clone(), build_stage(order, stage, arch, choice, &finished, workshop, progress)?))
        });
        let built = built.collect::<Result<Vec<_>, Error>>()?;
        finished.extend(built);
        waiting = rest;
    }
    Ok(finished)
}

fn build_stage(
    order: &Order<'_>,
    stage: &Stage,
    arch: Architecture,
    choice: &Choice<'_>,
    earlier: &Stages,
    workshop: &Workshop,
    progress: &dyn Progress,
) -> Result<Tree, Error> {
    let recipe = order.recipe;
    let (selection, packages) = choice.packages(Part::stage(stage), workshop, progress)?;
    let timestamp = order.timestamp.unwrap_or_else(|| newest_build_date(&packages));
    let outputs = &order.outputs();
    let scratch = &workshop.stages_folder()?;
    let version = selection.release();
    let furnishing =
        Furnishing { recipe, copies: &stage.copies, outputs, version, stages: earlier, scratch, timestamp };
    let tree = furnish(&furnishing, &packages)?.rootfs.tree;
    if stage.run.is_empty() {
        return Ok(tree);
    }
    if arch != Architecture::host() {
        return Err(Error::ForeignStage { stage: stage.name.clone(), arch, host: Architecture::host() });
    }
    let place = scratch.join(key(stage, &tree).to_string());
    if !place.is_dir() {
        make(stage, &tree, &place)?;
    }
    let options =
        ReadOptions { owner: Some((0, 0)), timestamp: Some(timestamp), skip_unfit: true, origin: Origin::Stage };
    Ok(read_folder(&place, &options)?)
}

/// What a stage is kept by.
fn key(stage: &Stage, tree: &Tree) -> Sha256Digest {
    let mut hasher = Sha256::new();
    let mut part = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    part(FORMAT);
    part(&dump::dump(tree));
    part(stage.workdir.as_str());
    part(if stage.network == Network::Host { "host" } else { "none" });
    stage.env.iter().for_each(|(name, value)| part(&format!("{name}={value}")));
    stage.run.iter().for_each(|command| part(command));
    hasher.finish()
}

/// Unpacks the stage, runs its commands in it, and puts what they leave at `place`.
fn make(stage: &Stage, tree: &Tree, place: &Path) -> Result<(), Error> {
    let folder = UnfinishedFolder::beside(place)?;
    write_folder(tree, folder.path(), Owners::possible())?;
    let commands = StageCommands {
        stage: &stage.name,
        root: folder.path(),
        commands: &stage.run,
        working_directory: &PathBuf::from(stage.workdir.as_str()),
        environment: &stage.env,
        network: match stage.network {
            Network::None => sandbox::Network::None,
            Network::Host => sandbox::Network::Host,
        },
        program: None,
    };
    commands.run()?;
    Ok(folder.finish_if_first()?)
}
