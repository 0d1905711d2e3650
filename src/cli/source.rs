//! The image that a verb is to look at: an archive, a folder, or one in a registry, fetched for as long as that takes.

use std::path::{Path, PathBuf};

use super::delivery::TransportOptions;
use super::{Context, Error};
use crate::image::{Architecture, Contents, Reference, StoredImage};
use crate::progress::Progress as _;
use crate::registry::{Client, CredentialFiles, pull};
use crate::unfinished::UnfinishedFolder;

/// Where an image is that a verb names.
pub(super) enum Source {
    /// On the disk, and the architecture that is wanted.
    Local(PathBuf, Option<Architecture>),
    /// Fetched from a registry, under this reference.
    Pulled(UnfinishedFolder, String),
}

impl Source {
    /// What `image` means: a path, or else a reference that names its registry (`ghcr.io/me/app:1`, `docker://app`). A
    /// bare name is always a path, so that a misspelt file name does not become a question to the network.
    pub(super) fn of(
        image: &Path,
        arch: Option<&str>,
        transport: TransportOptions,
        context: &Context,
    ) -> Result<Self, Error> {
        let wrong = |error: crate::image::Error| Error::usage(error.to_string()).with_help(error.help());
        let architecture = arch.map(Architecture::from_alpine).transpose().map_err(wrong)?;
        let text = image.to_str().unwrap_or_default();
        let named = text.strip_prefix("docker://").or_else(|| {
            let (host, _) = text.split_once('/')?;
            let is_host = !host.starts_with('.') && (host.contains(['.', ':']) || host == "localhost");
            (is_host && !image.exists()).then_some(text)
        });
        let Some(named) = named else { return Ok(Self::Local(image.to_owned(), architecture)) };
        let reference = Reference::parse_any(named).map_err(wrong)?;
        let failed = |error: crate::registry::Error| Error::from_room(&error).with_help(error.help());
        let folder = UnfinishedFolder::temporary()?;
        context.progress().stage(&format!("fetching {reference}"));
        let client = Client::new(&reference, transport.transport(), &CredentialFiles::of_environment());
        let client = client.map_err(failed)?.for_reading();
        pull(&client, reference.tag_or_digest(), architecture, folder.path(), context.progress()).map_err(failed)?;
        context.progress_is_over();
        Ok(Self::Pulled(folder, reference.to_string()))
    }

    /// The archive or folder on the disk.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Local(path, _) => path,
            Self::Pulled(folder, _) => folder.path(),
        }
    }

    /// The image, read whole, for the architecture that is wanted or else the first.
    pub(super) fn contents(&self) -> Result<Contents, Error> {
        let architecture = if let Self::Local(_, architecture) = self { *architecture } else { None };
        StoredImage::open(self.path(), architecture).and_then(Contents::of).map_err(|error| told(&error))
    }
}

pub(super) fn told(error: &crate::image::Error) -> Error {
    Error::from_room(error).with_help(error.help())
}
