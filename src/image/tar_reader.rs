//! Reading tars that anybody may have made: entries as values that point into the bytes.
//!
//! ustar, PAX and GNU long names are understood (pax(1)); header checksums are verified; nothing is allocated by a size
//! that only a header claims. Refused are sparse files and paths longer than [`LONGEST_PATH`]. Devices and pipes are
//! passed over, because a tree has no place for them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::header::{BLOCK, padding};

/// Bytes of the longest path; the kernel's own limit (path_resolution(7)).
pub(super) const LONGEST_PATH: usize = 4096;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RawKind {
    Directory,
    /// Its bytes in the tar.
    File(Range<usize>),
    Symlink(String),
    HardLink(String),
}

/// An entry as it stands in the tar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawEntry {
    /// As written, but for bytes that are not UTF-8.
    pub(super) name: String,
    pub(super) kind: RawKind,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: i64,
    pub(super) xattrs: BTreeMap<String, Vec<u8>>,
}

/// The entries of a tar in order. After an error there are no more.
pub(super) struct TarReader<'bytes> {
    bytes: &'bytes [u8],
    position: usize,
    ended: bool,
}

/// Values that a PAX or GNU header sets for the entry after it.
#[derive(Default)]
struct Extensions {
    records: BTreeMap<String, Vec<u8>>,
}

impl<'bytes> TarReader<'bytes> {
    pub(super) fn new(bytes: &'bytes [u8]) -> Self {
        Self { bytes, position: 0, ended: false }
    }

    /// The next `length` bytes and their padding, as a place in the tar.
    fn content(&mut self, length: u64) -> Result<Range<usize>, String> {
        let start = self.position;
        let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        let end = end.filter(|end| *end <= self.bytes.len()).ok_or_else(|| {
            format!("it ends at byte {} in the midst of an entry of {length} bytes", self.bytes.len())
        })?;
        // The very last entry may lack its padding.
        self.position = end.saturating_add(padding(length)).min(self.bytes.len());
        Ok(start..end)
    }

    fn next_entry(&mut self) -> Result<Option<RawEntry>, String> {
        let mut extensions = Extensions::default();
        loop {
            let Some(block) = self.bytes.get(self.position..).and_then(<[u8]>::first_chunk::<BLOCK>) else {
                return if self.position == self.bytes.len() {
                    Ok(None)
                } else {
                    Err(format!("it ends at byte {} in the midst of a header", self.bytes.len()))
                };
            };
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let header = tar::Header::from_byte_slice(block);
            if !checksum_holds(block) {
                return Err(format!("the header at byte {} has a wrong checksum", self.position));
            }
            self.position += BLOCK;
            let number = |result: std::io::Result<u64>| result.map_err(|error| error.to_string());
            let kind = header.entry_type().as_byte();
            let has_content = !matches!(kind, b'1' | b'2' | b'3' | b'4' | b'5' | b'6');
            let size = match extensions.number("size")? {
                _ if !has_content => 0,
                Some(size) if !matches!(kind, b'x' | b'g' | b'L' | b'K') => size,
                _ => number(header.entry_size())?,
            };
            let content = self.content(size)?;
            let bytes = self.bytes.get(content.clone()).unwrap_or_default();
            let name = || match extensions.records.get("path") {
                Some(path) => text(path),
                None => text(&header.path_bytes()),
            };
            let link = || match extensions.records.get("linkpath") {
                Some(path) => text(path),
                None => text(&header.link_name_bytes().unwrap_or_default()),
            };
            let kind = match kind {
                b'x' => {
                    extensions.read(bytes)?;
                    continue;
                }
                b'g' => continue,
                b'L' | b'K' => {
                    let key = if kind == b'L' { "path" } else { "linkpath" };
                    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                    extensions.records.insert(key.to_owned(), bytes.get(..end).unwrap_or_default().to_vec());
                    continue;
                }
                b'S' => return Err(format!("`{}` is a sparse file, which is not understood", name()?)),
                b'3' | b'4' | b'6' => {
                    extensions = Extensions::default();
                    continue;
                }
                _ if extensions.records.keys().any(|key| key.starts_with("GNU.sparse.")) => {
                    return Err(format!("`{}` is a sparse file, which is not understood", name()?));
                }
                b'5' => RawKind::Directory,
                b'2' => RawKind::Symlink(link()?),
                b'1' => RawKind::HardLink(link()?),
                // What a reader does not know is a file (pax(1)); a folder of the oldest tars ends in a slash.
                _ if name()?.ends_with('/') => RawKind::Directory,
                _ => RawKind::File(content),
            };
            let owner = |key: &str, plain: std::io::Result<u64>| -> Result<u32, String> {
                let value = match extensions.number(key)? {
                    Some(value) => value,
                    None => number(plain)?,
                };
                u32::try_from(value).map_err(|_| format!("`{}` has the {key} {value}", name().unwrap_or_default()))
            };
            return Ok(Some(RawEntry {
                kind,
                mode: header.mode().map_err(|error| error.to_string())? & 0o7777,
                uid: owner("uid", header.uid())?,
                gid: owner("gid", header.gid())?,
                mtime: match extensions.records.get("mtime") {
                    Some(value) => whole_seconds(value)?,
                    None => i64::try_from(number(header.mtime())?).unwrap_or(i64::MAX),
                },
                name: name()?,
                xattrs: extensions
                    .records
                    .iter()
                    .filter_map(|(key, value)| Some((key.strip_prefix("SCHILY.xattr.")?.to_owned(), value.clone())))
                    .collect(),
            }));
        }
    }
}

