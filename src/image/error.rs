//! What packing and reading images refuses, and the way out of each.

use std::io;
use std::path::PathBuf;

use crate::digest::Sha256Digest;

/// Why an image could not be packed or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be written; the cause names the path.
    #[error("cannot write the image: {0}")]
    Write(#[source] io::Error),
    /// A file or folder could not be read; the cause names the path.
    #[error("cannot read the image: {0}")]
    Read(#[source] io::Error),
    /// An extended attribute has a name that a PAX record cannot carry.
    #[error("`{path}`: the extended attribute `{name}` has a name that no tar can carry")]
    AttributeName {
        /// The file.
        path: String,
        /// The attribute, as the file has it.
        name: String,
    },
    /// A path or link target holds a NUL byte.
    #[error("`{path}`: a path or link target in an image cannot hold a NUL byte")]
    NulInPath {
        /// The path, the byte shown as `\0`.
        path: String,
    },
    /// A name that a layer cannot hold, since it means there that something is gone.
    #[error("`{path}`: a name that begins with `.wh.` marks in a layer what is taken away, and cannot be a file's")]
    Whiteout {
        /// The path.
        path: String,
    },
    /// A symbolic link has an empty target.
    #[error("`{path}`: a symbolic link to nothing cannot be unpacked by any system")]
    EmptyTarget {
        /// The link.
        path: String,
    },
    /// Something about a file is more than any engine can unpack.
    #[error("`{}`: {what} has {found} {unit}, and no system unpacks more than {limit}", cut(path))]
    TooLong {
        /// The file.
        path: String,
        /// What is too long.
        what: &'static str,
        /// How long it is.
        found: usize,
        /// How long it may be.
        limit: usize,
        /// `bytes` or `levels`.
        unit: &'static str,
    },
    /// The level does not exist for this compression.
    #[error("{compression} has no level {level}; its levels are 1 to {highest}")]
    Level {
        /// `gzip` or `zstd`.
        compression: &'static str,
        /// As asked for.
        level: u32,
        /// The highest there is.
        highest: u32,
    },
    /// The image's name and tag are not a reference.
    #[error("`{reference}` is not an image reference: {reason}")]
    Reference {
        /// As written.
        reference: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value could not be written as JSON.
    #[error("cannot write the image's {document} as JSON")]
    Json {
        /// `configuration`, `manifest`, `index`.
        document: &'static str,
        /// What serde found.
        #[source]
        source: serde_json::Error,
    },
    /// A value does not fit the OCI image specification.
    #[error("cannot make the image's {document}")]
    Specification {
        /// `manifest`, `index`, `descriptor`.
        document: &'static str,
        /// What the specification's types refuse.
        #[source]
        source: oci_spec::OciSpecError,
    },
    /// Something stands at the output's place that must not be replaced.
    #[error("`{}` is there already and is not an OCI image folder, so it is not replaced", path.display())]
    InTheWay {
        /// The place.
        path: PathBuf,
    },
    /// No architecture was given to an archive.
    #[error("an archive needs at least one image")]
    Empty,
    /// There is no such file or folder.
    #[error("there is no `{}`", path.display())]
    Missing {
        /// As given.
        path: PathBuf,
    },
    /// The file or folder is no image.
    #[error("`{}` is not an image: {reason}", path.display())]
    NotAnImage {
        /// As given.
        path: PathBuf,
        /// What was looked for and not found.
        reason: String,
    },
    /// A document in the image cannot be read.
    #[error("`{}`: its {document} is broken: {reason}", path.display())]
    Document {
        /// The image.
        path: PathBuf,
        /// `index.json`, `manifest sha256:…`.
        document: String,
        /// What is wrong.
        reason: String,
    },
    /// A blob is not what its name says.
    #[error("`{}`: the blob sha256:{expected} holds other bytes, their digest is sha256:{found}", path.display())]
    BlobDigest {
        /// The image.
        path: PathBuf,
        /// The digest that the manifest names.
        expected: Sha256Digest,
        /// The digest of what is there.
        found: Sha256Digest,
    },
    /// A layer cannot be read as a tar.
    #[error("`{}`: layer sha256:{layer} is broken: {reason}", path.display())]
    Layer {
        /// The image.
        path: PathBuf,
        /// The digest of the layer's blob.
        layer: Sha256Digest,
        /// What is wrong, with the entry's path where there is one.
        reason: String,
    },
    /// A layer cannot be inflated, for want of a place.
    #[error("cannot inflate a layer into a temporary file in `{}`: {source}", folder.display())]
    Scratch {
        /// Where temporary files go.
        folder: PathBuf,
        /// What stood in the way.
        #[source]
        source: io::Error,
    },
    /// What the index or a tag names is something else than an image.
    #[error("`{}` is not a container image but {what}", path.display())]
    Artifact {
        /// The file, folder or address.
        path: PathBuf,
        /// What it is: `an artifact of type application/spdx+json`.
        what: String,
    },
    /// A container engine is not on this machine.
    #[error("there is no `{program}` here")]
    NoEngine {
        /// Its program.
        program: String,
    },
    /// A container engine did not take the image.
    #[error("{engine} did not load the image: {reason}")]
    Engine {
        /// `docker` or `podman`.
        engine: &'static str,
        /// What it said.
        reason: String,
    },
    /// The image has no variant for the architecture asked for.
    #[error("`{}` has no image for {wanted}; it has {found}", path.display())]
    NoSuchPlatform {
        /// The image.
        path: PathBuf,
        /// The platform asked for, as `linux/amd64`.
        wanted: String,
        /// Those that are there.
        found: String,
    },
}

/// A path whose name is too long is not shown whole.
fn cut(path: &str) -> String {
    const SHOWN: usize = 200;
    let mut letters = path.chars();
    let begin: String = letters.by_ref().take(SHOWN).collect();
    if letters.next().is_some() { begin + "…" } else { begin }
}

impl Error {
    /// The way out.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Write(source) => match source.kind() {
                io::ErrorKind::StorageFull => "free some space, or name another place with --output or --cache-dir",
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "name a folder that you may write to with --output"
                }
                io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput => "name a file with --output",
                io::ErrorKind::NotFound => "make the folder first, or name another place with --output",
                _ => return None,
            }
            .to_owned(),
            Self::Scratch { .. } => "name a folder with room in it that you may write to by TMPDIR".to_owned(),
            Self::Level { highest, .. } => format!("give --level a number from 1 to {highest}"),
            Self::Reference { .. } => "write it as NAME:TAG or HOST/NAME:TAG, in lower case".to_owned(),
            Self::InTheWay { .. } => "move it away, or name another place with --output".to_owned(),
            Self::Missing { .. } => "name the archive or folder that `apkbuild recipe` wrote".to_owned(),
            Self::NotAnImage { .. } => {
                "give an archive that apkbuild, docker save or podman save wrote, or an OCI image folder".to_owned()
            }
            Self::BlobDigest { .. } | Self::Layer { .. } | Self::Document { .. } => {
                "the image was made wrong, or damaged afterwards; build or fetch it again".to_owned()
            }
            Self::AttributeName { .. }
            | Self::NulInPath { .. }
            | Self::Whiteout { .. }
            | Self::EmptyTarget { .. }
            | Self::TooLong { .. } => {
                "leave the file out of the image, by `exclude` in its [[copy]] or `remove` under [prune], or shorten it"
                    .to_owned()
            }
            Self::NoSuchPlatform { .. } => "choose one of those with --arch".to_owned(),
            Self::Artifact { .. } => "name the image itself, by its tag or digest".to_owned(),
            Self::NoEngine { program } => {
                format!("install it, or write an archive with --output and load that where {program} is")
            }
            Self::Engine { engine, .. } => format!("see whether `{engine} info` works, and whether its disk has room"),
            Self::Read(_) | Self::Json { .. } | Self::Specification { .. } | Self::Empty => return None,
        })
    }
}
