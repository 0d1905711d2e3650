//! What is wrong with a word of apk's: a name, a version, a dependency.

/// A word that is not what it should be. The message names the word as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// Nothing was written where a package name belongs.
    #[error("a package name is empty in `{text}`")]
    EmptyName {
        /// The whole word.
        text: String,
    },
    /// A letter that no name holds.
    #[error("`{name}` is no package name: it holds {letter:?}")]
    NameLetter {
        /// The name as it was written.
        name: String,
        /// The first letter that does not belong there.
        letter: char,
    },
    /// A version that apk would not take.
    #[error("`{version}` is no version: nothing sensible from `{rest}` on")]
    Version {
        /// The version as it was written.
        version: String,
        /// What could not be read.
        rest: String,
    },
    /// An operator and nothing after it.
    #[error("`{dependency}` ends where its version should be")]
    MissingVersion {
        /// The dependency as it was written.
        dependency: String,
    },
    /// `><` is followed by something else than an identity.
    #[error("`{dependency}` asks for an identity, and `{identity}` is none")]
    Identity {
        /// The dependency as it was written.
        dependency: String,
        /// What stands after `><`.
        identity: String,
    },
    /// A pin outside the world.
    #[error("`{dependency}` pins a repository, which only a recipe or the command line may do")]
    TagOutsideWorld {
        /// The dependency as it was written.
        dependency: String,
    },
    /// `@` and nothing after it.
    #[error("`{dependency}` ends where the tag of a repository should be")]
    EmptyTag {
        /// The dependency as it was written.
        dependency: String,
    },
    /// More than one word where one belongs.
    #[error("`{text}` is more than one word")]
    SeveralWords {
        /// What was written.
        text: String,
    },
}

impl SyntaxError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        let help = match self {
            Self::EmptyName { .. } | Self::NameLetter { .. } | Self::MissingVersion { .. } | Self::EmptyTag { .. } => {
                "write a package as name, name=1.2-r0, name~3.12, name>1, name@tag or !name"
            }
            Self::Version { .. } => {
                "a version is written like 1.2.3, 1.2b_rc1 or 1.2.3-r4; suffixes are alpha, beta, pre, rc, cvs, svn, git, hg and p"
            }
            Self::Identity { .. } => "an identity is written like Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=",
            Self::SeveralWords { .. } => "write every package as a word of its own",
            Self::TagOutsideWorld { .. } => return None,
        };
        Some(help.to_owned())
    }
}
