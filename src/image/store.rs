//! The named files of an image on disk: those of an archive, or of an OCI folder, mapped.
//!
//! An archive may be compressed as a whole, as `docker save | gzip` makes it, and may hold links among its own members,
//! as older Dockers wrote them. A folder is read by the names that OCI gives to its files and by no other.

use std::collections::BTreeMap;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use super::error::Error;
use crate::mapping::{MappedSlice, Mapping};
use crate::tar_reader::{TarKind, TarReader};

/// Bytes that a compressed archive, or all layers of an image together, may have inflated, whatever they are made of.
const MOST_INFLATED: u64 = 64 << 30;
/// Bytes that they may have inflated if they are more than [`LARGEST_RATIO`] for one.
const MOST_OF_FEW: u64 = 1 << 30;
/// How many times larger files become that somebody has a use for. What grows more is taken for an attack on the disk.
const LARGEST_RATIO: u64 = 200;

/// Bytes of memory that names and metadata of all files of an image may take, beside as many as it is stored in: some
/// hundred thousand files for nothing.
const TREE_MEMORY: u64 = 56 << 20;

/// How many bytes more may be inflated, of an archive or of all layers of an image. An image may name one layer ten
/// thousand times, so it is not enough that each stays within bounds.
#[derive(Debug)]
pub struct Allowance {
    left: u64,
    all: u64,
    /// Bytes of memory that the tree of all layers may still take.
    memory: u64,
}

impl Allowance {
    /// For what is stored in `bytes` bytes, each counted once.
    pub(super) fn for_stored(bytes: u64) -> Self {
        let all = MOST_OF_FEW.max(bytes.saturating_mul(LARGEST_RATIO)).min(MOST_INFLATED);
        Self { left: all, all, memory: TREE_MEMORY.saturating_add(bytes) }
    }

    /// Takes `bytes` of memory off, those of names and metadata; the error says that they are too many.
    pub(super) fn take_memory(&mut self, bytes: u64) -> Result<(), String> {
        let left = self.memory.checked_sub(bytes);
        self.memory = left.ok_or("it has far more names and metadata than its bytes account for")?;
        Ok(())
    }

    /// Takes `bytes` off; the error says that they are too many.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), String> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            format!("inflated there are more than {} MiB, which no image has a use for", self.all >> 20)
        })?;
        Ok(())
    }
}

/// An image's files.
pub(super) enum Store {
    /// Of an archive, by name.
    Archive(BTreeMap<String, MappedSlice>),
    /// Of a folder, which is this.
    Folder(PathBuf),
}

impl Store {
    /// Opens the archive or folder at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let metadata = fs_err::metadata(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::Missing { path: path.to_owned() },
            _ => Error::Read(error),
        })?;
        if metadata.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let not_an_image = |reason: String| Error::NotAnImage { path: path.to_owned(), reason };
        if !metadata.is_file() {
            return Err(not_an_image("it is neither a file nor a folder".to_owned()));
        }
        let mapping = Mapping::open(path).map_err(Error::Read)?;
        let bytes = inflated(&mapping.whole(), &mut Allowance::for_stored(metadata.len()), not_an_image)?;
        let mut files = BTreeMap::new();
        let mut links = Vec::new();
        let not_a_tar = |reason: String| not_an_image(format!("it cannot be read as a tar: {reason}"));
        for entry in TarReader::new(&bytes) {
            let entry = entry.map_err(not_a_tar)?;
            let name = entry.path_text().map_err(not_a_tar)?.trim_start_matches("./").to_owned();
            match entry.kind() {
                TarKind::File | TarKind::Unknown(_) => {
                    files.extend(bytes.slice(entry.content()).map(|content| (name, content)));
                }
                TarKind::Symlink => {
                    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
                    links.push((name, format!("{folder}/{}", entry.target_text().map_err(not_a_tar)?)));
                }
                TarKind::HardLink => links.push((name, entry.target_text().map_err(not_a_tar)?)),
                TarKind::Directory | TarKind::CharacterDevice | TarKind::BlockDevice | TarKind::Pipe => {}
            }
        }
        for (name, target) in links {
            if let Some(content) = plain(&target).and_then(|target| files.get(&target).cloned()) {
                files.insert(name, content);
            }
        }
        Ok(Self::Archive(files))
    }

    /// The file `name`; `None` where there is none.
    pub(super) fn file(&self, name: &str) -> Result<Option<MappedSlice>, Error> {
        match self {
            Self::Archive(files) => Ok(files.get(name).cloned()),
            Self::Folder(folder) => {
                let path = folder.join(name);
                match fs_err::metadata(&path) {
                    // A pipe would be waited for, and a device has no end.
                    Ok(metadata) if metadata.is_file() => {
                        Mapping::open(&path).map(|mapping| Some(mapping.whole())).map_err(Error::Read)
                    }
                    Ok(_) => Ok(None),
                    Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                        Ok(None)
                    }
                    Err(error) => Err(Error::Read(error)),
                }
            }
        }
    }
}

/// `path` with its `.` and `..` worked out; `None` where it leads out.
fn plain(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// `bytes` inflated into a temporary file, if they are compressed with gzip or zstd; otherwise as they are. Where the
/// bytes themselves are at fault, `broken` makes the error of what is wrong with them.
pub(super) fn inflated(
    bytes: &MappedSlice,
    allowance: &mut Allowance,
    broken: impl Fn(String) -> Error,
) -> Result<MappedSlice, Error> {
    match bytes.first_chunk::<4>() {
        Some([0x1f, 0x8b, ..]) => to_temporary(flate2::bufread::MultiGzDecoder::new(&**bytes), allowance, broken),
        Some([0x28, 0xb5, 0x2f, 0xfd]) => {
            let decoder = zstd::stream::read::Decoder::with_buffer(&**bytes);
            to_temporary(decoder.map_err(|error| broken(error.to_string()))?, allowance, broken)
        }
        _ => {
            allowance.take(bytes.len() as u64).map_err(broken)?;
            Ok(bytes.clone())
        }
    }
}

/// All that `from` gives, as far as `allowance` goes, in a file without a name: however this program ends, nothing is
/// left.
fn to_temporary(
    mut from: impl Read,
    allowance: &mut Allowance,
    broken: impl Fn(String) -> Error,
) -> Result<MappedSlice, Error> {
    let scratch = |source| Error::Scratch { folder: std::env::temp_dir(), source };
    let mut file = fs_err::File::from_parts(tempfile::tempfile().map_err(scratch)?, std::env::temp_dir());
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = from.read(&mut buffer).map_err(|error| broken(format!("it cannot be inflated: {error}")))?;
        if read == 0 {
            break;
        }
        allowance.take(read as u64).map_err(&broken)?;
        file.write_all(buffer.get(..read).unwrap_or_default()).map_err(scratch)?;
    }
    Ok(Mapping::of(&file).map_err(scratch)?.whole())
}
