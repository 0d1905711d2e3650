//! Keeping the cache within bounds, and holding all of it against its names.

use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Cache, Error, FilePlace, Section, data_file, unpack};
use crate::apk::{Head, Identity};
use crate::cache::entry::open_file;
use crate::cache::removal::remove_directory;
use crate::digest::{Sha1Digest, Sha256Digest};
use crate::held::{ClaimedFolder, lies_at};

/// What a cleaning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Entries that were taken away.
    pub removed: u64,
    /// Their bytes.
    pub removed_bytes: u64,
    /// Entries that stayed.
    pub kept: u64,
    /// Their bytes.
    pub kept_bytes: u64,
}

/// An entry of the cache that is not what its name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Where it lies.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// A file or folder directly below a section.
struct CacheEntry {
    path: PathBuf,
    section: Section,
    is_directory: bool,
    used: SystemTime,
    bytes: u64,
}

impl Cache {
    /// Takes away what was used least recently until no more than `keep` bytes are left. Downloads that are under way
    /// stay, and so do folders that somebody holds: images that run, stages that are made or read. Whatever file a
    /// build has open stays readable to it.
    pub fn clean(&self, keep: u64) -> Result<Cleaned, Error> {
        let failed = |error| Error::file(FilePlace::Cache, "cannot clean the cache", error);
        let mut entries = self.entries().map_err(failed)?;
        entries.sort_by(|one, other| other.used.cmp(&one.used).then_with(|| one.path.cmp(&other.path)));
        let mut cleaned = Cleaned::default();
        let mut full = keep == 0;
        for entry in entries {
            full |= cleaned.kept_bytes.saturating_add(entry.bytes) > keep;
            let claim = claim(&entry).map_err(failed)?;
            if !full || matches!(claim, Claim::InUse) {
                cleaned.kept += 1;
                cleaned.kept_bytes += entry.bytes;
                continue;
            }
            let gone = match &claim {
                Claim::Directory { .. } => remove_directory(&entry.path),
                _ => fs_err::remove_file(&entry.path),
            };
            match gone {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
            cleaned.removed += 1;
            cleaned.removed_bytes += entry.bytes;
        }
        Ok(cleaned)
    }

    /// Holds every package and every inflated data against its name. Gives how many were looked at, and those that are
    /// damaged, in the order of their paths; they are left where they are.
    pub fn verify(&self) -> Result<(u64, Vec<Damaged>), Error> {
        let failed = |error| Error::file(FilePlace::Cache, "cannot read the cache", error);
        let mut entries = self.entries().map_err(failed)?;
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        let mut looked_at = 0;
        let mut damaged = Vec::new();
        for entry in entries.into_iter().filter(|entry| !is_unfinished(&entry.path)) {
            let reason = match entry.section {
                Section::Packages => package_damage(&entry.path).map_err(failed)?,
                Section::Data if data_file::is_whole(&entry.path).map_err(failed)? => None,
                Section::Data => Some("it is not what its seal says".to_owned()),
                _ => continue,
            };
            looked_at += 1;
            damaged.extend(reason.map(|reason| Damaged { path: entry.path, reason }));
        }
        Ok((looked_at, damaged))
    }

    /// Takes away what [`Cache::verify`] found.
    pub fn remove(&self, damaged: &[Damaged]) -> Result<(), Error> {
        damaged.iter().try_for_each(|entry| Self::discard(&entry.path))
    }

    fn entries(&self) -> io::Result<Vec<CacheEntry>> {
        let mut entries = Vec::new();
        for section in Section::ALL {
            let folder = match fs_err::read_dir(self.section(section)) {
                Ok(folder) => folder,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for entry in folder {
                let path = entry?.path();
                // Another build may take it away at this very moment.
                let Ok(metadata) = path.symlink_metadata() else { continue };
                let bytes = if metadata.is_dir() { folder_size(&path) } else { metadata.len() };
                let (is_directory, used) = (metadata.is_dir(), metadata.modified()?);
                entries.push(CacheEntry { path, section, is_directory, used, bytes });
            }
        }
        Ok(entries)
    }
}

fn folder_size(folder: &Path) -> u64 {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten();
    files.filter_map(|entry| entry.metadata().ok()).filter(std::fs::Metadata::is_file).map(|file| file.len()).sum()
}

/// Whether an entry may be taken away.
enum Claim {
    /// Somebody is at it, or it is gone.
    InUse,
    /// Nobody uses the directory, nor begins to before this is dropped.
    Directory { _lock: Option<ClaimedFolder> },
    /// Nobody uses the file: where it is not finished, nor begins to before the lock is dropped.
    File { _lock: Option<fs_err::File> },
}

fn claim(entry: &CacheEntry) -> io::Result<Claim> {
    if entry.is_directory {
        return match ClaimedFolder::claim(&entry.path) {
            Ok(Some(lock)) => Ok(Claim::Directory { _lock: Some(lock) }),
            Ok(None) => Ok(Claim::InUse),
            // What its owner cannot open, nobody holds.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(Claim::Directory { _lock: None }),
            Err(error) => Err(error),
        };
    }
    if entry.section != Section::Partial && !is_unfinished(&entry.path) {
        return Ok(Claim::File { _lock: None });
    }
    match open_file(&entry.path) {
        Ok(Some(file)) if file.file().try_lock().is_ok() && lies_at(&file.metadata()?, &entry.path)? => {
            Ok(Claim::File { _lock: Some(file) })
        }
        Ok(_) => Ok(Claim::InUse),
        // Nobody works with a link or a pipe.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Claim::File { _lock: None }),
        Err(error) => Err(error),
    }
}

/// Whether somebody is writing it, or was killed while writing it.
fn is_unfinished(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// What is wrong with the package at `path`, if anything is.
fn package_damage(path: &Path) -> io::Result<Option<String>> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let identity =
        Sha1Digest::from_hex(stem).map(Identity::Sha1).or_else(|| Sha256Digest::from_hex(stem).map(Identity::Sha256));
    let Some(identity) = identity else { return Ok(Some("its name is no identity".to_owned())) };
    let mut reader = BufReader::with_capacity(256 << 10, fs_err::File::open(path)?);
    let head = match Head::read(&mut reader).and_then(|head| head.check_identity(identity).map(|()| head)) {
        Ok(head) => head,
        Err(error) => return Ok(Some(error.to_string())),
    };
    match unpack::check(&mut reader, &head) {
        Ok(()) => Ok(None),
        Err(unpack::UnpackError::Package(error)) => Ok(Some(error.to_string())),
        Err(unpack::UnpackError::Read(error) | unpack::UnpackError::Write(error)) => Err(error),
    }
}
