//! The owners of files in a root filesystem: set before a program of many users runs in it, told and brought back into
//! one hand afterwards.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown};
use std::path::Path;

use nix::mount::{MntFlags, umount2};

use super::mounts::{BareRoot, descriptor_path};
use super::{Error, OwnerTable, Owners};

/// What is done about owners; to be made while the host's files are in sight.
pub(super) struct Settlement {
    /// The owners to begin with.
    before: OwnerTable,
    /// Where to tell the owners at the end.
    after: Option<fs_err::File>,
}

impl Settlement {
    /// What `owners` asks for, if anything, with its files opened.
    pub(super) fn of(owners: &Owners) -> Result<Option<Self>, Error> {
        match owners {
            Owners::AsTheyAre => Ok(None),
            Owners::Settle => Ok(Some(Self { before: OwnerTable::new(), after: None })),
            Owners::Exchange { before, after } => {
                let text = fs_err::read(before).map_err(failed)?;
                let before =
                    serde_json::from_slice(&text).map_err(|error| Error::Plan { reason: error.to_string() })?;
                Ok(Some(Self { before, after: Some(fs_err::File::create(after).map_err(failed)?) }))
            }
        }
    }

    /// Sets the owners to begin with.
    pub(super) fn begin(&self, root: &BareRoot) -> Result<(), Error> {
        let folder = descriptor_path(&root.folder);
        for (path, (uid, gid, mode)) in &self.before {
            let path = folder.join(path);
            lchown(&path, Some(*uid), Some(*gid)).map_err(failed)?;
            if !fs_err::symlink_metadata(&path).map_err(failed)?.is_symlink() {
                // Setting the owner cleared the set-id bits.
                set_mode(&path, *mode)?;
            }
        }
        Ok(())
    }

    /// Tells the owners, takes away what was made for mounts, and gives everything to user and group 0, readable and
    /// writable to that user, so that whoever is root inside can copy and remove it from outside. Every process is gone
    /// by now.
    pub(super) fn finish(self, root: &BareRoot) -> Result<(), Error> {
        let folder = descriptor_path(&root.folder);
        for made in root.made.iter().rev() {
            let path = folder.join(made.strip_prefix("/").unwrap_or(made));
            // A mount point cannot be removed. A folder on the way to one is none.
            let _ = umount2(made, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW);
            // What was filled meanwhile is somebody's.
            match fs_err::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => drop(fs_err::remove_dir(&path)),
                Ok(metadata) if metadata.is_file() && metadata.len() == 0 => {
                    fs_err::remove_file(&path).map_err(failed)?;
                }
                _ => {}
            }
        }
        let mut table = OwnerTable::new();
        // What a file with several names had before its first was met.
        let mut several_names = BTreeMap::new();
        // The slash has the link in /proc followed, which names the folder.
        for entry in walkdir::WalkDir::new(folder.join("")).same_file_system(true) {
            let entry = entry.map_err(|error| failed(error.into()))?;
            let metadata = entry.metadata().map_err(|error| failed(error.into()))?;
            let mode = metadata.mode() & 0o7777;
            if self.after.is_some() {
                let path = entry.path().strip_prefix(&folder).unwrap_or(entry.path());
                let mut has = (metadata.uid(), metadata.gid(), mode);
                if metadata.nlink() > 1 && !metadata.is_dir() {
                    has = *several_names.entry(metadata.ino()).or_insert(has);
                }
                table.insert(path.to_string_lossy().into_owned(), has);
            }
            if metadata.uid() != 0 || metadata.gid() != 0 {
                lchown(entry.path(), Some(0), Some(0)).map_err(failed)?;
            }
            let needed = if metadata.is_dir() { 0o700 } else { 0o600 };
            if !metadata.is_symlink() && mode & needed != needed {
                set_mode(entry.path(), mode | needed)?;
            }
        }
        let Some(mut after) = self.after else { return Ok(()) };
        let text = serde_json::to_vec(&table).map_err(|error| Error::Plan { reason: error.to_string() })?;
        after.write_all(&text).map_err(failed)
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)
}

fn failed(error: std::io::Error) -> Error {
    Error::file("settle the owners of files", error)
}
