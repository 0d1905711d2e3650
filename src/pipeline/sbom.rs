//! The bills of materials that stand beside what was built. They are written before it and put in their places after
//! it, so that what cannot be written is known while nothing has changed yet.

use std::io::Write as _;
use std::path::PathBuf;

use super::built_image::BuiltImage;
use super::error::Error;
use super::order::Order;
use crate::image::{self, Reference, SbomFormat, Subject};
use crate::platform::Architecture;
use crate::unfinished::Unfinished;

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

/// Writes what `order` asks for beside its place, and gives the files to be finished; of one that stands there already the
/// same way there is none.
pub(super) fn begin<'image>(
    order: &Order<'_>,
    images: impl Iterator<Item = &'image BuiltImage>,
    reference: &Reference,
) -> Result<(Vec<WrittenSbom>, Vec<Unfinished>), Error> {
    let (mut sboms, mut files) = (Vec::new(), Vec::new());
    for image in images {
        let Some(sbom) = &image.sbom else { continue };
        let subject = Subject {
            name: reference.short_name().to_owned(),
            architecture: Some(image.arch),
            digest: image.packed.manifest_digest(),
            created: image.created,
        };
        for format in &order.sboms {
            let Some(path) = order.sbom_place(image.arch, *format) else { continue };
            let bytes = sbom.encode(*format, &subject)?;
            if !path.is_file() || fs_err::read(&path).ok().as_ref() != Some(&bytes) {
                let mut unfinished = Unfinished::beside(&path).map_err(image::Error::Write)?;
                unfinished.write_all(&bytes).map_err(image::Error::Write)?;
                files.push(unfinished);
            }
            sboms.push(WrittenSbom { arch: image.arch, format: *format, path });
        }
    }
    Ok((sboms, files))
}
