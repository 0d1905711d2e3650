//! Files that appear whole or not at all: written beside their place, synced, and renamed into it.
//!
//! Whatever was begun and not finished is taken away again: when the value is dropped, and, because an interrupt drops
//! nothing, by [`remove_all`] when one arrives. What a program that was killed could not take away, a later one may
//! ([`clear_leftovers`]). A file that stood in the place before survives until the very end.

mod folder;
mod leftovers;
mod turn;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use tempfile::NamedTempFile;

pub use folder::UnfinishedFolder;
pub use leftovers::clear as clear_leftovers;
pub use turn::Turn;

/// How the name of what is under way ends.
const SUFFIX: &str = ".part";

/// What is under way now, for [`remove_all`]; `None` once that has been called.
static UNDER_WAY: Mutex<Option<BTreeSet<PathBuf>>> = Mutex::new(Some(BTreeSet::new()));

/// A file that is being written.
#[derive(Debug)]
pub struct Unfinished {
    file: NamedTempFile,
    place: PathBuf,
}

impl Unfinished {
    /// Begins the file that is to stand at `place`, whose folder must exist. It will have the permissions of a new file
    /// under the caller's umask.
    ///
    /// # Errors
    /// Where something stands there that is no file: renaming over a device or a pipe would not write to it but take it
    /// away from everybody, and over a folder it would fail when the work is done.
    pub fn beside(place: &Path) -> io::Result<Self> {
        refuse_what_is_no_file(place)?;
        let (folder, prefix) = first_name(place);
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(SUFFIX).permissions(std::fs::Permissions::from_mode(0o666));
        loop {
            let begun = Self { file: begin(folder, || builder.tempfile_in(folder))?, place: place.to_owned() };
            if leftovers::hold(begun.file.as_file(), begun.path())? {
                return Ok(begun);
            }
        }
    }

    /// The file itself, for calls that want a descriptor.
    #[expect(clippy::disallowed_types, reason = "the descriptor is wanted, not its operations")]
    pub fn file(&self) -> &std::fs::File {
        self.file.as_file()
    }

    /// Where the bytes lie until they are finished.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Puts the file in its place without waiting for the disk: for caches, whose readers verify what they find.
    pub fn finish_unsynced(self) -> io::Result<()> {
        fs_err::rename(self.file.path(), &self.place)
    }

    /// Syncs the file and puts it in its place, over what stood there.
    pub fn finish(self) -> io::Result<()> {
        finish_all(vec![self])
    }

    fn sync(&self) -> io::Result<()> {
        let place = self.place.display();
        let context = |error: io::Error| io::Error::new(error.kind(), format!("failed to write `{place}`: {error}"));
        self.file.as_file().sync_all().map_err(context)
    }
}

/// Syncs `files` at the same time, and then puts each in its place, in their order. For the new names to be on the disk
/// nobody waits: until they are, what stood there before is there, whole.
pub fn finish_all(files: Vec<Unfinished>) -> io::Result<()> {
    files.par_iter().try_for_each(Unfinished::sync)?;
    files.into_iter().try_for_each(Unfinished::finish_unsynced)
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let place = &self.place;
        self.file
            .as_file_mut()
            .write(bytes)
            .map_err(|error| io::Error::new(error.kind(), format!("failed to write `{}`: {error}", place.display())))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        forget(self.file.path());
    }
}

/// Writes the file `place` with `bytes`, as an [`Unfinished`] that is finished.
pub fn write(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = Unfinished::beside(place)?;
    file.write_all(bytes)?;
    file.finish()
}

/// The same without waiting for the disk: for caches, whose readers verify what they find.
pub fn write_unsynced(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = Unfinished::beside(place)?;
    file.write_all(bytes)?;
    file.finish_unsynced()
}

/// An error where `place`, or what a link there leads to, is something else than a file; and where a link stands among
/// the devices, as `/dev/stdout` does, whatever it leads to just now.
fn refuse_what_is_no_file(place: &Path) -> io::Result<()> {
    // What is not there, or cannot be looked at, is no obstacle yet.
    let Ok(found) = fs_err::symlink_metadata(place) else { return Ok(()) };
    let behind = if found.is_symlink() { fs_err::metadata(place).ok() } else { Some(found.clone()) };
    let is_folder = found.is_dir();
    let is_special = behind.is_some_and(|behind| !behind.is_file() && !behind.is_dir());
    let (kind, what) = if is_folder {
        (io::ErrorKind::IsADirectory, "a folder")
    } else if is_special || (found.is_symlink() && place.starts_with("/dev")) {
        (io::ErrorKind::InvalidInput, "a device, a pipe or a socket")
    } else {
        return Ok(());
    };
    Err(io::Error::new(kind, format!("`{}` is {what} and not a file, so it is not replaced", place.display())))
}

