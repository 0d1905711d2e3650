//! Tar headers: POSIX ustar, with a PAX header before it wherever ustar cannot hold a value (pax(1), image-spec
//! layer.md).
//!
//! The same entry gives the same bytes always: records in order, nothing from the clock. PAX is written only where it
//! is needed, so that most entries cost one block. Devices, sockets and pipes cannot be expressed here at all.

use std::collections::BTreeMap;

use tar::{EntryType, Header};

use super::error::Error;
use crate::apk::writer::append_pax_record;
use crate::platform::accounts::{Groups, Passwd};
use crate::rootfs::Metadata;
use crate::tar_reader::padding;

/// What kind of entry a header opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'text> {
    /// A folder.
    Directory,
    /// A file of so many bytes.
    File(u64),
    /// A symbolic link to this target.
    Symlink(&'text str),
    /// Another name of the file that stands under this path in the same layer.
    HardLink(&'text str),
}

/// Names of owners and groups by number, as the image's own files have them.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnerNames {
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
}

impl OwnerNames {
    /// Reads passwd(5) and group(5); lines that are neither are passed over. The first name of a number wins.
    pub(super) fn parse(passwd: &[u8], group: &[u8]) -> Self {
        let (passwd, group) = (String::from_utf8_lossy(passwd), String::from_utf8_lossy(group));
        let (mut users, mut groups) = (BTreeMap::new(), BTreeMap::new());
        for user in Passwd::parse(&passwd).into_entries() {
            users.entry(user.uid).or_insert(user.name);
        }
        for group in Groups::parse(&group).into_entries() {
            groups.entry(group.gid).or_insert(group.name);
        }
        Self { users, groups }
    }

    fn user(&self, uid: u32) -> &str {
        self.users.get(&uid).map_or("", String::as_str)
    }

    fn group(&self, gid: u32) -> &str {
        self.groups.get(&gid).map_or("", String::as_str)
    }
}

/// Bytes of the longest name in a path (limits.h, `NAME_MAX`).
const LONGEST_NAME: usize = 255;
/// Bytes of the longest path, less the slash before it and the NUL behind it (limits.h, `PATH_MAX`).
const LONGEST_PATH: usize = 4094;
/// Bytes of the longest target of a link, less the NUL behind it.
const LONGEST_TARGET: usize = 4095;
/// How deep files may stand below the root: reading an image allows no more either.
const DEEPEST: usize = 255;
/// Bytes of all names and values of a file's extended attributes (limits.h, `XATTR_LIST_MAX` and `XATTR_SIZE_MAX`).
const MOST_ATTRIBUTES: usize = 64 << 10;

/// Refuses an entry that no engine can unpack. An image with it would be built, and fail wherever it is loaded.
pub(super) fn check(path: &str, kind: Kind<'_>, metadata: &Metadata) -> Result<(), Error> {
    let name = path.split('/').map(str::len).max().unwrap_or_default();
    let attributes = metadata.xattrs.iter().map(|(name, value)| name.len() + 1 + value.len()).sum();
    let attribute_name = metadata.xattrs.keys().map(String::len).max().unwrap_or_default();
    let (target, longest_target) = match kind {
        Kind::Symlink("") => {
            return Err(Error::EmptyTarget { path: path.to_owned() });
        }
        Kind::Symlink(target) => (target.len(), LONGEST_TARGET),
        // That is a path of the image as well.
        Kind::HardLink(target) => (target.len(), LONGEST_PATH),
        Kind::Directory | Kind::File(_) => (0, 0),
    };
    for (what, found, limit, unit) in [
        ("a name in its path", name, LONGEST_NAME, "bytes"),
        ("its path", path.len(), LONGEST_PATH, "bytes"),
        ("its depth below the root", path.split('/').count(), DEEPEST, "levels"),
        ("the target of the link", target, longest_target, "bytes"),
        ("the name of an extended attribute", attribute_name, LONGEST_NAME, "bytes"),
        ("its extended attributes", attributes, MOST_ATTRIBUTES, "bytes"),
    ] {
        if found > limit {
            return Err(Error::TooLong { path: path.to_owned(), what, found, limit, unit });
        }
    }
    Ok(())
}

