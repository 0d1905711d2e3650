//! Removing a directory of the cache so that it is there whole or not at all, however the removal ends.
//!
//! A directory cannot be removed in one step. So it is renamed first, to a name that no build looks for, and what
//! remains under that name after a kill is removed by the next cleaning.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::unfinished::remove_folder;

/// How the name of what is being removed begins. The dot says that it is no entry.
const PREFIX: &str = ".removed.";

/// Removes the directory `path`, of which the caller has the exclusive lock, which goes with it to the other name.
pub fn remove_directory(path: &Path) -> io::Result<()> {
    let aside = rename_aside(path)?;
    remove_folder(&aside)
}

/// Gives the directory `path` a name that no build looks for. A process that uses it goes on using it.
pub fn rename_aside(path: &Path) -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let folder = path.parent().unwrap_or(Path::new("."));
    // A directory under that name may be left of a process that was killed and had the same number.
    loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let aside = folder.join(format!("{PREFIX}{}.{number}", std::process::id()));
        if fs_err::symlink_metadata(&aside).is_err() {
            fs_err::rename(path, &aside)?;
            return Ok(aside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_removed_whole_is_not_under_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entry");
        fs_err::create_dir_all(path.join("inner")).unwrap();
        fs_err::write(path.join("inner/file"), "text").unwrap();
        let aside = rename_aside(&path).unwrap();
        assert!(!path.exists() && aside.join("inner/file").exists());
        assert!(aside.file_name().unwrap().to_str().unwrap().starts_with('.'));

        fs_err::create_dir(&path).unwrap();
        remove_directory(&path).unwrap();
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1, "what was renamed before is left");
    }
}
