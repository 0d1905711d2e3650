//! Reading tars that anybody may have made, the one way for packages, layers and archives: entries as values that point
//! into the bytes.
//!
//! ustar, PAX and GNU long names are understood (pax(1)). A PAX record is read by its length, so that its value may hold
//! any byte, a newline too: file capabilities do. Global headers (`g`) are skipped, as apk and image engines do. Header
//! checksums are verified, and nothing is allocated by a size that only a header claims. Refused are sparse files,
//! extended headers beyond [`LONGEST_EXTENSION`] and paths beyond [`LONGEST_PATH`]. What each kind of entry is good for
//! is the caller's to say.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use tar::Header;

/// The unit of a tar, in bytes.
pub const BLOCK: usize = 512;

/// Bytes of the longest path; the kernel's own limit (path_resolution(7)).
pub const LONGEST_PATH: usize = 4096;

/// Bytes of the longest extended header. Go's archive/tar, which the image engines are built on, has the same limit.
pub const LONGEST_EXTENSION: usize = 1 << 20;

/// Zero bytes that follow `size` bytes of content up to the next whole block.
pub fn padding(size: u64) -> usize {
    ((BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64) as usize
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TarKind {
    /// A folder.
    Directory,
    /// A file.
    File,
    /// A symbolic link.
    Symlink,
    /// Another name of a file.
    HardLink,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A FIFO.
    Pipe,
    /// A type that no standard knows. pax(1) wants it taken for a file.
    Unknown(u8),
}

/// The entries of a tar in order. The error says what is wrong with the tar; after one there are no more.
#[derive(Debug)]
pub struct TarReader<'bytes> {
    bytes: &'bytes [u8],
    position: usize,
    ended: bool,
}

/// An entry as it is in the tar.
#[derive(Clone, Debug)]
pub struct TarEntry<'bytes> {
    header: &'bytes Header,
    records: Records<'bytes>,
    kind: TarKind,
    content: Range<usize>,
}

/// What PAX and GNU headers say of the entry after them: the last value of a key counts.
#[derive(Clone, Debug, Default)]
struct Records<'bytes>(Vec<(&'bytes [u8], &'bytes [u8])>);

impl<'bytes> TarReader<'bytes> {
    /// A reader of the whole, uncompressed tar `bytes`. Blocks of zero at its end may be missing.
    pub fn new(bytes: &'bytes [u8]) -> Self {
        Self { bytes, position: 0, ended: false }
    }

    /// The next `length` bytes and their padding, as a range of the tar.
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

    fn next_entry(&mut self) -> Result<Option<TarEntry<'bytes>>, String> {
        let mut records = Records::default();
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
            if !is_checksum_right(block) {
                return Err(format!("the header at byte {} has a wrong checksum", self.position));
            }
            self.position += BLOCK;
            let header = Header::from_byte_slice(block);
            let kind = header.entry_type().as_byte();
            let is_extension = matches!(kind, b'x' | b'g' | b'L' | b'K');
            let size = match records.number("size")? {
                _ if matches!(kind, b'1'..=b'6') => 0,
                Some(size) if !is_extension => size,
                _ => header.entry_size().map_err(|error| error.to_string())?,
            };
            if is_extension && size > LONGEST_EXTENSION as u64 {
                return Err(format!("an extended header has {size} bytes, more than {LONGEST_EXTENSION}"));
            }
            let content = self.content(size)?;
            let bytes = self.bytes.get(content.clone()).unwrap_or_default();
            match kind {
                b'x' => records.read(bytes)?,
                b'g' => {}
                b'L' | b'K' => {
                    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                    let key: &[u8] = if kind == b'L' { b"path" } else { b"linkpath" };
                    records.0.push((key, bytes.get(..end).unwrap_or_default()));
                }
                _ => {
                    let mut entry = TarEntry { header, records, kind: TarKind::of(kind), content };
                    if kind == b'S' || entry.records.0.iter().any(|(key, _)| key.starts_with(b"GNU.sparse.")) {
                        return Err(format!("`{}` is a sparse file, which is not understood", entry.path_text()?));
                    }
                    // A folder of the oldest tars is a file whose name ends in a slash.
                    if matches!(entry.kind, TarKind::File | TarKind::Unknown(_)) && entry.path()?.ends_with(b"/") {
                        entry.kind = TarKind::Directory;
                    }
                    return Ok(Some(entry));
                }
            }
        }
    }
}

impl<'bytes> Iterator for TarReader<'bytes> {
    type Item = Result<TarEntry<'bytes>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let entry = self.next_entry().transpose();
        self.ended = !matches!(entry, Some(Ok(_)));
        entry
    }
}

