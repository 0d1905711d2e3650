//! The documents that list an image's components, in each of their forms.

use super::super::error::Error;
use super::components::Sbom;
use super::subject::Subject;
use super::{cyclonedx, spdx_document};

/// The forms of a bill of materials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SbomFormat {
    /// SPDX 2.3, JSON.
    Spdx,
    /// CycloneDX 1.6, JSON.
    CycloneDx,
}

impl SbomFormat {
    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spdx => "spdx",
            Self::CycloneDx => "cyclonedx",
        }
    }

    /// The media type that the document has as a referrer.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Spdx => "application/spdx+json",
            Self::CycloneDx => "application/vnd.cyclonedx+json",
        }
    }

    /// What a file of it ends in, after the image's name.
    pub fn file_suffix(self) -> &'static str {
        match self {
            Self::Spdx => ".spdx.json",
            Self::CycloneDx => ".cdx.json",
        }
    }
}

impl Sbom {
    /// The document in `format`, as JSON.
    pub fn encode(&self, format: SbomFormat, subject: &Subject) -> Result<Vec<u8>, Error> {
        match format {
            SbomFormat::Spdx => spdx_document::encode(self, subject),
            SbomFormat::CycloneDx => cyclonedx::encode(self, subject),
        }
    }
}
