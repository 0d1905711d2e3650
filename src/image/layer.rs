//! Layers: a root filesystem as compressed tar streams with their digests.
//!
//! What was compressed before comes from the cache, verified; the rest is read once, from the mapped files that the
//! tree points into, hashed and compressed on the way. Neither threads nor the state of the cache change a byte.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::path::Path;

use oci_spec::image::MediaType;
use rayon::prelude::*;

use super::blob_cache::{BlobCache, LayerRecord, StoredSegment};
use super::compression::Compression;
use super::error::Error;
use super::layering::{LayerPlan, Layering, plan};
use super::press::Press;
use super::segment::{END_OF_TAR, Source, owner_names};
use crate::digest::{Sha256, Sha256Digest};
use crate::mapping::MappedSlice;
use crate::rootfs::{InodeKind, Rootfs};
use crate::unfinished::UnfinishedFolder;

/// How layers are made.
#[derive(Clone, Copy, Debug, Default)]
pub struct LayerOptions<'path> {
    /// Which layers there are.
    pub layering: Layering,
    /// How they are compressed.
    pub compression: Compression,
    /// The folder where compressed segments are kept from build to build; without one nothing is kept.
    pub cache: Option<&'path Path>,
}

/// A finished layer. Its bytes lie in mapped files.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What it is, in a few words.
    pub title: String,
    /// Digest of the uncompressed tar (image-spec config.md).
    pub diff_id: Sha256Digest,
    /// Bytes of the uncompressed tar.
    pub tar_size: u64,
    /// How it is compressed.
    pub media_type: MediaType,
    /// The compressed bytes.
    pub blob: Blob,
    /// Under which keys the cache has its parts, in order.
    pub segments: Vec<Sha256Digest>,
}

/// Bytes that an image names by their digest, in one piece or several.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Digest of all of it.
    pub digest: Sha256Digest,
    /// Bytes of all of it.
    pub size: u64,
    /// Its bytes, in order.
    pub pieces: Vec<MappedSlice>,
}

impl Blob {
    /// The blob that `pieces` make.
    pub fn new(pieces: Vec<MappedSlice>) -> Self {
        let mut hasher = Sha256::new();
        for piece in &pieces {
            let Ok(()) = piece.for_each_piece(|bytes| {
                hasher.update(bytes);
                Ok::<(), Infallible>(())
            });
        }
        Self { digest: hasher.finish(), size: pieces.iter().map(|piece| piece.len() as u64).sum(), pieces }
    }

    /// The blob that is all of `bytes`, whose digest is known to be `digest`.
    pub fn verified(digest: Sha256Digest, bytes: MappedSlice) -> Self {
        Self { digest, size: bytes.len() as u64, pieces: vec![bytes] }
    }

    /// All of it in one place, for documents, which are small.
    pub fn bytes(&self) -> Vec<u8> {
        self.pieces.iter().map(|piece| &**piece).collect::<Vec<&[u8]>>().concat()
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(vec![bytes.into()])
    }
}

/// A layer on the way: its plan, the keys of its segments, what the cache has of it.
struct Draft<'plan> {
    plan: &'plan LayerPlan,
    key: Sha256Digest,
    segment_keys: Vec<Sha256Digest>,
    segments: Vec<Option<MappedSlice>>,
    /// Diff ID and size of the tar, once known.
    tar: Option<(Sha256Digest, u64)>,
    /// Where all of it came from the cache and was found whole.
    blob: Option<Blob>,
}

/// Packs `rootfs` into layers, the lowest first. Takes the time of compressing what the cache does not have.
pub fn pack(rootfs: &Rootfs, options: &LayerOptions<'_>) -> Result<Vec<Layer>, Error> {
    let temporary;
    let folder = if let Some(folder) = options.cache {
        folder
    } else {
        temporary = UnfinishedFolder::temporary().map_err(Error::Write)?;
        temporary.path()
    };
    let cache = BlobCache::open(folder)?;
    let owners = owner_names(rootfs);
    let packing = Packing {
        source: Source { rootfs, owners: &owners },
        compression: options.compression,
        cache: &cache,
        end: end_of_tar(options.compression).map_err(Error::Write)?,
    };
    let plans = plan(rootfs, options.layering);
    let mut drafts = plans.par_iter().map(|plan| packing.draft(plan)).collect::<Result<Vec<Draft<'_>>, Error>>()?;
    packing.press_missing(&mut drafts)?;
    drafts.into_par_iter().map(|draft| packing.layer(draft)).collect()
}

/// The end of a tar, compressed: the last piece of every layer.
pub(super) fn end_of_tar(compression: Compression) -> io::Result<MappedSlice> {
    let mut end = Vec::new();
    compression.compressor()?.compress(&END_OF_TAR, &mut end)?;
    Ok(end.into())
}

