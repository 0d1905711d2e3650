//! An image of one architecture, packed: layers, configuration and manifest (image-spec manifest.md).

use std::str::FromStr as _;

use oci_spec::image::{Descriptor, Digest, ImageManifestBuilder, MediaType, SCHEMA_VERSION};

use super::config::{Settings, canonical, encode, some_map};
use super::error::Error;
use super::layer::{Blob, Layer};
use crate::digest::Sha256Digest;
use crate::platform::Architecture;

/// A packed image. Its layers lie in mapped files.
#[derive(Clone, Debug)]
pub struct PackedImage {
    /// What it runs on.
    pub architecture: Architecture,
    /// The lowest first.
    pub layers: Vec<Layer>,
    /// The configuration, as JSON.
    pub config: Blob,
    /// The manifest, as JSON.
    pub manifest: Blob,
}

impl PackedImage {
    /// Puts an image together from its layers.
    pub fn new(architecture: Architecture, layers: Vec<Layer>, settings: &Settings) -> Result<Self, Error> {
        let config = Blob::from(encode(settings, architecture, &layers)?);
        let layer_descriptors = layers.iter().map(|layer| descriptor(layer.media_type.clone(), &layer.blob));
        let mut manifest = ImageManifestBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageManifest)
            .config(descriptor(MediaType::ImageConfig, &config)?)
            .layers(layer_descriptors.collect::<Result<Vec<Descriptor>, Error>>()?)
            .build()
            .map_err(|source| Error::Specification { document: "manifest", source })?;
        manifest.set_annotations(some_map(&settings.annotations));
        let manifest = Blob::from(canonical("manifest", &manifest)?);
        Ok(Self { architecture, layers, config, manifest })
    }

    /// The manifest's descriptor, with the platform that an index wants.
    pub fn descriptor(&self) -> Result<Descriptor, Error> {
        let mut descriptor = descriptor(MediaType::ImageManifest, &self.manifest)?;
        descriptor.set_platform(Some(self.architecture.platform()));
        Ok(descriptor)
    }

    /// Bytes of all layers as they are stored and moved.
    pub fn compressed_size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.blob.size).sum()
    }

    /// Whether a layer is compressed with gzip.
    pub fn has_gzip(&self) -> bool {
        self.layers.iter().any(|layer| layer.media_type == MediaType::ImageLayerGzip)
    }

    /// Bytes of all layers' tar streams.
    pub fn tar_size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.tar_size).sum()
    }

    /// The configuration's digest, which engines with graph drivers show as the image's ID.
    pub fn config_digest(&self) -> Sha256Digest {
        self.config.digest
    }

    /// The manifest's digest, which registries and the containerd store name the image by.
    pub fn manifest_digest(&self) -> Sha256Digest {
        self.manifest.digest
    }
}

/// The descriptor of `blob` (image-spec descriptor.md).
pub fn descriptor(media_type: MediaType, blob: &Blob) -> Result<Descriptor, Error> {
    let digest = Digest::from_str(&blob.digest.to_oci())
        .map_err(|source| Error::Specification { document: "descriptor", source })?;
    Ok(Descriptor::new(media_type, blob.size, digest))
}
