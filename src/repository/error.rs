//! What can be wrong with the address of a repository or with its index.

use crate::apk::SyntaxError;

/// An address or an index that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing, or a tag and nothing after it.
    #[error("`{text}` names no repository")]
    NoLocation {
        /// What was written.
        text: String,
    },
    /// `@` and no proper tag after it.
    #[error("`{text}` begins with `@`, but no tag follows")]
    Tag {
        /// What was written.
        text: String,
        /// What is wrong with the tag.
        #[source]
        source: SyntaxError,
    },
    /// A URL that nothing here can read.
    #[error("repository `{text}` is reached by `{scheme}:`, which is not supported")]
    Scheme {
        /// What was written.
        text: String,
        /// What stands before `://`.
        scheme: String,
    },
    /// A URL without a host, or a `file:` URL of another host.
    #[error("repository `{text}` is no complete URL")]
    Url {
        /// What was written.
        text: String,
    },
    /// A URL whose user or password has a letter that ends it before the host.
    #[error("repository `{text}` has a user and a password that a URL cannot have as they are")]
    Userinfo {
        /// What was written, without them.
        text: String,
    },
    /// Text that holds no package at all.
    #[error("the index has no package in it; line {line} is `{text}`")]
    NoPackage {
        /// The first line with anything on it, counted from 1.
        line: usize,
        /// How it begins.
        text: String,
    },
    /// An index of more packages than any repository has.
    #[error("the index has more than {limit} packages, and no repository has so many")]
    TooManyPackages {
        /// The most that are read.
        limit: usize,
    },
    /// An index beyond what a position in it can count.
    #[error("the index is {found} bytes long, and more than {limit} are not read")]
    TooLarge {
        /// Its size in bytes.
        found: usize,
        /// The largest size in bytes.
        limit: usize,
    },
}

impl Error {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        let help = match self {
            Self::NoLocation { .. } | Self::Tag { .. } => {
                "write a repository as a URL or a folder that holds ARCH/APKINDEX.tar.gz, or `@tag URL` to pin it"
            }
            Self::Scheme { .. } | Self::Url { .. } => {
                "use https://HOST/PATH, http://HOST/PATH, file:///PATH or a plain folder"
            }
            Self::Userinfo { .. } => {
                "in the user and the password write `/` as %2F, `?` as %3F, `#` as %23, `@` as %40, `:` as %3A and `%` as %25"
            }
            Self::NoPackage { .. } | Self::TooLarge { .. } | Self::TooManyPackages { .. } => {
                "the repository's index is damaged; ask another mirror, or make it anew with `apkbuild mkndx`"
            }
        };
        Some(help.to_owned())
    }
}
