//! Folders that appear whole or not at all: filled beside their place and renamed into it, or given up.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{SUFFIX, begin, first_name, forget, leftovers, remove_folder};
use crate::held::HeldFolder;

/// A folder that is being written.
#[derive(Debug)]
pub struct UnfinishedFolder {
    folder: Option<tempfile::TempDir>,
    place: PathBuf,
    /// However long it takes, nobody cleans it away.
    _held: HeldFolder,
}

impl UnfinishedFolder {
    /// Begins the folder that is to stand at `place`, whose own parent must exist.
    pub fn beside(place: &Path) -> io::Result<Self> {
        let (parent, prefix) = first_name(place);
        Self::begin(tempfile::Builder::new().prefix(&prefix).suffix(SUFFIX), parent, place)
    }

    /// Begins a folder among the system's temporary files, which goes away with this value. What programs that were
    /// killed left there is taken away first: nothing else would.
    pub fn temporary() -> io::Result<Self> {
        let place = std::env::temp_dir().join("apkbuild");
        leftovers::clear(&place);
        Self::beside(&place)
    }

    fn begin(builder: &mut tempfile::Builder<'_, '_>, parent: &Path, place: &Path) -> io::Result<Self> {
        let builder = builder.permissions(std::fs::Permissions::from_mode(0o777));
        loop {
            let folder = begin(parent, || builder.tempdir_in(parent))?;
            match HeldFolder::hold(folder.path()) {
                Ok(Some(held)) => return Ok(Self { folder: Some(folder), place: place.to_owned(), _held: held }),
                // Somebody cleaned it away before it was held; the next one is not so likely to be met.
                Ok(None) => forget(folder.path()),
                Err(error) => {
                    forget(folder.path());
                    return Err(error);
                }
            }
        }
    }

    /// Where the folder lies until it is finished.
    pub fn path(&self) -> &Path {
        self.folder.as_ref().map_or(Path::new(""), tempfile::TempDir::path)
    }

    /// Puts the folder in its place. What stood there before, a folder as well, changes places with it in one step and
    /// is taken away then, so that there is no moment without either.
    pub fn finish(mut self) -> io::Result<()> {
        let temporary = self.path().to_owned();
        // What lies in it must be on the disk before its name is.
        rustix::fs::syncfs(fs_err::File::open(&temporary)?)?;
        match fs_err::symlink_metadata(&self.place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs_err::rename(&temporary, &self.place)?;
                forget(self.path());
                if let Some(folder) = self.folder.take() {
                    let _ = folder.keep();
                }
                Ok(())
            }
            Err(error) => Err(error),
            Ok(_) => {
                nix::fcntl::renameat2(
                    nix::fcntl::AT_FDCWD,
                    &temporary,
                    nix::fcntl::AT_FDCWD,
                    &self.place,
                    nix::fcntl::RenameFlags::RENAME_EXCHANGE,
                )
                .map_err(|error| {
                    io::Error::new(
                        io::Error::from(error).kind(),
                        format!("failed to replace `{}`: {error}", self.place.display()),
                    )
                })?;
                // What lies at the temporary path now is the old folder, which goes when this value is dropped.
                Ok(())
            }
        }
    }

    /// Puts the folder in its place unless something stands there already, which then stays: for caches, where whoever
    /// was faster made the same, and may be using it.
    pub fn finish_if_first(mut self) -> io::Result<()> {
        let temporary = self.path().to_owned();
        rustix::fs::syncfs(fs_err::File::open(&temporary)?)?;
        match fs_err::rename(&temporary, &self.place) {
            Ok(()) => {
                forget(self.path());
                if let Some(folder) = self.folder.take() {
                    let _ = folder.keep();
                }
                Ok(())
            }
            // A folder that is not empty cannot be renamed over.
            Err(_) if self.place.is_dir() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Drop for UnfinishedFolder {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // Whoever is interested in what could not be removed sees it lie there.
            let _ = remove_folder(folder.path());
        }
        forget(self.path());
    }
}
