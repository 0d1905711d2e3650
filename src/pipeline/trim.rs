//! Making the image small: pruning, with what earlier traces read, and bytecode in the place of sources.

mod compile;
mod kept;

use std::path::Path;

use self::compile::compile;
use super::{Error, Workshop, translate};
use crate::digest::Sha256Digest;
use crate::fetch::Cache;
use crate::progress::Progress;
use crate::prune::bytecode::Shipped;
use crate::prune::{Bytecode, Facts, Policy, Profile, Report, prune_knowing};
use crate::recipe::{Architecture, Recipe};
use crate::rootfs::Rootfs;
use crate::unfinished;

pub use compile::NoCompiler;

/// Prunes `rootfs` as the recipe says, and puts bytecode in the place of sources where it says so.
pub(super) fn trim(
    rootfs: &mut Rootfs,
    recipe: &Recipe,
    arch: Architecture,
    workshop: &Workshop,
    progress: &dyn Progress,
) -> Result<Report, Error> {
    let policy = translate::policy(recipe);
    if policy.bytecode == Bytecode::Source {
        return prune(rootfs, recipe, arch, &policy, workshop);
    }
    // Pruning takes it away like every other `__pycache__`.
    let shipped = Shipped::of(&rootfs.tree);
    let mut report = prune(rootfs, recipe, arch, &policy, workshop)?;
    progress.stage("compiling");
    compile(rootfs, &mut report, &shipped, arch, workshop)?;
    Ok(report)
}

fn prune(
    rootfs: &mut Rootfs,
    recipe: &Recipe,
    arch: Architecture,
    policy: &Policy,
    workshop: &Workshop,
) -> Result<Report, Error> {
    if policy.profile != Profile::Traced {
        return Ok(prune_knowing(rootfs, policy, &mut Facts::default())?);
    }
    let path = workshop.traces_folder()?.join(facts_name(recipe, arch, policy));
    let mut facts = read_facts(&path);
    let report = prune_knowing(rootfs, policy, &mut facts)?;
    if facts.has_changed() {
        unfinished::write_unsynced(&path, &facts.to_bytes())?;
    }
    Ok(report)
}

/// The facts that were kept at `path`; none where there are none, or where they cannot be read.
fn read_facts(path: &Path) -> Facts {
    let Ok(bytes) = fs_err::read(path) else { return Facts::default() };
    if let Ok(file) = fs_err::File::open(path) {
        Cache::touch(&file);
    }
    Facts::from_bytes(bytes)
}

/// Facts are known by content; the file's name only says which of them are likely to be wanted together.
fn facts_name(recipe: &Recipe, arch: Architecture, policy: &Policy) -> String {
    let words = [recipe.name.as_str(), arch.as_str(), &policy.command.join("\0"), &policy.packages.join("\0")];
    Sha256Digest::of(words.join("\n").as_bytes()).to_string()
}
