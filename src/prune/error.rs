//! What pruning refuses. It refuses before it takes anything away, so the tree is whole after an error.

/// Why nothing was pruned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A pattern of `keep` or `remove` cannot be read.
    #[error("`{pattern}` in `prune.{key}` is not a pattern: {reason}")]
    BadPattern {
        /// `keep` or `remove`.
        key: &'static str,
        /// As written.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `drop` asks for a proof that only the traced profile has.
    #[error("`prune.drop` names `{module}`, but the profile `{profile}` does not know who imports it")]
    DropWithoutTrace {
        /// The first module of the list.
        module: String,
        /// The profile's name.
        profile: &'static str,
    },
}

impl Error {
    /// The way out.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::BadPattern { .. } => {
                "patterns are globs below the root, as in `usr/share/examples/**`; `*` stops at a slash".to_owned()
            }
            Self::DropWithoutTrace { .. } => {
                "set `profile = \"traced\"`, or name the module's files in `remove`".to_owned()
            }
        })
    }
}
