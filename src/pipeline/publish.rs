//! An image on its way to a registry, with its bills of materials: one that was just built, or one that lies on disk.

use std::path::Path;

use super::build::Built;
use super::error::Error;
use crate::digest::Sha256Digest;
use crate::image::{Blob, Publication, Reference, Sbom, SbomFormat, StoredImage, Subject};
use crate::platform::Architecture;
use crate::progress::Progress;
use crate::registry::{self, Attachment, Client, CredentialFiles, Pushed, Transport};

/// What is sent.
#[derive(Debug)]
pub struct PublishableImage {
    publication: Publication,
    described: Vec<Described>,
}

/// What ships in the image of one architecture.
#[derive(Debug)]
struct Described {
    manifest: Sha256Digest,
    architecture: Option<Architecture>,
    /// Seconds since 1970.
    created: i64,
    sbom: Sbom,
}

/// How it is sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct PushOptions<'call> {
    /// Bills of materials that go along as referrers.
    pub sboms: &'call [SbomFormat],
    /// Repositories of the same registry that may have some of the layers.
    pub sources: &'call [String],
    /// Whether with TLS.
    pub transport: Transport,
}

impl PublishableImage {
    /// Of what was just built. It has bills of materials if the build's order asked for one.
    pub fn of(built: &Built) -> Result<Self, Error> {
        let described = built.images.iter().filter_map(|image| {
            let sbom = image.sbom.clone()?;
            let (manifest, architecture) = (image.packed.manifest_digest(), Some(image.arch));
            Some(Described { manifest, architecture, created: image.created, sbom })
        });
        Ok(Self { publication: Publication::of(&built.set)?, described: described.collect() })
    }

    /// Of the archive or folder at `path`. Layers are looked into only where `sboms` are wanted.
    pub fn open(path: &Path, sboms: &[SbomFormat]) -> Result<Self, Error> {
        let publication = Publication::open(path)?;
        let mut described = Vec::new();
        for image in if sboms.is_empty() { Vec::new() } else { StoredImage::open_all(path)? } {
            let manifest = match &image.manifest {
                Some((_, digest)) => *digest,
                // Docker's older form has none. The first image gets one on the way, and is the only one that is sent.
                None if described.is_empty() => publication.root.blob.digest,
                None => break,
            };
            let created = image.config.created().as_deref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
            let created = created.map_or(0, jiff::Timestamp::as_second);
            let architecture = Architecture::ALL.into_iter().find(|architecture| image.is_for(*architecture));
            described.push(Described { manifest, architecture, created, sbom: Sbom::of(&image.tree()?) });
        }
        Ok(Self { publication, described })
    }

    /// The digest that the tag will name.
    pub fn digest(&self) -> Sha256Digest {
        self.publication.root.blob.digest
    }

    /// Sends it to the registry of `reference`, under the credentials that docker and podman have for that.
    pub fn push(
        &self,
        reference: &Reference,
        options: PushOptions<'_>,
        progress: &dyn Progress,
    ) -> Result<Pushed, Error> {
        let mut attachments = Vec::new();
        let name = reference.short_name();
        for Described { manifest, architecture, created, sbom } in &self.described {
            let (architecture, created) = (*architecture, *created);
            let subject = Subject { name: name.to_owned(), architecture, digest: *manifest, created };
            // As the files beside an image for several machines are called.
            let arch = architecture.filter(|_| self.described.len() > 1).map(|arch| format!(".{arch}"));
            let arch = arch.unwrap_or_default();
            for format in options.sboms {
                let bytes = sbom.encode(*format, &subject)?;
                attachments.push(Attachment {
                    subject: *manifest,
                    media_type: format.media_type().to_owned(),
                    file_name: format!("{name}{arch}{}", format.file_suffix()),
                    created,
                    blob: Blob::from(bytes),
                });
            }
        }
        let client = Client::new(reference, options.transport, &CredentialFiles::of_environment())?;
        let sources: Vec<&str> = options.sources.iter().map(String::as_str).collect();
        Ok(registry::push(&client, &self.publication, &attachments, reference.tag(), &sources, progress)?)
    }
}
