//! An image as a registry wants it: documents and blobs, byte for byte as they are in the archive.
//!
//! Digests must not change on the way, so nothing is written anew; only an image in Docker's older form, which has no
//! manifest, gets one. Attestations that stand in an index go along.

use std::collections::BTreeMap;
use std::path::Path;

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest, ImageManifestBuilder, MediaType, SCHEMA_VERSION};

use super::archive::{ImageSet, image_index};
use super::config::canonical;
use super::error::Error;
use super::layer::Blob;
use super::packed::descriptor;
use super::stored::{Reader, StoredImage};
use crate::digest::Sha256Digest;

/// A manifest or index.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it is.
    pub media_type: MediaType,
    /// Its bytes.
    pub blob: Blob,
}

impl Document {
    /// The descriptor that names it.
    pub fn descriptor(&self) -> Result<Descriptor, Error> {
        descriptor(self.media_type.clone(), &self.blob)
    }
}

/// All that is sent to a registry for one tag.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Configurations, layers and whatever else manifests name, once each.
    pub blobs: BTreeMap<Sha256Digest, Blob>,
    /// Manifests and indexes, each after those that it names.
    pub documents: Vec<Document>,
    /// What the tag is to name; the last of `documents`.
    pub root: Document,
}

impl Publication {
    /// Of images that were just made.
    pub fn of(set: &ImageSet) -> Result<Self, Error> {
        let mut publication = Collecting::default();
        for image in &set.images {
            publication.blobs.extend(image.layers.iter().map(|layer| (layer.blob.digest, layer.blob.clone())));
            publication.blobs.insert(image.config.digest, image.config.clone());
            publication.documents.push(Document { media_type: MediaType::ImageManifest, blob: image.manifest.clone() });
        }
        let index = set.index.iter().map(|blob| Document { media_type: MediaType::ImageIndex, blob: blob.clone() });
        publication.documents.extend(index);
        publication.finish(Path::new(&set.reference.to_string()))
    }

    /// Of the archive or folder at `path`.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let reader = Reader::open(path)?;
        let mut publication = Collecting::default();
        let Some(index) = reader.index_json()? else {
            for image in StoredImage::open_all(path)?.into_iter().take(1) {
                publication.docker(&image)?;
            }
            return publication.finish(path);
        };
        for descriptor in index.manifests() {
            publication.collect(&reader, descriptor, 0)?;
        }
        if index.manifests().len() > 1 {
            let mut descriptors = index.manifests().clone();
            for descriptor in &mut descriptors {
                descriptor.set_annotations(None);
            }
            let blob = Blob::from(canonical("index", &image_index(descriptors)?)?);
            publication.documents.push(Document { media_type: MediaType::ImageIndex, blob });
        }
        publication.finish(path)
    }

    /// Bytes of all blobs.
    pub fn size(&self) -> u64 {
        self.blobs.values().map(|blob| blob.size).sum()
    }
}

#[derive(Default)]
struct Collecting {
    blobs: BTreeMap<Sha256Digest, Blob>,
    documents: Vec<Document>,
}

impl Collecting {
    fn collect(&mut self, reader: &Reader<'_>, descriptor: &Descriptor, depth: usize) -> Result<(), Error> {
        let (bytes, digest) = reader.named(descriptor, depth)?;
        let media_type = descriptor.media_type().clone();
        let name = media_type.to_string();
        if name.contains(".index.") || name.contains(".list.") {
            let index: ImageIndex = reader.document(&format!("index {}", digest.to_oci()), &bytes)?;
            for descriptor in index.manifests() {
                self.collect(reader, descriptor, depth + 1)?;
            }
        } else {
            let manifest: ImageManifest = reader.document(&format!("manifest {}", digest.to_oci()), &bytes)?;
            for descriptor in std::iter::once(manifest.config()).chain(manifest.layers()) {
                let (bytes, digest) = reader.blob(descriptor)?;
                self.blobs.entry(digest).or_insert_with(|| Blob::verified(digest, bytes));
            }
        }
        self.documents.push(Document { media_type, blob: Blob::verified(digest, bytes) });
        Ok(())
    }

    /// An image without a manifest gets one.
    fn docker(&mut self, image: &StoredImage) -> Result<(), Error> {
        let mut layers = Vec::new();
        for layer in &image.layers {
            let blob = Blob::verified(layer.digest, layer.blob.clone());
            let media_type = match layer.blob.first_chunk::<4>() {
                Some([0x1f, 0x8b, ..]) => MediaType::ImageLayerGzip,
                Some([0x28, 0xb5, 0x2f, 0xfd]) => MediaType::ImageLayerZstd,
                _ => MediaType::ImageLayer,
            };
            layers.push(descriptor(media_type, &blob)?);
            self.blobs.insert(blob.digest, blob);
        }
        let config = Blob::verified(image.config_digest, image.config_bytes.clone());
        let manifest = ImageManifestBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageManifest)
            .config(descriptor(MediaType::ImageConfig, &config)?)
            .layers(layers)
            .build()
            .map_err(|source| Error::Specification { document: "manifest", source })?;
        self.blobs.insert(config.digest, config);
        let blob = Blob::from(canonical("manifest", &manifest)?);
        self.documents.push(Document { media_type: MediaType::ImageManifest, blob });
        Ok(())
    }

    fn finish(self, path: &Path) -> Result<Publication, Error> {
        let root = self.documents.last().cloned().ok_or_else(|| Error::NotAnImage {
            path: path.to_owned(),
            reason: "its index names no image".to_owned(),
        })?;
        Ok(Publication { blobs: self.blobs, documents: self.documents, root })
    }
}