impl TarKind {
    fn of(byte: u8) -> Self {
        match byte {
            b'0' | b'7' | 0 => Self::File,
            b'1' => Self::HardLink,
            b'2' => Self::Symlink,
            b'3' => Self::CharacterDevice,
            b'4' => Self::BlockDevice,
            b'5' => Self::Directory,
            b'6' => Self::Pipe,
            other => Self::Unknown(other),
        }
    }
}

impl<'bytes> TarEntry<'bytes> {
    /// What it is.
    pub fn kind(&self) -> TarKind {
        self.kind
    }

    /// Where in the tar its contents are.
    pub fn content(&self) -> Range<usize> {
        self.content.clone()
    }

    /// Its path as written. Refused beyond [`LONGEST_PATH`].
    pub fn path(&self) -> Result<Cow<'bytes, [u8]>, String> {
        let header = self.header;
        of_bearable_length(self.records.get("path").map_or_else(|| header.path_bytes(), Cow::Borrowed))
    }

    /// What a link leads to, as written; empty for whatever is no link. Refused beyond [`LONGEST_PATH`].
    pub fn target(&self) -> Result<Cow<'bytes, [u8]>, String> {
        let header = self.header;
        let target = self.records.get("linkpath").map(Cow::Borrowed);
        of_bearable_length(target.or_else(|| header.link_name_bytes()).unwrap_or_default())
    }

    /// Its path as text, where that need not be UTF-8. Refused if it holds a NUL byte.
    pub fn path_text(&self) -> Result<String, String> {
        self.path().and_then(|path| text(&path))
    }

    /// What a link leads to as text, where that need not be UTF-8. Refused if it holds a NUL byte.
    pub fn target_text(&self) -> Result<String, String> {
        self.target().and_then(|target| text(&target))
    }

    /// Permission bits with set-id and sticky: at most 0o7777.
    pub fn mode(&self) -> Result<u32, String> {
        Ok(self.header.mode().map_err(|error| error.to_string())? & 0o7777)
    }

    /// Numeric owner.
    pub fn uid(&self) -> Result<u32, String> {
        self.id("uid", self.header.uid())
    }

    /// Numeric group.
    pub fn gid(&self) -> Result<u32, String> {
        self.id("gid", self.header.gid())
    }

    fn id(&self, key: &str, plain: std::io::Result<u64>) -> Result<u32, String> {
        let value = match self.records.number(key)? {
            Some(value) => value,
            None => plain.map_err(|error| error.to_string())?,
        };
        let path = || String::from_utf8_lossy(&self.path().unwrap_or_default()).into_owned();
        u32::try_from(value).map_err(|_| format!("`{}` has the {key} {value}", path()))
    }

    /// Owner by name; empty where none is given.
    pub fn user(&self) -> &'bytes [u8] {
        let header = self.header;
        self.records.get("uname").or_else(|| header.username_bytes()).unwrap_or_default()
    }

    /// Group by name; empty where none is given.
    pub fn group(&self) -> &'bytes [u8] {
        let header = self.header;
        self.records.get("gname").or_else(|| header.groupname_bytes()).unwrap_or_default()
    }

    /// Modification time in whole seconds since 1970.
    pub fn mtime(&self) -> Result<i64, String> {
        if let Some(value) = self.records.get("mtime") {
            whole_seconds(value)
        } else {
            let seconds = self.header.mtime().map_err(|error| error.to_string())?;
            Ok(i64::try_from(seconds).unwrap_or(i64::MAX))
        }
    }

    /// The value of the PAX record `key`; `None` where there is none or it is empty, which takes a value back (pax(1)).
    pub fn record(&self, key: &str) -> Option<&'bytes [u8]> {
        self.records.get(key)
    }

    /// Extended attributes by full name (`SCHILY.xattr.*`).
    pub fn xattrs(&self) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let mut xattrs = BTreeMap::new();
        for (key, value) in &self.records.0 {
            let Some(name) = key.strip_prefix(b"SCHILY.xattr.") else { continue };
            let name = str::from_utf8(name)
                .map_err(|_| format!("the attribute `{}` has a name that is not UTF-8", name.escape_ascii()))?;
            xattrs.insert(name.to_owned(), value.to_vec());
        }
        Ok(xattrs)
    }
}

