//! Writing what apk and scanners look for: the installed database, its scripts and triggers, world, arch, repositories.
//!
//! To be called when nothing is added or pruned any more: the database tells of what is in the tree then. The scripts
//! archive is laid out as apk lays it out (GNU headers, 512-byte blocks, two empty ones at the end), so that apk reads
//! it and so that it can be compared byte for byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::error::Error;
use super::installed::{self, Remaining};
use super::package::InstalledPackage;
use super::root_filesystem::Rootfs;
use super::skeleton::generated;
use super::tree::{Content, Inode, InodeKind, Tree};
use crate::apk::{Dependency, Identity};

/// What the database says beyond the packages.
#[derive(Clone, Debug, Default)]
pub struct DatabaseOptions {
    /// What the recipe asked for, in world syntax.
    pub world: Vec<String>,
    /// Alpine's name of the architecture.
    pub arch: String,
    /// Lines of `etc/apk/repositories`; without any the file is not written.
    pub repositories: Vec<String>,
    /// The repository tag of the packages that came from a tagged repository, without its `@`.
    pub pins: BTreeMap<String, String>,
    /// Modification time of the files, in seconds since 1970.
    pub timestamp: i64,
}

/// Where the database is.
const DATABASE: &str = "lib/apk/db";

/// Writes the database of what is left of the packages, and `etc/apk/{world,arch,repositories}`.
pub fn write_database(rootfs: &mut Rootfs, options: &DatabaseOptions) -> Result<(), Error> {
    let mut remaining = installed::remaining(rootfs);
    remaining.sort_by(|one, other| one.package.info.name.cmp(&other.package.info.name));
    let installed = installed::text(&remaining, &options.pins).into_bytes();
    let triggers = triggers(&remaining).into_bytes();
    let scripts = scripts(&remaining);
    let mut world = world(&options.world, &rootfs.packages, &remaining);
    world.push('\n');
    let folder = database_folder(&mut rootfs.tree, options.timestamp)?;
    let files = [
        (format!("{folder}/installed"), installed),
        (format!("{folder}/triggers"), triggers),
        (format!("{folder}/scripts.tar"), scripts),
        ("etc/apk/world".to_owned(), world.into_bytes()),
        ("etc/apk/arch".to_owned(), format!("{}\n", options.arch).into_bytes()),
    ];
    for (path, bytes) in files {
        write_file(&mut rootfs.tree, &path, bytes, options.timestamp)?;
    }
    if !options.repositories.is_empty() {
        let lines = options.repositories.join("\n") + "\n";
        write_file(&mut rootfs.tree, "etc/apk/repositories", lines.into_bytes(), options.timestamp)?;
    }
    Ok(())
}

/// The folder of the database, made where it is missing. Where a package brought `usr/lib/apk` the database is there,
/// and `lib/apk` leads to it.
fn database_folder(tree: &mut Tree, timestamp: i64) -> Result<String, Error> {
    if tree.lookup("lib/apk").is_none() && tree.lookup("usr/lib/apk").is_some_and(|id| tree.children(id).is_some()) {
        let lib = make_folder(tree, "lib", timestamp)?;
        if lib == "lib" {
            let kind = InodeKind::Symlink("../usr/lib/apk".to_owned());
            tree.insert("lib/apk", Inode { kind, metadata: generated(0o777, timestamp) })
                .map_err(|source| Error::Generated { path: "lib/apk".to_owned(), source })?;
        }
    }
    make_folder(tree, DATABASE, timestamp)
}

/// Makes the folder `path` and its parents where they are missing, through links, and gives its real path.
pub(super) fn make_folder(tree: &mut Tree, path: &str, timestamp: i64) -> Result<String, Error> {
    let mut real = String::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let below = if real.is_empty() { part.to_owned() } else { format!("{real}/{part}") };
        real = tree.resolve_target(&below).unwrap_or(below);
        tree.make_directories(&real, &generated(0o755, timestamp))
            .map_err(|source| Error::Generated { path: real.clone(), source })?;
    }
    Ok(real)
}

/// Writes a file of root's, 0644, through links, making its folder where it is missing.
pub(super) fn write_file(tree: &mut Tree, path: &str, bytes: Vec<u8>, timestamp: i64) -> Result<(), Error> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = make_folder(tree, folder, timestamp)?;
    let place = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    let kind = InodeKind::File { content: Content::from(bytes), checksum: None };
    tree.insert(&place, Inode { kind, metadata: generated(0o644, timestamp) })
        .map(|_| ())
        .map_err(|source| Error::Generated { path: place, source })
}

fn triggers(remaining: &[Remaining<'_>]) -> String {
    let mut text = String::new();
    for InstalledPackage { identity, info, .. } in remaining.iter().map(|remaining| remaining.package) {
        if !info.triggers.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{identity} {}", info.triggers.join(" "));
        }
    }
    text
}

