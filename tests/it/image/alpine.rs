//! Alpine's own minimal root filesystem, packed, and unpacked by programs of others.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use apkbuild::apk::{Identity, PackageInfo};
use apkbuild::digest::Sha1Digest;
use apkbuild::image::{Compression, CompressionKind, ImageSet, LayerOptions, PackedImage, Reference, Settings, pack};
use apkbuild::platform::Architecture;
use apkbuild::rootfs::{Inode, InodeKind, InstalledPackage, Metadata, Origin, PackageId, Rootfs, Tree};

use super::{file, metadata};

/// The files of a tar as a root filesystem that one package brought, with the account and application of a recipe.
fn rootfs_of_tar(bytes: &[u8]) -> Rootfs {
    let mut tree = Tree::new();
    let origin = Origin::Package(PackageId(0));
    let mut archive = tar::Archive::new(bytes);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let path = path.trim_start_matches("./").trim_end_matches('/').to_owned();
        let header = entry.header();
        let metadata = Metadata {
            mode: header.mode().unwrap() & 0o7777,
            uid: header.uid().unwrap() as u32,
            gid: header.gid().unwrap() as u32,
            mtime: header.mtime().unwrap().cast_signed(),
            xattrs: BTreeMap::new(),
            origin,
        };
        let target = entry.link_name().unwrap().map(|target| target.display().to_string());
        match header.entry_type() {
            tar::EntryType::Directory if path.is_empty() => {}
            tar::EntryType::Directory => drop(tree.make_directories(&path, &metadata).unwrap()),
            tar::EntryType::Symlink => {
                let kind = InodeKind::Symlink(target.unwrap());
                tree.insert(&path, Inode { kind, metadata }).unwrap();
            }
            tar::EntryType::Link => {
                let first = tree.lookup(target.unwrap().trim_start_matches("./")).unwrap();
                tree.link(&path, first).unwrap();
            }
            tar::EntryType::Regular => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                let kind = InodeKind::File { content: bytes.into(), checksum: None };
                tree.insert(&path, Inode { kind, metadata }).unwrap();
            }
            kind => panic!("{path} is {kind:?}"),
        }
    }
    let mut application = file(b"#!/bin/sh\necho hello from `whoami`\n", Origin::Copied);
    application.metadata.mode = 0o755;
    tree.make_directories("app", &metadata(0o755, Origin::Generated)).unwrap();
    tree.insert("app/hello", application).unwrap();
    let passwd = [tree.file("etc/passwd").unwrap(), b"appuser:x:1001:1001::/:/bin/sh\n".as_slice()].concat();
    tree.insert("etc/passwd", file(&passwd, Origin::Generated)).unwrap();
    let info = PackageInfo { name: "minirootfs".to_owned(), version: "3".to_owned(), ..PackageInfo::default() };
    let package = InstalledPackage::new(Identity::Sha1(Sha1Digest::of(b"minirootfs")), info);
    Rootfs { tree, packages: vec![package] }
}

/// Runs a program that may be absent: `None` then. A failure fails the test.
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(arguments).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: there is no {program} here");
            return None;
        }
        output => output.unwrap(),
    };
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn skopeo_and_umoci_read_alpine_back_as_it_was() {
    let Some(shared) = std::env::var_os("APKBUILD_SHARED") else {
        println!("skipped: APKBUILD_SHARED does not name the folder with Alpine's own files");
        return;
    };
    let minirootfs = Path::new(&shared).join("alpine/alpine-minirootfs-3.20.3-x86_64.tar.gz");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(fs_err::File::open(minirootfs).unwrap()).read_to_end(&mut bytes).unwrap();
    let rootfs = rootfs_of_tar(&bytes);
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    for (kind, tag) in [(CompressionKind::Gzip, "gzip"), (CompressionKind::Zstd, "zstd")] {
        let compression = Compression::new(kind, None).unwrap();
        let layers = pack(&rootfs, &LayerOptions { compression, ..LayerOptions::default() }).unwrap();
        let settings = Settings {
            user: "1001:1001".to_owned(),
            cmd: vec!["/app/hello".to_owned()],
            workdir: "/app".to_owned(),
            ports: ["8000/tcp".to_owned()].into(),
            ..Settings::default()
        };
        let image = PackedImage::new(Architecture::X86_64, layers, &settings).unwrap();
        let reference = Reference::parse(&format!("minirootfs:{tag}")).unwrap();
        let set = ImageSet::new(reference, vec![image]).unwrap();
        let archive = place(&format!("{tag}.tar"));
        let layout = place(tag);
        set.write_archive(Path::new(&archive)).unwrap();
        let Some(inspected) = run("skopeo", &["inspect", &format!("oci-archive:{archive}")]) else { return };
        let inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
        assert_eq!(inspected["Digest"], set.digest().to_oci());
        assert_eq!(inspected["Architecture"], "amd64");
        run("skopeo", &["inspect", "--config", &format!("docker-archive:{archive}")]);
        run("skopeo", &["copy", &format!("oci-archive:{archive}"), &format!("oci:{layout}:{tag}")]);
        let bundle = place(&format!("{tag}.bundle"));
        if kind == CompressionKind::Zstd {
            // Debian's umoci does not read zstd.
            continue;
        }
        if run("umoci", &["unpack", "--rootless", "--image", &format!("{layout}:{tag}"), &bundle]).is_none() {
            return;
        }
        let root = Path::new(&bundle).join("rootfs");
        let mut paths = 0;
        for (path, id) in rootfs.tree.walk() {
            let inode = rootfs.tree.inode(id);
            let found = fs_err::symlink_metadata(root.join(&path)).unwrap();
            match &inode.kind {
                InodeKind::Directory(_) => assert!(found.is_dir(), "{path}"),
                InodeKind::Symlink(target) => {
                    assert_eq!(fs_err::read_link(root.join(&path)).unwrap(), Path::new(target), "{path}");
                }
                InodeKind::File { content, .. } => {
                    assert_eq!(fs_err::read(root.join(&path)).unwrap(), **content, "{path}");
                }
            }
            if !matches!(inode.kind, InodeKind::Symlink(_)) {
                let mode = std::os::unix::fs::MetadataExt::mode(&found) & 0o7777;
                assert_eq!(mode, inode.metadata.mode, "{path}");
            }
            let mtime = std::os::unix::fs::MetadataExt::mtime(&found);
            assert_eq!(mtime, inode.metadata.mtime, "{path}");
            paths += 1;
        }
        let unpacked = walkdir::WalkDir::new(&root).min_depth(1).into_iter().count();
        assert_eq!(unpacked, paths, "nothing more than what was packed");
    }
}
