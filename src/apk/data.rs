//! The data member of a package, inflated: a tar whose entries become values that point into it.
//!
//! Refused: paths that lead out of the root or hold control characters, devices and other things that no image has use
//! for, a hard link to anything but a file that the package brought before, a path twice, and a file whose contents do
//! not have the checksum that the tar gives. Paths that begin with a dot are metadata and passed over, as apk does.

use std::collections::HashMap;
use std::ops::Range;

use super::entry::{Entry, EntryKind};
use super::error::Error;
use crate::digest::Sha1Digest;
use crate::tar_reader::{TarEntry, TarKind, TarReader};

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
    for entry in TarReader::new(tar) {
        let entry = entry.map_err(broken)?;
        let Some(path) = entry_path(&entry.path().map_err(broken)?)? else { continue };
        let expected = checksum(&entry)?;
        let mut first_name = None;
        let kind = match entry.kind() {
            TarKind::Directory => EntryKind::Directory,
            TarKind::File => {
                first_name = Some(entries.len());
                let content = entry.content();
                let checksum = hash(content.clone());
                if let Some(expected) = expected {
                    compare(&path, expected, checksum)?;
                }
                EntryKind::File { content, checksum }
            }
            TarKind::Symlink => {
                let target = link_target(&path, &entry.target().map_err(broken)?)?;
                if let Some(expected) = expected {
                    compare(&path, expected, Sha1Digest::of(target.as_bytes()))?;
                }
                EntryKind::Symlink { target }
            }
            TarKind::HardLink => {
                let written = link_target(&path, &entry.target().map_err(broken)?)?;
                first_name = entry_path(written.as_bytes())?.and_then(|target| seen.get(&target).copied().flatten());
                let first = first_name.and_then(|place| entries.get(place)).map(|first| first.path.clone());
                let target = first.ok_or(Error::HardLink { path: path.clone(), target: written })?;
                EntryKind::HardLink { target }
            }
            TarKind::CharacterDevice => return Err(Error::Kind { path, kind: "a character device".to_owned() }),
            TarKind::BlockDevice => return Err(Error::Kind { path, kind: "a block device".to_owned() }),
            TarKind::Pipe => return Err(Error::Kind { path, kind: "a FIFO".to_owned() }),
            TarKind::Unknown(byte) => {
                let kind = format!("of the unknown tar type `{}`", [byte].escape_ascii());
                return Err(Error::Kind { path, kind });
            }
        };
        if let Some(before) = seen.insert(path.clone(), first_name) {
            // A folder may be listed again; the first one counts.
            if kind == EntryKind::Directory && before.is_none() {
                continue;
            }
            return Err(Error::Twice { path });
        }
        let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        entries.push(Entry {
            path,
            kind,
            mode: entry.mode().map_err(broken)?,
            uid: entry.uid().map_err(broken)?,
            gid: entry.gid().map_err(broken)?,
            user: name(entry.user()),
            group: name(entry.group()),
            mtime: entry.mtime().map_err(broken)?,
            xattrs: entry.xattrs().map_err(broken)?,
        });
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

fn link_target(path: &str, bytes: &[u8]) -> Result<String, Error> {
    let refuse = |reason| Error::Path { path: path.to_owned(), reason };
    let target = str::from_utf8(bytes).map_err(|_| refuse("has a target that is not UTF-8"))?;
    if target.is_empty() {
        return Err(refuse("is a link to nowhere"));
    }
    if target.chars().any(char::is_control) {
        return Err(refuse("has a control character in its target"));
    }
    Ok(target.to_owned())
}

/// The checksum that abuild gives to the contents of a file, or to the target of a symbolic link.
fn checksum(entry: &TarEntry<'_>) -> Result<Option<Sha1Digest>, Error> {
    let Some(value) = entry.record("APK-TOOLS.checksum.SHA1") else { return Ok(None) };
    let checksum = str::from_utf8(value).ok().and_then(Sha1Digest::from_hex);
    checksum.map(Some).ok_or_else(|| broken(format!("the checksum `{}` is no SHA-1", value.escape_ascii())))
}

fn compare(path: &str, expected: Sha1Digest, found: Sha1Digest) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(Error::FileMismatch { path: path.to_owned(), expected: expected.to_string(), found: found.to_string() })
}

fn broken(reason: String) -> Error {
    Error::Tar { member: MEMBER, reason }
}

#[cfg(test)]
mod tests {
    use tar::{EntryType, Header};

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
