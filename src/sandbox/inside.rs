//! Files below a folder that nobody vouches for: a symbolic link there leads nowhere but below the folder again.

use std::io::{self, Read as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

/// Opens the folder `root` so that others can be opened below it.
pub(super) fn open_root(root: &Path) -> Result<OwnedFd, Errno> {
    open(root, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
}

/// Opens `path` below `root`, which is `/` to it and to every link on the way (openat2(2), RESOLVE_IN_ROOT).
pub(super) fn open_below(root: impl AsFd, path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
    let path = path.strip_prefix("/").unwrap_or(path);
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(root, path, how)
}

/// How many bytes are read of a file in an image, whoever made that.
pub(super) const MOST_READ: u64 = 1 << 20;

/// The text of the regular file `path` below `root`, at most 1 MiB of it; empty where there is none.
pub fn read_below(root: &Path, path: &Path) -> io::Result<String> {
    let file = match open_below(&open_root(root)?, path, OFlag::O_RDONLY | OFlag::O_NONBLOCK) {
        Ok(file) => file,
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => return Ok(String::new()),
        Err(error) => return Err(error.into()),
    };
    #[expect(clippy::disallowed_types, reason = "the file is open already, and its path means nothing outside")]
    let file = std::fs::File::from(file);
    if !file.metadata()?.is_file() {
        return Ok(String::new());
    }
    let mut bytes = Vec::new();
    file.take(MOST_READ).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_does_not_lead_out() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        fs_err::write(&outside, "secret").unwrap();
        let root = folder.path().join("root");
        fs_err::create_dir_all(root.join("etc")).unwrap();
        std::os::unix::fs::symlink(&outside, root.join("etc/passwd")).unwrap();
        std::os::unix::fs::symlink("../../../../etc/real", root.join("etc/group")).unwrap();
        fs_err::write(root.join("etc/real"), "group").unwrap();
        assert_eq!(read_below(&root, Path::new("etc/passwd")).unwrap(), "");
        assert_eq!(read_below(&root, Path::new("/etc/group")).unwrap(), "group");
        assert_eq!(read_below(&root, Path::new("../outside")).unwrap(), "");
        assert_eq!(read_below(&root, Path::new("etc")).unwrap(), "");
    }
}
