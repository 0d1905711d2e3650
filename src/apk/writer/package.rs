//! A package out of its parts: data, control, signature.
//!
//! Folders that hold an entry and are not listed themselves are added, since apk refuses files without their folder.
//! `size` and `datahash` are computed; everything else of `.PKGINFO` is as it was given.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tar::EntryType;

use super::super::error::Error;
use super::super::package_info::PackageInfo;
use super::super::signature::SignatureKind;
use super::super::signing_key::SigningKey;
use super::archive::{Archive, Attributes};
use super::gzip;
use crate::digest::{Sha1Digest, Sha256Digest};

/// What disks and `du` count in.
const BLOCK: u64 = 4096;

/// One path of a package to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// Folder, file or link.
    pub content: NewContent,
    /// Permission bits.
    pub mode: u32,
    /// Owner by name and number; apk takes the number only where the name is unknown.
    pub user: (String, u32),
    /// Group by name and number.
    pub group: (String, u32),
    /// Seconds since 1970.
    pub mtime: i64,
    /// Extended attributes by full name.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

/// What a [`NewEntry`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewContent {
    /// A folder.
    Directory,
    /// A file with these bytes.
    File(Vec<u8>),
    /// A symbolic link to this target.
    Symlink(String),
    /// Another name of this file of the package.
    HardLink(String),
}

impl NewEntry {
    /// An entry of root's with the usual mode: 0755 for a folder, 0644 for a file, 0777 for a link.
    pub fn new(content: NewContent) -> Self {
        let mode = match content {
            NewContent::Directory => 0o755,
            NewContent::File(_) | NewContent::HardLink(_) => 0o644,
            NewContent::Symlink(_) => 0o777,
        };
        let root = ("root".to_owned(), 0);
        Self { content, mode, user: root.clone(), group: root, mtime: 0, xattrs: BTreeMap::new() }
    }
}

/// A package in the making.
#[derive(Clone, Debug, Default)]
pub struct PackageWriter {
    /// What goes into `.PKGINFO`; `size` and `datahash` are overwritten.
    pub info: PackageInfo,
    /// Scripts by name without the dot: `pre-install`, `post-install`, `trigger`…
    pub scripts: BTreeMap<String, Vec<u8>>,
    /// Path, relative to the root, to what is there.
    pub entries: BTreeMap<String, NewEntry>,
    /// gzip level of the data, 0 to 12; 9 where not given.
    pub level: Option<i32>,
}

impl PackageWriter {
    /// The package, signed by `key`. The same parts and key give the same bytes.
    pub fn write(&self, key: &SigningKey, kind: SignatureKind) -> Result<Vec<u8>, Error> {
        let entries = self.with_folders();
        let data = gzip::member(&data_tar(&entries)?, self.level.unwrap_or(gzip::LEVEL))?;
        let mut info = self.info.clone();
        info.installed_size = installed_size(&entries, !self.scripts.is_empty());
        info.datahash = Sha256Digest::of(&data).to_string();
        let mut control = Archive::default();
        control.add(".PKGINFO", &Attributes::file(0o644, info.build_date), &[], info.to_string().as_bytes())?;
        for (name, script) in &self.scripts {
            control.add(&format!(".{name}"), &Attributes::file(0o755, info.build_date), &[], script)?;
        }
        let control = gzip::member(&control.open_ended(), gzip::LEVEL)?;
        let mut package = signature_member(key, kind, &control)?;
        package.extend_from_slice(&control);
        package.extend_from_slice(&data);
        Ok(package)
    }

    fn with_folders(&self) -> BTreeMap<&str, Cow<'_, NewEntry>> {
        let mut entries: BTreeMap<&str, Cow<'_, NewEntry>> =
            self.entries.iter().map(|(path, entry)| (path.as_str(), Cow::Borrowed(entry))).collect();
        for path in self.entries.keys() {
            for (end, _) in path.match_indices('/') {
                let folder = path.get(..end).unwrap_or_default();
                let made = NewEntry { mtime: self.info.build_date, ..NewEntry::new(NewContent::Directory) };
                entries.entry(folder).or_insert(Cow::Owned(made));
            }
        }
        entries
    }
}

/// A member with the signature of `signed` by `key`.
pub(super) fn signature_member(key: &SigningKey, kind: SignatureKind, signed: &[u8]) -> Result<Vec<u8>, Error> {
    let signature = key.sign(kind, signed)?;
    let mut archive = Archive::default();
    archive.add(&signature.entry_name(), &Attributes::file(0o644, 0), &[], &signature.bytes)?;
    gzip::member(&archive.open_ended(), gzip::LEVEL)
}

fn data_tar(entries: &BTreeMap<&str, Cow<'_, NewEntry>>) -> Result<Vec<u8>, Error> {
    let mut archive = Archive::default();
    for (path, entry) in entries {
        if let NewContent::HardLink(target) = &entry.content {
            check_hard_link(path, target, entries)?;
        }
        add_entry(&mut archive, path, entry)?;
    }
    Ok(archive.finish())
}

/// A hard link leads to a file of the package, which comes before it in the tar.
fn check_hard_link(path: &str, target: &str, entries: &BTreeMap<&str, Cow<'_, NewEntry>>) -> Result<(), Error> {
    let is_file = entries.get(target).is_some_and(|entry| matches!(entry.content, NewContent::File(_)));
    if !is_file {
        return Err(Error::HardLink { path: path.to_owned(), target: target.to_owned() });
    }
    if target > path {
        let reason = format!("a hard link must come after its file `{target}`, in the order of their names");
        return Err(Error::Unwritable { what: path.to_owned(), reason });
    }
    Ok(())
}

fn add_entry(archive: &mut Archive, path: &str, entry: &NewEntry) -> Result<(), Error> {
    let checksum =
        |bytes: &[u8]| ("APK-TOOLS.checksum.SHA1".to_owned(), Sha1Digest::of(bytes).to_string().into_bytes());
    let mut records: Vec<(String, Vec<u8>)> =
        entry.xattrs.iter().map(|(name, value)| (format!("SCHILY.xattr.{name}"), value.clone())).collect();
    let (kind, link, contents): (_, &str, &[u8]) = match &entry.content {
        NewContent::Directory => (EntryType::Directory, "", b""),
        NewContent::File(bytes) => {
            records.push(checksum(bytes));
            (EntryType::Regular, "", bytes)
        }
        NewContent::Symlink(target) => {
            records.push(checksum(target.as_bytes()));
            (EntryType::Symlink, target, b"")
        }
        NewContent::HardLink(target) => (EntryType::Link, target, b""),
    };
    let attributes = Attributes {
        kind,
        mode: entry.mode,
        uid: entry.user.1,
        gid: entry.group.1,
        user: &entry.user.0,
        group: &entry.group.0,
        mtime: entry.mtime,
        link,
    };
    archive.add(path, &attributes, &records, contents)
}

/// What the package takes on a disk, counted in whole blocks. A package of nothing at all has 0, which makes it a
/// virtual one that is never downloaded; so one with scripts has a block at least.
fn installed_size(entries: &BTreeMap<&str, Cow<'_, NewEntry>>, has_scripts: bool) -> u64 {
    let sizes = entries.values().map(|entry| match &entry.content {
        NewContent::File(bytes) => (bytes.len() as u64).next_multiple_of(BLOCK),
        NewContent::Directory => BLOCK,
        NewContent::Symlink(_) | NewContent::HardLink(_) => 0,
    });
    let least = if has_scripts || !entries.is_empty() { BLOCK } else { 0 };
    sizes.sum::<u64>().max(least)
}
