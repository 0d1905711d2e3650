//! What is written: one archive for every engine, or a folder.

use std::path::Path;

use apkbuild::digest::Sha256Digest;
use apkbuild::image::{ImageSet, LayerOptions, PackedImage, Reference, Settings, pack};
use apkbuild::platform::Architecture;

use super::{image_set, small_rootfs};
use crate::support::members;

#[test]
fn an_archive_is_both_layout_and_docker_archive() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("app.tar");
    let set = image_set(&small_rootfs(b"print(1)"), &LayerOptions::default());
    let written = set.write_archive(&output).unwrap();
    assert!(!written.unchanged);
    assert_eq!(written.size, fs_err::metadata(&output).unwrap().len());
    let members = members(&output);
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
        PackedImage::new(Architecture::parse(name).unwrap(), layers, &Settings::default()).unwrap()
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
