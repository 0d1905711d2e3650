//! From verified packages to a root filesystem with what a recipe brings, before anything is pruned.

use std::path::{Path, PathBuf};

use super::error::Error;
use super::schedule::Stages;
use super::translate;
use crate::fetch::VerifiedApk;
use crate::platform::Architecture;
use crate::recipe::{CopyStep, Recipe, ScriptFailures, Scripts};
use crate::repository::AlpineRelease;
use crate::rootfs::base::{BaseOptions, add_base};
use crate::rootfs::{Emulation, InstallOptions, Installation, Rootfs, RunScript, ScriptNote, Tree, adjust, copy};
use crate::sandbox::ScriptRunner;

/// What goes into a root filesystem beside packages.
pub(super) struct RootfsInputs<'order> {
    /// The recipe, for the account and what becomes of scripts.
    pub(super) recipe: &'order Recipe,
    /// The stage that it is for, if it is for one.
    pub(super) stage: Option<&'order str>,
    /// What is copied, in order.
    pub(super) copies: &'order [CopyStep],
    /// What the build writes, which is not copied into itself.
    pub(super) outputs: &'order [PathBuf],
    /// The release of Alpine, where it is known.
    pub(super) release: Option<&'order AlpineRelease>,
    /// The stages that may be copied from.
    pub(super) stages: &'order Stages,
    /// A folder of the cache, for install scripts to run in.
    pub(super) scratch: &'order Path,
    /// Modification time of all that no package brings.
    pub(super) timestamp: i64,
}

/// Holds, before anything is fetched, that install scripts for `arch` can be run where `recipe` wants them to be.
pub(super) fn see_that_scripts_run(recipe: &Recipe, arch: Architecture) -> Result<(), Error> {
    if recipe.alpine.scripts != Scripts::Run {
        return Ok(());
    }
    if !arch.is_host() {
        return Err(Error::ForeignScripts { arch, host: Architecture::host_name() });
    }
    Ok(ScriptRunner::see_that_it_is_possible()?)
}

/// Installs `packages`, makes the account, and copies.
pub(super) fn assemble(inputs: &RootfsInputs<'_>, packages: &[VerifiedApk]) -> Result<Installation, Error> {
    let RootfsInputs { recipe, timestamp, .. } = *inputs;
    let (mut emulation, mut runner);
    let scripts: Option<&mut dyn RunScript> = match recipe.alpine.scripts {
        Scripts::Emulate => {
            emulation = Emulation::default();
            Some(&mut emulation)
        }
        Scripts::Run => {
            runner = ScriptRunner::new(inputs.scratch, None)?;
            Some(&mut runner)
        }
        Scripts::Skip => None,
    };
    let mut installation = Rootfs::install(packages, InstallOptions { scripts, timestamp })?;
    see_that_no_script_failed(inputs, &installation.notes)?;
    let rootfs = &mut installation.rootfs;
    let release = inputs.release.map(translate::release);
    add_base(rootfs, &BaseOptions { account: &recipe.user, release: release.as_ref(), timestamp })?;
    for step in inputs.copies {
        copy(inputs, step, &mut rootfs.tree)?;
    }
    Ok(installation)
}

/// apk installs all it can, and ends with an error where a script did; so does a build, unless the recipe only wants to
/// be warned. How a script ends that is not understood in full is not known, so that is never an error.
fn see_that_no_script_failed(inputs: &RootfsInputs<'_>, notes: &[ScriptNote]) -> Result<(), Error> {
    if inputs.recipe.alpine.script_failures == ScriptFailures::Warn {
        return Ok(());
    }
    let failed: Vec<ScriptNote> = notes.iter().filter(|note| note.has_failed()).cloned().collect();
    if failed.is_empty() {
        return Ok(());
    }
    let stage = inputs.stage.map(str::to_owned);
    Err(Error::FailedScripts { stage, failed })
}

fn copy(inputs: &RootfsInputs<'_>, step: &CopyStep, tree: &mut Tree) -> Result<(), Error> {
    let RootfsInputs { recipe, outputs, timestamp, stages, .. } = *inputs;
    let (uid, gid) = adjust::look_up_owner(tree, &translate::owner(&step.owner), step.target.path.as_str())?;
    let request = translate::copy(step, uid, gid, timestamp);
    match &step.from {
        Some(name) => {
            let stage = stages.get(name).ok_or_else(|| copy::Error::NoStage { name: name.clone() })?;
            copy::copy_from_stage(tree, name, stage, &request)?
        }
        None => copy::copy_from_folder(tree, &recipe.folder, &request, outputs)?,
    };
    Ok(())
}

/// Makes the recipe's folders and links.
pub(super) fn adjust(recipe: &Recipe, tree: &mut Tree, timestamp: i64) -> Result<(), Error> {
    for directory in &recipe.directories {
        let owner = translate::owner(&directory.owner);
        adjust::add_directory(tree, directory.path.as_str(), &owner, directory.mode, timestamp)?;
    }
    for link in &recipe.links {
        adjust::add_link(tree, link.path.as_str(), &link.target, timestamp)?;
    }
    Ok(())
}
