//! What can go wrong while a root filesystem is put together, and the way out of it.

use super::tree::TreeError;

/// Why a root filesystem could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two packages bring the same file and nothing says which of them wins.
    #[error("{package} brings `{path}`, which {owner} already brought")]
    FileConflict {
        /// The package that came later.
        package: String,
        /// The path of both.
        path: String,
        /// The package whose file is there.
        owner: String,
    },
    /// A package lists a path, but not the folder that holds it.
    #[error("{package} brings `{path}` without listing its folder `{parent}`")]
    ParentNotListed {
        /// The package.
        package: String,
        /// The path that it lists.
        path: String,
        /// The folder that it does not.
        parent: String,
    },
    /// A hard link that leads to a path which the same package does not bring, or not before the link.
    #[error("{package} brings the hard link `{path}` to `{target}`, which is no file that it brought before")]
    HardLinkTarget {
        /// The package.
        package: String,
        /// The link.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// A file stands where a package wants a folder, or a folder where it wants a file.
    #[error("{package} cannot bring `{path}`")]
    Place {
        /// The package.
        package: String,
        /// The path.
        path: String,
        /// What is in the way.
        #[source]
        source: TreeError,
    },
    /// An entry points outside the data that was verified.
    #[error("{package}: the contents of `{path}` do not lie in its data")]
    Contents {
        /// The package.
        package: String,
        /// The path.
        path: String,
    },
    /// More packages than can be numbered.
    #[error("{count} packages are more than an image can hold")]
    TooManyPackages {
        /// How many were given.
        count: usize,
    },
    /// A path that this program writes itself cannot be written.
    #[error("`{path}` cannot be made")]
    Generated {
        /// The path.
        path: String,
        /// What is in the way.
        #[source]
        source: TreeError,
    },
    /// The recipe's account cannot be made.
    #[error("the account `{name}` cannot be made: {reason}")]
    Account {
        /// The account's or the group's name.
        name: String,
        /// What is in the way.
        reason: String,
    },
    /// An owner that is no number and stands in no account file of the image.
    #[error("`{path}`: there is no {kind} `{name}` in the image")]
    UnknownOwner {
        /// The path that should have the owner.
        path: String,
        /// `account` or `group`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// Install scripts could not be run at all.
    #[error("the scripts of {package} could not be run")]
    Scripts {
        /// The package.
        package: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The links that busybox makes to itself are not known without running it.
    #[error("{package}: the applets of `{path}` cannot be read from it: {reason}")]
    Applets {
        /// The package whose script wants them.
        package: String,
        /// The program.
        path: String,
        /// What is in the way.
        reason: &'static str,
    },
    /// A folder could not be read or written.
    #[error("`{path}`: {doing} failed")]
    Folder {
        /// The path, as far as it is known.
        path: String,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A folder holds something that no image may carry.
    #[error("`{path}` is {kind}, which an image cannot carry")]
    UnfitFile {
        /// The path.
        path: String,
        /// `a device node`, `a socket`, `a pipe`, `a name that is not UTF-8`.
        kind: &'static str,
    },
}

impl Error {
    /// What to do about it, where something can be done.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::FileConflict { package, owner, .. } => Some(format!(
                "ask for only one of {} and {}, or for versions of them that `replaces` settles",
                name_of(package),
                name_of(owner)
            )),
            Self::Account { .. } => Some("choose another name, uid, gid or home under [user]".to_owned()),
            Self::UnknownOwner { kind, .. } => {
                Some(format!("give a number, or install the package whose scripts make the {kind}"))
            }
            Self::ParentNotListed { package, .. }
            | Self::HardLinkTarget { package, .. }
            | Self::Contents { package, .. } => Some(format!(
                "the package is built wrong and apk refuses it too; report it to whoever makes {}",
                name_of(package)
            )),
            Self::Place { .. } | Self::Generated { .. } => Some(
                "see which package or script of the image brings what is in the way with `apkbuild plan --why PATH`"
                    .to_owned(),
            ),
            Self::UnfitFile { .. } => Some("remove it, or keep it out of what is copied".to_owned()),
            Self::Scripts { .. } => {
                Some("use `scripts = \"emulate\"` or `scripts = \"skip\"` under [alpine]".to_owned())
            }
            Self::Applets { .. } => Some("use `scripts = \"run\"` under [alpine], which runs it".to_owned()),
            Self::TooManyPackages { .. } | Self::Folder { .. } => None,
        }
    }
}

/// `name` out of `name-1.2-r0`.
fn name_of(package: &str) -> &str {
    let without_release = package.rsplit_once('-').map_or(package, |(front, _)| front);
    without_release.rsplit_once('-').map_or(package, |(front, _)| front)
}