impl Iterator for TarReader<'_> {
    type Item = Result<RawEntry, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let entry = self.next_entry().transpose();
        self.ended = !matches!(entry, Some(Ok(_)));
        entry
    }
}

impl Extensions {
    /// Reads PAX records, `LENGTH KEY=VALUE\n`. The length alone says where a record ends: a value may hold anything.
    fn read(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        let broken = || "a PAX header is broken".to_owned();
        while !bytes.is_empty() {
            let space = bytes.iter().position(|byte| *byte == b' ').ok_or_else(broken)?;
            let digits = bytes.get(..space).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(broken)?;
            let length: usize = digits.parse().map_err(|_| broken())?;
            let record =
                bytes.get(space + 1..length).and_then(|record| record.strip_suffix(b"\n")).ok_or_else(broken)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(broken)?;
            let (key, value) = record.split_at(equals);
            self.records.insert(text(key)?, value.get(1..).unwrap_or_default().to_vec());
            bytes = bytes.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    fn number(&self, key: &str) -> Result<Option<u64>, String> {
        let Some(value) = self.records.get(key) else { return Ok(None) };
        let digits = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
        digits.map(Some).ok_or_else(|| format!("a PAX header has a broken {key}"))
    }
}

/// PAX times may have a fraction, which images do not keep.
fn whole_seconds(value: &[u8]) -> Result<i64, String> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let whole = text.split('.').next().unwrap_or_default();
    whole.parse().map_err(|_| "a PAX header has a broken mtime".to_owned())
}

fn text(bytes: &[u8]) -> Result<String, String> {
    if bytes.len() > LONGEST_PATH {
        return Err(format!("a path has {} bytes, more than {LONGEST_PATH}", bytes.len()));
    }
    let text = String::from_utf8_lossy(bytes).into_owned();
    if text.contains('\0') {
        return Err(format!("the path `{}` holds a NUL byte", text.replace('\0', "\\0")));
    }
    Ok(text)
}

/// The sum over all bytes, those of the checksum itself taken as spaces (pax(1)).
fn checksum_holds(block: &[u8; BLOCK]) -> bool {
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(place, byte)| if (148..156).contains(&place) { 32 } else { u32::from(*byte) })
        .sum();
    tar::Header::from_byte_slice(block).cksum().is_ok_and(|stated| stated == sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::header::{self, Kind, OwnerNames};
    use super::*;
    use crate::rootfs::{Metadata, Origin};

    fn metadata() -> Metadata {
        Metadata { mode: 0o644, uid: 5, gid: 6, mtime: 7, xattrs: BTreeMap::new(), origin: Origin::Generated }
    }

    fn one(path: &str, kind: Kind<'_>, metadata: &Metadata) -> RawEntry {
        let mut bytes = Vec::new();
        header::write(&mut bytes, path, kind, metadata, &OwnerNames::default()).unwrap();
        if let Kind::File(size) = kind {
            bytes.extend(std::iter::repeat_n(b'x', size as usize));
            bytes.resize(bytes.len() + padding(size), 0);
        }
        bytes.resize(bytes.len() + 2 * BLOCK, 0);
        let mut reader = TarReader::new(&bytes);
        let entry = reader.next().unwrap().unwrap();
        assert!(reader.next().is_none());
        if let RawKind::File(range) = &entry.kind {
            assert!(bytes[range.clone()].iter().all(|byte| *byte == b'x'));
        }
        entry
    }

    #[test]
    fn what_is_written_is_read() {
        let long = "long/".repeat(60) + &"n".repeat(130);
        let strange = Metadata {
            uid: 3_000_000,
            mtime: -9,
            xattrs: BTreeMap::from([("security.capability".to_owned(), b"\x01\n= \n\x00".to_vec())]),
            ..metadata()
        };
        for path in ["a", "größe", long.as_str()] {
            for metadata in [&metadata(), &strange] {
                for (kind, read) in [
                    (Kind::Directory, RawKind::Directory),
                    (Kind::Symlink(&long), RawKind::Symlink(long.clone())),
                    (Kind::HardLink("b"), RawKind::HardLink("b".to_owned())),
                ] {
                    let entry = one(path, kind, metadata);
                    let slash = if kind == Kind::Directory { "/" } else { "" };
                    assert_eq!((entry.name, entry.kind), (format!("{path}{slash}"), read));
                    assert_eq!((entry.mode, entry.uid, entry.gid), (0o644, metadata.uid, 6));
                    assert_eq!((entry.mtime, entry.xattrs), (metadata.mtime, metadata.xattrs.clone()));
                }
                let entry = one(path, Kind::File(700), metadata);
                assert!(matches!(entry.kind, RawKind::File(range) if range.len() == 700));
            }
        }
    }

    #[test]
    fn damage_is_named() {
        let mut bytes = Vec::new();
        header::write(&mut bytes, "f", Kind::File(600), &metadata(), &OwnerNames::default()).unwrap();
        let first_error = |bytes: &[u8]| TarReader::new(bytes).find_map(Result::err).unwrap();
        assert_eq!(first_error(&bytes), "it ends at byte 512 in the midst of an entry of 600 bytes");
        assert_eq!(first_error(&bytes[..100]), "it ends at byte 100 in the midst of a header");
        bytes[3] ^= 1;
        assert_eq!(first_error(&bytes), "the header at byte 0 has a wrong checksum");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(mut bytes in proptest::collection::vec(any::<u8>(), 0..3000), kind in any::<u8>()) {
            // Give the first header a right checksum, so that reading goes deeper.
            if let Some(block) = bytes.first_chunk_mut::<BLOCK>() {
                block[156] = kind;
                let sum: u32 = block.iter().enumerate()
                    .map(|(place, byte)| if (148..156).contains(&place) { 32 } else { u32::from(*byte) })
                    .sum();
                block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
            for entry in TarReader::new(&bytes).flatten() {
                if let RawKind::File(range) = entry.kind {
                    prop_assert!(range.end <= bytes.len());
                }
            }
        }
    }
}
