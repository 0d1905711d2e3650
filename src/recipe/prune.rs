//! What is taken away: `[prune]`.

/// The recipe's `[prune]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prune {
    /// How much.
    pub profile: Profile,
    /// Globs of paths that stay against every rule.
    pub keep: Vec<String>,
    /// Globs of paths that go, in copied files too.
    pub remove: Vec<String>,
    /// Modules that every reachable importer can do without.
    pub drop: Vec<String>,
    /// In which form packages' Python code stays.
    pub bytecode: Bytecode,
}

/// How much is pruned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Only what `remove` names.
    None,
    /// What the rules by folder and package name.
    #[default]
    Standard,
    /// What the command cannot reach, as well.
    Traced,
}

/// In which form packages' Python code stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bytecode {
    /// As `.py`.
    #[default]
    Source,
    /// As `.pyc` in place of `.py`.
    Compiled,
}
