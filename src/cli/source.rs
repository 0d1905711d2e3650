//! The image that a verb is to look at: an archive, a folder of blobs or of files, or one in a registry, fetched for as
//! long as that takes.

use std::path::{Path, PathBuf};

use super::delivery::TransportOptions;
use super::error::Error;
use super::output::Context;
use crate::image::{Contents, Reference, StoredImage, is_root_folder};
use crate::platform::Architecture;
use crate::progress::Progress as _;
use crate::registry::{Client, CredentialFiles, pull};
use crate::unfinished::UnfinishedFolder;

/// Where an image is that a verb names.
pub(super) enum Source {
    /// On the disk, and the architecture that is wanted.
    Local(PathBuf, Option<Architecture>),
    /// Fetched from a registry.
    Pulled {
        /// Where it lies for now.
        folder: UnfinishedFolder,
        /// What it was asked for by.
        reference: String,
        /// What all there are images for under that reference.
        platforms: Vec<String>,
    },
}

impl Source {
    /// What `image` means: a path, or else a reference that names its registry (`ghcr.io/me/app:1`, `docker://app`). A
    /// bare name is always a path, so that a misspelt file name does not become a question to the network.
    pub(super) fn of(
        image: &Path,
        architecture: Option<Architecture>,
        transport: TransportOptions,
        context: &Context,
    ) -> Result<Self, Error> {
        let wrong = |error: crate::image::Error| Error::usage(error.to_string()).with_help(error.help());
        let text = image.to_str().unwrap_or_default();
        let named = text.strip_prefix("docker://").or_else(|| {
            let (host, _) = text.split_once('/')?;
            let is_host = !host.starts_with('.') && (host.contains(['.', ':']) || host == "localhost");
            (is_host && !image.exists()).then_some(text)
        });
        let Some(named) = named else {
            if fs_err::symlink_metadata(image).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
                return Err(Error::failed(format!("there is no `{}`", image.display())).with_help(format!(
                    "an image in a registry is named with its host, HOST/NAME:TAG, or as docker://{}",
                    image.display()
                )));
            }
            return Ok(Self::Local(image.to_owned(), architecture));
        };
        let reference = Reference::parse_any(named).map_err(wrong)?;
        let folder = UnfinishedFolder::temporary()?;
        context.progress().stage(&format!("fetching {reference}"));
        let client = Client::new(&reference, transport.transport(), &CredentialFiles::of_environment());
        let client = client?.for_reading();
        let platforms = pull(&client, reference.tag_or_digest(), architecture, folder.path(), context.progress())?;
        context.progress_is_over();
        Ok(Self::Pulled { folder, reference: reference.to_string(), platforms })
    }

    /// The image, read whole, for the architecture that is wanted or else the first; and the platforms of all that
    /// there are under its name.
    pub(super) fn read(self) -> Result<(Contents, Vec<String>), Error> {
        let (path, architecture) = match &self {
            Self::Local(path, _) if is_root_folder(path) => {
                let contents = Contents::of_root_folder(path)?;
                let platform = contents.image.platform();
                return Ok((contents, vec![platform]));
            }
            Self::Local(path, architecture) => (path.as_path(), *architecture),
            Self::Pulled { folder, .. } => (folder.path(), None),
        };
        let images = StoredImage::open_all(path)?;
        let found = images.iter().map(StoredImage::platform).collect();
        let image = StoredImage::choose(images, path, architecture)?;
        let mut contents = Contents::of(image)?;
        match self {
            Self::Local(..) => Ok((contents, found)),
            Self::Pulled { reference, platforms, .. } => {
                contents.image.reference = Some(reference);
                Ok((contents, if platforms.is_empty() { found } else { platforms }))
            }
        }
    }
}
