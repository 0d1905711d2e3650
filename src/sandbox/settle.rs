//! Brings a root filesystem that programs of many users wrote in back into one hand.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown};
use std::path::Path;

use super::Error;

/// Gives everything below `root`, on the same file system, to user and group 0, readable and writable to that user, so
/// that whoever is root inside can copy and remove it from outside.
pub(super) fn settle(root: &Path) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::file("settle the owners of files", error);
    for entry in walkdir::WalkDir::new(root).same_file_system(true) {
        let entry = entry.map_err(|error| failed(error.into()))?;
        let metadata = entry.metadata().map_err(|error| failed(error.into()))?;
        if metadata.uid() != 0 || metadata.gid() != 0 {
            lchown(entry.path(), Some(0), Some(0)).map_err(failed)?;
        }
        let needed = if metadata.is_dir() { 0o700 } else { 0o600 };
        let mode = metadata.mode() & 0o7777;
        if !metadata.is_symlink() && mode & needed != needed {
            let permissions = std::fs::Permissions::from_mode(mode | needed);
            fs_err::set_permissions(entry.path(), permissions).map_err(failed)?;
        }
    }
    Ok(())
}
