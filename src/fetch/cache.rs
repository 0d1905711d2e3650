//! The cache: what was downloaded and what was made of it, each under a name that says what it must be.
//!
//! Everything is written beside its place and renamed into it, and checked again when it is used, so any number of
//! builds may share a cache and be killed at any moment.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::Error;
use super::error::FilePlace;
use crate::apk::Identity;
use crate::cache::directory_seal;
use crate::digest::Sha256Digest;

/// The file that keeps backup programs out (Cache Directory Tagging Specification).
const TAG: &str = "CACHEDIR.TAG";
/// What is in it.
const TAG_TEXT: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55\n";

/// A part of the cache, a folder below its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Packages as they were downloaded, by identity.
    Packages,
    /// Their data inflated, by `datahash`.
    Data,
    /// Indexes, by URL.
    Indexes,
    /// Downloads that are not whole yet.
    Partial,
    /// Layers and parts of layers, packed.
    Blobs,
    /// What stages made.
    Stages,
    /// Images that were unpacked to be run.
    Images,
    /// What reachability found in files.
    Traces,
    /// What sources were compiled to, by source and interpreter.
    Bytecode,
    /// What whole builds came to, by all that went into them.
    Builds,
    /// What stages and unpacked images must be.
    Seals,
}

impl Section {
    /// Every section; what is cleaned lies in these and nowhere else.
    pub const ALL: [Self; 11] = [
        Self::Packages,
        Self::Data,
        Self::Indexes,
        Self::Partial,
        Self::Blobs,
        Self::Stages,
        Self::Images,
        Self::Traces,
        Self::Bytecode,
        Self::Builds,
        Self::Seals,
    ];

    /// The name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Packages => "packages",
            Self::Data => "data",
            Self::Indexes => "indexes",
            Self::Partial => "partial",
            Self::Blobs => "blobs",
            Self::Stages => "stages",
            Self::Images => "images",
            Self::Traces => "traces",
            Self::Bytecode => "bytecode",
            Self::Builds => "builds",
            Self::Seals => directory_seal::FOLDER,
        }
    }
}

/// A cache folder. Nothing is made before something is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache in `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The user's own: `$XDG_CACHE_HOME/apkbuild`, or `~/.cache/apkbuild` (XDG base directory specification: a path
    /// that is not absolute does not count).
    pub fn of_user() -> Result<Self, Error> {
        let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
        Ok(Self::at(folder.ok_or(Error::NoCacheFolder)?.join("apkbuild")))
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a section, which may not exist yet.
    pub fn section(&self, section: Section) -> PathBuf {
        self.root.join(section.name())
    }

    /// The folder of a section, made if it is missing, for its owner alone, and the cache marked as one for backup programs
    /// (bford.info/cachedir).
    pub fn make_section(&self, section: Section) -> Result<PathBuf, Error> {
        let folder = self.section(section);
        let failed = |error| Error::file(FilePlace::Cache, "cannot make the cache", error);
        match fs_err::metadata(&folder) {
            Ok(found) if found.is_dir() => {
                // As older versions made it: others might enter, and start what is set-user-id in it.
                if found.mode() & 0o077 != 0 && found.uid() == nix::unistd::geteuid().as_raw() {
                    // A cache that may only be read stays as it is.
                    let _ = fs_err::set_permissions(&folder, Permissions::from_mode(0o700));
                }
                return Ok(folder);
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        make_private(&folder).map_err(failed)?;
        // Never through a link.
        match fs_err::OpenOptions::new().write(true).create_new(true).open(self.root.join(TAG)) {
            Ok(mut tag) => tag.write_all(TAG_TEXT).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        Ok(folder)
    }

    /// Everywhere that this writes: its folder, and what is the cache's own in that where it is somebody else's as
    /// well.
    pub fn places(&self) -> Vec<PathBuf> {
        let root = fs_err::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone());
        let own = Section::ALL.map(|section| root.join(section.name())).into_iter().chain([root.join(TAG)]);
        own.chain([root.clone()]).collect()
    }

    /// Where the package of that identity lies, if it is there.
    pub fn package_path(&self, identity: Identity) -> PathBuf {
        self.section(Section::Packages).join(format!("{}.apk", identity.to_hex()))
    }

    /// Where the inflated data lies that the `datahash` vouches for.
    pub(super) fn data_path(&self, datahash: Sha256Digest) -> PathBuf {
        self.section(Section::Data).join(format!("{datahash}.tar"))
    }

    /// Takes a file away that turned out to be damaged; it may be gone already.
    pub(super) fn discard(path: &Path) -> Result<(), Error> {
        match fs_err::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::file(FilePlace::Cache, "cannot clean the cache", error))
            }
            _ => Ok(()),
        }
    }
}

/// Makes `folder` and those above it that are missing, for their owner alone.
fn make_private(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent()
        && !parent.as_os_str().is_empty()
        && !parent.exists()
    {
        make_private(parent)?;
    }
    match nix::unistd::mkdir(folder, nix::sys::stat::Mode::S_IRWXU) {
        Ok(()) => Ok(()),
        Err(nix::errno::Errno::EEXIST) if folder.is_dir() => Ok(()),
        Err(errno) => {
            let error = io::Error::from(errno);
            Err(io::Error::new(error.kind(), format!("failed to create directory `{}`: {error}", folder.display())))
        }
    }
}

/// The file at `path`, or `None` where there is none.
pub(super) fn open_if_there(path: &Path) -> io::Result<Option<fs_err::File>> {
    match fs_err::File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
