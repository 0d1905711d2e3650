//! Layers that were packed before, found again without the root filesystem that they were made of.

use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::blob_cache::BlobCache;
use super::compression::Compression;
use super::error::Error;
use super::layer::{Blob, Layer, end_of_tar};
use crate::digest::Sha256Digest;

/// What it takes to find a layer again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerNote {
    title: String,
    diff_id: Sha256Digest,
    tar_size: u64,
    digest: Sha256Digest,
    segments: Vec<Sha256Digest>,
}

impl From<&Layer> for LayerNote {
    fn from(layer: &Layer) -> Self {
        Self {
            title: layer.title.clone(),
            diff_id: layer.diff_id,
            tar_size: layer.tar_size,
            digest: layer.blob.digest,
            segments: layer.segments.clone(),
        }
    }
}

/// The layers of `notes`, packed with `compression`, out of the cache in `folder`, every byte held against the layer's
/// digest; `None` where something is missing or damaged.
pub fn recall(notes: Vec<LayerNote>, compression: Compression, folder: &Path) -> Result<Option<Vec<Layer>>, Error> {
    let cache = BlobCache::open(folder)?;
    let end = end_of_tar(compression).map_err(Error::Write)?;
    let layer = |note: LayerNote| {
        let segments = note.segments.iter().map(|key| Some(cache.segment(*key)?.bytes().clone()));
        let blob = Blob::new(segments.chain([Some(end.clone())]).collect::<Option<_>>()?);
        (blob.digest == note.digest).then(|| Layer {
            title: note.title,
            diff_id: note.diff_id,
            tar_size: note.tar_size,
            media_type: compression.media_type(),
            blob,
            segments: note.segments,
        })
    };
    Ok(notes.into_par_iter().map(layer).collect())
}
