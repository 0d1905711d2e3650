//! Images that are read back.

use std::collections::BTreeMap;

use apkbuild::digest::Sha256Digest;
use apkbuild::image::{
    Compression, CompressionKind, ImageSet, LayerOptions, Layering, PackedImage, Reference, Settings, StoredImage, pack,
};
use apkbuild::platform::Architecture;
use apkbuild::rootfs::{Inode, InodeKind, Metadata, Tree};

use super::{image_set, small_rootfs};

/// A line for each path of a tree, with all that a layer keeps of it.
fn dump(tree: &Tree) -> Vec<String> {
    let mut first_names = BTreeMap::new();
    let mut lines = Vec::new();
    for (path, id) in std::iter::once((String::new(), Tree::ROOT)).chain(tree.walk()) {
        let Inode { kind, metadata } = tree.inode(id);
        let first = first_names.entry(id).or_insert_with(|| path.clone());
        let what = match kind {
            InodeKind::Directory(_) => "folder".to_owned(),
            InodeKind::Symlink(target) => format!("-> {target}"),
            InodeKind::File { content, .. } => format!("{first} {}", Sha256Digest::of(content)),
        };
        let Metadata { mode, uid, gid, mtime, xattrs, .. } = metadata;
        lines.push(format!("{path} {mode:o} {uid} {gid} {mtime} {xattrs:?} {what}"));
    }
    lines
}

#[test]
fn an_image_is_read_back_as_it_was_packed() {
    let folder = tempfile::tempdir().unwrap();
    let rootfs = small_rootfs(b"print(1)");
    for (kind, layering) in [
        (CompressionKind::Gzip, Layering::Split),
        (CompressionKind::Gzip, Layering::Packages),
        (CompressionKind::Zstd, Layering::Single),
    ] {
        let compression = Compression::new(kind, None).unwrap();
        let set = image_set(&rootfs, &LayerOptions { compression, layering, cache: None });
        let archive = folder.path().join("app.tar");
        let layout = folder.path().join("layout");
        set.write_archive(&archive).unwrap();
        set.write_folder(&layout).unwrap();
        let mut compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut compressed, &fs_err::read(&archive).unwrap()).unwrap();
        let gzipped = folder.path().join("app.tar.gz");
        fs_err::write(&gzipped, compressed.finish().unwrap()).unwrap();
        for path in [&archive, &layout, &gzipped] {
            let image = StoredImage::open(path, None).unwrap();
            assert_eq!(image.reference.as_deref(), Some("docker.io/library/app:1.0"));
            assert_eq!(image.platform(), "linux/amd64");
            assert_eq!(image.config_digest, set.images[0].config_digest());
            assert_eq!(image.manifest.as_ref().unwrap().1, set.digest());
            assert_eq!(image.compressed_size(), set.images[0].compressed_size());
            let titles: Vec<String> = image.layers.iter().filter_map(|layer| layer.created_by.clone()).collect();
            let packed = set.images[0].layers.iter().map(|layer| format!("apkbuild: {}", layer.title));
            assert_eq!(titles, packed.collect::<Vec<String>>());
            assert_eq!(dump(&image.tree().unwrap()), dump(&rootfs.tree));
        }
    }
}

#[test]
fn the_image_of_an_architecture_is_found_in_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let rootfs = small_rootfs(b"print(1)");
    let architecture = |name: &str| Architecture::parse(name).unwrap();
    let images = ["armv7", "x86_64"].map(|name| {
        let layers = pack(&rootfs, &LayerOptions::default()).unwrap();
        PackedImage::new(architecture(name), layers, &Settings::default()).unwrap()
    });
    let path = folder.path().join("app.tar");
    ImageSet::new(Reference::parse("app").unwrap(), images.to_vec()).unwrap().write_archive(&path).unwrap();
    assert_eq!(StoredImage::open(&path, None).unwrap().platform(), "linux/arm/v7");
    assert_eq!(StoredImage::open(&path, Some(architecture("x86_64"))).unwrap().platform(), "linux/amd64");
    let error = StoredImage::open(&path, Some(architecture("s390x"))).unwrap_err().to_string();
    assert!(error.ends_with("has no image for linux/s390x; it has linux/arm/v7, linux/amd64"), "{error}");
    assert!(StoredImage::open(&path, Some(architecture("armhf"))).is_err(), "another variant");
}

#[test]
fn a_damaged_archive_is_refused_and_nothing_else_happens() {
    let folder = tempfile::tempdir().unwrap();
    let mut rootfs = small_rootfs(b"print(1)");
    rootfs.tree.remove("usr/bin/tool");
    rootfs.tree.remove("usr/bin/other");
    let set = image_set(&rootfs, &LayerOptions::default());
    let path = folder.path().join("app.tar");
    set.write_archive(&path).unwrap();
    let whole = fs_err::read(&path).unwrap();
    let expected = dump(&rootfs.tree);
    let damaged = folder.path().join("damaged.tar");
    let read = |bytes: &[u8]| {
        fs_err::write(&damaged, bytes).unwrap();
        let image = StoredImage::open(&damaged, None)?;
        let tree = image.tree()?;
        Ok::<_, apkbuild::image::Error>((image.config_digest, dump(&tree)))
    };
    for place in (0..whole.len()).step_by(97) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        match read(&bytes) {
            Ok(found) => assert_eq!(found, (set.images[0].config_digest(), expected.clone()), "byte {place}"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    for length in (0..whole.len() - 1024).step_by(1021) {
        assert!(read(&whole[..length]).is_err(), "cut to {length} bytes");
    }
    let error = StoredImage::open(folder.path(), None).unwrap_err();
    assert!(
        error.to_string().ends_with("is not an image: it has neither an index.json nor a manifest.json"),
        "{error}"
    );
}
