//! Compressed segments and what is known of finished layers, kept from build to build.
//!
//! A segment's file is its compressed bytes and, at the end, their SHA-256; a layer's is a line of text, kept by
//! [`kept`]. What does not match is as good as absent, so that neither a crash nor a bad disk can get into an image.
//! Files are written beside their place and renamed, and never changed; two builds that write the same one at a time
//! write the same bytes.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::Error;
use crate::cache::entry::open_file;
use crate::cache::trailer;
use crate::digest::{Sha256, Sha256Digest};
use crate::kept;
use crate::mapping::{MappedSlice, Mapping};
use crate::unfinished::Unfinished;

/// A folder with segments and layers.
#[derive(Clone, Debug)]
pub(super) struct BlobCache {
    folder: PathBuf,
}

/// What is known of a layer that was packed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LayerRecord {
    /// Of the whole uncompressed stream.
    pub(super) diff_id: Sha256Digest,
    /// Of the blob.
    pub(super) digest: Sha256Digest,
    /// Bytes of the uncompressed stream.
    pub(super) tar_size: u64,
}

/// A segment as it was found, not verified yet.
pub(super) struct StoredSegment {
    bytes: MappedSlice,
    digest: Sha256Digest,
}

impl StoredSegment {
    /// Its bytes, if they are those that were written.
    pub(super) fn verified(self) -> Option<MappedSlice> {
        (self.bytes.sha256() == self.digest).then_some(self.bytes)
    }

    /// Its bytes, for who verifies them together with others'.
    pub(super) fn bytes(&self) -> &MappedSlice {
        &self.bytes
    }
}

impl BlobCache {
    /// The cache in `folder`, which is made if it is missing.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        fs_err::create_dir_all(folder).map_err(Error::Write)?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn segment_path(&self, key: Sha256Digest) -> PathBuf {
        self.folder.join(format!("{key}.segment"))
    }

    fn layer_path(&self, key: Sha256Digest) -> PathBuf {
        self.folder.join(format!("{key}.layer"))
    }

    /// The segment under `key`, if there is one. Looking makes it young again for whoever clears old files away.
    pub(super) fn segment(&self, key: Sha256Digest) -> Option<StoredSegment> {
        let file = open_file(&self.segment_path(key)).ok()??;
        let (bytes, digest) = trailer::split(&file)?;
        kept::touch(&file);
        Some(StoredSegment { bytes, digest })
    }

    /// Begins the segment under `key`.
    pub(super) fn write_segment(&self, key: Sha256Digest) -> Result<SegmentWriter, Error> {
        let file = Unfinished::beside(&self.segment_path(key)).map_err(Error::Write)?;
        Ok(SegmentWriter { file, hasher: Sha256::new() })
    }

    /// What is known of the layer under `key`.
    pub(super) fn layer(&self, key: Sha256Digest) -> Option<LayerRecord> {
        let line = kept::read(&self.layer_path(key))?;
        let mut words = std::str::from_utf8(&line).ok()?.split(' ');
        Some(LayerRecord {
            diff_id: Sha256Digest::from_hex(words.next()?)?,
            digest: Sha256Digest::from_hex(words.next()?)?,
            tar_size: words.next()?.parse().ok()?,
        })
    }

    /// Keeps `record` under `key`.
    pub(super) fn keep_layer(&self, key: Sha256Digest, record: LayerRecord) -> Result<(), Error> {
        let line = format!("{} {} {}", record.diff_id, record.digest, record.tar_size);
        kept::write(&self.layer_path(key), line.as_bytes()).map_err(Error::Write)
    }
}

/// A segment that is being written.
pub(super) struct SegmentWriter {
    file: Unfinished,
    hasher: Sha256,
}

impl SegmentWriter {
    /// Takes more compressed bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(Error::Write)
    }

    /// Puts the segment in its place and maps it.
    pub(super) fn finish(mut self) -> Result<MappedSlice, Error> {
        let digest = self.hasher.finish();
        self.file.write_all(&digest.0).map_err(Error::Write)?;
        // Before others may remove it.
        let mapping = Mapping::open(self.file.path()).map_err(Error::Read)?;
        self.file.finish_unsynced().map_err(Error::Write)?;
        let whole = mapping.whole();
        Ok(mapping.slice(0..mapping.len().saturating_sub(trailer::LENGTH)).unwrap_or(whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_comes_back_and_damage_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = BlobCache::open(&folder.path().join("new/blobs")).unwrap();
        let key = Sha256Digest::of(b"key");
        assert!(cache.segment(key).is_none());
        let mut writer = cache.write_segment(key).unwrap();
        writer.write(b"some ").unwrap();
        writer.write(b"bytes").unwrap();
        assert!(cache.segment(key).is_none(), "not before it is finished");
        assert_eq!(&*writer.finish().unwrap(), b"some bytes");
        assert_eq!(&*cache.segment(key).unwrap().verified().unwrap(), b"some bytes");

        let record = LayerRecord { diff_id: key, digest: Sha256Digest::of(b"blob"), tar_size: 2048 };
        cache.keep_layer(key, record).unwrap();
        assert_eq!(cache.layer(key), Some(record));

        for path in [cache.segment_path(key), cache.layer_path(key)] {
            let mut bytes = fs_err::read(&path).unwrap();
            bytes[1] ^= 1;
            fs_err::write(&path, bytes).unwrap();
        }
        assert!(cache.segment(key).unwrap().verified().is_none());
        assert_eq!(cache.layer(key), None);
        fs_err::write(cache.segment_path(key), b"short").unwrap();
        assert!(cache.segment(key).is_none());
    }
}
