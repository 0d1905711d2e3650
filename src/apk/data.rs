//! The data member of a package, inflated: a tar whose entries become values that point into it.
//!
//! Refused: paths that lead out of the root or hold control characters, devices and other things that no image has use
//! for, a hard link to anything but a file that the package brought before, a path twice, and a file whose contents do
//! not have the checksum that the tar gives. Paths that begin with a dot are metadata and passed over, as apk does.

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::ops::Range;

use tar::EntryType;

use super::member::content_range;
use super::{Entry, EntryKind, Error};
use crate::digest::Sha1Digest;

const MEMBER: &str = "data member";

/// Whether checksums are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksums {
    /// Each is held against the contents.
    Check,
    /// The whole tar is known to be one that was checked before, so they are taken as they stand.
    Known,
}

/// Every path in `tar`, in its order.
pub fn read_entries(tar: &[u8], checksums: Checksums) -> Result<Vec<Entry>, Error> {
    let mut entries: Vec<Entry> = Vec::new();
    // Path to whether it is a folder, and, of a file, the name it was brought by first.
    let mut seen: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut archive = tar::Archive::new(Cursor::new(tar));
    for entry in archive.entries_with_seek().map_err(|error| broken(&error))? {
        let mut entry = entry.map_err(|error| broken(&error))?;
        let Some(path) = entry_path(&entry.path_bytes())? else { continue };
        let records = Records::of(&mut entry)?;
        let header = entry.header();
        let mut first_name = None;
        let kind = match header.entry_type() {
            EntryType::Directory => EntryKind::Directory,
            EntryType::Regular | EntryType::Continuous => {
                first_name = Some(path.clone());
                let content = content_range(entry.raw_file_position(), entry.size());
                file(tar, &path, content, records.checksum, checksums)?
            }
            EntryType::Symlink => {
                let target = link_target(&path, entry.link_name_bytes().as_deref())?;
                if let (Checksums::Check, Some(expected)) = (checksums, records.checksum) {
                    compare(&path, expected, Sha1Digest::of(target.as_bytes()))?;
                }
                EntryKind::Symlink { target }
            }
            EntryType::Link => {
                let written = link_target(&path, entry.link_name_bytes().as_deref())?;
                let target = entry_path(written.as_bytes())?.and_then(|target| seen.get(&target).cloned().flatten());
                let target = target.ok_or(Error::HardLink { path: path.clone(), target: written })?;
                first_name = Some(target.clone());
                EntryKind::HardLink { target }
            }
            other => return Err(Error::Kind { path, kind: kind_name(other) }),
        };
        if let Some(before) = seen.insert(path.clone(), first_name) {
            // A folder may be listed again; the first one counts.
            if kind == EntryKind::Directory && before.is_none() {
                continue;
            }
            return Err(Error::Twice { path });
        }
        let number = |value: io::Result<u64>, what: &str| {
            let value = value.map_err(|error| broken(&error))?;
            u32::try_from(value)
                .map_err(|_| Error::Tar { member: MEMBER, reason: format!("{what} of `{path}` is {value}") })
        };
        let uid = number(header.uid(), "the owner")?;
        let gid = number(header.gid(), "the group")?;
        let mode = header.mode().map_err(|error| broken(&error))? & 0o7777;
        let mtime = i64::try_from(header.mtime().map_err(|error| broken(&error))?).unwrap_or(i64::MAX);
        let name = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let user = records.user.unwrap_or_else(|| name(header.username_bytes()));
        let group = records.group.unwrap_or_else(|| name(header.groupname_bytes()));
        entries.push(Entry { path, kind, mode, uid, gid, user, group, mtime, xattrs: records.xattrs });
    }
    Ok(entries)
}

