//! What a directory of the cache must be: one digest over all that is in it.
//!
//! It covers every path, kind, mode, owner, link target, extended attribute and content, and which names are one file.
//! It does not cover times: a use is noted in one of them, and a cache that is packed and unpacked again loses others.
//! Contents are read at the same time and enter as checksums, as they do in other sealed files. What the caller may not
//! read enters without its content, which then reaches nothing that the caller builds or runs.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::entry::open_file;
use crate::digest::{Checksum, Sha256, Sha256Digest};
use crate::held::HeldFolder;
use crate::kept;
use crate::mapping::Mapping;

/// To be raised when the same directory would get another digest.
const SCHEMA: u32 = 1;

/// Files from this size on, in bytes, are mapped rather than read.
const MAPPED_FROM: u64 = 256 << 10;

/// A directory's digest, and the bytes of the files in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectorySeal {
    /// Of all that is in it.
    pub digest: Sha256Digest,
    /// Bytes of its files, each counted once.
    pub bytes: u64,
}

impl DirectorySeal {
    /// That of the directory `root` as it is now.
    pub fn of(root: &Path) -> io::Result<Self> {
        let names = names_from(root)?;
        let described = names.par_iter().map(|path| Description::of(path, root)).collect::<io::Result<Vec<_>>>()?;
        let mut hasher = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(b"directory");
        part(&SCHEMA.to_le_bytes());
        let mut first_names = BTreeMap::new();
        let mut total = 0;
        for (number, one) in described.iter().enumerate() {
            let first = *first_names.entry(one.inode).or_insert(number);
            if first == number {
                total += one.bytes;
            }
            part(&one.text);
            part(&(first as u64).to_le_bytes());
        }
        Ok(Self { digest: hasher.finish(), bytes: total })
    }

