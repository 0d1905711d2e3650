//! Keeping the cache within bounds, and holding all of it against its names.

use std::io::{self, BufReader, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::libc::EIO;

use super::{Cache, Error, FilePlace, Section, data_file, unpack};
use crate::apk::{Head, Identity};
use crate::cache::entry::open_file;
use crate::cache::removal::{remove_directory, rename_aside};
use crate::cache::{directory_seal, trailer};
use crate::digest::{Sha1Digest, Sha256Digest};
use crate::held::{ClaimedFolder, HeldFolder, lies_at};
use crate::kept;
use crate::unfinished::remove_folder;

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
    inode: (u64, u64),
}

impl Damaged {
    fn remove(&self) -> io::Result<()> {
        let removed = match fs_err::symlink_metadata(&self.path) {
            Ok(found) if (found.dev(), found.ino()) != self.inode => return Ok(()),
            // Who runs an image that was whole then goes on doing so, and the next cleaning removes it.
            Ok(found) if found.is_dir() => rename_aside(&self.path).and_then(|aside| {
                let lock = ClaimedFolder::claim(&aside)?;
                if lock.is_some() { remove_folder(&aside) } else { Ok(()) }
            }),
            Ok(_) => fs_err::remove_file(&self.path),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }
}

/// A file or folder directly below a section.
struct CacheEntry {
    path: PathBuf,
    section: Section,
    is_directory: bool,
    used: SystemTime,
    bytes: u64,
    inode: (u64, u64),
}

impl CacheEntry {
    /// Whether it is still that one which lies there.
    fn is_there(&self) -> bool {
        fs_err::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.inode)
    }
}

