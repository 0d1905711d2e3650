//! What can be wrong with a lock file.

/// Why a lock file is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no TOML of the right shape.
    #[error("it cannot be read: {reason}")]
    Syntax {
        /// What the reader said, with the line.
        reason: String,
    },
    /// Another version of the format.
    #[error("it is of format {found}, and this apkbuild reads format {expected}")]
    Format {
        /// The version it has.
        found: u32,
        /// The version that is read.
        expected: u32,
    },
    /// It is of two minds: a merge left both sides in it.
    #[error("line {line} of it is a mark that an unsettled merge left")]
    Merge {
        /// Counted from 1.
        line: usize,
    },
    /// What stands there for a package without files is no record of an index, or that of another package.
    #[error("its record of {name} {reason}")]
    Record {
        /// The package.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value that cannot be.
    #[error("it holds `{value}`, which is no {expected}")]
    Value {
        /// As it stands there.
        value: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// A package twice in one list.
    #[error("it names {name} twice")]
    Twice {
        /// The package.
        name: String,
    },
}

impl Error {
    /// The way out.
    pub fn help(&self) -> Option<String> {
        let help = match self {
            Self::Format { .. } => {
                "use the apkbuild that wrote it, or write it anew with `apkbuild lock FILE --update`"
            }
            Self::Merge { .. } => {
                "take either side whole and bring it up to date with `apkbuild lock FILE`, or write it anew with `apkbuild lock FILE --update`"
            }
            _ => "bring back an earlier one, or write it anew with `apkbuild lock FILE --update`",
        };
        Some(help.to_owned())
    }
}
