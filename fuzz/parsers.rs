//! What the fuzz targets and the tests try on bytes that anybody may have made: each ends in a value or an error.

use std::collections::BTreeMap;
use std::io::Write as _;

use apkbuild::address::Address;
use apkbuild::apk::{Keyring, SigningKey};
use apkbuild::digest::Sha256Digest;
use apkbuild::image::{Contents, DatabasePackage, Reference, StoredImage};
use apkbuild::prune::{Policy, Profile, prune};
use apkbuild::registry::CredentialFiles;
use apkbuild::repository::{AlpineRelease, Branch, Location, Repository};
use apkbuild::rootfs::{
    Content, Emulation, Inode, InodeKind, Metadata, Origin, PackageId, Rootfs, RunScript as _, ScriptCall, Tree,
};
use apkbuild::tar_reader::TarReader;

/// What tries some bytes.
pub type Parser = fn(&[u8]);

/// What is tried, by the names of the fuzz targets.
#[allow(dead_code, reason = "a fuzz target calls one of them")]
pub const ALL: [(&str, Parser); 9] = [
    ("image", image),
    ("layer", layer),
    ("tar", tar),
    ("database", database),
    ("key", key),
    ("logins", logins),
    ("names", names),
    ("script", script),
    ("source", source),
];

/// An archive or what passes for one.
pub fn image(bytes: &[u8]) {
    let file = written(bytes);
    for image in StoredImage::open_all(file.path()).unwrap_or_default() {
        let _ = Contents::of(image);
    }
}

/// A layer, in an image that is otherwise in order.
pub fn layer(bytes: &[u8]) {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut blob = |kind: &str, bytes: &[u8]| {
        let digest = Sha256Digest::of(bytes);
        files.push((format!("blobs/sha256/{digest}"), bytes.to_vec()));
        let (digest, size) = (digest.to_oci(), bytes.len());
        format!("{{\"mediaType\":\"application/vnd.oci.image.{kind}\",\"digest\":\"{digest}\",\"size\":{size}}}")
    };
    let diff_id = Sha256Digest::of(bytes).to_oci();
    let config = format!(
        "{{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{{\"type\":\"layers\",\"diff_ids\":[\"{diff_id}\"]}}}}"
    );
    let config = blob("config.v1+json", config.as_bytes());
    let layer = blob("layer.v1.tar", bytes);
    let manifest = format!("{{\"schemaVersion\":2,\"config\":{config},\"layers\":[{layer}]}}");
    let manifest = blob("manifest.v1+json", manifest.as_bytes());
    files.push(("index.json".to_owned(), format!("{{\"schemaVersion\":2,\"manifests\":[{manifest}]}}").into_bytes()));
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs_err::write(path, bytes).expect("a file");
    }
    let image = StoredImage::open(folder.path(), None).expect("all but the layer is in order");
    if let Ok(contents) = Contents::of(image) {
        let _ = (contents.total(), contents.by_package(), contents.largest_folders(10));
    }
}

/// The members of a tar.
pub fn tar(bytes: &[u8]) {
    for entry in TarReader::new(bytes) {
        let Ok(entry) = entry else { return };
        assert!(entry.content().end <= bytes.len());
        let _ = (entry.path(), entry.target(), entry.path_text(), entry.target_text(), entry.kind());
        let _ = (entry.mode(), entry.uid(), entry.gid(), entry.mtime(), entry.xattrs(), entry.user(), entry.group());
    }
}

/// The installed database of somebody's image.
pub fn database(bytes: &[u8]) {
    for package in DatabasePackage::parse_all(&String::from_utf8_lossy(bytes)) {
        assert!(!package.name.is_empty());
    }
}

/// PEM, of public and private keys.
pub fn key(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = Keyring::new().add("key.rsa.pub", &text);
    let _ = SigningKey::from_pem("key.rsa.pub", &text);
}

/// docker's and podman's files of credentials. Helpers are programs, so none is named.
pub fn logins(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if text.contains("cred") || text.contains('\\') {
        return;
    }
    let file = written(bytes);
    let _ = CredentialFiles(vec![file.path().to_owned()]).find("registry.example", "a/b");
}

/// Whatever names something: images, addresses, repositories, releases.
pub fn names(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(reference) = Reference::parse(&text) {
        assert!(Reference::parse(&reference.to_string()).is_ok(), "what is printed is read again");
    }
    let _ = Reference::parse_any(&text);
    let _ = Address::new(&text).to_string();
    let _ = (Location::parse(&text), Repository::parse(&text), AlpineRelease::parse(&text), Branch::parse(&text));
    let _ = AlpineRelease::of_description(&text);
}

/// An install script that is interpreted and not run.
pub fn script(bytes: &[u8]) {
    let mut tree =
        tree(&[("bin/sh", b"#!"), ("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n"), ("etc/group", b"root:x:0:\n")]);
    let text = [b"#!/bin/sh\n", bytes].concat();
    let call = ScriptCall {
        package: PackageId(0),
        name: "fuzz",
        package_name: "fuzz-1-r0",
        script: apkbuild::fetch::Script::PostInstall,
        text: &text,
        arguments: &["1-r0".to_owned()],
        timestamp: 0,
    };
    let _ = Emulation::default().run(&mut tree, &call);
}

/// The application's files, of each kind that is read: ELF, Python, JavaScript, a package.json.
pub fn source(bytes: &[u8]) {
    let tree = tree(&[
        ("app/main.py", bytes),
        ("app/main.js", bytes),
        ("app/main.mjs", bytes),
        ("app/main", bytes),
        ("app/package.json", bytes),
        ("app/script.sh", bytes),
    ]);
    let command = ["main.py", "main.js", "main.mjs", "./main", "script.sh"].map(str::to_owned).to_vec();
    let policy = Policy {
        profile: Profile::Traced,
        command,
        workdir: "/app".to_owned(),
        env: BTreeMap::from([("PATH".to_owned(), "/app".to_owned())]),
        ..Policy::default()
    };
    let _ = prune(&mut Rootfs { tree, packages: Vec::new() }, &policy);
}

fn tree(files: &[(&str, &[u8])]) -> Tree {
    let metadata = |mode| Metadata { mode, uid: 0, gid: 0, mtime: 0, xattrs: BTreeMap::new(), origin: Origin::Copied };
    let mut tree = Tree::new();
    for (path, bytes) in files {
        if let Some((folder, _)) = path.rsplit_once('/') {
            tree.make_directories(folder, &metadata(0o755)).expect("no file is in the way");
        }
        let kind = InodeKind::File { content: Content::from(bytes.to_vec()), checksum: None };
        tree.insert(path, Inode { kind, metadata: metadata(0o755) }).expect("its folder is there");
    }
    tree
}

fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("room for it");
    file
}
