//! The files of an image as a folder, `--format rootfs`: whole or not at all, with the image's config beside it.
//!
//! A folder that this made before gives way to the new one in one step; anything else that stands in the place is left
//! alone, and is an error.

use std::io::Write as _;
use std::path::Path;

use super::built_image::BuiltImage;
use super::error::Error;
use crate::image::{self, ImageSet, Written, config_beside};
use crate::rootfs::Rootfs;
use crate::rootfs::folder::{Owners, write_folder};
use crate::unfinished::{Unfinished, UnfinishedFolder};

/// Writes `rootfs`, the files of `image`, to the folder `path`, and its config to [`config_beside`] it, where
/// `apkbuild run` and `apkbuild check` look for it.
pub(super) fn write(image: &BuiltImage, rootfs: &Rootfs, path: &Path, set: &ImageSet) -> Result<Written, Error> {
    let config_place = config_beside(path);
    let is_empty = fs_err::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    let is_ours = path.is_dir() && config_place.is_file();
    if fs_err::symlink_metadata(path).is_ok() && !is_empty && !is_ours {
        return Err(image::Error::InTheWay { path: path.to_owned() }.into());
    }
    let folder = UnfinishedFolder::beside(path)?;
    write_folder(&rootfs.tree, folder.path(), Owners::possible())?;
    let mut config = Unfinished::beside(&config_place)?;
    let pieces = &image.packed.config.pieces;
    pieces.iter().try_for_each(|piece| piece.for_each_piece(|bytes| config.write_all(bytes)))?;
    folder.finish()?;
    config.finish()?;
    Ok(Written { size: image.unpacked_size, unchanged: false, digest: set.digest() })
}
