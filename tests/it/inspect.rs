//! `inspect` and `diff`, run as programs over small images.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use apkbuild::image::LayerOptions;
use apkbuild::rootfs::Origin;

use super::image::{file, image_set, small_rootfs};

/// Runs the program; gives exit code, standard output and standard error.
fn apkbuild(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_apkbuild")).args(arguments).env("NO_COLOR", "1").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// An archive of the small root filesystem with a database, whose second package has this version.
fn archive(folder: &Path, name: &str, version: &str, application: &[u8]) -> PathBuf {
    let mut rootfs = small_rootfs(application);
    let database = format!(
        "P:first\nV:1.0-r0\nL:MIT\nF:usr/bin\nR:link\nR:other\nR:tool\n\nP:second\nV:{version}\nL:Zlib\nF:usr/share/second\n\
         R:capable\nR:{}\n\n",
        "long".repeat(40)
    );
    let generated = rootfs.tree.inode(apkbuild::rootfs::Tree::ROOT).metadata.clone();
    rootfs.tree.make_directories("lib/apk/db", &generated).unwrap();
    rootfs.tree.insert("lib/apk/db/installed", file(database.as_bytes(), Origin::Generated)).unwrap();
    let path = folder.join(name);
    image_set(&rootfs, &LayerOptions::default()).write_archive(&path).unwrap();
    path
}

#[test]
fn an_image_is_told_by_packages_layers_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let path = archive(folder.path(), "app.tar", "1.0-r0", b"print(1)");
    let path = path.to_str().unwrap();
    let (code, out, err) = apkbuild(&["inspect", path]);
    assert_eq!((code, err.as_str()), (0, ""));
    for line in [
        ": docker.io/library/app:1.0, linux/amd64",
        "  runs         /usr/bin/tool",
        "2 packages, the largest first",
        "      3.1 MB       3  first-1.0-r0  MIT",
        "        11 B       2  second-1.0-r0  Zlib",
        "      3.1 MB       3  /usr/bin",
        "        8 B       1  sha256:",
    ] {
        assert!(out.contains(line), "`{line}` in\n{out}");
    }
    assert!(!out.contains("  /usr\n"), "a folder that is all in one of its own is left out:\n{out}");

    let (_, out, _) = apkbuild(&["inspect", path, "--json"]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["packages"][0]["name"], "first");
    assert_eq!(value["packages"][0]["unpacked"], 3 << 20);
    assert_eq!(value["layers"].as_array().unwrap().len(), 2);
    assert_eq!(value["layers"][1]["unpacked"], 8);
    assert_eq!(value["archive"], fs_err::metadata(path).unwrap().len());
    assert_eq!(value["settings"]["Cmd"][0], "/usr/bin/tool");
    assert!(value["paths"].is_null(), "files are listed where they are asked for");
    let (_, out, _) = apkbuild(&["inspect", path, "--files"]);
    for line in [
        "  4755       0:0      7 B      1  /usr/share/second/capable  (second)",
        "  /usr/bin/link → tool  (first)",
        "  /var/empty/\n",
    ] {
        assert!(out.contains(line), "`{line}` in\n{out}");
    }
    let (_, out, _) = apkbuild(&["inspect", path, "--files", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    let paths = value["paths"].as_array().unwrap();
    let tool = paths.iter().find(|row| row["path"] == "usr/bin/tool").unwrap();
    assert_eq!((&tool["kind"], &tool["package"], &tool["layer"]), (&"file".into(), &"first".into(), &1.into()));
}

#[test]
fn a_path_is_told_by_its_package_and_layer() {
    let folder = tempfile::tempdir().unwrap();
    let path = archive(folder.path(), "app.tar", "1.0-r0", b"print(1)");
    let why = |what: &str| apkbuild(&["inspect", path.to_str().unwrap(), "--why", what]).1;
    assert_eq!(
        why("/usr/bin/tool"),
        "/usr/bin/tool is a file of 3145728 bytes\nits package is first-1.0-r0\nlayer 1 of 2 brought it (apkbuild: system, 2 \
         packages)\nusr/bin/tool is what the command `/usr/bin/tool` starts\n"
    );
    assert_eq!(
        why("app/code/main.py"),
        "/app/code/main.py is a file of 8 bytes\nno package has it\nlayer 2 of 2 brought it (apkbuild: application)\n"
    );
    assert_eq!(why("/nowhere"), "/nowhere is not in the image\n");
}

#[test]
fn a_drawing_is_one_page_with_every_large_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = archive(folder.path(), "app.tar", "1.0-r0", b"print(1)");
    let page = folder.path().join("app.html");
    let (code, _, _) = apkbuild(&["inspect", path.to_str().unwrap(), "--html", page.to_str().unwrap()]);
    assert_eq!(code, 0);
    let html = fs_err::read_to_string(page).unwrap();
    assert!(html.contains("<title>/usr/bin/other\n3.1 MB\nfirst 1.0-r0</title>"), "{html}");
    assert!(html.contains("<title>/app/code/main.py\n") || html.contains("/app/code</td>"), "{html}");
    for word in ["http:", "https:", "<script", "@import", "url("] {
        assert!(!html.contains(word), "nothing is fetched and nothing runs, but there is `{word}`");
    }
}

#[test]
fn a_root_filesystem_is_an_image_without_layers() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("app");
    let mut tree = small_rootfs(b"print(1)").tree;
    // Its capability is none that a kernel would take.
    tree.remove("usr/share/second/capable");
    apkbuild::rootfs::folder::write_folder(&tree, &root, apkbuild::rootfs::folder::Owners::Caller).unwrap();
    let at = root.to_str().unwrap();
    let told = |expected: &[&str]| {
        let (code, out, err) = apkbuild(&["inspect", at]);
        assert_eq!((code, err.as_str()), (0, ""));
        for line in expected {
            assert!(out.contains(line), "`{line}` in\n{out}");
        }
        out
    };
    let out = told(&["app: no name, linux/amd64", "      3.1 MB       3  /usr/bin"]);
    for absent in ["layers", "compressed", "config"] {
        assert!(!out.contains(absent), "{out}");
    }
    let config = serde_json::json!({
        "architecture": "arm64", "os": "linux", "config": { "Cmd": ["tool"] },
        "rootfs": { "type": "layers", "diff_ids": [] },
    });
    fs_err::write(apkbuild::image::config_beside(&root), config.to_string()).unwrap();
    told(&["app: no name, linux/arm64", "  runs         tool", "  config       sha256:"]);
    let (_, out, _) = apkbuild(&["inspect", at, "--json"]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(value["compressed"].is_null() && value["manifest"].is_null(), "{value}");
    assert_eq!(value["layers"], serde_json::json!([]));
    assert_eq!(apkbuild(&["inspect", at, "--why", "usr/bin/tool"]).0, 0);
    // The archive and the folder of the same files are the same.
    let archive = folder.path().join("app.tar");
    image_set(&small_rootfs(b"print(1)"), &LayerOptions::default()).write_archive(&archive).unwrap();
    let (_, out, _) = apkbuild(&["diff", at, archive.to_str().unwrap(), "--json"]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    let same = |file: &serde_json::Value| !file["what"].as_array().unwrap().contains(&"content".into());
    assert!(value["files"].as_array().unwrap().iter().all(same), "{value}");
    assert!(value["compressed"].is_null(), "{value}");

    let empty = folder.path().join("empty");
    fs_err::create_dir(&empty).unwrap();
    let (code, _, err) = apkbuild(&["inspect", empty.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(err.contains("it has no index.json, and is no root filesystem"), "{err}");
}

#[test]
fn two_images_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let one = archive(folder.path(), "one.tar", "1.0-r0", b"print(1)");
    let other = archive(folder.path(), "other.tar", "1.1-r0", b"print(22)");
    let (one, other) = (one.to_str().unwrap(), other.to_str().unwrap());
    let (code, out, _) = apkbuild(&["diff", one, other]);
    assert_eq!(code, 0);
    assert!(out.contains("\n1 package\n  ~ second 1.0-r0 → 1.1-r0 (=)\n"), "{out}");
    assert!(out.contains("  ~       +1 B  /app/code/main.py  content\n"), "{out}");
    assert!(out.contains("  ~          =  /lib/apk/db/installed  content"), "{out}");
    let (_, out, _) = apkbuild(&["diff", one, other, "--json"]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["same"], false);
    assert_eq!(value["packages"]["second"], serde_json::json!({ "versions": ["1.0-r0", "1.1-r0"], "bytes": [11, 11] }));
    assert_eq!(value["files"].as_array().unwrap().len(), 2);
    let (_, out, _) = apkbuild(&["diff", one, one]);
    assert!(out.ends_with("nothing else differs\n"), "{out}");
}

#[test]
fn what_is_no_image_is_refused_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs_err::write(&path, "text").unwrap();
    let (code, out, err) = apkbuild(&["inspect", path.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("is not an image: it cannot be read as a tar"), "{err}");
    assert!(err.contains("\nhelp: give an archive"), "{err}");
    let (code, _, err) = apkbuild(&["inspect", "/nonexistent.tar"]);
    assert_eq!(code, 1);
    assert!(err.contains("there is no `/nonexistent.tar`"), "{err}");
    let (code, _, err) = apkbuild(&["diff", "hello:1.0", "/nonexistent.tar"]);
    assert_eq!(code, 1);
    assert!(err.contains("\nhelp: an image in a registry is named with its host"), "{err}");
    for arguments in [["inspect", "localhost:1/A:x"], ["inspect", "docker://:"]] {
        assert_eq!(apkbuild(&arguments).0, 2, "{arguments:?}");
    }
}
