//! The image that a bill of materials is of.

use super::purl;
use crate::digest::Sha256Digest;
use crate::platform::Architecture;

/// The image that a bill of materials is of.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What it is called: the last part of its name, without a registry and without a tag, since one image has many.
    pub name: String,
    /// For which machine it is, where Alpine is built for that.
    pub architecture: Option<Architecture>,
    /// Digest of its manifest.
    pub digest: Sha256Digest,
    /// Seconds since 1970.
    pub created: i64,
}

impl Subject {
    /// Its package URL (purl-spec, type oci): the digest is the version.
    pub(super) fn purl(&self) -> String {
        let arch = self.architecture.map(|architecture| architecture.oci().to_string()).unwrap_or_default();
        purl::write("oci", &[&self.name], &self.digest.to_oci(), &[("arch", &arch)])
    }
}