/// The header blocks of the entry `path` (relative, no trailing slash; empty for the root folder), appended to `out`.
pub(super) fn write(
    out: &mut Vec<u8>,
    path: &str,
    kind: Kind<'_>,
    metadata: &Metadata,
    owners: &OwnerNames,
) -> Result<(), Error> {
    let name = match (path, kind) {
        ("", _) => "./".to_owned(),
        (_, Kind::Directory) => format!("{path}/"),
        _ => path.to_owned(),
    };
    let target = match kind {
        Kind::Symlink(target) | Kind::HardLink(target) => target,
        Kind::Directory | Kind::File(_) => "",
    };
    if name.contains('\0') || target.contains('\0') {
        return Err(Error::NulInPath { path: format!("{name} -> {target}").replace('\0', "\\0") });
    }
    let mut records = BTreeMap::new();
    for (attribute, value) in &metadata.xattrs {
        if attribute.is_empty() || attribute.contains(['=', '\0', '\n']) {
            return Err(Error::AttributeName { path: path.to_owned(), name: attribute.clone() });
        }
        records.insert(format!("SCHILY.xattr.{attribute}"), value.clone());
    }
    let mut header = Header::new_ustar();
    if !set_name(&mut header, &name) {
        records.insert("path".to_owned(), name.clone().into_bytes());
        set_name(&mut header, &shortened(&name));
    }
    if target.len() > 100 || !target.is_ascii() {
        records.insert("linkpath".to_owned(), target.as_bytes().to_vec());
    }
    put(&mut header.as_old_mut().linkname, target.as_bytes());
    header.set_entry_type(match kind {
        Kind::Directory => EntryType::Directory,
        Kind::File(_) => EntryType::Regular,
        Kind::Symlink(_) => EntryType::Symlink,
        Kind::HardLink(_) => EntryType::Link,
    });
    header.set_mode(metadata.mode & 0o7777);
    let size = if let Kind::File(size) = kind { size } else { 0 };
    let mut number = |key: &str, value: u64, digits: u32| {
        if value < 1 << (3 * digits) {
            return value;
        }
        records.insert(key.to_owned(), value.to_string().into_bytes());
        0
    };
    header.set_uid(number("uid", metadata.uid.into(), 7));
    header.set_gid(number("gid", metadata.gid.into(), 7));
    header.set_size(number("size", size, 11));
    if let Ok(mtime) = u64::try_from(metadata.mtime) {
        header.set_mtime(number("mtime", mtime, 11));
    } else {
        header.set_mtime(0);
        records.insert("mtime".to_owned(), metadata.mtime.to_string().into_bytes());
    }
    for (key, value) in [("uname", owners.user(metadata.uid)), ("gname", owners.group(metadata.gid))] {
        if value.len() > 32 || !value.is_ascii() {
            records.insert(key.to_owned(), value.as_bytes().to_vec());
        } else if let Some(ustar) = header.as_ustar_mut() {
            put(if key == "uname" { &mut ustar.uname } else { &mut ustar.gname }, value.as_bytes());
        }
    }
    header.set_cksum();
    if !records.is_empty() {
        write_records(out, &name, &records);
    }
    out.extend_from_slice(header.as_bytes());
    Ok(())
}

/// Writes a PAX header with `records`, padded to whole blocks.
fn write_records(out: &mut Vec<u8>, name: &str, records: &BTreeMap<String, Vec<u8>>) {
    let mut body = Vec::new();
    for (key, value) in records {
        append_pax_record(&mut body, key, value);
    }
    let mut header = Header::new_ustar();
    set_name(&mut header, &shortened(&format!("PaxHeaders/{}", name.trim_end_matches('/'))));
    header.set_entry_type(EntryType::XHeader);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(body.len() as u64);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(&body);
    out.resize(out.len() + padding(body.len() as u64), 0);
}