/// Bytes of all files in `rootfs`, one with several names counted once: what the image takes unpacked.
pub fn unpacked_size(rootfs: &Rootfs) -> u64 {
    let mut seen = BTreeSet::new();
    let mut total = 0;
    for (_, id) in rootfs.tree.walk() {
        if let InodeKind::File { content, .. } = &rootfs.tree.inode(id).kind
            && seen.insert(id)
        {
            total += content.len() as u64;
        }
    }
    total
}

/// What all layers of one call share.
struct Packing<'call> {
    source: Source<'call>,
    compression: Compression,
    cache: &'call BlobCache,
    end: MappedSlice,
}

impl Packing<'_> {
    /// Looks up what the cache has of the layer, and keeps of it what is sound.
    fn draft<'plan>(&self, plan: &'plan LayerPlan) -> Result<Draft<'plan>, Error> {
        let segment_keys = plan
            .segments
            .par_iter()
            .map(|segment| self.source.key(segment, self.compression))
            .collect::<Result<Vec<Sha256Digest>, Error>>()?;
        let mut hasher = Sha256::new();
        for key in &segment_keys {
            hasher.update(&key.0);
        }
        let key = hasher.finish();
        let record = self.cache.layer(key);
        let found: Vec<Option<StoredSegment>> = segment_keys.iter().map(|key| self.cache.segment(*key)).collect();
        let mut draft = Draft { plan, key, segment_keys, segments: Vec::new(), tar: None, blob: None };
        if let Some(record) = record {
            draft.tar = Some((record.diff_id, record.tar_size));
            let pieces = found.iter().map(|segment| segment.as_ref().map(|segment| segment.bytes().clone()));
            // Verified whole, each byte is hashed once.
            if let Some(pieces) = pieces.chain([Some(self.end.clone())]).collect() {
                let blob = Blob::new(pieces);
                if blob.digest == record.digest {
                    draft.blob = Some(blob);
                    return Ok(draft);
                }
            }
        }
        draft.segments = found.into_par_iter().map(|segment| segment.and_then(StoredSegment::verified)).collect();
        Ok(draft)
    }

    /// Reads, hashes and compresses all that `drafts` lack.
    fn press_missing(&self, drafts: &mut [Draft<'_>]) -> Result<(), Error> {
        let pressed = rayon::in_place_scope(|scope| {
            let mut press = Press::new(self.compression, self.cache);
            // The same folders in two layers make the same segment twice.
            let mut begun = BTreeSet::new();
            for draft in drafts.iter_mut().filter(|draft| draft.blob.is_none()) {
                let mut tar = draft.tar.is_none().then(|| (Sha256::new(), 0));
                for ((segment, key), found) in draft.plan.segments.iter().zip(&draft.segment_keys).zip(&draft.segments)
                {
                    let missing = found.is_none() && begun.insert(*key);
                    if !missing && tar.is_none() {
                        continue;
                    }
                    self.source.stream(segment, |bytes| {
                        if let Some((hasher, size)) = &mut tar {
                            hasher.update(bytes);
                            *size += bytes.len() as u64;
                        }
                        if missing { press.take(scope, *key, bytes) } else { Ok(()) }
                    })?;
                    if missing {
                        press.end_segment(scope);
                    }
                }
                if let Some((mut hasher, size)) = tar {
                    hasher.update(&END_OF_TAR);
                    draft.tar = Some((hasher.finish(), size + END_OF_TAR.len() as u64));
                }
            }
            press.finish()
        })?;
        for draft in drafts {
            for (key, segment) in draft.segment_keys.iter().zip(&mut draft.segments) {
                if segment.is_none() {
                    *segment = pressed.get(key).cloned();
                }
            }
        }
        Ok(())
    }

    /// Puts the layer together and remembers it.
    fn layer(&self, draft: Draft<'_>) -> Result<Layer, Error> {
        let (diff_id, tar_size) = draft.tar.unwrap_or((Sha256Digest::of(&END_OF_TAR), END_OF_TAR.len() as u64));
        let blob = if let Some(blob) = draft.blob {
            blob
        } else {
            let blob = Blob::new(draft.segments.into_iter().flatten().chain([self.end.clone()]).collect());
            self.cache.keep_layer(draft.key, LayerRecord { diff_id, digest: blob.digest, tar_size })?;
            blob
        };
        Ok(Layer {
            title: draft.plan.title.clone(),
            diff_id,
            tar_size,
            media_type: self.compression.media_type(),
            blob,
            segments: draft.segment_keys,
        })
    }
}