/// The path that `bytes` mean; `None` for metadata.
fn entry_path(bytes: &[u8]) -> Result<Option<String>, Error> {
    let refuse = |reason| Error::Path { path: bytes.escape_ascii().to_string(), reason };
    let path = str::from_utf8(bytes).map_err(|_| refuse("is not UTF-8"))?;
    if path.chars().any(char::is_control) {
        return Err(refuse("holds a control character"));
    }
    if path.starts_with('/') {
        return Err(refuse("is absolute"));
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.split('/').any(|part| part == "..") {
        return Err(refuse("leads out of its folder"));
    }
    if path.starts_with('.') {
        return Ok(None);
    }
    if path.split('/').any(|part| part.is_empty() || part == ".") {
        return Err(refuse("has an empty part"));
    }
    Ok(Some(path.to_owned()))
}

fn link_target(path: &str, bytes: Option<&[u8]>) -> Result<String, Error> {
    let refuse = |reason| Error::Path { path: path.to_owned(), reason };
    let target = str::from_utf8(bytes.unwrap_or_default()).map_err(|_| refuse("has a target that is not UTF-8"))?;
    if target.is_empty() {
        return Err(refuse("is a link to nowhere"));
    }
    if target.chars().any(char::is_control) {
        return Err(refuse("has a control character in its target"));
    }
    Ok(target.to_owned())
}

fn file(
    tar: &[u8],
    path: &str,
    content: Option<Range<usize>>,
    expected: Option<Sha1Digest>,
    checksums: Checksums,
) -> Result<EntryKind, Error> {
    let too_short = || Error::Tar { member: MEMBER, reason: format!("`{path}` ends too soon") };
    let content = content.ok_or_else(too_short)?;
    let bytes = tar.get(content.clone()).ok_or_else(too_short)?;
    let checksum = match (checksums, expected) {
        (Checksums::Known, Some(expected)) => expected,
        (_, None) => Sha1Digest::of(bytes),
        (Checksums::Check, Some(expected)) => {
            compare(path, expected, Sha1Digest::of(bytes))?;
            expected
        }
    };
    Ok(EntryKind::File { content, checksum })
}

fn compare(path: &str, expected: Sha1Digest, found: Sha1Digest) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(Error::FileMismatch { path: path.to_owned(), expected: expected.to_string(), found: found.to_string() })
}

/// What PAX records say about an entry.
#[derive(Default)]
struct Records {
    checksum: Option<Sha1Digest>,
    xattrs: BTreeMap<String, Vec<u8>>,
    user: Option<String>,
    group: Option<String>,
}

impl Records {
    fn of(entry: &mut tar::Entry<'_, Cursor<&[u8]>>) -> Result<Self, Error> {
        let mut records = Self::default();
        let Some(extensions) = entry.pax_extensions().map_err(|error| broken(&error))? else { return Ok(records) };
        for extension in extensions {
            let extension = extension.map_err(|error| broken(&error))?;
            let key = extension.key().map_err(|_| Error::NotText { what: "PAX record" })?;
            let value = extension.value_bytes();
            if key == "APK-TOOLS.checksum.SHA1" {
                let checksum = str::from_utf8(value).ok().and_then(Sha1Digest::from_hex);
                let reason = || format!("the checksum `{}` is no SHA-1", value.escape_ascii());
                records.checksum = Some(checksum.ok_or_else(|| Error::Tar { member: MEMBER, reason: reason() })?);
            } else if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                records.xattrs.insert(name.to_owned(), value.to_vec());
            } else if key == "uname" {
                records.user = Some(String::from_utf8_lossy(value).into_owned());
            } else if key == "gname" {
                records.group = Some(String::from_utf8_lossy(value).into_owned());
            }
        }
        Ok(records)
    }
}

fn kind_name(kind: EntryType) -> String {
    match kind {
        EntryType::Char => "a character device".to_owned(),
        EntryType::Block => "a block device".to_owned(),
        EntryType::Fifo => "a FIFO".to_owned(),
        EntryType::GNUSparse => "a sparse file".to_owned(),
        other => format!("of the unknown tar type `{}`", [other.as_byte()].escape_ascii()),
    }
}

fn broken(error: &io::Error) -> Error {
    Error::Tar { member: MEMBER, reason: error.to_string() }
}
