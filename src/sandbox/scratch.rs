//! Writable folders in a read-only root: a file system in memory over each, with a copy of what was there.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use nix::mount::MsFlags;
use nix::sys::stat::fstat;

use super::Error;
use super::mounts::{descriptor_path, mount_on};

/// Covers the folder `old`, which is `path` inside; `reopen` gives what is seen at that path afterwards.
pub(super) fn cover(old: &OwnedFd, path: &Path, reopen: impl Fn() -> Result<OwnedFd, Error>) -> Result<(), Error> {
    let failed = |error: nix::errno::Errno| Error::Mount {
        what: "tmpfs".to_owned(),
        target: path.display().to_string(),
        error: error.into(),
    };
    let status = fstat(old.as_fd()).map_err(failed)?;
    let options = format!("mode={:o},uid={},gid={}", status.st_mode & 0o7777, status.st_uid, status.st_gid);
    mount_on(old, Some("tmpfs"), "tmpfs", MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(&options)).map_err(failed)?;
    let new = reopen()?;
    copy_below(&descriptor_path(old), &descriptor_path(&new))
        .map_err(|error| Error::file(format!("copy `{}`", path.display()), error))
}

/// Copies everything below one folder into another that is empty, with modes and, where they are mapped, owners.
fn copy_below(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let source = entry.path();
        let target = to.join(entry.file_name());
        let metadata = fs_err::symlink_metadata(&source)?;
        let kind = metadata.file_type();
        if kind.is_symlink() {
            symlink(fs_err::read_link(&source)?, &target)?;
        } else if kind.is_dir() {
            fs_err::create_dir(&target)?;
            copy_below(&source, &target)?;
        } else if kind.is_file() {
            fs_err::copy(&source, &target)?;
        } else {
            continue;
        }
        std::os::unix::fs::lchown(&target, Some(metadata.uid()), Some(metadata.gid()))?;
        if !kind.is_symlink() {
            fs_err::set_permissions(&target, std::fs::Permissions::from_mode(metadata.mode() & 0o7777))?;
        }
    }
    Ok(())
}
