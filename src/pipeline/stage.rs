//! Build stages: root filesystems of their own, built before the image that copies out of them.
//!
//! A stage is kept by all that goes into it: its packages, its files, those of the stages before it among them, its
//! commands, and where and with which environment and network they are run. It is built again only when that changes.
//! Beside it lies a seal of all that its commands left, which is held against it whenever it is used.

use std::path::{Path, PathBuf};

use super::assemble::{RootfsInputs, assemble};
use super::choice::Choice;
use super::error::Error;
use super::order::Order;
use super::part::Part;
use super::schedule::{self, Stages};
use super::session::Session;
use crate::cache::directory_seal::{open_sealed, write_seal};
use crate::cache::removal::remove_directory;
use crate::digest::{Sha256, Sha256Digest};
use crate::held::{ClaimedFolder, HeldFolder};
use crate::kept;
use crate::platform::Architecture;
use crate::progress::Progress;
use crate::recipe::{Network, Stage};
use crate::rootfs::folder::{Owners, ReadOptions, read_folder, write_folder};
use crate::rootfs::{Installation, Origin, Tree, UNRUN_TOLD, dump, newest_build_date};
use crate::sandbox::{self, StageCommands};
use crate::unfinished::{Turn, UnfinishedFolder};

/// Changes whenever the same inputs would give another stage.
const FORMAT: &str = "stage 4";

/// Builds the stages of an order.
pub(super) fn build_stages(
    order: &Order<'_>,
    arch: Architecture,
    choice: &Choice<'_>,
    session: &Session,
    progress: &dyn Progress,
) -> Result<Stages, Error> {
    schedule::build_each(&order.recipe.stages, |stage, earlier| {
        build_stage(order, stage, arch, choice, earlier, session, progress)
    })
}

fn build_stage(
    order: &Order<'_>,
    stage: &Stage,
    arch: Architecture,
    choice: &Choice<'_>,
    earlier: &Stages,
    session: &Session,
    progress: &dyn Progress,
) -> Result<Tree, Error> {
    let recipe = order.recipe;
    let (selection, packages) = choice.packages(Part::stage(stage), session, progress)?;
    // What the packages say, whatever SOURCE_DATE_EPOCH says: the stage is the same at another, and whoever copies out
    // of it sets the times.
    let timestamp = newest_build_date(&packages);
    let outputs = &order.outputs(session.cache());
    let scratch = &session.stages_folder()?;
    let release = selection.release.as_ref();
    let inputs = RootfsInputs {
        recipe,
        stage: Some(&stage.name),
        copies: &stage.copies,
        outputs,
        release,
        stages: earlier,
        scratch,
        timestamp,
    };
    let Installation { rootfs, notes } = assemble(&inputs, &packages)?;
    for note in &notes {
        progress.warning(&format!("stage {}: {}", stage.name, note.describe(UNRUN_TOLD)));
    }
    let tree = rootfs.tree;
    if stage.run.is_empty() {
        return Ok(tree);
    }
    if !arch.is_host() {
        return Err(Error::ForeignStage { stage: stage.name.clone(), arch, host: Architecture::host_name() });
    }
    let place = scratch.join(key(stage, &tree, timestamp).to_string());
    let held = find_or_make(stage, &tree, timestamp, &place, progress)?;
    kept::touch(&held);
    let options =
        ReadOptions { owner: Some((0, 0)), timestamp: Some(timestamp), skip_unfit: true, origin: Origin::Stage };
    Ok(read_folder(&place, &options)?)
}

/// What a stage is kept by.
fn key(stage: &Stage, tree: &Tree, epoch: i64) -> Sha256Digest {
    let mut hasher = Sha256::new();
    let mut part = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    part(FORMAT);
    part(&dump::digest(tree).to_string());
    part(&epoch.to_string());
    part(stage.workdir.as_str());
    part(if stage.network == Network::Host { "host" } else { "none" });
    part(&stage.env.len().to_string());
    stage.env.iter().for_each(|(name, value)| [name, value].into_iter().for_each(|word| part(word)));
    stage.run.iter().for_each(|command| part(command));
    hasher.finish()
}

/// The folder `place` of the stage, which is made now if nobody has made it. Where several builds want it at the same
/// time, one makes it, and the others wait.
fn find_or_make(
    stage: &Stage,
    tree: &Tree,
    epoch: i64,
    place: &Path,
    progress: &dyn Progress,
) -> Result<HeldFolder, Error> {
    if let Some(held) = open_sealed(place)? {
        return Ok(held);
    }
    let wait = || progress.stage(&format!("waiting for stage {}, which another build is making", stage.name));
    let _turn = Turn::wait(place, wait)?;
    loop {
        if let Some(held) = open_sealed(place)? {
            return Ok(held);
        }
        discard(stage, place, progress)?;
        progress.stage(&format!("building stage {}", stage.name));
        make(stage, tree, epoch, place)?;
    }
}

/// Removes what is at `place` and is no whole stage, once nobody reads it any more.
fn discard(stage: &Stage, place: &Path, progress: &dyn Progress) -> Result<(), Error> {
    let Some(_lock) = ClaimedFolder::wait(place)? else { return Ok(()) };
    progress.warning(&format!("stage {} was damaged in the cache and is built again", stage.name));
    Ok(remove_directory(place)?)
}

/// Unpacks the stage, runs its commands in it, and puts what they leave at `place`.
fn make(stage: &Stage, tree: &Tree, epoch: i64, place: &Path) -> Result<(), Error> {
    let folder = UnfinishedFolder::beside(place)?;
    write_folder(tree, folder.path(), Owners::possible())?;
    let commands = StageCommands {
        stage: &stage.name,
        root: folder.path(),
        commands: &stage.run,
        working_directory: &PathBuf::from(stage.workdir.as_str()),
        environment: &stage.env,
        epoch,
        network: match stage.network {
            Network::None => sandbox::Network::None,
            Network::Host => sandbox::Network::Host,
        },
        program: None,
    };
    commands.run()?;
    write_seal(folder.path(), place)?;
    Ok(folder.finish_if_first()?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::recipe::ImagePath;

    #[test]
    fn a_key_tells_where_each_word_stands() {
        // Variables and commands, with a bar between one and the next.
        let stages = [
            ("a=b", "c|d"),
            ("a=b|c=d", ""),
            ("", "a|b|c|d"),
            ("a=b", "d|c"),
            ("a=b", "c d"),
            ("a=b", "cd"),
            ("a=d", "c|b"),
            ("b=a", "c|d"),
            ("ab=", "c|d"),
        ];
        let words = |text: &'static str| text.split('|').filter(|word| !word.is_empty());
        let keys = stages.map(|(env, run)| {
            let stage = Stage {
                name: "made".to_owned(),
                packages: Vec::new(),
                copies: Vec::new(),
                workdir: ImagePath::parse("/").unwrap(),
                env: words(env)
                    .filter_map(|it| it.split_once('='))
                    .map(|(name, value)| (name.into(), value.into()))
                    .collect(),
                run: words(run).map(str::to_owned).collect(),
                network: Network::None,
            };
            key(&stage, &Tree::new(), 0)
        });
        assert_eq!(BTreeSet::from(keys).len(), stages.len());
    }
}
