//! What may be taken away, as plain values: the recipe's `[prune]` and what reachability starts from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How much is pruned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Only what `remove` names.
    None,
    /// What the rules by folder and package name, and then the packages that nothing left needs.
    #[default]
    Standard,
    /// What the command cannot reach, as well.
    Traced,
}

impl Profile {
    /// As the recipe spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Standard => "standard",
            Self::Traced => "traced",
        }
    }
}

/// In which form packages' Python code stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bytecode {
    /// As `.py`.
    #[default]
    Source,
    /// As `.pyc` in its place, which is the work of [`super::bytecode`].
    Compiled,
}

/// Everything that pruning goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// How much.
    pub profile: Profile,
    /// Globs of paths that stay against every rule. One that matches a folder speaks for all below it.
    pub keep: Vec<String>,
    /// Globs of paths that go, in copied files too.
    pub remove: Vec<String>,
    /// Modules that every reachable importer can do without.
    pub drop: Vec<String>,
    /// The image's entrypoint and cmd, joined.
    pub command: Vec<String>,
    /// Where the command starts, an absolute path; the empty string is the root.
    pub workdir: String,
    /// The image's environment; PATH, PYTHONPATH, PYTHONHOME and NODE_PATH say where things are looked for.
    pub env: BTreeMap<String, String>,
    /// The recipe's `alpine.packages` as written, conflicts (`!name`) included.
    pub packages: Vec<String>,
    /// In which form packages' Python code stays.
    pub bytecode: Bytecode,
}
