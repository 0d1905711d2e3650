//! Packing images: what is in the layers, and that their bytes depend on nothing else.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod alpine;
mod archive;
mod reading;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;

use apkbuild::apk::{Identity, PackageInfo};
use apkbuild::digest::{Sha1Digest, Sha256Digest};
use apkbuild::image::{
    Compression, CompressionKind, ImageSet, LayerOptions, Layering, PackedImage, Reference, Settings, pack,
    unpacked_size,
};
use apkbuild::platform::Architecture;
use apkbuild::rootfs::{Content, Inode, InodeKind, InstalledPackage, Metadata, Origin, PackageId, Rootfs, Tree};

pub(crate) fn metadata(mode: u32, origin: Origin) -> Metadata {
    Metadata { mode, uid: 0, gid: 0, mtime: 1_700_000_000, xattrs: BTreeMap::new(), origin }
}

pub(crate) fn file(bytes: &[u8], origin: Origin) -> Inode {
    let checksum = matches!(origin, Origin::Package(_)).then(|| Sha1Digest::of(bytes));
    Inode {
        kind: InodeKind::File { content: Content::from(bytes.to_vec()), checksum },
        metadata: metadata(0o644, origin),
    }
}

/// A root filesystem of two packages, with all that a tar must carry, and an application.
pub(crate) fn small_rootfs(application: &[u8]) -> Rootfs {
    let mut tree = Tree::new();
    let [first, second] = [0, 1].map(|id| Origin::Package(PackageId(id)));
    tree.make_directories("etc", &metadata(0o755, first)).unwrap();
    tree.make_directories("usr/bin", &metadata(0o755, first)).unwrap();
    tree.make_directories("usr/share", &metadata(0o755, first)).unwrap();
    tree.make_directories("usr/share/second", &metadata(0o750, second)).unwrap();
    tree.make_directories("tmp", &metadata(0o1777, Origin::Generated)).unwrap();
    tree.make_directories("app/code", &metadata(0o755, Origin::Generated)).unwrap();
    tree.make_directories("var/empty", &metadata(0o755, Origin::Generated)).unwrap();
    tree.insert("etc/passwd", file(b"root:x:0:0:root:/root:/bin/sh\napp:x:1001:1001::/:\n", Origin::Generated))
        .unwrap();
    tree.insert("etc/group", file(b"root:x:0:\napp:x:1001:\n", Origin::Generated)).unwrap();
    // Long enough for several pieces, and not compressible to nothing.
    let mut noise = vec![0; 3 << 20];
    let mut state = 1_u32;
    for byte in &mut noise {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (state >> 28) as u8;
    }
    let id = tree.insert("usr/bin/tool", file(&noise, first)).unwrap();
    tree.link("usr/bin/other", id).unwrap();
    let link = Inode { kind: InodeKind::Symlink("tool".to_owned()), metadata: metadata(0o777, first) };
    tree.insert("usr/bin/link", link).unwrap();
    let mut capable = file(b"capable", second);
    capable.metadata.mode = 0o4755;
    capable.metadata.xattrs.insert("security.capability".to_owned(), vec![1, 0, 0, 2, 10, 4, 0, 0]);
    tree.insert("usr/share/second/capable", capable).unwrap();
    tree.insert(&format!("usr/share/second/{}", "long".repeat(40)), file(b"long", second)).unwrap();
    let mut main = file(application, Origin::Copied);
    (main.metadata.uid, main.metadata.gid) = (1001, 1001);
    tree.insert("app/code/main.py", main).unwrap();
    let package = |name: &str| {
        let info = PackageInfo { name: name.to_owned(), version: "1.0-r0".to_owned(), ..PackageInfo::default() };
        InstalledPackage::new(Identity::Sha1(Sha1Digest::of(name.as_bytes())), info)
    };
    Rootfs { tree, packages: vec![package("first"), package("second")] }
}

