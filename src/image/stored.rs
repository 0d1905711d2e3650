//! An image as it lies on disk, read back: configuration, manifest, and layers that become a tree.
//!
//! Archives of this program, of Docker (old and new) and podman, and OCI folders are understood. Every blob is held
//! against its digest before it is used, and a layer's inflated bytes against its diff ID.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use oci_spec::image::{Descriptor, ImageConfiguration, ImageIndex, ImageManifest};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::archive::blob_name;
use super::error::Error;
use super::store::{Allowance, Store, inflated};
use super::unpack::apply;
use crate::digest::Sha256Digest;
use crate::mapping::MappedSlice;
use crate::platform::Architecture;
use crate::rootfs::Tree;

/// How deep indexes may stand in one another.
const DEEPEST_INDEX: usize = 4;
/// Bytes of all documents of an image together, each as often as it is named. As values they take many times more.
const MOST_DOCUMENT_BYTES: usize = 6 << 20;
/// How many manifests and indexes may be named in all: indexes that name the same ones again and again grow without
/// end.
const MOST_DOCUMENTS: usize = 1000;

/// An image of one architecture that lies in an archive or folder.
#[derive(Clone, Debug)]
pub struct StoredImage {
    /// The archive or folder.
    pub path: PathBuf,
    /// Its name, where it has one.
    pub reference: Option<String>,
    /// The configuration.
    pub config: ImageConfiguration,
    /// Digest of the configuration.
    pub config_digest: Sha256Digest,
    /// The configuration as it is written.
    pub config_bytes: MappedSlice,
    /// Manifest and its digest; an archive in Docker's older form has none.
    pub manifest: Option<(ImageManifest, Sha256Digest)>,
    /// The lowest first.
    pub layers: Vec<StoredLayer>,
}

/// A layer of a [`StoredImage`].
#[derive(Clone, Debug)]
pub struct StoredLayer {
    /// Digest of the blob.
    pub digest: Sha256Digest,
    /// Digest of the tar, from the configuration.
    pub diff_id: Sha256Digest,
    /// What made it, from the configuration's history.
    pub created_by: Option<String>,
    /// The blob, verified.
    pub blob: MappedSlice,
}

/// One entry of Docker's `manifest.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerManifest {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

impl StoredImage {
    /// The image at `path` for `architecture`; where none is asked for, the first that is there.
    pub fn open(path: &Path, architecture: Option<Architecture>) -> Result<Self, Error> {
        Self::choose(Self::open_all(path)?, path, architecture)
    }

    /// Of `images`, all those at `path`, the one for `architecture`; where none is asked for, the first.
    pub fn choose(images: Vec<Self>, path: &Path, architecture: Option<Architecture>) -> Result<Self, Error> {
        let found: Vec<String> = images.iter().map(Self::platform).collect();
        let chosen = images.into_iter().find(|image| architecture.is_none_or(|wanted| image.is_for(wanted)));
        chosen.ok_or_else(|| match architecture {
            Some(wanted) => {
                Error::NoSuchPlatform { path: path.to_owned(), wanted: wanted.platform_name(), found: found.join(", ") }
            }
            None => Error::NotAnImage { path: path.to_owned(), reason: "its index names no image".to_owned() },
        })
    }

    /// The image at `path` for this machine, or else the first that is there.
    pub fn open_for_host(path: &Path) -> Result<Self, Error> {
        let mut images = Self::open_all(path)?;
        let is_for_host = |image: &Self| Architecture::host().is_some_and(|host| image.is_for(host));
        let place = images.iter().position(is_for_host).unwrap_or(0);
        if place < images.len() {
            return Ok(images.swap_remove(place));
        }
        Self::choose(images, path, None)
    }

    /// The images of all architectures at `path`, in the order of its index.
    pub fn open_all(path: &Path) -> Result<Vec<Self>, Error> {
        let reader = Reader::open(path)?;
        if let Some(index) = reader.index_json()? {
            let mut found = Found::default();
            reader.index(&index, None, 0, &mut found)?;
            return match found.artifacts.pop() {
                Some(what) if found.images.is_empty() => Err(Error::Artifact { path: path.to_owned(), what }),
                _ => Ok(found.images),
            };
        }
        if let Some(manifest) = reader.store.file("manifest.json")? {
            let manifests: Vec<DockerManifest> = reader.document("manifest.json", &manifest)?;
            return manifests.into_iter().map(|manifest| reader.docker(manifest)).collect();
        }
        Err(Error::NotAnImage {
            path: path.to_owned(),
            reason: "it has neither an index.json nor a manifest.json".to_owned(),
        })
    }

    /// As engines write it: `linux/arm/v7`.
    pub fn platform(&self) -> String {
        let mut platform = format!("{}/{}", self.config.os(), self.config.architecture());
        if let Some(variant) = self.config.variant() {
            platform = format!("{platform}/{variant}");
        }
        platform
    }

    /// Whether it runs on `architecture`. An image that names no variant runs on all.
    pub fn is_for(&self, architecture: Architecture) -> bool {
        architecture.runs(self.config.architecture(), self.config.variant().as_deref())
    }

