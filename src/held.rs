//! Folders of the cache that are in use: whoever needs one as it stands holds it, and whoever would take it away claims it
//! first, which fails as long as anybody holds it.
//!
//! Both are locks on the folder itself (flock(2)), which end with the processes that have it open, however they end.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A folder that stays until this is dropped.
#[derive(Debug)]
pub struct HeldFolder(fs_err::File);

/// A folder that nobody else uses, and that nobody begins to use before this is dropped.
#[derive(Debug)]
pub struct ClaimedFolder {
    _lock: fs_err::File,
}

impl HeldFolder {
    /// Holds the folder `path`, together with whoever does so too; `None` where there is none. Waits for somebody who is
    /// just taking it away.
    pub fn hold(path: &Path) -> io::Result<Option<Self>> {
        let Some(folder) = open(path)? else { return Ok(None) };
        folder.file().lock_shared()?;
        // It may have been taken away, and another put in its place, before the lock was had.
        let held = folder.metadata()?;
        match fs_err::symlink_metadata(path) {
            Ok(found) if (found.dev(), found.ino()) == (held.dev(), held.ino()) => Ok(Some(Self(folder))),
            Ok(_) => Self::hold(path),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
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
        let Some(folder) = open(path)? else { return Ok(None) };
        Ok(folder.file().try_lock().is_ok().then_some(Self { _lock: folder }))
    }
}

fn open(path: &Path) -> io::Result<Option<fs_err::File>> {
    match fs_err::File::open(path) {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
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
        // Another folder that is there already has another number for certain.
        let next = folder.path().join("next");
        fs_err::create_dir(&next).unwrap();
        fs_err::rename(&place, folder.path().join("old")).unwrap();
        fs_err::rename(&next, &place).unwrap();
        drop(claimed);
        assert_eq!(waiting.join().unwrap(), Some(fs_err::metadata(&place).unwrap().ino()));
    }
}
