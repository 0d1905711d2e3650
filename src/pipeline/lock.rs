//! Locks: made from a recipe and the repositories' indexes, and held against the recipe again.
//!
//! What an old lock names stays as it is unless it is to be moved: the solver is shown only that build of a package.
//! Where the rest cannot be kept because of what is moved or new, everything is selected anew, which is told.

use std::collections::{BTreeMap, BTreeSet};

use super::error::Error;
use super::lock_names;
use super::part::Part;
use super::release::UNKNOWN_RELEASE;
use super::select::Indexes;
use super::selection::Selection;
use super::session::Session;
use super::sources::Overrides;
use crate::apk::Identity;
use crate::lock::{Inputs, LockedArchitecture, LockedIndex, LockedPackages, Lockfile, packages_of};
use crate::platform::Architecture;
use crate::progress::Progress;
use crate::recipe::Recipe;

/// What of an old lock may move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// Only what the recipe changed.
    Nothing,
    /// These packages, by name, and those that are built with them.
    Packages(Vec<String>),
    /// All of it.
    Everything,
}

/// The keys of a recipe that decide which packages are selected.
pub fn lock_inputs(recipe: &Recipe) -> Inputs {
    let sorted = |packages: &[crate::apk::Dependency]| {
        packages.iter().map(ToString::to_string).collect::<BTreeSet<_>>().into_iter().collect()
    };
    Inputs {
        release: recipe.alpine.release.to_string(),
        repositories: lock_names::of_recipe(&recipe.alpine),
        packages: sorted(&recipe.alpine.packages),
        stages: recipe.stages.iter().map(|stage| (stage.name.clone(), sorted(&stage.packages))).collect(),
    }
}

/// Why `lock` does not fit `recipe` for the architectures asked for, a line each; none where it fits.
pub fn lock_misfits(lock: &Lockfile, recipe: &Recipe, overrides: &Overrides) -> Vec<String> {
    let repositories = lock.inputs.repositories.iter().map(|name| lock_names::as_of_today(name)).collect();
    let mut misfits = Inputs { repositories, ..lock.inputs.clone() }.outdated_by(&lock_inputs(recipe));
    let missing = overrides.archs(recipe).iter().filter(|arch| !lock.architectures.contains_key(arch.as_str()));
    misfits.extend(missing.map(|arch| format!("architectures: the lock has none for {arch}")));
    misfits
}

/// The lock of `recipe`, with as much of the `old` one as `update` leaves. Architectures that only the old one has are
/// kept too, and brought up to date with the rest.
pub fn lock(
    recipe: &Recipe,
    old: Option<&Lockfile>,
    update: &Update,
    session: &Session,
    progress: &dyn Progress,
) -> Result<Lockfile, Error> {
    let inputs = lock_inputs(recipe);
    let mut architectures = BTreeMap::new();
    let mut wanted: BTreeSet<Architecture> = session.overrides.archs(recipe).iter().copied().collect();
    for (name, locked) in old.into_iter().flat_map(|old| &old.architectures) {
        let stays = *update == Update::Nothing && old.is_some_and(|old| old.inputs == inputs);
        match Architecture::parse(name).ok() {
            Some(arch) if stays => {
                wanted.remove(&arch);
                architectures.insert(name.clone(), locked.clone());
            }
            Some(arch) => {
                wanted.insert(arch);
            }
            None => {}
        }
    }
    for arch in wanted {
        progress.stage(&format!("resolving for {arch}"));
        let indexes = Indexes::of_recipe(recipe, arch, session, progress)?;
        let old = old.and_then(|old| old.architectures.get(arch.as_str()));
        architectures.insert(arch.to_string(), lock_for(recipe, &indexes, old, update, session, progress)?);
    }
    Ok(Lockfile { inputs, architectures })
}

fn lock_for(
    recipe: &Recipe,
    indexes: &Indexes,
    old: Option<&LockedArchitecture>,
    update: &Update,
    session: &Session,
    progress: &dyn Progress,
) -> Result<LockedArchitecture, Error> {
    let names = lock_names::of_build(recipe, &session.overrides)?;
    let mut locked = LockedArchitecture::default();
    for part in Part::all(recipe) {
        let old = old.and_then(|old| old.part(part.stage));
        let kept = old.map(|old| kept(old, update, indexes)).transpose()?.unwrap_or_default();
        let selection = select(part, indexes, &kept, progress)?;
        if locked.indexes.is_empty() {
            locked.release = selection.release.as_ref().map(|release| release.branch.to_string());
            locked.release_version = selection.release.as_ref().and_then(|release| release.version.clone());
            let indexes = names.iter().zip(&selection.index_digests).zip(&selection.releases);
            locked.indexes = indexes
                .map(|((name, digest), release)| LockedIndex {
                    repository: name.clone(),
                    digest: *digest,
                    release: release.as_ref().map(ToString::to_string),
                })
                .collect();
        }
        let packages = packages_of(&selection.resolution);
        match part.stage {
            None => locked.packages = packages,
            Some(stage) => _ = locked.stages.insert(stage.to_owned(), packages),
        }
    }
    if locked.release.is_none() {
        progress.warning(UNKNOWN_RELEASE);
    }
    Ok(locked)
}

/// The builds of an old lock that are to stay.
fn kept(old: &LockedPackages, update: &Update, indexes: &Indexes) -> Result<BTreeMap<String, Identity>, Error> {
    let moved = match update {
        Update::Nothing => BTreeSet::new(),
        Update::Packages(names) => indexes.with_siblings(names)?,
        Update::Everything => return Ok(BTreeMap::new()),
    };
    let stay = old.iter().filter(|(name, _)| !moved.contains(name.as_str()));
    Ok(stay.map(|(name, package)| (name.to_string(), package.identity)).collect())
}

fn select(
    part: Part<'_>,
    indexes: &Indexes,
    kept: &BTreeMap<String, Identity>,
    progress: &dyn Progress,
) -> Result<Selection, Error> {
    if !kept.is_empty()
        && let Ok(selection) = indexes.keeping(kept)?.resolve(&part.world())
    {
        return Ok(selection);
    }
    let selection = indexes.resolve(&part.world())?;
    if !kept.is_empty() {
        let whose = part.stage.map_or_else(|| "the image".to_owned(), |stage| format!("stage {stage}"));
        progress.warning(&format!("not all that was locked for {whose} could stay, so all of it was selected anew"));
    }
    Ok(selection)
}