    /// Bytes of all layers as they are stored.
    pub fn compressed_size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.blob.len() as u64).sum()
    }

    /// Whether a layer is compressed with gzip, by its first bytes (RFC 1952, 2.3.1).
    pub fn has_gzip(&self) -> bool {
        self.layers.iter().any(|layer| layer.blob.starts_with(&[0x1f, 0x8b]))
    }

    /// All layers inflated and applied over one another. Inflated layers lie in temporary files for as long as the tree
    /// lives.
    pub fn tree(&self) -> Result<Tree, Error> {
        let mut tree = Tree::new();
        let mut allowance = self.allowance();
        for layer in &self.layers {
            self.apply(&mut tree, layer, &mut allowance)?;
        }
        Ok(tree)
    }

    /// How many bytes all its layers may have inflated.
    pub fn allowance(&self) -> Allowance {
        let stored: BTreeMap<_, _> = self.layers.iter().map(|layer| (layer.digest, layer.blob.len() as u64)).collect();
        Allowance::for_stored(stored.values().sum())
    }

    /// Applies one of the layers over `tree`, within what is left of `allowance`; gives the bytes of its tar and the
    /// paths that it brought.
    pub fn apply(
        &self,
        tree: &mut Tree,
        layer: &StoredLayer,
        allowance: &mut Allowance,
    ) -> Result<(u64, Vec<String>), Error> {
        let broken = |reason| Error::Layer { path: self.path.clone(), layer: layer.digest, reason };
        let tar = inflated(&layer.blob, allowance, broken)?;
        let diff_id = tar.sha256();
        if diff_id != layer.diff_id {
            return Err(broken(format!("inflated its digest is sha256:{diff_id}, not sha256:{}", layer.diff_id)));
        }
        let brought = apply(tree, &tar, allowance).map_err(broken)?;
        Ok((tar.len() as u64, brought))
    }
}

/// What an index names.
#[derive(Default)]
struct Found {
    images: Vec<StoredImage>,
    /// What else there is, in words.
    artifacts: Vec<String>,
}

/// What `manifest` is the manifest of, in words, if that is no image: a bill of materials, a chart, a signature
/// (image-spec manifest.md, "Guidelines for artifact usage").
pub fn artifact_kind(manifest: &ImageManifest) -> Option<String> {
    let config = manifest.config().media_type().to_string();
    let is_image = matches!(
        config.as_str(),
        "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
    );
    let kind = manifest.artifact_type().as_ref().map_or(config, ToString::to_string);
    (!is_image).then(|| format!("an artifact of type `{kind}`"))
}

/// What reads the documents of one image.
pub(super) struct Reader<'path> {
    path: &'path Path,
    store: Store,
    /// Blobs whose digest was found right: many descriptors may name one.
    verified: RefCell<BTreeSet<Sha256Digest>>,
    /// How many descriptors of manifests and indexes were followed.
    followed: Cell<usize>,
    /// Bytes of the documents that were read.
    read: Cell<usize>,
}

impl<'path> Reader<'path> {
    pub(super) fn open(path: &'path Path) -> Result<Self, Error> {
        Ok(Self {
            path,
            store: Store::open(path)?,
            verified: RefCell::default(),
            followed: Cell::default(),
            read: Cell::default(),
        })
    }

    /// The index of an OCI layout; `None` where there is none.
    pub(super) fn index_json(&self) -> Result<Option<ImageIndex>, Error> {
        let index = self.store.file("index.json")?;
        index.map(|bytes| self.document("index.json", &bytes)).transpose()
    }

    /// What a descriptor `depth` indexes deep names, a manifest or an index, held against its digest. Refused are
    /// indexes that stand in one another without end.
    pub(super) fn named(&self, descriptor: &Descriptor, depth: usize) -> Result<(MappedSlice, Sha256Digest), Error> {
        if depth > DEEPEST_INDEX {
            return Err(self.broken("index", "it stands too deep in other indexes"));
        }
        self.followed.set(self.followed.get() + 1);
        if self.followed.get() > MOST_DOCUMENTS {
            return Err(self.broken("index", format!("it names more than {MOST_DOCUMENTS} manifests")));
        }
        self.blob(descriptor)
    }

    pub(super) fn document<T: DeserializeOwned>(&self, document: &str, bytes: &[u8]) -> Result<T, Error> {
        self.read.set(self.read.get().saturating_add(bytes.len()));
        if self.read.get() > MOST_DOCUMENT_BYTES {
            let reason = format!("with it the image's documents have more than {MOST_DOCUMENT_BYTES} bytes");
            return Err(self.broken(document, reason));
        }
        serde_json::from_slice(bytes).map_err(|error| self.broken(document, error.to_string()))
    }

    fn broken(&self, document: impl Into<String>, reason: impl Into<String>) -> Error {
        Error::Document { path: self.path.to_owned(), document: document.into(), reason: reason.into() }
    }