pub(crate) fn image_set(rootfs: &Rootfs, options: &LayerOptions<'_>) -> ImageSet {
    let layers = pack(rootfs, options).unwrap();
    let settings = Settings { cmd: vec!["/usr/bin/tool".to_owned()], ..Settings::default() };
    let architecture = Architecture::X86_64;
    let image = PackedImage::new(architecture, layers, &settings).unwrap();
    ImageSet::new(Reference::parse("app:1.0").unwrap(), vec![image]).unwrap()
}

/// The tar of each layer, inflated by another implementation than the one that packed it.
fn tars(set: &ImageSet) -> Vec<Vec<u8>> {
    let mut tars = Vec::new();
    for layer in &set.images[0].layers {
        let bytes = layer.blob.pieces.iter().map(|piece| &**piece).collect::<Vec<&[u8]>>().concat();
        assert_eq!((Sha256Digest::of(&bytes), bytes.len() as u64), (layer.blob.digest, layer.blob.size));
        let mut tar = Vec::new();
        if layer.media_type.to_string().ends_with("zstd") {
            zstd::stream::read::Decoder::new(bytes.as_slice()).unwrap().read_to_end(&mut tar).unwrap();
        } else {
            flate2::bufread::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut tar).unwrap();
        }
        assert_eq!((Sha256Digest::of(&tar), tar.len() as u64), (layer.diff_id, layer.tar_size));
        tars.push(tar);
    }
    tars
}

/// `ls -l` of a tar: kind, mode, owner, size, name and link target of each entry.
fn listing(tar: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(tar);
    let mut lines = Vec::new();
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        lines.push(format!(
            "{} {:o} {} {} {}{}",
            header.entry_type().as_byte() as char,
            header.mode().unwrap(),
            header.username().unwrap().unwrap_or_default(),
            header.size().unwrap(),
            entry.path().unwrap().display(),
            entry.link_name().unwrap().map(|target| format!(" -> {}", target.display())).unwrap_or_default(),
        ));
    }
    lines
}

#[test]
fn a_split_image_has_the_application_on_top() {
    let set = image_set(&small_rootfs(b"print(1)"), &LayerOptions::default());
    let image = &set.images[0];
    assert_eq!(
        image.layers.iter().map(|layer| layer.title.as_str()).collect::<Vec<&str>>(),
        ["system, 2 packages", "application"]
    );
    let listings: Vec<String> = tars(&set).iter().map(|tar| listing(tar).join("\n")).collect();
    let long = "long".repeat(40);
    assert_eq!(
        listings[0],
        [
            "5 755 root 0 ./",
            "5 755 root 0 etc/",
            "0 644 root 22 etc/group",
            "0 644 root 50 etc/passwd",
            "5 1777 root 0 tmp/",
            "5 755 root 0 usr/",
            "5 755 root 0 usr/bin/",
            "5 755 root 0 usr/share/",
            "5 750 root 0 usr/share/second/",
            "5 755 root 0 var/",
            "5 755 root 0 var/empty/",
            "2 777 root 0 usr/bin/link -> tool",
            "0 644 root 3145728 usr/bin/other",
            "1 644 root 0 usr/bin/tool -> usr/bin/other",
            "0 4755 root 7 usr/share/second/capable",
            &format!("0 644 root 4 usr/share/second/{long}"),
        ]
        .join("\n")
    );
    assert_eq!(
        listings[1],
        ["5 755 root 0 ./", "5 755 root 0 app/", "5 755 root 0 app/code/", "0 644 app 8 app/code/main.py"].join("\n")
    );
    assert_eq!(unpacked_size(&small_rootfs(b"print(1)")), 3_145_728 + 22 + 50 + 7 + 4 + 8);
}

