//! What can go wrong in a build: any room's error, as it is, and the few things that are wrong between rooms.

use std::path::PathBuf;

use super::bill::Bill;
use crate::apk;
use crate::fetch;
use crate::image;
use crate::platform::Architecture;
use crate::prune;
use crate::registry;
use crate::repository;
use crate::resolve;
use crate::rootfs::{self, ScriptNote, UNRUN_TOLD};
use crate::sandbox;

/// Why a build ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A repository's address or its index is wrong.
    #[error(transparent)]
    Repository(#[from] repository::Error),
    /// No selection of packages meets the world.
    #[error(transparent)]
    Unsatisfiable(#[from] resolve::Unsatisfiable),
    /// An index or a package could not be had, or is not what it should be.
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
    /// A package that a lock names is nowhere any more.
    #[error("the lock names a package that is not there any more: {0}")]
    LockedGone(#[source] fetch::Error),
    /// A package that a lock names was in a folder whose place the lock does not say.
    #[error("{package} is from a folder that the lock does not say the place of")]
    LockedFolder {
        /// As `name-version`.
        package: String,
    },
    /// Where a package that a lock names should be, another one is.
    #[error("the lock names another build of a package than the repository has: {0}")]
    LockedAnother(#[source] fetch::Error),
    /// A lock whose packages do not belong together.
    #[error("the lock does not hold together for {arch}: {reason}")]
    Lock {
        /// For which architecture.
        arch: Architecture,
        /// What is wrong.
        reason: String,
    },
    /// A folder that is to be made is there already, with something in it.
    #[error("`{path}` exists and is {what}")]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// What it is: not empty, or no folder.
        what: &'static str,
    },
    /// An index is of another release than the one that is asked for.
    #[error("the index of {repository} names {found} in {by}, but {asked} is asked for")]
    OtherRelease {
        /// The repository.
        repository: String,
        /// Which release it is of.
        found: String,
        /// Where it says so.
        by: String,
        /// Which one is asked for.
        asked: String,
    },
    /// An index contradicts itself or its address about its release.
    #[error("the index of {repository} names two releases: {one} in {one_by}, and {other} in {other_by}")]
    TwoReleases {
        /// The repository.
        repository: String,
        /// One release.
        one: String,
        /// Where it says so.
        one_by: String,
        /// The other release.
        other: String,
        /// Where it says so.
        other_by: String,
    },
    /// Two repositories have different packages by one name and version, which one folder cannot hold.
    #[error("the lock has two builds of {package}, and one folder holds one of them")]
    VendorTwice {
        /// The package as `name-version`.
        package: String,
    },
    /// A tag whose repository would lie somewhere else than in the folder.
    #[error("the tag `{tag}` is no name for a folder, and packages of a tag have a folder of their own")]
    VendorTag {
        /// The tag.
        tag: String,
    },
    /// A package cannot be read, or an index cannot be written.
    #[error(transparent)]
    Apk(#[from] apk::Error),
    /// The packages or the copied files do not make a root filesystem.
    #[error(transparent)]
    Rootfs(#[from] rootfs::Error),
    /// A file cannot be copied into the image.
    #[error(transparent)]
    Copy(#[from] rootfs::copy::Error),
    /// Pruning was refused.
    #[error(transparent)]
    Prune(#[from] prune::Error),
    /// The image could not be packed or written.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// A registry could not be used.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// A stage's commands failed, or cannot be run here.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// The interpreter makes bytecode that is not understood.
    #[error(transparent)]
    Bytecode(#[from] prune::bytecode::UnknownBytecode),
    /// There is bytecode to be made, and nobody to make it.
    #[error(
        "`bytecode = \"compiled\"`: {count} Python files come without bytecode, {first} for one, and the image's own Python cannot be asked for it: {reason}"
    )]
    NoBytecode {
        /// How many.
        count: usize,
        /// The first of them.
        first: String,
        /// Why it cannot.
        reason: NoCompiler,
    },
    /// A stage cannot be made for a machine that this is not.
    #[error("stage `{stage}` runs commands, and those of {arch} cannot run on {host}")]
    ForeignStage {
        /// The stage.
        stage: String,
        /// What it is for.
        arch: Architecture,
        /// What this is.
        host: &'static str,
    },
    /// Install scripts cannot be run for a machine that this is not.
    #[error("`scripts = \"run\"` runs the install scripts of packages, and those of {arch} cannot run on {host}")]
    ForeignScripts {
        /// What they are for.
        arch: Architecture,
        /// What this is.
        host: &'static str,
    },
    /// Install scripts ended with an error.
    #[error("{}", failed_scripts(.stage.as_deref(), .failed))]
    FailedScripts {
        /// The stage that they were run for, if it was one.
        stage: Option<String>,
        /// Each of them, in order; never empty.
        failed: Vec<ScriptNote>,
    },
    /// Something of the build's own could not be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The image is larger than the recipe allows.
    #[error("{0}")]
    OverSize(Box<Bill>),
    /// A folder holds one image's files only.
    #[error("a root filesystem is of one architecture, and {count} were asked for")]
    SeveralRoots {
        /// How many.
        count: usize,
    },
}

impl Error {
    /// Whether a mirror or a registry does not answer at all.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Fetch(error) | Self::LockedGone(error) | Self::LockedAnother(error) => error.is_unreachable(),
            Self::Registry(error) => error.is_unreachable(),
            _ => false,
        }
    }

    /// The way out.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Repository(error) => error.help(),
            Self::Unsatisfiable(error) => error.help(),
            Self::Fetch(error) => error.help(),
            Self::LockedGone(_) => Some(
                "take what is there now with `apkbuild lock FILE --update`, or name a mirror that keeps old packages with \
                 --mirror or a folder that `apkbuild vendor` made with -X"
                    .to_owned(),
            ),
            Self::LockedFolder { .. } => {
                Some("give the folder again with -X, as it was given when the lock was made".to_owned())
            }
            Self::LockedAnother(error) => {
                let elsewhere =
                    if error.is_local() { "put the right file there again" } else { "ask another mirror with --mirror" };
                Some(format!(
                    "{elsewhere}, or, if it was rebuilt on purpose, take what is there now with `apkbuild lock FILE --update`"
                ))
            }
            Self::Lock { .. } => Some("write it anew with `apkbuild lock FILE --update`".to_owned()),
            Self::Occupied { .. } => Some("name a folder that is not there yet, or take this one away".to_owned()),
            Self::OtherRelease { found, asked, .. } => Some(format!(
                "name a mirror or a repository that serves {asked}, or write `release = \"{found}\"` if that is what you want"
            )),
            Self::TwoReleases { .. } => Some(
                "name another mirror or repository; one that you made yourself can be indexed again under its true description \
                 (`apkbuild mkndx --description vX.Y.Z`)"
                    .to_owned(),
            ),
            Self::VendorTwice { .. } => Some("give one of the two repositories a tag in the recipe".to_owned()),
            Self::VendorTag { .. } => {
                Some("give the repository a tag of letters, digits and `_`, `.`, `+` or `-` in the recipe".to_owned())
            }
            Self::Apk(error) => error.help(),
            Self::Rootfs(error) => error.help(),
            Self::Copy(error) => error.help(),
            Self::Prune(error) => error.help(),
            Self::Image(error) => error.help(),
            Self::Registry(error) => error.help(),
            Self::Sandbox(error) => error.help(),
            Self::Bytecode(_) => Some("use `bytecode = \"source\"`".to_owned()),
            Self::NoBytecode { reason, .. } => {
                let instead = "take Alpine's own bytecode, which `pyc` in `packages` brings for packages that have any, or use `bytecode = \"source\"`";
                let way = match reason {
                    NoCompiler::Sandbox(error) => error.help(),
                    NoCompiler::ForeignInterpreter { arch, .. } => Some(format!("build it on a machine of {arch}")),
                };
                Some(way.map_or_else(|| instead.to_owned(), |way| format!("{way}; or {instead}")))
            }
            Self::ForeignStage { arch, .. } => Some(format!("build it on a machine of {arch}")),
            Self::ForeignScripts { arch, .. } => {
                Some(format!("build it on a machine of {arch}, or use `scripts = \"emulate\"`"))
            }
            Self::FailedScripts { .. } => Some(
                "apk ends with an error on this too; if the image is right all the same, use \
                 `script-failures = \"warn\"` under [alpine]"
                    .to_owned(),
            ),
            Self::Io(_) => None,
            Self::OverSize(_) => {
                Some("prune more, raise `[size]` in the recipe, or build all the same with --over-size warn".to_owned())
            }
            Self::SeveralRoots { .. } => Some("name one with --arch".to_owned()),
        }
    }
}

/// What is said of scripts that failed, one after another.
fn failed_scripts(stage: Option<&str>, failed: &[ScriptNote]) -> String {
    let stage = stage.map_or(String::new(), |stage| format!("stage {stage}: "));
    failed.iter().map(|note| format!("{stage}{}", note.describe(UNRUN_TOLD))).collect::<Vec<_>>().join("\n")
}

/// Why the image's own interpreter cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum NoCompiler {
    /// It is for another machine.
    #[error("an interpreter for {arch} does not run on {host}")]
    ForeignInterpreter {
        /// What the image is for.
        arch: Architecture,
        /// What this is.
        host: &'static str,
    },
    /// The sandbox is refused, or the interpreter fails in it.
    #[error(transparent)]
    Sandbox(sandbox::Error),
}
