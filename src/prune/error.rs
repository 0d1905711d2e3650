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
    /// No thread has the stack that deeply nested sources take.
    #[error("no thread can be started to read the application's files")]
    NoThreads,
    /// `drop` asks for a proof that only the traced profile has.
    #[error("`prune.drop` names `{module}`, but the profile `{profile}` does not know who imports it")]
    DropWithoutTrace {
        /// The first module of the list.
        module: String,
        /// The profile's name.
        profile: &'static str,
    },
    /// A module that is to be dropped is imported where nothing takes its absence.
    #[error("`prune.drop` names `{module}`, which is needed:\n  {}", chain.join("\n  "))]
    DropRefused {
        /// The module.
        module: String,
        /// Who imports it, and why that stays, a line a step.
        chain: Vec<String>,
    },
    /// A file that is to be removed is reached where nothing takes its absence.
    #[error("`{pattern}` in `prune.remove` names {path}, which is needed:\n  {}", chain.join("\n  "))]
    RemoveRefused {
        /// The file.
        path: String,
        /// As written.
        pattern: String,
        /// Who reaches it, a line a step.
        chain: Vec<String>,
    },
}

impl Error {
    /// The way out.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::NoThreads => {
                "allow more threads and address space (`ulimit -u`, `ulimit -v`, the limits of the container), or set \
                 `profile = \"standard\"` under [prune]"
                    .to_owned()
            }
            Self::BadPattern { .. } => {
                "patterns are globs below the root, as in `usr/share/examples/**`; `*` stops at a slash".to_owned()
            }
            Self::DropWithoutTrace { .. } => {
                "set `profile = \"traced\"`, or name the module's files in `remove`".to_owned()
            }
            Self::DropRefused { .. } => {
                "a module can be dropped when every import of it stands under `except ImportError`; drop the importer as \
                 well where it is optional itself"
                    .to_owned()
            }
            Self::RemoveRefused { .. } => {
                "take the pattern out, or use the profile `standard`, which removes without proof".to_owned()
            }
        })
    }
}