#[test]
fn each_package_can_have_a_layer() {
    let rootfs = small_rootfs(b"print(1)");
    let options = LayerOptions { layering: Layering::Packages, ..LayerOptions::default() };
    let set = image_set(&rootfs, &options);
    let titles: Vec<&str> = set.images[0].layers.iter().map(|layer| layer.title.as_str()).collect();
    assert_eq!(titles, ["system", "first-1.0-r0", "second-1.0-r0", "application"]);
    let tars = tars(&set);
    // Every layer names the folders above its files, as they are.
    assert!(listing(&tars[2]).contains(&"5 750 root 0 usr/share/second/".to_owned()), "{:?}", listing(&tars[2]));
    assert!(listing(&tars[2]).contains(&"5 755 root 0 ./".to_owned()));

    let set = image_set(&rootfs, &LayerOptions { layering: Layering::Single, ..LayerOptions::default() });
    assert_eq!(set.images[0].layers.len(), 1);
    assert_eq!(set.images[0].layers[0].title, "system and application, 2 packages");
}

#[test]
fn extended_attributes_are_pax_records() {
    let set = image_set(&small_rootfs(b""), &LayerOptions::default());
    let tar = &tars(&set)[0];
    let record = b"40 SCHILY.xattr.security.capability=\x01\x00\x00\x02\x0a\x04\x00\x00\n";
    let count =
        tar.windows(record.len()).filter(|window| window.starts_with(b"4") && window[2..] == record[2..]).count();
    assert_eq!(count, 1);
}

#[test]
fn bytes_depend_on_neither_threads_nor_cache() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let rootfs = small_rootfs(b"print(1)");
    for kind in [CompressionKind::Gzip, CompressionKind::Zstd] {
        let compression = Compression::new(kind, Some(3)).unwrap();
        let options = LayerOptions { compression, ..LayerOptions::default() };
        let reference = image_set(&rootfs, &options);
        tars(&reference);
        for threads in [1, 2, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let set = pool.install(|| image_set(&rootfs, &options));
            assert_eq!(set.digest(), reference.digest(), "{threads} threads");
        }
        let cached = LayerOptions { cache: Some(&cache), ..options };
        for round in ["cold", "warm"] {
            assert_eq!(image_set(&rootfs, &cached).digest(), reference.digest(), "{round}");
        }
        // Every file of the cache damaged, one at a time, and then half of them gone.
        let files = || {
            let mut files: Vec<PathBuf> =
                fs_err::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
            files.sort();
            files
        };
        for path in files() {
            let mut bytes = fs_err::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x40;
            // Never in place: another build may have the file mapped.
            fs_err::remove_file(&path).unwrap();
            fs_err::write(&path, bytes).unwrap();
            assert_eq!(image_set(&rootfs, &cached).digest(), reference.digest(), "{} damaged", path.display());
        }
        for path in files().iter().step_by(2) {
            fs_err::remove_file(path).unwrap();
        }
        assert_eq!(image_set(&rootfs, &cached).digest(), reference.digest(), "half of the cache gone");
    }
}

#[test]
fn a_change_of_code_compresses_only_the_application() {
    let folder = tempfile::tempdir().unwrap();
    let options = LayerOptions { cache: Some(folder.path()), ..LayerOptions::default() };
    let files = || {
        let entries = fs_err::read_dir(folder.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect::<std::collections::BTreeSet<_>>()
    };
    let before = image_set(&small_rootfs(b"print(1)"), &options);
    let files_before = files();
    let after = image_set(&small_rootfs(b"print(2)"), &options);
    let new: Vec<String> = files().difference(&files_before).cloned().collect();
    let kinds: Vec<&str> = new.iter().filter_map(|name| name.rsplit('.').next()).collect();
    assert_eq!(before.images[0].layers[0].blob.digest, after.images[0].layers[0].blob.digest);
    assert_ne!(before.digest(), after.digest());
    assert_eq!(kinds.iter().filter(|kind| **kind == "segment").count(), 1, "{new:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "layer").count(), 1, "{new:?}");
}