impl<'bytes> Records<'bytes> {
    /// Reads PAX records, `LENGTH KEY=VALUE\n`. The length alone says where a record ends.
    fn read(&mut self, mut bytes: &'bytes [u8]) -> Result<(), String> {
        let broken = || "a PAX header is broken".to_owned();
        while !bytes.is_empty() {
            let space = bytes.iter().position(|byte| *byte == b' ').ok_or_else(broken)?;
            let length = decimal(bytes.get(..space).unwrap_or_default()).ok_or_else(broken)?;
            let length = usize::try_from(length).map_err(|_| broken())?;
            let record =
                bytes.get(space + 1..length).and_then(|record| record.strip_suffix(b"\n")).ok_or_else(broken)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(broken)?;
            let (key, value) = record.split_at(equals);
            self.0.push((key, value.get(1..).unwrap_or_default()));
            bytes = bytes.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    fn get(&self, key: &str) -> Option<&'bytes [u8]> {
        let last = self.0.iter().rev().find(|(found, _)| *found == key.as_bytes());
        last.map(|(_, value)| *value).filter(|value| !value.is_empty())
    }

    fn number(&self, key: &str) -> Result<Option<u64>, String> {
        let Some(value) = self.get(key) else { return Ok(None) };
        decimal(value).map(Some).ok_or_else(|| format!("a PAX header has a broken {key}"))
    }
}

/// A number of decimal digits and nothing else.
fn decimal(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.iter().all(u8::is_ascii_digit).then(|| str::from_utf8(bytes).ok()).flatten();
    digits.and_then(|digits| digits.parse().ok())
}

/// PAX times may have a fraction, which is left out.
fn whole_seconds(value: &[u8]) -> Result<i64, String> {
    let whole = value.split(|byte| *byte == b'.').next().unwrap_or_default();
    let whole = str::from_utf8(whole).ok().and_then(|whole| whole.parse().ok());
    whole.ok_or_else(|| "a PAX header has a broken mtime".to_owned())
}

fn of_bearable_length(path: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, String> {
    match path.len() {
        0..=LONGEST_PATH => Ok(path),
        length => Err(format!("a path has {length} bytes, more than {LONGEST_PATH}")),
    }
}

fn text(bytes: &[u8]) -> Result<String, String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    if text.contains('\0') {
        return Err(format!("the path `{}` holds a NUL byte", text.replace('\0', "\\0")));
    }
    Ok(text)
}

/// The sum over all bytes, those of the checksum itself taken as spaces (pax(1)).
fn is_checksum_right(block: &[u8; BLOCK]) -> bool {
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(place, byte)| if (148..156).contains(&place) { 32 } else { u32::from(*byte) })
        .sum();
    Header::from_byte_slice(block).cksum().is_ok_and(|stated| stated == sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::apk::writer::append_pax_record;

    /// An entry: its type, name and content.
    type Member<'text> = (u8, &'text str, &'text [u8]);

    /// A tar of entries; the last may be cut short.
    fn tar_of(entries: &[Member<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, name, content) in entries {
            let mut header = Header::new_ustar();
            header.as_mut_bytes()[156] = *kind;
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_mode(0o644);
            header.set_uid(5);
            header.set_gid(6);
            header.set_mtime(7);
            header.set_size(content.len() as u64);
            header.set_cksum();
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(content);
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        }
        bytes
    }

    fn record(key: &str, value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        append_pax_record(&mut bytes, key, value);
        bytes
    }

    fn names(bytes: &[u8]) -> Result<Vec<String>, String> {
        TarReader::new(bytes).map(|entry| entry.and_then(|entry| entry.path_text())).collect()
    }

    fn first_error(bytes: &[u8]) -> String {
        TarReader::new(bytes).find_map(Result::err).unwrap()
    }

    #[test]
    fn a_record_is_read_by_its_length() {
        // cap_dac_override,cap_fowner as setcap(8) writes it: its bits are 0x0a.
        let capability = b"\x01\x00\x00\x02\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
        let records = [
            record("SCHILY.xattr.security.capability", capability),
            record("user.x", b"a\n9 uid=1\n"),
            record("uid", b"77"),
        ]
        .concat();
        let bytes = tar_of(&[(b'x', "PaxHeaders/f", &records), (b'0', "f", b"content"), (b'0', "g", b"")]);
        let entries: Vec<TarEntry<'_>> = TarReader::new(&bytes).collect::<Result<_, _>>().unwrap();
        let xattrs = entries[0].xattrs().unwrap();
        assert_eq!(xattrs, BTreeMap::from([("security.capability".to_owned(), capability.to_vec())]));
        assert_eq!(entries[0].record("user.x"), Some(b"a\n9 uid=1\n".as_slice()), "it looks like another record");
        assert_eq!(entries[0].uid(), Ok(77));
        assert_eq!((entries[1].uid(), entries[1].xattrs().unwrap().len()), (Ok(5), 0), "it is of one entry only");
    }

    #[test]
    fn extended_headers_hold_for_the_entry_after_them() {
        let long = "n".repeat(150) + "\0";
        let path = |value: &str| record("path", value.as_bytes());
        let (inner, taken_back) = (path("in"), [path("in"), path("")].concat());
        let (other, twice) = (path("other"), [path("one"), path("two")].concat());
        let table: [(&[Member<'_>], &[&str]); 7] = [
            (&[(b'g', "pax_global_header", &other), (b'0', "f", b"")], &["f"]),
            (&[(b'g', "pax_global_header", b"nonsense"), (b'0', "f", b"")], &["f"]),
            (&[(b'x', "h", &inner), (b'g', "g", b"x"), (b'0', "f", b""), (b'0', "e", b"")], &["in", "e"]),
            (&[(b'L', "././@LongLink", long.as_bytes()), (b'0', "f", b"")], &[&long[..150]]),
            (&[(b'x', "h", &taken_back), (b'0', "f", b"")], &["f"]),
            (&[(b'x', "h", &twice), (b'0', "f", b"")], &["two"]),
            (&[(b'0', "f", b""), (b'x', "h", &inner)], &["f"]),
        ];
        for (entries, expected) in table {
            assert_eq!(names(&tar_of(entries)).unwrap(), expected);
        }
    }

    #[test]
    fn kinds_are_told_apart() {
        let bytes = tar_of(&[
            (b'0', "a", b"x"),
            (0, "b/", b""),
            (b'5', "c", b""),
            (b'2', "d", b""),
            (b'1', "e", b""),
            (b'3', "f", b""),
            (b'4', "g", b""),
            (b'6', "h", b""),
            (b'7', "i", b"yy"),
            (b'V', "j", b""),
        ]);
        let kinds: Vec<(TarKind, usize)> = TarReader::new(&bytes)
            .map(|entry| entry.map(|entry| (entry.kind(), entry.content().len())).unwrap())
            .collect();
        use TarKind::*;
        let expected = [File, Directory, Directory, Symlink, HardLink, CharacterDevice, BlockDevice, Pipe, File];
        assert!(kinds.iter().map(|(kind, _)| *kind).eq(expected.into_iter().chain([Unknown(b'V')])), "{kinds:?}");
        assert_eq!((kinds[0].1, kinds[8].1), (1, 2));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let mut whole = tar_of(&[(b'0', "f", &[b'x'; 600])]);
        assert_eq!(first_error(&whole[..512]), "it ends at byte 512 in the midst of an entry of 600 bytes");
        assert_eq!(first_error(&whole[..100]), "it ends at byte 100 in the midst of a header");
        whole[3] ^= 1;
        assert_eq!(first_error(&whole), "the header at byte 0 has a wrong checksum");
        let long = record("path", &[b'p'; 4097]);
        let (sparse, no_size) = (record("GNU.sparse.major", b"1"), record("size", b"-1"));
        let large = vec![b'x'; LONGEST_EXTENSION + 1];
        let table: [(&[Member<'_>], &str); 9] = [
            (&[(b'S', "f", b"")], "`f` is a sparse file, which is not understood"),
            (&[(b'x', "h", &sparse), (b'0', "f", b"")], "`f` is a sparse file, which is not understood"),
            (&[(b'x', "h", b"9 path=x")], "a PAX header is broken"),
            (&[(b'x', "h", b"+9 path=x\n")], "a PAX header is broken"),
            (&[(b'x', "h", b"1 path=x\n")], "a PAX header is broken"),
            (&[(b'x', "h", b"99999999999999999999999 path=x\n")], "a PAX header is broken"),
            (&[(b'x', "h", &no_size), (b'0', "f", b"")], "a PAX header has a broken size"),
            (&[(b'x', "h", &long), (b'0', "f", b"")], "a path has 4097 bytes, more than 4096"),
            (&[(b'g', "h", &large)], "an extended header has 1048577 bytes, more than 1048576"),
        ];
        for (entries, expected) in table {
            assert_eq!(names(&tar_of(entries)).unwrap_err(), expected);
        }
        let bytes = tar_of(&[(b'x', "h", &record("uid", b"5000000000")), (b'0', "f", b"")]);
        assert_eq!(TarReader::new(&bytes).next().unwrap().unwrap().uid().unwrap_err(), "`f` has the uid 5000000000");
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
                prop_assert!(entry.content().end <= bytes.len());
                let _ = (entry.path_text(), entry.target_text(), entry.mode(), entry.uid(), entry.gid(), entry.mtime());
                let _ = (entry.user(), entry.group(), entry.xattrs());
            }
        }
    }
}
