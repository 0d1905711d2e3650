//! What a killed program left half-written beside an output, told apart from what another one is writing just now.
//!
//! Whoever writes holds a lock on the file (flock(2)) or the folder, which ends with the process, however that ends. So
//! what bears the name of something unfinished and is held by nobody was given up. Files of other users, links, and
//! names that are not made here are left alone.

use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use fs_err::os::unix::fs::OpenOptionsExt as _;
use nix::libc::{O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK};

use super::{SUFFIX, first_name, remove_folder};
use crate::held::{ClaimedFolder, lies_at};

/// Letters between the name of what is being written and [`SUFFIX`].
const RANDOM_LETTERS: usize = 6;

/// Takes away what programs that were killed left of the file or folder `place`. What cannot be taken away stays.
pub fn clear(place: &Path) {
    let (folder, prefix) = first_name(place);
    let Ok(entries) = fs_err::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_ours = name
            .as_encoded_bytes()
            .strip_prefix(prefix.as_encoded_bytes())
            .and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()))
            .is_some_and(|random| random.len() == RANDOM_LETTERS && random.iter().all(u8::is_ascii_alphanumeric));
        if is_ours {
            // Whoever is interested in what could not be taken away sees it lie there.
            let _ = clear_one(&entry.path());
        }
    }
}

fn clear_one(path: &Path) -> io::Result<()> {
    let found = fs_err::symlink_metadata(path)?;
    if found.uid() != nix::unistd::geteuid().as_raw() {
        return Ok(());
    }
    if found.is_dir() {
        return match ClaimedFolder::claim(path)? {
            Some(_claimed) => remove_folder(path),
            None => Ok(()),
        };
    }
    if !found.is_file() {
        return Ok(());
    }
    let flags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    let file = fs_err::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.file().try_lock().is_ok() && lies_at(&file.metadata()?, path)? {
        fs_err::remove_file(path)?;
    }
    Ok(())
}

/// Holds `file`, which was just made at `path`; `false` where somebody took it for a leftover before that.
#[expect(clippy::disallowed_types, reason = "it comes from a crate that knows no other")]
pub(super) fn hold(file: &std::fs::File, path: &Path) -> io::Result<bool> {
    match file.lock() {
        Ok(()) => {}
        // Where there are no locks, nobody can have one and take it away.
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported) => return Ok(true),
        Err(error) => return Err(error),
    }
    lies_at(&file.metadata()?, path)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::{Unfinished, UnfinishedFolder};
    use super::*;

    #[test]
    fn only_what_nobody_writes_any_more_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out.tar");
        let at = |name: &str| folder.path().join(name);
        let given_up = [".out.tar.aB3dE6.part", ".out.tar.folder.part"];
        fs_err::write(at(given_up[0]), "half").unwrap();
        fs_err::create_dir_all(at(given_up[1]).join("inner")).unwrap();
        let others =
            [".out.tar.aB3dE.part", ".out.tar.aB3d-6.part", ".other.tar.aB3dE6.part", ".out.tar.aB3dE6.par", "out.tar"];
        for name in others {
            fs_err::write(at(name), "").unwrap();
        }
        std::os::unix::fs::symlink(at("out.tar"), at(".out.tar.linked.part")).unwrap();
        let mut writing = Unfinished::beside(&place).unwrap();
        let writing_folder = UnfinishedFolder::beside(&place).unwrap();
        clear(&place);
        assert!(given_up.iter().all(|name| !at(name).exists()));
        assert!(others.iter().chain([&".out.tar.linked.part"]).all(|name| at(name).exists()));
        assert!(writing_folder.path().is_dir());
        writing.write_all(b"whole").unwrap();
        writing.finish().unwrap();
        assert_eq!(fs_err::read_to_string(&place).unwrap(), "whole");
        // A folder that is not there has nothing in it.
        clear(Path::new("/no/such/folder/out.tar"));
    }
}
