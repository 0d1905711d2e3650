//! Why something could not be copied into an image.

use std::io;

use super::super::tree::TreeError;

/// A failed copy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source is not there.
    #[error("there is no `{path}` in {place}")]
    Missing {
        /// The source as written, or the part of it that is not there.
        path: String,
        /// `the recipe's folder`, `stage …`.
        place: String,
        /// What has nearly that name.
        near: Option<String>,
        /// Some of what is there instead.
        there: Vec<String>,
    },
    /// A glob fits nothing.
    #[error("nothing in {place} fits `{pattern}`")]
    NoMatch {
        /// The glob.
        pattern: String,
        /// Where it was looked for.
        place: String,
        /// Some of what is there instead.
        there: Vec<String>,
    },
    /// The source, or all that a glob fits, is left out by a rule.
    #[error("`{path}` is left out by {by}")]
    LeftOut {
        /// The source.
        path: String,
        /// The rule and where it stands.
        by: String,
    },
    /// There is no such stage, or it was not built before what copies out of it.
    #[error("there is no stage `{name}` to copy from")]
    NoStage {
        /// Its name.
        name: String,
    },
    /// A symbolic link on the way to the source leads out of the folder.
    #[error("`{path}` leads out of {place}: it is a link to `{target}`")]
    LeadsOut {
        /// The link.
        path: String,
        /// Where it leads.
        target: String,
        /// The folder.
        place: String,
    },
    /// Links that lead to each other.
    #[error("`{path}` leads through too many links")]
    LinkLoop {
        /// The path that was followed.
        path: String,
    },
    /// Several files under one name.
    #[error("`{pattern}` fits {count} things, which cannot all become `{target}`")]
    OneName {
        /// The glob.
        pattern: String,
        /// How many it fits.
        count: usize,
        /// The target.
        target: String,
    },
    /// A folder of the image where a file should go.
    #[error("`{path}` is a folder in the image, so it cannot become the file `{source_path}`")]
    FolderInTheWay {
        /// Where the file should go.
        path: String,
        /// The file.
        source_path: String,
    },
    /// A path of the image that cannot be used.
    #[error(transparent)]
    Place(#[from] TreeError),
    /// A name that an image cannot hold on every machine: it is not UTF-8 or has a control character in it.
    #[error("`{path}`: a name must be UTF-8 without control characters")]
    Name {
        /// The path, as far as it can be shown.
        path: String,
    },
    /// A socket, a pipe, a device.
    #[error("`{path}` is no file, folder or link")]
    Special {
        /// The path.
        path: String,
    },
    /// A pattern that does not parse.
    #[error("`{pattern}` in {place} is not a pattern: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Where it is written.
        place: String,
        /// Why not.
        reason: String,
    },
    /// A file or folder that cannot be read; the message names it.
    #[error(transparent)]
    Read(#[from] io::Error),
}

impl Error {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Missing { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            Self::Missing { there, .. } | Self::NoMatch { there, .. } if !there.is_empty() => {
                Some(format!("what is there: {}", there.join(", ")))
            }
            Self::Missing { .. } | Self::NoMatch { .. } => Some("there is nothing in it at all".to_owned()),
            Self::LeftOut { .. } => Some("take it back with a later pattern that begins with `!`".to_owned()),
            Self::NoStage { name } => Some(format!("add [stage.{name}], or leave out `from`")),
            Self::LeadsOut { .. } => Some("copy what it leads to into the folder, and name that".to_owned()),
            Self::LinkLoop { .. } => Some("name the file itself".to_owned()),
            Self::OneName { target, .. } => Some(format!("end the target with a slash: \"{target}/\"")),
            Self::FolderInTheWay { path, .. } => {
                Some(format!("end the target with a slash to copy into it: \"/{path}/\""))
            }
            Self::Name { .. } => Some("rename it, or name it in `exclude`".to_owned()),
            Self::Special { .. } => Some("name it in `exclude`".to_owned()),
            Self::Place(_) => Some(
                "name another target: what it is to lie in is no folder of the image; `apkbuild plan --why PATH` tells whose it is"
                    .to_owned(),
            ),
            Self::Pattern { .. } | Self::Read(_) => None,
        }
    }
}
