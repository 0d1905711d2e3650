//! A finished image, traced as a build with `profile = "traced"` would: its files are all there, and what was known of
//! them while it was built is read out of its installed database and its configuration, or out of its recipe.

use std::collections::BTreeMap;
use std::path::Path;

use super::translate;
use crate::apk::{Identity, PackageInfo};
use crate::digest::Sha1Digest;
use crate::image::Contents;
use crate::prune::{self, Policy, Profile, Report, prune};
use crate::recipe::Recipe;
use crate::rootfs::{InstalledPackage, Origin, PackageId, Rootfs};

/// What a trace of a finished image tells.
#[derive(Clone, Debug)]
pub struct Retraced {
    /// The command that was traced.
    pub command: Vec<String>,
    /// What pruning would take now, and why the rest would stay.
    pub report: Report,
}

/// Why an image cannot be traced.
#[derive(Debug, thiserror::Error)]
pub enum Untraceable {
    /// There is nothing to begin with.
    #[error("the image has no command that could be traced")]
    NoCommand,
    /// Pruning was refused.
    #[error("the image cannot be traced: {0}")]
    Refused(#[from] prune::Error),
}

impl Retraced {
    /// Traces `contents`, by the command and the `[prune]` of `recipe` where there is one.
    pub fn of(contents: &Contents, recipe: Option<&Recipe>) -> Result<Self, Untraceable> {
        let policy = recipe.map_or_else(|| policy_of(contents), translate::policy);
        Self::trace(rootfs_of(contents, recipe), policy)
    }

    /// Traces what a build with another profile made.
    pub(super) fn of_built(rootfs: &Rootfs, recipe: &Recipe) -> Result<Self, Untraceable> {
        Self::trace(rootfs.clone(), translate::policy(recipe))
    }

    fn trace(mut rootfs: Rootfs, policy: Policy) -> Result<Self, Untraceable> {
        if policy.command.is_empty() {
            return Err(Untraceable::NoCommand);
        }
        let policy = Policy { profile: Profile::Traced, ..policy };
        let report = prune(&mut rootfs, &policy)?;
        Ok(Self { command: policy.command, report })
    }

    /// Whether the way led to bytecode without source, through which no trace goes.
    pub fn met_bytecode(&self) -> bool {
        self.report.unfollowed.iter().any(|it| Path::new(&it.path).extension().is_some_and(|end| end == "pyc"))
    }
}

/// The policy that an image's configuration and world amount to.
fn policy_of(contents: &Contents) -> Policy {
    let config = contents.image.config.config().clone().unwrap_or_default();
    let command = [config.entrypoint(), config.cmd()].into_iter().flatten().flatten().cloned().collect();
    let variables = config.env().iter().flatten().filter_map(|variable| variable.split_once('='));
    let world = contents.tree.resolve("etc/apk/world").and_then(|real| contents.tree.file(&real).cloned());
    let world = world.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    Policy {
        command,
        workdir: config.working_dir().clone().unwrap_or_default(),
        env: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        packages: world.split_whitespace().map(str::to_owned).collect(),
        ..Policy::default()
    }
}

/// The image's files with what is known of where they came from.
fn rootfs_of(contents: &Contents, recipe: Option<&Recipe>) -> Rootfs {
    // Whether what lies below a target came out of a stage.
    let targets: BTreeMap<&str, bool> = recipe
        .iter()
        .flat_map(|recipe| &recipe.copies)
        .map(|step| (step.target.path.in_tree(), step.from.is_some()))
        .collect();
    let is_of_a_stage = |path: &str| {
        let mut folder = path;
        loop {
            if let Some(answer) = targets.get(folder) {
                return *answer;
            }
            match folder.rsplit_once('/') {
                Some((above, _)) => folder = above,
                // What pip and npm install lies where they put it; a trace of it is worth having.
                None => return targets.get("").copied().unwrap_or(true),
            }
        }
    };
    let mut tree = contents.tree.clone();
    for (path, id) in contents.tree.walk() {
        tree.inode_mut(id).metadata.origin = match contents.place_of_package(&path) {
            Some(place) => Origin::Package(PackageId(u32::try_from(place).unwrap_or(u32::MAX))),
            None if is_of_a_stage(&path) => Origin::Stage,
            None => Origin::Copied,
        };
    }
    let packages = contents.packages.iter().map(|package| {
        let info = PackageInfo {
            name: package.name.clone(),
            version: package.version.clone(),
            depends: package.depends.clone(),
            provides: package.provides.clone(),
            ..PackageInfo::default()
        };
        InstalledPackage::new(Identity::Sha1(Sha1Digest::of(package.identity.as_bytes())), info)
    });
    Rootfs { tree, packages: packages.collect() }
}
