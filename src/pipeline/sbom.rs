//! The bills of materials that stand beside what was built.

use std::path::PathBuf;

use super::{BuiltImage, Error, Order};
use crate::image::{self, Reference, SbomFormat, Subject};
use crate::recipe::Architecture;
use crate::unfinished;

/// A bill of materials that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenSbom {
    /// Of the image for which architecture.
    pub arch: Architecture,
    /// Its form.
    pub format: SbomFormat,
    /// Where it stands.
    pub path: PathBuf,
}

/// Writes what `order` asks for, each whole or not at all; one that would be the same is left alone.
pub(super) fn write(
    order: &Order<'_>,
    images: &[BuiltImage],
    reference: &Reference,
) -> Result<Vec<WrittenSbom>, Error> {
    let mut written = Vec::new();
    for image in images {
        let Some(sbom) = &image.sbom else { continue };
        let subject = Subject {
            reference: reference.to_string(),
            digest: image.packed.manifest_digest(),
            created: image.created,
        };
        for format in &order.sboms {
            let Some(path) = order.sbom_place(image.arch, *format) else { continue };
            let bytes = sbom.encode(*format, &subject)?;
            if fs_err::read(&path).ok().as_ref() != Some(&bytes) {
                unfinished::write(&path, &bytes).map_err(image::Error::Write)?;
            }
            written.push(WrittenSbom { arch: image.arch, format: *format, path });
        }
    }
    Ok(written)
}