/// The folder that `place` lies in, and how the name begins that it has there until it is finished.
fn first_name(place: &Path) -> (&Path, OsString) {
    let folder = match place.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut prefix = OsString::from(".");
    prefix.push(place.file_name().unwrap_or_default());
    prefix.push(".");
    (folder, prefix)
}

/// Makes something in `folder` that is under way from then on; nothing after an interrupt.
fn begin<Temporary: AsRef<Path>>(folder: &Path, make: impl FnOnce() -> io::Result<Temporary>) -> io::Result<Temporary> {
    let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(under_way) = under_way.as_mut() else {
        return Err(io::Error::new(io::ErrorKind::Interrupted, "interrupted"));
    };
    let temporary = make()
        .map_err(|error| io::Error::new(error.kind(), format!("failed to write in `{}`: {error}", folder.display())))?;
    under_way.insert(temporary.as_ref().to_owned());
    Ok(temporary)
}

/// It is finished, or given up.
fn forget(path: &Path) {
    if let Some(under_way) = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        under_way.remove(path);
    }
}

/// Removes a folder with all that is in it, also where the permissions of a folder inside keep its owner out.
pub fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs_err::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        outcome => return outcome,
    }
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry?;
        if entry.file_type().is_dir() {
            fs_err::set_permissions(entry.path(), std::fs::Permissions::from_mode(0o700))?;
        }
    }
    fs_err::remove_dir_all(folder)
}

/// Takes away everything that is under way; nothing new can be begun afterwards. For the moment of an interrupt, right
/// before the program ends.
pub fn remove_all() {
    let under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).take();
    for path in under_way.into_iter().flatten() {
        // It may just have been finished, and nobody is left to tell.
        let _ = if path.is_dir() { remove_folder(&path) } else { fs_err::remove_file(path) };
    }
}

/// As [`remove_all`], unless somebody holds the list, who may be this very thread.
pub fn try_remove_all() {
    let under_way = UNDER_WAY.try_lock().ok().and_then(|mut under_way| under_way.take());
    for path in under_way.into_iter().flatten() {
        let _ = if path.is_dir() { remove_folder(&path) } else { fs_err::remove_file(path) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn only_a_file_is_replaced_by_a_file() {
        use std::os::unix::fs::FileTypeExt as _;
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        for place in [&pipe, &link] {
            let error = Unfinished::beside(place).unwrap_err();
            assert!(error.to_string().contains("a pipe"), "{error}");
        }
        assert!(fs_err::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
        for device in ["/dev/null", "/dev/stdout"] {
            let error = Unfinished::beside(Path::new(device)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
        }
        let inner = folder.path().join("folder");
        fs_err::create_dir(&inner).unwrap();
        assert_eq!(Unfinished::beside(&inner).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(names(folder.path()), ["folder", "link", "pipe"]);
    }

    #[test]
    fn an_old_file_survives_what_is_not_finished() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out.tar");
        fs_err::write(&place, "old").unwrap();
        let mut file = Unfinished::beside(&place).unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!(names(folder.path()).len(), 2);
        drop(file);
        assert_eq!(names(folder.path()), ["out.tar"]);
        assert_eq!(fs_err::read_to_string(&place).unwrap(), "old");

        let mut file = Unfinished::beside(&place).unwrap();
        file.write_all(b"new").unwrap();
        file.finish().unwrap();
        assert_eq!(names(folder.path()), ["out.tar"]);
        assert_eq!(fs_err::read_to_string(&place).unwrap(), "new");
    }

    #[test]
    fn an_old_folder_survives_what_is_not_finished() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out");
        for text in ["first", "second"] {
            let unfinished = UnfinishedFolder::beside(&place).unwrap();
            fs_err::write(unfinished.path().join("file"), text).unwrap();
            unfinished.finish().unwrap();
            assert_eq!(names(folder.path()), ["out"]);
            assert_eq!(fs_err::read_to_string(place.join("file")).unwrap(), text);
        }
        drop(UnfinishedFolder::beside(&place).unwrap());
        assert_eq!(names(folder.path()), ["out"]);
        assert_eq!(fs_err::read_to_string(place.join("file")).unwrap(), "second");
    }

    #[test]
    fn the_first_folder_in_a_place_stays() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out");
        for text in ["first", "second"] {
            let unfinished = UnfinishedFolder::beside(&place).unwrap();
            fs_err::write(unfinished.path().join("file"), text).unwrap();
            unfinished.finish_if_first().unwrap();
            assert_eq!(names(folder.path()), ["out"]);
            assert_eq!(fs_err::read_to_string(place.join("file")).unwrap(), "first");
        }
    }

    #[test]
    fn folders_without_permissions_can_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out");
        fs_err::create_dir_all(place.join("closed/inner")).unwrap();
        fs_err::set_permissions(place.join("closed"), std::fs::Permissions::from_mode(0o000)).unwrap();
        remove_folder(&place).unwrap();
        assert!(!place.exists());
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = Unfinished::beside(Path::new("/nonexistent/folder/file")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/folder"), "{error}");
    }
}
