//! Packing images: what is in the layers and archives, that the bytes depend on nothing else, and that real software
//! reads them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use apkbuild::apk::{Identity, PackageInfo};
use apkbuild::digest::{Sha1Digest, Sha256Digest};
use apkbuild::image::{
    Architecture, Compression, CompressionKind, ImageSet, LayerOptions, Layering, PackedImage, Reference, Settings,
    StoredImage, pack, unpacked_size,
};
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
    let architecture = Architecture::from_alpine("x86_64").unwrap();
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

#[test]
fn an_archive_is_both_layout_and_docker_archive() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("app.tar");
    let set = image_set(&small_rootfs(b"print(1)"), &LayerOptions::default());
    let written = set.write_archive(&output).unwrap();
    assert!(!written.unchanged);
    assert_eq!(written.size, fs_err::metadata(&output).unwrap().len());
    let mut members = BTreeMap::new();
    let mut archive = tar::Archive::new(fs_err::File::open(&output).unwrap());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        members.insert(entry.path().unwrap().display().to_string(), bytes);
    }
    let json = |name: &str| serde_json::from_slice::<serde_json::Value>(&members[name]).unwrap();
    let index = json("index.json");
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1);
    let root = &index["manifests"][0];
    assert_eq!(root["annotations"]["io.containerd.image.name"], "docker.io/library/app:1.0");
    assert_eq!(root["annotations"]["org.opencontainers.image.ref.name"], "1.0");
    assert_eq!(root["platform"], serde_json::json!({ "architecture": "amd64", "os": "linux" }));
    assert_eq!(root["digest"], set.digest().to_oci());
    let manifest = json(&format!("blobs/sha256/{}", set.digest()));
    let docker = json("manifest.json");
    let config = manifest["config"]["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    assert_eq!(docker[0]["Config"], format!("blobs/sha256/{config}"));
    assert_eq!(docker[0]["RepoTags"], serde_json::json!(["docker.io/library/app:1.0"]));
    assert_eq!(docker[0]["Layers"].as_array().unwrap().len(), 2);
    for (name, bytes) in &members {
        if let Some(digest) = name.strip_prefix("blobs/sha256/").filter(|digest| !digest.is_empty()) {
            assert_eq!(Sha256Digest::of(bytes).to_string(), digest);
        }
    }
    assert_eq!(json("oci-layout")["imageLayoutVersion"], "1.0.0");
}

/// Writes a set to a place and tells whether the same was there already.
type Write = fn(&ImageSet, &Path) -> bool;

#[test]
fn the_same_output_is_left_alone_and_another_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let one = image_set(&small_rootfs(b"print(1)"), &LayerOptions::default());
    let two = image_set(&small_rootfs(b"print(2)"), &LayerOptions::default());
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs_err::metadata(path).unwrap());
    let archive = folder.path().join("app.tar");
    let layout = folder.path().join("app");
    let writes: [(&Path, Write); 2] = [
        (&archive, |set, path| set.write_archive(path).unwrap().unchanged),
        (&layout, |set, path| set.write_folder(path).unwrap().unchanged),
    ];
    for (path, write) in writes {
        assert!(!write(&one, path));
        let first = inode(path);
        assert!(write(&one, path));
        assert_eq!(inode(path), first);
        assert!(!write(&two, path));
        assert_ne!(inode(path), first);
    }
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside them");
    let foreign = folder.path().join("foreign");
    fs_err::create_dir(&foreign).unwrap();
    fs_err::write(foreign.join("precious"), "data").unwrap();
    let error = one.write_folder(&foreign).unwrap_err();
    assert!(error.to_string().contains("is not an OCI image folder"), "{error}");
    assert_eq!(fs_err::read_to_string(foreign.join("precious")).unwrap(), "data");
}

#[test]
fn several_architectures_make_one_nested_index() {
    let folder = tempfile::tempdir().unwrap();
    let rootfs = small_rootfs(b"print(1)");
    let images = ["aarch64", "x86_64"].map(|name| {
        let layers = pack(&rootfs, &LayerOptions::default()).unwrap();
        PackedImage::new(Architecture::from_alpine(name).unwrap(), layers, &Settings::default()).unwrap()
    });
    let set = ImageSet::new(Reference::parse("app").unwrap(), images.to_vec()).unwrap();
    let layout = folder.path().join("layout");
    set.write_folder(&layout).unwrap();
    let read = |name: String| -> serde_json::Value {
        serde_json::from_slice(&fs_err::read(layout.join(name)).unwrap()).unwrap()
    };
    let index = read("index.json".to_owned());
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1);
    assert_eq!(index["manifests"][0]["mediaType"], "application/vnd.oci.image.index.v1+json");
    let nested = read(format!("blobs/sha256/{}", set.digest()));
    let platforms: Vec<&serde_json::Value> =
        nested["manifests"].as_array().unwrap().iter().map(|manifest| &manifest["platform"]).collect();
    assert_eq!(
        platforms,
        [
            &serde_json::json!({ "architecture": "arm64", "os": "linux", "variant": "v8" }),
            &serde_json::json!({ "architecture": "amd64", "os": "linux" }),
        ]
    );
    assert!(matches!(ImageSet::new(Reference::parse("app").unwrap(), Vec::new()), Err(apkbuild::image::Error::Empty)));
}

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
        let image = PackedImage::new(Architecture::from_alpine("x86_64").unwrap(), layers, &settings).unwrap();
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
    let architecture = |name: &str| Architecture::from_alpine(name).unwrap();
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
