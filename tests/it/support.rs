//! What the tests stand on: small signed repositories made by the program's own writer, the real binary in a home of
//! its own, and a folder served over HTTP.
#![allow(dead_code, unused_imports, reason = "each test file uses what it needs")]

pub mod apk_reference;
mod program;
mod repository;
mod server;

pub use program::{Finished, Program};
pub use repository::{BUILD_DATE, BuiltRepository, Repository, noarch_and_signed_twice, signed_twice, signing_key};
pub use server::{RawServer, Server};

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The folder of real Alpine data and tools, if there is one; where not, says which test was skipped.
pub fn shared(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("APKBUILD_SHARED").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("{test}: skipped, since APKBUILD_SHARED names no folder of Alpine's own data and tools");
    }
    folder
}

/// As [`shared`], for tests that run the real apk, which takes root.
pub fn shared_as_root(test: &str) -> Option<PathBuf> {
    let folder = shared(test)?;
    if nix::unistd::geteuid().is_root() {
        return Some(folder);
    }
    eprintln!("{test}: skipped, since the real apk is run as root only");
    None
}

/// Copies a program that will be run. A process of its own writes it: a child that another test starts at that moment
/// would inherit a descriptor of ours that is open for writing, and the kernel runs no such file (ETXTBSY).
pub fn copy_program(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    let (from, to) = (from.as_ref(), to.as_ref());
    let status = std::process::Command::new("cp").arg(from).arg(to).status().unwrap();
    assert!(status.success(), "cp {} {}: {status}", from.display(), to.display());
}

/// The names in a folder, hidden ones too, in order.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The members of a tar by their paths.
pub fn members(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(fs_err::File::open(archive).unwrap());
    let members = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().display().to_string(), bytes)
    });
    members.collect()
}
