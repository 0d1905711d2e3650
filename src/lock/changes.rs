//! What differs between two locks, package by package.

use std::collections::BTreeSet;
use std::fmt;

use super::lockfile::Lockfile;
use super::package::{LockedPackage, LockedPackages};
use crate::apk::PackageName;

/// What became of one package of an image or a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// For which architecture, as Alpine names it.
    pub arch: String,
    /// In which stage; `None` for the image.
    pub stage: Option<String>,
    /// The package.
    pub name: PackageName,
    /// Its version before; `None` where it is new.
    pub before: Option<String>,
    /// Its version now; `None` where it is gone.
    pub after: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match (&self.before, &self.after) {
            (None, Some(after)) => write!(formatter, "+ {name} {after}"),
            (Some(before), None) => write!(formatter, "- {name} {before}"),
            (Some(before), Some(after)) if before != after => write!(formatter, "  {name} {before} -> {after}"),
            (before, _) => {
                write!(formatter, "  {name} {}, another build of it", before.as_deref().unwrap_or_default())
            }
        }
    }
}

/// What `new` has otherwise than `old`: by architecture, the image before its stages, by name.
pub fn changes(old: &Lockfile, new: &Lockfile) -> Vec<Change> {
    let mut changes = Vec::new();
    let none = LockedPackages::new();
    for arch in keys(old.architectures.keys(), new.architectures.keys()) {
        let (old, new) = (old.architectures.get(arch), new.architectures.get(arch));
        let image = [old, new].map(|side| side.map_or(&none, |side| &side.packages));
        compare(arch, None, image, &mut changes);
        let stages = |side: Option<&super::lockfile::LockedArchitecture>| {
            side.into_iter().flat_map(|side| side.stages.keys().cloned()).collect::<Vec<_>>()
        };
        for stage in keys(stages(old).iter(), stages(new).iter()) {
            let packages = [old, new].map(|side| side.and_then(|side| side.stages.get(stage)).unwrap_or(&none));
            compare(arch, Some(stage), packages, &mut changes);
        }
    }
    changes
}

fn compare(arch: &str, stage: Option<&String>, [old, new]: [&LockedPackages; 2], changes: &mut Vec<Change>) {
    for name in keys(old.keys(), new.keys()) {
        let (before, after) = (old.get(name), new.get(name));
        let same =
            |one: &LockedPackage, other: &LockedPackage| one.identity == other.identity && one.version == other.version;
        if before.zip(after).is_some_and(|(before, after)| same(before, after)) {
            continue;
        }
        changes.push(Change {
            arch: arch.to_owned(),
            stage: stage.cloned(),
            name: name.clone(),
            before: before.map(|package| package.version.to_string()),
            after: after.map(|package| package.version.to_string()),
        });
    }
}

fn keys<'a, K: Ord>(one: impl Iterator<Item = &'a K>, other: impl Iterator<Item = &'a K>) -> BTreeSet<&'a K> {
    one.chain(other).collect()
}