    /// Whether the directory `root` is what this says. One that somebody changes meanwhile is not.
    pub fn matches(&self, root: &Path) -> io::Result<bool> {
        match Self::of(root) {
            Ok(found) => Ok(found == *self),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The folder of all seals, beside those of the sealed directories.
pub const FOLDER: &str = "seals";

/// Where the seal of the directory `place` lies.
pub fn seal_path(place: &Path) -> PathBuf {
    let cache = place.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    cache.join(FOLDER).join(place.file_name().unwrap_or_default())
}

/// Seals `made`, which is to be put at `place`. To be called before it is put there: a directory without a seal counts
/// for nothing.
pub fn write_seal(made: &Path, place: &Path) -> io::Result<()> {
    let text = serde_json::to_vec(&DirectorySeal::of(made)?)?;
    let path = seal_path(place);
    match path.parent().map(|folder| nix::unistd::mkdir(folder, nix::sys::stat::Mode::S_IRWXU)) {
        None | Some(Ok(()) | Err(nix::errno::Errno::EEXIST)) => {}
        Some(Err(errno)) => return Err(errno.into()),
    }
    kept::write(&path, &text)
}

/// The directory `place`, which stays until the lock is dropped, if it is what its seal says.
pub fn open_sealed(place: &Path) -> io::Result<Option<HeldFolder>> {
    let Some(held) = HeldFolder::hold(place)? else { return Ok(None) };
    Ok(is_whole(place)?.then_some(held))
}

/// Whether the directory `place`, which the caller holds, is what its seal says.
pub fn is_whole(place: &Path) -> io::Result<bool> {
    match read_seal(place) {
        Some(seal) => seal.matches(place),
        None => Ok(false),
    }
}

/// The seal of the directory `place`, if it is whole.
pub fn read_seal(place: &Path) -> Option<DirectorySeal> {
    serde_json::from_slice(&kept::read(&seal_path(place))?).ok()
}

/// `root` and everything below it, each directory before what is in it, in the order of the names.
fn names_from(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    let mut waiting = vec![(root.to_owned(), true)];
    while let Some((path, is_directory)) = waiting.pop() {
        let mut inside = Vec::new();
        if is_directory {
            let reachable = Reachable::new(&path)?;
            match fs_err::read_dir(&reachable.path) {
                Ok(entries) => {
                    for entry in entries {
                        let entry = entry?;
                        inside.push((path.join(entry.file_name()), entry.file_type()?.is_dir()));
                    }
                }
                // A directory that the caller may not read: what is in it is not seen.
                Err(error) if is_forbidden(Some(error.kind())) => {}
                Err(error) => return Err(error),
            }
        }
        inside.sort_unstable_by(|one, other| other.0.file_name().cmp(&one.0.file_name()));
        waiting.extend(inside);
        names.push(path);
    }
    Ok(names)
}

/// The longest path that is handed to the system as it is. What an image has as its longest is longer below the cache.
const LONGEST_PATH: usize = 3500;

/// A path by which the system reaches what may be deeper than a path can say (limits.h, `PATH_MAX`).
struct Reachable {
    path: PathBuf,
    /// The directory that the path begins at, where that is not the root.
    _folder: Option<OwnedFd>,
}

impl Reachable {
    fn new(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() <= LONGEST_PATH {
            return Ok(Self { path: path.to_owned(), _folder: None });
        }
        let above = path.ancestors().find(|above| above.as_os_str().len() <= LONGEST_PATH).unwrap_or(path);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(above, flags, Mode::empty())?;
        let beside = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        Ok(Self { path: beside.join(path.strip_prefix(above).unwrap_or(path)), _folder: Some(folder) })
    }
}

/// What enters the digest of one name.
struct Description {
    text: Vec<u8>,
    inode: (u64, u64),
    bytes: u64,
}

impl Description {
    fn of(name: &Path, root: &Path) -> io::Result<Self> {
        let reachable = Reachable::new(name)?;
        let path = reachable.path.as_path();
        let metadata = fs_err::symlink_metadata(path)?;
        let kind = metadata.file_type();
        let mut text = Vec::new();
        let mut part = |bytes: &[u8]| {
            text.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            text.extend_from_slice(bytes);
        };
        part(name.strip_prefix(root).unwrap_or(name).as_os_str().as_bytes());
        // The mode says of which kind it is.
        for number in [metadata.mode(), metadata.uid(), metadata.gid()] {
            part(&number.to_le_bytes());
        }
        part(&metadata.rdev().to_le_bytes());
        let mut bytes = 0;
        if kind.is_symlink() {
            part(fs_err::read_link(path)?.as_os_str().as_bytes());
        } else {
            attributes(path, &mut part)?;
        }
        if kind.is_file() {
            bytes = metadata.len();
            part(&bytes.to_le_bytes());
            part(&content(path, bytes)?.map_or([0; 16], |checksum| checksum.0));
        }
        Ok(Self { text, inode: (metadata.dev(), metadata.ino()), bytes })
    }
}

/// The checksum of the file at `path`; `None` where the caller may not read it.
fn content(path: &Path, length: u64) -> io::Result<Option<Checksum>> {
    if length == 0 {
        return Ok(Some(Checksum::of(b"")));
    }
    let file = match open_file(path) {
        Ok(Some(file)) => file,
        Ok(None) => return Err(io::Error::new(ErrorKind::NotFound, format!("`{}` is gone", path.display()))),
        Err(error) if is_forbidden(Some(error.kind())) => return Ok(None),
        Err(error) => return Err(error),
    };
    if length < MAPPED_FROM {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut file.file(), &mut bytes)?;
        return Ok(Some(Checksum::of(&bytes)));
    }
    Ok(Some(Mapping::of(&file)?.whole().checksum()))
}

/// Hands out the names and values of the attributes that belong to the file and not to the machine: users' own, and
/// capabilities.
fn attributes(path: &Path, part: &mut impl FnMut(&[u8])) -> io::Result<()> {
    let mut list = vec![0; 64 << 10];
    match rustix::fs::llistxattr(path, &mut list[..]) {
        Ok(0) | Err(Errno::NOTSUP | Errno::ACCESS | Errno::PERM) => return Ok(()),
        Ok(length) => list.truncate(length),
        Err(errno) => return Err(errno.into()),
    }
    let mut names: Vec<&str> =
        list.split(|byte| *byte == 0).filter_map(|name| std::str::from_utf8(name).ok()).collect();
    names.retain(|name| name.starts_with("user.") || *name == "security.capability");
    names.sort_unstable();
    for name in names {
        let mut value = vec![0; 64 << 10];
        match rustix::fs::lgetxattr(path, name, &mut value[..]) {
            Ok(length) => {
                part(name.as_bytes());
                part(value.get(..length).unwrap_or_default());
            }
            Err(Errno::ACCESS | Errno::PERM) => part(name.as_bytes()),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn is_forbidden(kind: Option<ErrorKind>) -> bool {
    kind == Some(ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn sample(root: &Path) {
        fs_err::create_dir_all(root.join("a/b")).unwrap();
        fs_err::write(root.join("a/b/small"), "text").unwrap();
        fs_err::write(root.join("a/large"), vec![7; 300_000]).unwrap();
        fs_err::write(root.join("a/empty"), "").unwrap();
        std::os::unix::fs::symlink("b/small", root.join("a/link")).unwrap();
        fs_err::hard_link(root.join("a/b/small"), root.join("a/again")).unwrap();
    }

    #[test]
    fn every_change_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        sample(&root);
        let seal = DirectorySeal::of(&root).unwrap();
        assert_eq!(seal.bytes, 300_004);
        fs_err::File::open(root.join("a/large")).unwrap().file().set_modified(std::time::UNIX_EPOCH).unwrap();
        assert!(seal.matches(&root).unwrap(), "times do not count");
        type Change = fn(&Path);
        let changes: [(&str, Change); 9] = [
            ("another byte", |root| fs_err::write(root.join("a/b/small"), "tExt").unwrap()),
            ("another byte of a large file", |root| {
                let mut bytes = vec![7; 300_000];
                bytes[299_999] = 8;
                fs_err::write(root.join("a/large"), bytes).unwrap();
            }),
            ("a file less", |root| fs_err::remove_file(root.join("a/empty")).unwrap()),
            ("a file more", |root| fs_err::write(root.join("a/more"), "").unwrap()),
            ("a directory more", |root| fs_err::create_dir(root.join("c")).unwrap()),
            ("another mode", |root| {
                fs_err::set_permissions(root.join("a/empty"), std::fs::Permissions::from_mode(0o4755)).unwrap();
            }),
            ("another target", |root| {
                fs_err::remove_file(root.join("a/link")).unwrap();
                std::os::unix::fs::symlink("b/smalL", root.join("a/link")).unwrap();
            }),
            ("a file of its own", |root| {
                fs_err::remove_file(root.join("a/again")).unwrap();
                fs_err::write(root.join("a/again"), "text").unwrap();
            }),
            ("another name", |root| fs_err::rename(root.join("a/empty"), root.join("a/empTy")).unwrap()),
        ];
        for (what, change) in changes {
            fs_err::remove_dir_all(&root).unwrap();
            sample(&root);
            assert!(seal.matches(&root).unwrap(), "before {what}");
            change(&root);
            assert!(!seal.matches(&root).unwrap(), "{what} is not seen");
        }
    }
}
