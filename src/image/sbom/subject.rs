//! The image that a bill of materials is of.

use crate::digest::Sha256Digest;

/// The image that a bill of materials is of.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its full reference.
    pub reference: String,
    /// Digest of its manifest.
    pub digest: Sha256Digest,
    /// Seconds since 1970.
    pub created: i64,
}
