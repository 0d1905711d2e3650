//! The data member of a package, inflated: a tar whose entries become values that point into it.
//!
//! Refused: paths that lead out of the root or hold control characters, devices and other things that no image has use
//! for, a hard link to anything but a file that the package brought before, a path twice, and a file whose contents do
//! not have the checksum that the tar gives. Paths that begin with a dot are metadata and passed over, as apk does.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Cursor};
use std::ops::Range;

use tar::EntryType;

use super::member::content_range;
use super::{Entry, EntryKind, Error};
use crate::digest::Sha1Digest;

const MEMBER: &str = "data member";

/// Every path in `tar`, in its order.
pub fn read_entries(tar: &[u8]) -> Result<Vec<Entry>, Error> {
    read_entries_hashing(tar, &|content| Sha1Digest::of(tar.get(content).unwrap_or_default()))
}

/// The same, with the caller's way to hash a range of `tar`: one that need not hold all of it in memory at once.
pub fn read_entries_hashing(tar: &[u8], hash: &dyn Fn(Range<usize>) -> Sha1Digest) -> Result<Vec<Entry>, Error> {
    let mut entries: Vec<Entry> = Vec::new();
    // Path to whether it is a folder, and, of a file, the place of the entry that brought it first.
    let mut seen: HashMap<String, Option<usize>> = HashMap::new();
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
                first_name = Some(entries.len());
                let content = content_range(entry.raw_file_position(), entry.size());
                file(tar, &path, content, records.checksum, hash)?
            }
            EntryType::Symlink => {
                let target = link_target(&path, entry.link_name_bytes().as_deref())?;
                if let Some(expected) = records.checksum {
                    compare(&path, expected, Sha1Digest::of(target.as_bytes()))?;
                }
                EntryKind::Symlink { target }
            }
            EntryType::Link => {
                let written = link_target(&path, entry.link_name_bytes().as_deref())?;
                first_name = entry_path(written.as_bytes())?.and_then(|target| seen.get(&target).copied().flatten());
                let first = first_name.and_then(|place| entries.get(place)).map(|first| first.path.clone());
                let target = first.ok_or(Error::HardLink { path: path.clone(), target: written })?;
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
    hash: &dyn Fn(Range<usize>) -> Sha1Digest,
) -> Result<EntryKind, Error> {
    let too_short = || Error::Tar { member: MEMBER, reason: format!("`{path}` ends too soon") };
    let content = content.ok_or_else(too_short)?;
    tar.get(content.clone()).ok_or_else(too_short)?;
    let checksum = hash(content.clone());
    if let Some(expected) = expected {
        compare(path, expected, checksum)?;
    }
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

#[cfg(test)]
mod tests {
    use tar::Header;

    use super::*;

    /// A tar of one-line files and links: type, path, link, contents.
    fn tar_of(entries: &[(EntryType, &str, &str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, path, link, contents) in entries {
            let mut header = Header::new_ustar();
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_size(contents.len() as u64);
            // The crate's own setters refuse what is to be refused here.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
            header.set_cksum();
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(contents.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
        bytes.resize(bytes.len() + 1024, 0);
        bytes
    }

    fn read(entries: &[(EntryType, &str, &str, &str)]) -> Result<Vec<Entry>, Error> {
        read_entries(&tar_of(entries))
    }

    #[test]
    fn what_would_do_harm_is_refused() {
        use EntryType::{Block, Char, Directory, Fifo, Link, Regular, Symlink};
        for (entries, message) in [
            (vec![(Regular, "/etc/passwd", "", "x")], "it brings the path `/etc/passwd`, which is absolute"),
            (vec![(Regular, "a/../../b", "", "x")], "it brings the path `a/../../b`, which leads out of its folder"),
            (vec![(Regular, "../b", "", "x")], "it brings the path `../b`, which leads out of its folder"),
            (vec![(Regular, "a//b", "", "x")], "it brings the path `a//b`, which has an empty part"),
            (vec![(Regular, "a/./b", "", "x")], "it brings the path `a/./b`, which has an empty part"),
            (vec![(Regular, "a\nb", "", "x")], "it brings the path `a\\nb`, which holds a control character"),
            (
                vec![(Symlink, "a", "x\u{1b}[2J", "")],
                "it brings the path `a`, which has a control character in its target",
            ),
            (vec![(Symlink, "a", "", "")], "it brings the path `a`, which is a link to nowhere"),
            (vec![(Char, "dev/null", "", "")], "it brings `dev/null`, which is a character device"),
            (vec![(Block, "dev/sda", "", "")], "it brings `dev/sda`, which is a block device"),
            (vec![(Fifo, "run/x", "", "")], "it brings `run/x`, which is a FIFO"),
            (vec![(Link, "a", "b", "")], "its hard link `a` leads to `b`, which is no file of the same package"),
            (
                vec![(Directory, "b", "", ""), (Link, "c", "b", "")],
                "its hard link `c` leads to `b`, which is no file of the same package",
            ),
            (
                vec![(Symlink, "b", "x", ""), (Link, "c", "b", "")],
                "its hard link `c` leads to `b`, which is no file of the same package",
            ),
            (
                vec![(Regular, "b", "", "x"), (Link, "c", "../b", "")],
                "it brings the path `../b`, which leads out of its folder",
            ),
            (vec![(Regular, "a", "", "1"), (Regular, "a", "", "2")], "it brings `a` twice"),
            (vec![(Regular, "a", "", "1"), (Directory, "a", "", "")], "it brings `a` twice"),
        ] {
            assert_eq!(read(&entries).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn what_does_no_harm_is_taken() {
        use EntryType::{Directory, Link, Regular, Symlink};
        let entries = read(&[
            (Regular, ".PKGINFO", "", "x"),
            (Directory, "a/", "", ""),
            (Directory, "a", "", ""),
            (Regular, "a/one", "", "contents"),
            (Link, "a/two", "a/one", ""),
            (Link, "a/three", "a/two", ""),
            (Symlink, "a/up", "../../../etc/passwd", ""),
            (Regular, "a/.hidden..", "", ""),
        ])
        .unwrap();
        let paths: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["a", "a/one", "a/two", "a/three", "a/up", "a/.hidden.."]);
        assert_eq!(
            entries[3].kind,
            EntryKind::HardLink { target: "a/one".to_owned() },
            "a link to a link is one to its file"
        );
    }

    #[test]
    fn a_tar_that_is_cut_off_is_noticed() {
        let whole = tar_of(&[(EntryType::Regular, "a", "", &"x".repeat(2000))]);
        for length in [1, 511, 512, 600, 2511] {
            assert!(read_entries(&whole[..length]).is_err(), "{length} bytes");
        }
    }
}
