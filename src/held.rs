//! What of the cache is in use. A folder: whoever needs it as it stands holds it, and whoever would take it away claims
//! it first, which fails as long as anybody holds it. A file: whoever changes it has it alone.
//!
//! All are locks on the folder or the file itself (flock(2)), which end with the processes that have it open, however
//! they end.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::cache::entry::{open_directory, open_or_create_file};

/// A folder that stays until this is dropped.
#[derive(Debug)]
pub struct HeldFolder(fs_err::File);

/// A folder that nobody else uses, and that nobody begins to use before this is dropped.
#[derive(Debug)]
pub struct ClaimedFolder {
    _lock: fs_err::File,
}

impl HeldFolder {
    /// Holds the folder `path`, together with whoever does so too; `None` where there is none. Waits for somebody who
    /// is just taking it away.
    pub fn hold(path: &Path) -> io::Result<Option<Self>> {
        let Some(folder) = open_directory(path)? else { return Ok(None) };
        folder.file().lock_shared()?;
        if lies_at(&folder.metadata()?, path)? { Ok(Some(Self(folder))) } else { Self::hold(path) }
    }
}

impl AsFd for HeldFolder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.file().as_fd()
    }
}

impl ClaimedFolder {
    /// Claims the folder `path`; `None` where somebody holds it, or where it is gone.
    pub fn claim(path: &Path) -> io::Result<Option<Self>> {
        let Some(folder) = open_directory(path)? else { return Ok(None) };
        // Somebody may have put another in its place before the lock was had.
        let is_claimed = folder.file().try_lock().is_ok() && lies_at(&folder.metadata()?, path)?;
        Ok(is_claimed.then_some(Self { _lock: folder }))
    }

    /// Claims the folder `path` once nobody holds it any more; `None` where it is gone.
    pub fn wait(path: &Path) -> io::Result<Option<Self>> {
        let Some(folder) = open_directory(path)? else { return Ok(None) };
        folder.file().lock()?;
        if lies_at(&folder.metadata()?, path)? { Ok(Some(Self { _lock: folder })) } else { Self::wait(path) }
    }
}

/// The file at `path`, made if it is missing, open for whoever calls this and for nobody else who does until it is
/// closed. Where somebody has it now, `waiting` is called, and then it is waited for.
pub fn open_alone(path: &Path, waiting: impl FnOnce()) -> io::Result<fs_err::File> {
    let mut waiting = Some(waiting);
    loop {
        let file = open_or_create_file(path)?;
        if file.file().try_lock().is_err() {
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            file.file().lock()?;
        }
        if lies_at(&file.metadata()?, path)? {
            return Ok(file);
        }
    }
}

/// Whether what `ours` tells of is what lies at `path`: it may have been taken away, and another put in its place,
/// before a lock on it was had.
pub fn lies_at(ours: &Metadata, path: &Path) -> io::Result<bool> {
    match fs_err::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_cannot_be_claimed() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("place");
        assert!(HeldFolder::hold(&place).unwrap().is_none());
        assert!(ClaimedFolder::claim(&place).unwrap().is_none());
        fs_err::create_dir(&place).unwrap();
        let (one, other) = (HeldFolder::hold(&place).unwrap(), HeldFolder::hold(&place).unwrap());
        assert!(one.is_some() && other.is_some());
        drop(one);
        assert!(ClaimedFolder::claim(&place).unwrap().is_none());
        drop(other);
        assert!(ClaimedFolder::claim(&place).unwrap().is_some());
    }

    #[test]
    fn whoever_waits_for_a_folder_that_goes_gets_the_one_that_comes() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("place");
        fs_err::create_dir(&place).unwrap();
        let claimed = ClaimedFolder::claim(&place).unwrap().unwrap();
        let waiting = std::thread::spawn({
            let place = place.clone();
            move || HeldFolder::hold(&place).unwrap().map(|held| held.0.metadata().unwrap().ino())
        });
        // Another folder that is there already has another number for certain. They change places in one step: between
        // two there would be no folder, and whoever comes then finds none.
        let next = folder.path().join("next");
        fs_err::create_dir(&next).unwrap();
        let exchange = nix::fcntl::RenameFlags::RENAME_EXCHANGE;
        nix::fcntl::renameat2(nix::fcntl::AT_FDCWD, &place, nix::fcntl::AT_FDCWD, &next, exchange).unwrap();
        drop(claimed);
        assert_eq!(waiting.join().unwrap(), Some(fs_err::metadata(&place).unwrap().ino()));
    }
}
