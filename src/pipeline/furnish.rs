//! From verified packages to a root filesystem with what a recipe brings, before anything is pruned.

use std::path::{Path, PathBuf};

use super::stage::Stages;
use super::{BuiltImage, Error, translate};
use crate::fetch::VerifiedApk;
use crate::image::{ImageSet, Written};
use crate::recipe::{CopyStep, Recipe, Scripts};
use crate::rootfs::base::{BaseOptions, add_base};
use crate::rootfs::folder::{Owners, write_folder as write_tree};
use crate::rootfs::{Emulation, InstallOptions, Installation, Rootfs, RunScript, Tree, adjust, copy};

/// What goes into a root filesystem beside packages.
pub(super) struct Furnishing<'order> {
    /// The recipe, for the account and the release.
    pub(super) recipe: &'order Recipe,
    /// What is copied, in order.
    pub(super) copies: &'order [CopyStep],
    /// What the build writes, which is not copied into itself.
    pub(super) outputs: &'order [PathBuf],
    /// The stages that may be copied from.
    pub(super) stages: &'order Stages,
    /// Modification time of all that no package brings.
    pub(super) timestamp: i64,
}

/// Installs `packages`, makes the account, and copies.
pub(super) fn furnish(furnishing: &Furnishing<'_>, packages: &[VerifiedApk]) -> Result<Installation, Error> {
    let Furnishing { recipe, timestamp, .. } = *furnishing;
    let mut emulation = Emulation;
    let scripts: Option<&mut dyn RunScript> = match recipe.alpine.scripts {
        Scripts::Emulate => Some(&mut emulation),
        Scripts::Skip | Scripts::Run => None,
    };
    let mut installation = Rootfs::install(packages, InstallOptions { scripts, timestamp })?;
    let rootfs = &mut installation.rootfs;
    let account = translate::account(&recipe.user);
    let release = recipe.alpine.release.to_string();
    add_base(rootfs, &BaseOptions { account: &account, release: &release, timestamp })?;
    for step in furnishing.copies {
        copy(furnishing, step, &mut rootfs.tree)?;
    }
    Ok(installation)
}

fn copy(furnishing: &Furnishing<'_>, step: &CopyStep, tree: &mut Tree) -> Result<(), Error> {
    let Furnishing { recipe, outputs, timestamp, stages, .. } = *furnishing;
    let (uid, gid) = adjust::look_up_owner(tree, &translate::owner(&step.owner), step.target.path.as_str())?;
    let request = translate::copy(step, uid, gid, timestamp);
    match step.from.as_ref().and_then(|name| stages.get_key_value(name)) {
        Some((name, stage)) => copy::copy_from_stage(tree, name, stage, &request)?,
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

/// Writes the files of the one image there is to the folder `path`.
pub(super) fn write_folder(images: &[(BuiltImage, Rootfs)], path: &Path, set: &ImageSet) -> Result<Written, Error> {
    let [(image, rootfs)] = images else { return Err(Error::SeveralRoots { count: images.len() }) };
    let is_root = nix::unistd::geteuid().is_root();
    write_tree(&rootfs.tree, path, if is_root { Owners::Keep } else { Owners::Caller })?;
    Ok(Written { size: image.unpacked_size, unchanged: false, digest: set.digest() })
}
