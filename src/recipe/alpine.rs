//! Where packages come from and which are asked for: `[alpine]`.

use std::fmt;
use std::path::PathBuf;

use crate::apk::Dependency;

/// The recipe's `[alpine]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alpine {
    /// The branch of Alpine.
    pub release: Release,
    /// Mirrors to be tried in order, never empty: URLs without a slash at the end, or folders.
    pub mirrors: Vec<String>,
    /// Repositories in order of preference.
    pub repositories: Vec<RepositorySource>,
    /// Public keys trusted beside Alpine's own; relative paths start from the recipe's folder.
    pub keys: Vec<PathBuf>,
    /// The world.
    pub packages: Vec<Dependency>,
    /// What becomes of packages' install scripts.
    pub scripts: Scripts,
}

/// A branch of Alpine; it prints as the folder on a mirror that holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// `v3.22`
    Version {
        /// 3
        major: u32,
        /// 22
        minor: u32,
    },
    /// `edge`
    Edge,
    /// `latest-stable`
    #[default]
    LatestStable,
}

impl fmt::Display for Release {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { major, minor } => write!(formatter, "v{major}.{minor}"),
            Self::Edge => formatter.write_str("edge"),
            Self::LatestStable => formatter.write_str("latest-stable"),
        }
    }
}

/// A repository as the recipe names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositorySource {
    /// Where it is.
    pub place: RepositoryPlace,
    /// With a tag it serves only `name@tag` and what that needs.
    pub tag: Option<String>,
}

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryPlace {
    /// A folder below `MIRROR/RELEASE`: `main`, `community`.
    Named(String),
    /// A whole URL (http, https or file), without a slash at its end.
    Url(String),
    /// A folder that holds `ARCH/APKINDEX.tar.gz`; a relative one starts from the recipe's folder.
    Folder(PathBuf),
}

/// What becomes of packages' install scripts and triggers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scripts {
    /// Their usual effects are worked out without running them.
    #[default]
    Emulate,
    /// They are run, in a sandbox.
    Run,
    /// Nothing.
    Skip,
}
