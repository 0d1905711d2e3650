//! The report that `recipe --report` wrote, read again.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::error::Error;
use crate::image::StoredImage;
use crate::platform::Architecture;
use crate::prune::Report;

/// What the report at `path` says of `image`.
pub(super) fn read(path: &Path, image: &StoredImage) -> Result<Report, Error> {
    let help = || "write one with `apkbuild recipe FILE --report FILE.json`".to_owned();
    let wrong = |error: serde_json::Error| {
        Error::failed(format!("`{}` is not a report: {error}", path.display())).with_help(help())
    };
    let document: Value = serde_json::from_slice(&fs_err::read(path)?).map_err(wrong)?;
    // That of an image for several architectures has one for each, by Alpine's name.
    if document.get("profile").is_some() {
        return serde_json::from_value(document).map_err(wrong);
    }
    let mut reports: BTreeMap<String, Report> = serde_json::from_value(document).map_err(wrong)?;
    let is_of_image = |name: &String| Architecture::parse(name).is_ok_and(|arch| image.is_for(arch));
    let name = reports.keys().find(|name| is_of_image(name)).cloned();
    name.and_then(|name| reports.remove(&name)).ok_or_else(|| {
        Error::failed(format!("`{}` is the report of a build without {}", path.display(), image.platform()))
            .with_help(help())
    })
}