/// Puts `name` into the name field, or into prefix and name, cut at a slash. `false` where it does not fit so.
fn set_name(header: &mut Header, name: &str) -> bool {
    let Some(ustar) = header.as_ustar_mut() else { return false };
    if !name.is_ascii() {
        return false;
    }
    if name.len() <= ustar.name.len() {
        put(&mut ustar.name, name.as_bytes());
        return true;
    }
    let cut = name.match_indices('/').find(|(slash, _)| {
        *slash > 0 && *slash <= ustar.prefix.len() && (1..=ustar.name.len()).contains(&(name.len() - slash - 1))
    });
    let Some((slash, _)) = cut else { return false };
    let (prefix, rest) = name.split_at(slash);
    put(&mut ustar.prefix, prefix.as_bytes());
    put(&mut ustar.name, rest.get(1..).unwrap_or_default().as_bytes());
    true
}

/// What stands in the name field where PAX carries the real one: ASCII, at most 100 bytes.
fn shortened(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii() { letter } else { '_' }).take(100).collect()
}

/// As much of `value` as fits, the rest of the field zero.
fn put(field: &mut [u8], value: &[u8]) {
    field.fill(0);
    for (to, from) in field.iter_mut().zip(value) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::rootfs::Origin;
    use crate::tar_reader::{BLOCK, TarEntry, TarKind, TarReader};

    fn metadata() -> Metadata {
        Metadata { mode: 0o644, uid: 0, gid: 0, mtime: 1, xattrs: BTreeMap::new(), origin: Origin::Generated }
    }

    /// What the tar crate reads back: path, link target, the PAX records, bytes of header.
    fn read_back(
        path: &str,
        kind: Kind<'_>,
        metadata: &Metadata,
    ) -> (String, String, BTreeMap<String, Vec<u8>>, usize) {
        let owners = OwnerNames::parse(b"root:x:0:0::/:\nroot2:x:0:0::/:\nbroken\n", b"wheel:x:0:root\n");
        let mut out = Vec::new();
        write(&mut out, path, kind, metadata, &owners).unwrap();
        assert_eq!(out.len() % BLOCK, 0);
        let length = out.len();
        out.resize(length + 2 * BLOCK, 0);
        let mut archive = tar::Archive::new(out.as_slice());
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        if metadata.uid == 0 {
            assert_eq!(entry.header().username().unwrap(), Some("root"));
            assert_eq!(entry.header().groupname().unwrap(), Some("wheel"));
        }
        let mut records = BTreeMap::new();
        if let Some(extensions) = entry.pax_extensions().unwrap() {
            for record in extensions {
                let record = record.unwrap();
                records.insert(record.key().unwrap().to_owned(), record.value_bytes().to_vec());
            }
        }
        let path = String::from_utf8(entry.path_bytes().to_vec()).unwrap();
        let link = entry.link_name_bytes().map(|name| String::from_utf8(name.to_vec()).unwrap()).unwrap_or_default();
        assert_eq!(entry.read(&mut [0; 1]).unwrap(), 0);
        (path, link, records, length)
    }

    #[test]
    fn what_fits_takes_one_block() {
        let deep = format!("{}/{}", "d".repeat(150), "n".repeat(99));
        for (path, kind, expected) in [
            ("", Kind::Directory, "./"),
            ("usr/lib", Kind::Directory, "usr/lib/"),
            ("etc/passwd", Kind::File(0), "etc/passwd"),
            (deep.as_str(), Kind::File(0), deep.as_str()),
        ] {
            let (name, _, records, length) = read_back(path, kind, &metadata());
            assert_eq!((name.as_str(), records.len(), length), (expected, 0, BLOCK));
        }
    }

    #[test]
    fn what_does_not_fit_goes_into_records() {
        let long = format!("{}/{}", "d".repeat(160), "n".repeat(120));
        let (name, _, records, _) = read_back(&long, Kind::File(0), &metadata());
        assert_eq!((name.as_str(), records.contains_key("path")), (long.as_str(), true));
        let (name, link, _, _) = read_back("größe", Kind::Symlink(&long), &metadata());
        assert_eq!((name.as_str(), link.as_str()), ("größe", long.as_str()));
        let strange = Metadata {
            uid: 3_000_000,
            mtime: -5,
            xattrs: BTreeMap::from([("security.capability".to_owned(), vec![1, 0, 61, 255])]),
            ..metadata()
        };
        let (_, link, records, _) = read_back("a", Kind::HardLink("b"), &strange);
        assert_eq!(link, "b");
        assert_eq!(records["uid"], b"3000000");
        assert_eq!(records["mtime"], b"-5");
        assert_eq!(records["SCHILY.xattr.security.capability"], [1, 0, 61, 255]);
    }

    fn one(path: &str, kind: Kind<'_>, metadata: &Metadata) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, path, kind, metadata, &OwnerNames::default()).unwrap();
        if let Kind::File(size) = kind {
            bytes.extend(std::iter::repeat_n(b'x', size as usize));
            bytes.resize(bytes.len() + padding(size), 0);
        }
        bytes.resize(bytes.len() + 2 * BLOCK, 0);
        bytes
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
                for (kind, read, target) in [
                    (Kind::Directory, TarKind::Directory, ""),
                    (Kind::Symlink(&long), TarKind::Symlink, long.as_str()),
                    (Kind::HardLink("b"), TarKind::HardLink, "b"),
                    (Kind::File(700), TarKind::File, ""),
                ] {
                    let bytes = one(path, kind, metadata);
                    let entries: Vec<TarEntry<'_>> = TarReader::new(&bytes).collect::<Result<_, _>>().unwrap();
                    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
                    let slash = if kind == Kind::Directory { "/" } else { "" };
                    assert_eq!((entry.path_text().unwrap(), entry.kind()), (format!("{path}{slash}"), read));
                    assert_eq!(entry.target_text().unwrap(), target);
                    assert_eq!((entry.mode(), entry.uid(), entry.gid()), (Ok(0o644), Ok(metadata.uid), Ok(0)));
                    assert_eq!((entry.mtime(), entry.xattrs()), (Ok(metadata.mtime), Ok(metadata.xattrs.clone())));
                    let content = &bytes[entry.content()];
                    assert!(content.len() == if read == TarKind::File { 700 } else { 0 });
                    assert!(content.iter().all(|byte| *byte == b'x'));
                }
            }
        }
    }

    #[test]
    fn a_record_counts_its_own_digits() {
        for length in [80, 87, 88, 89, 90, 986, 987, 988] {
            let mut out = Vec::new();
            write_records(&mut out, "x", &BTreeMap::from([("path".to_owned(), vec![b'a'; length])]));
            let text = std::str::from_utf8(&out[BLOCK..]).unwrap();
            let (digits, rest) = text.split_once(' ').unwrap();
            let record = digits.len() + 1 + rest.find('\n').unwrap() + 1;
            assert_eq!(digits.parse::<usize>().unwrap(), record, "value of {length} bytes");
        }
    }

    #[test]
    fn what_no_tar_can_carry_is_refused() {
        let owners = OwnerNames::default();
        let bad = Metadata { xattrs: BTreeMap::from([("user.a=b".to_owned(), vec![])]), ..metadata() };
        let error = write(&mut Vec::new(), "f", Kind::File(0), &bad, &owners).unwrap_err();
        assert_eq!(error.to_string(), "`f`: the extended attribute `user.a=b` has a name that no tar can carry");
        assert!(write(&mut Vec::new(), "f\0", Kind::File(0), &metadata(), &owners).is_err());
    }
}