    /// The blob of `descriptor`, held against its digest.
    pub(super) fn blob(&self, descriptor: &Descriptor) -> Result<(MappedSlice, Sha256Digest), Error> {
        let text = descriptor.digest().to_string();
        let digest = descriptor
            .as_digest_sha256()
            .and_then(Sha256Digest::from_hex)
            .ok_or_else(|| self.broken("descriptor", format!("`{text}` is not a SHA-256 digest")))?;
        let bytes = self
            .store
            .file(&blob_name(digest))?
            .ok_or_else(|| self.broken("descriptor", format!("the blob {text} that it names is missing")))?;
        if descriptor.size() != bytes.len() as u64 {
            let (size, found) = (descriptor.size(), bytes.len());
            return Err(
                self.broken("descriptor", format!("it gives the blob {text} {size} bytes, and that has {found}"))
            );
        }
        if !self.verified.borrow().contains(&digest) {
            let found = bytes.sha256();
            if found != digest {
                return Err(Error::BlobDigest { path: self.path.to_owned(), expected: digest, found });
            }
            self.verified.borrow_mut().insert(digest);
        }
        Ok((bytes, digest))
    }

    fn index(&self, index: &ImageIndex, name: Option<&str>, depth: usize, found: &mut Found) -> Result<(), Error> {
        for descriptor in index.manifests() {
            let annotation = |key: &str| descriptor.annotations().as_ref()?.get(key).map(String::as_str);
            let name = annotation("io.containerd.image.name")
                .or_else(|| annotation("org.opencontainers.image.ref.name"))
                .or(name);
            // Attestations stand beside images with a platform of `unknown/unknown`.
            if descriptor.platform().as_ref().is_some_and(|platform| platform.os().to_string() == "unknown") {
                continue;
            }
            let (bytes, digest) = self.named(descriptor, depth)?;
            let media_type = descriptor.media_type().to_string();
            if media_type.contains(".index.") || media_type.contains(".list.") {
                let nested: ImageIndex = self.document(&format!("index {}", digest.to_oci()), &bytes)?;
                self.index(&nested, name, depth + 1, found)?;
            } else if media_type.contains(".manifest.") {
                let manifest: ImageManifest = self.document(&format!("manifest {}", digest.to_oci()), &bytes)?;
                match artifact_kind(&manifest) {
                    Some(what) => found.artifacts.push(what),
                    None => found.images.push(self.manifest(manifest, digest, name)?),
                }
            }
        }
        Ok(())
    }

    fn manifest(
        &self,
        manifest: ImageManifest,
        digest: Sha256Digest,
        name: Option<&str>,
    ) -> Result<StoredImage, Error> {
        let (config, config_digest) = self.blob(manifest.config())?;
        let blobs = manifest.layers().iter().map(|layer| self.blob(layer)).collect::<Result<Vec<_>, Error>>()?;
        let image = self.image(config, config_digest, blobs, name.map(str::to_owned))?;
        Ok(StoredImage { manifest: Some((manifest, digest)), ..image })
    }

    fn docker(&self, manifest: DockerManifest) -> Result<StoredImage, Error> {
        let named = |name: &str| {
            self.store
                .file(name)?
                .ok_or_else(|| self.broken("manifest.json", format!("the file `{name}` that it names is missing")))
        };
        let config = named(&manifest.config)?;
        let mut digests = BTreeMap::new();
        let blobs = manifest
            .layers
            .iter()
            .map(|layer| {
                let bytes = named(layer)?;
                // One may be named many times.
                let digest = *digests.entry(layer.as_str()).or_insert_with(|| bytes.sha256());
                Ok((bytes, digest))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let name = manifest.repo_tags.unwrap_or_default().into_iter().next();
        let digest = config.sha256();
        self.image(config, digest, blobs, name)
    }

    fn image(
        &self,
        config_bytes: MappedSlice,
        config_digest: Sha256Digest,
        blobs: Vec<(MappedSlice, Sha256Digest)>,
        reference: Option<String>,
    ) -> Result<StoredImage, Error> {
        let document = format!("configuration {}", config_digest.to_oci());
        let config: ImageConfiguration = self.document(&document, &config_bytes)?;
        let diff_ids = config.rootfs().diff_ids();
        if diff_ids.len() != blobs.len() {
            let reason = format!("it lists {} layers where there are {}", diff_ids.len(), blobs.len());
            return Err(self.broken(document, reason));
        }
        let mut history = config
            .history()
            .iter()
            .flatten()
            .filter(|step| step.empty_layer() != Some(true))
            .map(|step| step.created_by().clone());
        let layers = diff_ids
            .iter()
            .zip(blobs)
            .map(|(diff_id, (blob, digest))| {
                let parsed = diff_id.strip_prefix("sha256:").and_then(Sha256Digest::from_hex);
                let diff_id =
                    parsed.ok_or_else(|| self.broken(&document, format!("`{diff_id}` is not a SHA-256 digest")))?;
                Ok(StoredLayer { digest, diff_id, created_by: history.next().flatten(), blob })
            })
            .collect::<Result<Vec<StoredLayer>, Error>>()?;
        let path = self.path.to_owned();
        Ok(StoredImage { path, reference, config, config_digest, config_bytes, manifest: None, layers })
    }
}
