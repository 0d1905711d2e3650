//! What pruning did: for every path that went its package, rule and bytes, and for every one that stayed the reason.
//!
//! A report is written as JSON by `--report` and read again by `inspect --why`, so everything in it is a plain value,
//! in the tree's order, and no output depends on threads or clock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::policy::Profile;

/// What pruning did to one root filesystem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The profile that was asked for.
    pub profile: Profile,
    /// Bytes of all files before, hard-linked ones counted once.
    pub bytes_before: u64,
    /// The same after.
    pub bytes_after: u64,
    /// What each rule took.
    pub rules: BTreeMap<String, RuleTotal>,
    /// Every package, in install order, those of which nothing is left too.
    pub packages: Vec<PackageReport>,
    /// Every path that went.
    pub pruned: Vec<PrunedPath>,
    /// Every file and link that stayed.
    pub kept: Vec<KeptPath>,
    /// Patterns of `keep` and `remove` that fit no path.
    pub unmatched: Vec<String>,
    /// What the trace could not follow, in the order of paths and lines.
    #[serde(default)]
    pub unfollowed: Vec<Unfollowed>,
    /// What `drop` could name, the largest saving first.
    #[serde(default)]
    pub cuts: Vec<Cut>,
    /// Python files that are run as files, and so stay in their source.
    #[serde(default)]
    pub scripts: Vec<String>,
    /// Python files that their interpreter refuses to compile, and so stay in their source.
    #[serde(default)]
    pub uncompiled: Vec<Unfollowed>,
}

/// Something that cannot be dealt with as the rest is. Where a trace cannot follow, `keep` is the answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unfollowed {
    /// The file.
    pub path: String,
    /// From 1; 0 where there is none.
    pub line: u32,
    /// What it does, and what was kept for it.
    pub what: String,
}

impl std::fmt::Display for Unfollowed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(formatter, "{} {}", self.path, self.what),
            line => write!(formatter, "{}:{line} {}", self.path, self.what),
        }
    }
}

/// A module that every importer can do without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Its name, as `drop` takes it.
    pub module: String,
    /// Bytes of the files that nothing else leads to.
    pub bytes: u64,
    /// How many those are.
    pub files: u64,
    /// Who imports it, as `path:line`.
    pub importers: Vec<String>,
}

/// What one rule took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleTotal {
    /// Paths, folders among them.
    pub paths: u64,
    /// Bytes that left the tree.
    pub bytes: u64,
}

/// A path that went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrunedPath {
    /// Below the root.
    pub path: String,
    /// `name-version` of the package that brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// The rule's name; `remove:PATTERN` for the recipe's own.
    pub rule: String,
    /// Bytes that left the tree with it: none for a link, or for a file that has another name.
    pub bytes: u64,
}

/// A file or link that stayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPath {
    /// Below the root.
    pub path: String,
    /// `name-version` of the package that brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Size of its contents.
    pub bytes: u64,
    /// Why.
    pub reason: Reason,
}

/// Why a path stayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why")]
pub enum Reason {
    /// Its package is needed, and no rule names it.
    Package,
    /// A pattern of `keep` names it.
    Keep {
        /// As written.
        pattern: String,
    },
    /// What the recipe asks for leads right to it.
    Root {
        /// What that is: "what the command `python3 app.py` starts".
        what: String,
    },
    /// Another file leads to it.
    Reached {
        /// That file.
        by: String,
        /// How: "imported as `ssl`".
        how: String,
        /// On which line; 0 where there is none.
        line: u32,
        /// Whether that file breaks without it.
        required: bool,
    },
    /// The recipe copied it.
    Copied,
    /// The recipe copied it out of a stage.
    Stage,
    /// This program made it.
    Generated,
}

/// What became of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PackageReport {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Files and links that are left.
    pub files: u64,
    /// Bytes that are left, hard-linked files counted once.
    pub bytes: u64,
    /// Bytes that went.
    pub pruned: u64,
    /// What still needs it; `None` where nothing does.
    pub reason: Option<PackageReason>,
}

/// Why a package is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why")]
pub enum PackageReason {
    /// The recipe names it.
    Named {
        /// As the recipe writes it.
        word: String,
    },
    /// A package that stays depends on it.
    Dependency {
        /// That package.
        by: String,
        /// Its dependency as written.
        dependency: String,
    },
    /// It comes with others, which stay.
    InstallIf {
        /// The conditions as written.
        conditions: Vec<String>,
    },
    /// A file that no package brought needs a library of it.
    File {
        /// That file.
        path: String,
    },
    /// A pattern of `keep` names files of it.
    Keep {
        /// As written.
        pattern: String,
    },
    /// The profile takes no packages away.
    Untouched,
}

impl Report {
    /// Bytes that went.
    pub fn bytes_pruned(&self) -> u64 {
        self.bytes_before.saturating_sub(self.bytes_after)
    }

    /// The packages of which nothing is left.
    pub fn packages_gone(&self) -> impl Iterator<Item = &PackageReport> {
        self.packages.iter().filter(|package| package.reason.is_none())
    }
}
