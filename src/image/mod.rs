//! Images: a root filesystem as layers, with a configuration and a manifest, in one archive or an OCI folder.
//!
//! The way is [`pack`] (a tree becomes layers), [`PackedImage::new`] (layers and settings become an image of one
//! architecture) and [`ImageSet`] (images of all architectures under one name), which is written as an archive or
//! folder. The way back is [`StoredImage`], which reads what this program or another wrote. The rules come from the OCI
//! image specification and from what Docker, containerd and podman really read.

mod archive;
mod blob_cache;
mod compression;
mod config;
mod contents;
mod difference;
mod engine;
mod error;
mod header;
mod installed;
mod layer;
mod layering;
mod packed;
mod press;
mod publication;
mod recall;
mod reference;
mod root_folder;
mod sbom;
mod segment;
mod store;
mod stored;
mod unpack;

pub use archive::{ImageSet, Written};
pub use compression::{Compression, CompressionKind};
pub use config::{Settings, canonical, timestamp};
pub use contents::{Amount, Contents, LayerContents};
pub use difference::{Difference, FileDifference, PackageDifference};
pub use engine::{Engine, Loaded};
pub use error::Error;
pub use installed::DatabasePackage;
pub use layer::{Blob, Layer, LayerOptions, pack, unpacked_size};
pub use layering::{Layering, MOST_PACKAGE_LAYERS};
pub use packed::{PackedImage, descriptor};
pub use publication::{Document, Publication};
pub use recall::{LayerNote, recall};
pub use reference::Reference;
pub use root_folder::{config_beside, is_root_folder};
pub use sbom::{Component, Ecosystem, License, Sbom, SbomFormat, Subject};
pub use store::Allowance;
pub use stored::{StoredImage, StoredLayer, artifact_kind};
pub use unpack::make_folder;