/// The world without what only a package provides of which nothing is left.
fn world(words: &[String], installed: &[InstalledPackage], remaining: &[Remaining<'_>]) -> String {
    let mut kept: Vec<(String, &str)> = words
        .iter()
        .filter_map(|word| {
            let name = Dependency::parse_world(word).map_or_else(|_| word.clone(), |found| found.name.to_string());
            let was_there = installed.iter().any(|package| provides(package, &name));
            let is_there = remaining.iter().any(|remaining| provides(remaining.package, &name));
            (is_there || !was_there).then_some((name, word.as_str()))
        })
        .collect();
    kept.sort_unstable();
    kept.dedup();
    kept.into_iter().map(|(_, word)| word).collect::<Vec<_>>().join("\n")
}

fn provides(package: &InstalledPackage, name: &str) -> bool {
    let provided = |word: &String| Dependency::parse(word).is_ok_and(|found| found.name.as_str() == name);
    package.info.name == name || package.info.provides.iter().any(provided)
}

/// The scripts of the packages as apk's `scripts.tar`.
fn scripts(remaining: &[Remaining<'_>]) -> Vec<u8> {
    let mut archive = Vec::new();
    for package in remaining.iter().map(|remaining| remaining.package) {
        for (script, text) in &package.scripts {
            // apk 2 writes the identity in base64, which has slashes, and reads both.
            let identity = match package.identity {
                Identity::Sha1(digest) => format!("X1{digest}"),
                Identity::Sha256(digest) => format!("X2{digest}"),
            };
            let name = format!("{}.{identity}.{}", package.name_and_version(), script.name());
            if name.len() > NAME_LENGTH {
                // GNU's way of a long name: an entry of type L whose contents are the name and a zero byte.
                let mut long = name.clone().into_bytes();
                long.push(0);
                archive.extend_from_slice(&header("././@LongLink", b'L', 0, long.len(), 0));
                push_blocks(&mut archive, &long);
            }
            archive.extend_from_slice(&header(&name, b'0', 0o755, text.len(), package.info.build_date));
            push_blocks(&mut archive, text);
        }
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

const BLOCK: usize = 512;
const NAME_LENGTH: usize = 100;

fn push_blocks(archive: &mut Vec<u8>, bytes: &[u8]) {
    archive.extend_from_slice(bytes);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
}

/// A tar header as apk writes one: size and time fill their fields, without a zero byte at the end.
fn header(name: &str, kind: u8, mode: u32, size: usize, mtime: i64) -> Vec<u8> {
    let mut header = Vec::with_capacity(BLOCK);
    let mut field = |text: &str, length: usize| {
        let bytes = text.as_bytes();
        header.extend_from_slice(bytes.get(..bytes.len().min(length)).unwrap_or(bytes));
        header.resize(header.len() + length.saturating_sub(bytes.len()), 0);
    };
    field(name, NAME_LENGTH);
    field(&format!("{mode:07o}"), 8);
    field(&format!("{:07o}", 0), 8);
    field(&format!("{:07o}", 0), 8);
    field(&format!("{size:012o}"), 12);
    field(&format!("{:012o}", mtime.max(0)), 12);
    field("        ", 8);
    field(char::from(kind).encode_utf8(&mut [0; 4]), 1);
    field("", NAME_LENGTH);
    field("ustar  ", 8);
    field("root", 32);
    field("root", 32);
    header.resize(BLOCK, 0);
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    if let Some(place) = header.get_mut(148..156) {
        place.copy_from_slice(sum.as_bytes());
    }
    header
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::super::{Metadata, Origin};
    use super::super::{Owner, PackageId, Record, RecordKind};
    use super::*;
    use crate::apk::PackageInfo;
    use crate::digest::Sha1Digest;
    use crate::fetch::Script;

    fn owner(uid: u32, mode: u32) -> Owner {
        Owner { uid, gid: uid, mode, xattrs: BTreeMap::new() }
    }

    /// A root with packages `one` (two files, a folder), `two` (a file) and `none` (nothing at all).
    fn sample() -> Rootfs {
        let mut rootfs = Rootfs::default();
        let folder =
            |path: &str, mode| Record { path: path.to_owned(), owner: owner(0, mode), kind: RecordKind::Folder };
        let file = |path: &str, uid, mode| Record {
            path: path.to_owned(),
            owner: owner(uid, mode),
            kind: RecordKind::File { checksum: Sha1Digest::of(path.as_bytes()) },
        };
        let packages = [
            ("two", vec![folder("b", 0o700), file("b/only", 5, 0o600), file("top", 0, 0o644)]),
            ("one", vec![folder("a", 0o755), file("a/x", 0, 0o755), file("a/y", 0, 0o644), folder("a/empty", 0o750)]),
            ("none", Vec::new()),
        ];
        for (number, (name, records)) in packages.into_iter().enumerate() {
            let info = PackageInfo {
                name: name.to_owned(),
                version: "1-r0".to_owned(),
                arch: "x86_64".to_owned(),
                build_date: 1_700_000_000,
                provides: vec![format!("cmd:{name}=1-r0")],
                triggers: vec!["/a".to_owned(), "/b/*".to_owned()],
                ..PackageInfo::default()
            };
            let mut package = InstalledPackage::new(Identity::Sha1(Sha1Digest::of(name.as_bytes())), info);
            let metadata = |owner: &Owner| Metadata {
                mode: owner.mode,
                uid: owner.uid,
                gid: owner.gid,
                mtime: 0,
                xattrs: BTreeMap::new(),
                origin: Origin::Package(PackageId(u32::try_from(number).unwrap())),
            };
            for record in &records {
                let kind = match record.kind {
                    RecordKind::Folder => InodeKind::Directory(BTreeMap::new()),
                    RecordKind::File { .. } => InodeKind::File { content: b"x".to_vec().into(), checksum: None },
                };
                rootfs.tree.insert(&record.path, Inode { kind, metadata: metadata(&record.owner) }).unwrap();
            }
            package.records = records;
            package.scripts.insert(Script::Trigger, b"#!/bin/sh\n".to_vec());
            rootfs.packages.push(package);
        }
        rootfs
    }

    fn write(rootfs: &mut Rootfs, world: &[&str]) {
        let options = DatabaseOptions {
            world: world.iter().map(|word| (*word).to_owned()).collect(),
            arch: "x86_64".to_owned(),
            timestamp: 7,
            ..DatabaseOptions::default()
        };
        write_database(rootfs, &options).unwrap();
    }

    fn read(rootfs: &Rootfs, path: &str) -> String {
        String::from_utf8_lossy(rootfs.tree.file(path).unwrap()).into_owned()
    }

    fn paths(rootfs: &Rootfs) -> Vec<String> {
        let is_path = |line: &&str| ["P:", "F:", "M:", "R:", "a:"].iter().any(|field| line.starts_with(field));
        read(rootfs, "lib/apk/db/installed").lines().filter(is_path).map(str::to_owned).collect()
    }

    #[test]
    fn everything_is_recorded_in_apks_order() {
        let mut rootfs = sample();
        write(&mut rootfs, &["two", "one~1"]);
        assert_eq!(
            paths(&rootfs),
            [
                "P:none",
                "P:one",
                "F:a",
                "R:x",
                "a:0:0:755",
                "R:y",
                "F:a/empty",
                "M:0:0:750",
                "P:two",
                "F:b",
                "M:0:0:700",
                "R:only",
                "a:5:5:600",
                "F:",
                "R:top"
            ]
        );
        assert_eq!(read(&rootfs, "etc/apk/world"), "one~1\ntwo\n");
        assert_eq!(read(&rootfs, "etc/apk/arch"), "x86_64\n");
        assert!(rootfs.tree.get("etc/apk/repositories").is_none());
        let first = read(&rootfs, "lib/apk/db/triggers").lines().next().unwrap().to_owned();
        assert!(first.ends_with("= /a /b/*"), "{first}");
    }

    #[test]
    fn what_is_gone_is_not_recorded() {
        let mut rootfs = sample();
        rootfs.tree.remove("a/y");
        rootfs.tree.remove("a/empty");
        rootfs.tree.remove("b/only");
        rootfs.tree.remove("top");
        write(&mut rootfs, &["one", "cmd:two", "two", "missing"]);
        assert_eq!(paths(&rootfs), ["P:none", "P:one", "F:a", "R:x", "a:0:0:755"]);
        assert_eq!(read(&rootfs, "etc/apk/world"), "missing\none\n");
        assert!(!read(&rootfs, "lib/apk/db/scripts.tar").contains("two-1-r0"));
    }

    #[test]
    fn what_the_recipe_put_in_place_is_not_the_packages() {
        let mut rootfs = sample();
        let copied = Metadata { origin: Origin::Copied, ..generated(0o644, 0) };
        let kind = InodeKind::File { content: b"mine".to_vec().into(), checksum: None };
        rootfs.tree.insert("a/x", Inode { kind, metadata: copied }).unwrap();
        write(&mut rootfs, &[]);
        assert!(!paths(&rootfs).contains(&"R:x".to_owned()));
        assert!(paths(&rootfs).contains(&"R:y".to_owned()));
    }

    #[test]
    fn the_scripts_archive_is_read_by_others() {
        let mut rootfs = sample();
        rootfs.packages[0].info.version = format!("{}-r0", "1.".repeat(60) + "1");
        write(&mut rootfs, &[]);
        let bytes = rootfs.tree.file("lib/apk/db/scripts.tar").unwrap().to_vec();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            assert_eq!((entry.header().mode().unwrap(), text.as_str()), (0o755, "#!/bin/sh\n"));
            found.push(entry.path().unwrap().display().to_string());
        }
        assert_eq!(found.len(), 3);
        let identity = Sha1Digest::of(b"two");
        assert!(found[2].starts_with("two-1.1.") && found[2].ends_with(&format!(".X1{identity}.trigger")), "{found:?}");
    }

    #[test]
    fn a_database_below_usr_is_reached_as_lib_too() {
        let mut rootfs = sample();
        rootfs.tree.make_directories("usr/lib/apk", &generated(0o755, 0)).unwrap();
        write(&mut rootfs, &[]);
        assert!(rootfs.tree.file("usr/lib/apk/db/installed").is_some());
        assert_eq!(rootfs.tree.resolve("lib/apk/db/installed").as_deref(), Some("usr/lib/apk/db/installed"));
    }
}
