//! One gzip member, the same for the same contents: no name, no time.

use libdeflater::{CompressionLvl, Compressor};

use super::super::error::Error;

/// What Alpine packs with.
pub(super) const LEVEL: i32 = 9;

/// `contents` as one member, packed at `level`, 0 to 12.
pub(super) fn member(contents: &[u8], level: i32) -> Result<Vec<u8>, Error> {
    let unwritable = |reason: String| Error::Unwritable { what: "a gzip member".to_owned(), reason };
    let level = CompressionLvl::new(level).map_err(|_| unwritable(format!("{level} is no compression level")))?;
    let mut compressor = Compressor::new(level);
    let mut packed = vec![0; compressor.gzip_compress_bound(contents.len())];
    let length = compressor.gzip_compress(contents, &mut packed).map_err(|error| unwritable(error.to_string()))?;
    packed.truncate(length);
    Ok(packed)
}