impl Cache {
    /// Removes what was used least recently until no more than `keep` bytes are left. Downloads that are under way
    /// stay, and so do folders that somebody holds: images that run, stages that are made or read. Whatever file a
    /// build has open stays readable to it.
    pub fn clean(&self, keep: u64) -> Result<Cleaned, Error> {
        let failed = |error| Error::file(FilePlace::Cache, "cannot clean the cache", error);
        let mut entries = self.entries().map_err(failed)?;
        entries.sort_by(|one, other| other.used.cmp(&one.used).then_with(|| one.path.cmp(&other.path)));
        let mut cleaned = Cleaned::default();
        let mut full = keep == 0;
        // A seal goes with its directory. One without is about to get it, or was left by a build that was killed.
        let of_directory = |entry: &CacheEntry| {
            let name = entry.path.file_name().unwrap_or_default();
            let directories = [Section::Stages, Section::Images].map(|section| self.section(section).join(name));
            entry.section == Section::Seals
                && !is_unfinished(&entry.path)
                && (directories.iter().any(|directory| directory.exists())
                    || entry.used.elapsed().is_ok_and(|age| age.as_secs() < 3600))
        };
        for entry in entries.into_iter().filter(|entry| !of_directory(entry)) {
            full |= cleaned.kept_bytes.saturating_add(entry.bytes) > keep;
            let claim = claim(&entry).map_err(failed)?;
            if !full || matches!(claim, Claim::InUse) {
                cleaned.kept += 1;
                cleaned.kept_bytes += entry.bytes;
                continue;
            }
            let gone = match &claim {
                Claim::Directory { .. } => remove_directory(&entry.path)
                    .and_then(|()| fs_err::remove_file(directory_seal::seal_path(&entry.path))),
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

    /// Holds every entry against what it must be. Gives how many were looked at, and those that are damaged, in the
    /// order of their paths; they are left where they are. What is removed or replaced meanwhile is no damage.
    pub fn verify(&self) -> Result<(u64, Vec<Damaged>), Error> {
        let failed = |error| Error::file(FilePlace::Cache, "cannot read the cache", error);
        let mut entries = self.entries().map_err(failed)?;
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        let mut looked_at = 0;
        let mut damaged = Vec::new();
        for entry in entries.into_iter().filter(|entry| !is_unfinished(&entry.path)) {
            let reason = match damage(&entry) {
                Ok(None) => continue,
                Ok(Some(Finding::Whole)) => None,
                Ok(Some(Finding::Damaged(reason))) => Some(reason),
                // A link, a pipe; or a disk that cannot read it.
                Err(error) if error.kind() == io::ErrorKind::InvalidData || error.raw_os_error() == Some(EIO) => {
                    Some(error.to_string())
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            if reason.is_some() && !entry.is_there() {
                continue;
            }
            looked_at += 1;
            damaged.extend(reason.map(|reason| Damaged { path: entry.path, reason, inode: entry.inode }));
        }
        Ok((looked_at, damaged))
    }

    /// Removes what [`Cache::verify`] found, where it is still there.
    pub fn remove(&self, damaged: &[Damaged]) -> Result<(), Error> {
        damaged
            .iter()
            .try_for_each(Damaged::remove)
            .map_err(|error| Error::file(FilePlace::Cache, "cannot clean the cache", error))
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
                let inode = (metadata.dev(), metadata.ino());
                let (is_directory, used) = (metadata.is_dir(), metadata.modified()?);
                entries.push(CacheEntry { path, section, is_directory, used, bytes, inode });
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

/// What an entry was found to be.
enum Finding {
    /// What it must be.
    Whole,
    /// Not that, for this reason.
    Damaged(String),
}

impl Finding {
    fn of(is_whole: bool, reason: &str) -> Self {
        if is_whole { Self::Whole } else { Self::Damaged(reason.to_owned()) }
    }
}

/// What `entry` is; `None` where it is gone, or is not yet what it is to become.
fn damage(entry: &CacheEntry) -> io::Result<Option<Finding>> {
    const NOT_ITS_SEAL: &str = "it is not what its seal says";
    let path = &entry.path;
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if matches!(entry.section, Section::Stages | Section::Images) {
        let Some(_lock) = HeldFolder::hold(path)? else { return Ok(None) };
        return Ok(Some(Finding::of(directory_seal::is_whole(path)?, NOT_ITS_SEAL)));
    }
    let Some(file) = open_file(path)? else { return Ok(None) };
    Ok(Some(match (entry.section, extension) {
        (Section::Partial, _) => return Ok(None),
        (Section::Packages, _) => package_damage(file)?,
        (Section::Data, _) => Finding::of(data_file::is_whole(&file)?, NOT_ITS_SEAL),
        (Section::Blobs, "segment") => {
            Finding::of(trailer::is_whole(&file), "it is not what the digest at its end says")
        }
        (Section::Indexes, "gz") => {
            let record = path.with_extension("").with_extension("json");
            let mut bytes = Vec::new();
            (&file).read_to_end(&mut bytes)?;
            let mut is_whole = false;
            for _ in 0..5 {
                // It is written after the index, so a build may be about to.
                let Some(record) = open_file(&record)? else { return Ok(None) };
                is_whole = super::index::is_of_record(&bytes, &record);
                if is_whole {
                    break;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            Finding::of(is_whole, "it is not what its record says")
        }
        _ => Finding::of(kept::is_whole(&file), NOT_ITS_SEAL),
    }))
}

/// Whether the package in `file` is the one that its name says.
fn package_damage(file: fs_err::File) -> io::Result<Finding> {
    let stem = file.path().file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let identity =
        Sha1Digest::from_hex(stem).map(Identity::Sha1).or_else(|| Sha256Digest::from_hex(stem).map(Identity::Sha256));
    let Some(identity) = identity else { return Ok(Finding::Damaged("its name is no identity".to_owned())) };
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let head = match Head::read(&mut reader).and_then(|head| head.check_identity(identity).map(|()| head)) {
        Ok(head) => head,
        Err(error) => return Ok(Finding::Damaged(error.to_string())),
    };
    match unpack::check(&mut reader, &head) {
        Ok(()) => Ok(Finding::Whole),
        Err(unpack::UnpackError::Package(error)) => Ok(Finding::Damaged(error.to_string())),
        Err(unpack::UnpackError::Read(error) | unpack::UnpackError::Write(error)) => Err(error),
    }
}
