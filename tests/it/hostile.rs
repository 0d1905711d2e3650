//! `apkbuild run` and `apkbuild check` of images that somebody made to do harm: each is refused by its name, with what
//! is wrong in it and a way out, and nothing is left anywhere.

use std::io::Write as _;
use std::path::PathBuf;

use apkbuild::digest::Sha256Digest;
use serde_json::{Value, json};

use super::sandbox::{inside, sandbox_is_possible};
use super::support::{Finished, Program};

/// An entry of a layer: its path and what it is.
enum Entry<'bytes> {
    Folder,
    File(&'bytes [u8], u32),
    Link(&'bytes str),
}

use Entry::{File, Folder, Link};

/// A layer with `entries` as they are, however odd.
fn layer(entries: &[(&str, Entry<'_>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, entry) in entries {
        let (kind, mode, bytes, target) = match entry {
            Folder => (tar::EntryType::Directory, 0o755, &b""[..], ""),
            File(bytes, mode) => (tar::EntryType::Regular, *mode, *bytes, ""),
            Link(target) => (tar::EntryType::Symlink, 0o777, &b""[..], *target),
        };
        let records = [("path", path.as_bytes()), ("linkpath", target.as_bytes())];
        tar.append_pax_extensions(records.into_iter().filter(|(_, value)| !value.is_empty())).unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        tar.append(&header, bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

/// The lowest layer of every image here.
fn base() -> Vec<u8> {
    let program = fs_err::read(inside()).unwrap();
    layer(&[
        ("bin", Folder),
        ("bin/inside", File(&program, 0o755)),
        ("bin/script", File(b"#!/no/such/interpreter\n", 0o755)),
        ("bin/noise", File(b"\x7fELF\x02\x01\x01 and no more", 0o755)),
        ("etc", Folder),
        ("etc/passwd", File(b"root:x:0:0:root:/root:/bin/sh\nappuser:x:1001:1001::/:/sbin/nologin\n", 0o644)),
        ("etc/group", File(b"appgroup:x:1001:\n", 0o644)),
    ])
}

/// An image, before it is written.
struct Image {
    layers: Vec<Vec<u8>>,
    config: Value,
    /// What stands in place of the layers' own descriptors and diff IDs.
    descriptor: Value,
    diff_id: Option<String>,
    gzip: bool,
}

impl Image {
    fn new() -> Self {
        let config =
            json!({ "User": "1001:1001", "Entrypoint": ["inside"], "Cmd": ["status", "Uid"], "WorkingDir": "/" });
        Self { layers: vec![base()], config, descriptor: json!({}), diff_id: None, gzip: false }
    }

    fn with(field: &str, value: Value) -> Self {
        let mut image = Self::new();
        image.config[field] = value;
        image
    }

    fn over(entries: &[(&str, Entry<'_>)]) -> Self {
        let mut image = Self::new();
        image.layers.push(layer(entries));
        image
    }

    /// Writes it as an OCI folder, or an archive of one.
    fn write(&self, program: &Program, as_folder: bool) -> &'static str {
        let diff_ids: Vec<String> = self
            .layers
            .iter()
            .map(|layer| self.diff_id.clone().unwrap_or_else(|| Sha256Digest::of(layer).to_oci()))
            .collect();
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let config = json!({
            "architecture": architecture, "os": "linux", "config": self.config,
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        self.write_with(program, as_folder, config.to_string().as_bytes())
    }

    fn write_with(&self, program: &Program, as_folder: bool, config: &[u8]) -> &'static str {
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        let mut blob = |media_type: &str, bytes: &[u8]| {
            let digest = Sha256Digest::of(bytes);
            let name = format!("blobs/sha256/{digest}");
            if !files.iter().any(|(present, _)| *present == name) {
                files.push((name, bytes.to_vec()));
            }
            json!({ "mediaType": media_type, "digest": digest.to_oci(), "size": bytes.len() })
        };
        let mut layers = Vec::new();
        for layer in &self.layers {
            let mut descriptor = if self.gzip {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(layer).unwrap();
                blob("application/vnd.oci.image.layer.v1.tar+gzip", &encoder.finish().unwrap())
            } else {
                blob("application/vnd.oci.image.layer.v1.tar", layer)
            };
            for (key, value) in self.descriptor.as_object().unwrap() {
                descriptor[key] = value.clone();
            }
            layers.push(descriptor);
        }
        let config = blob("application/vnd.oci.image.config.v1+json", config);
        let manifest = json!({ "schemaVersion": 2, "config": config, "layers": layers }).to_string();
        let manifest = blob("application/vnd.oci.image.manifest.v1+json", manifest.as_bytes());
        let index = json!({ "schemaVersion": 2, "manifests": [manifest] }).to_string();
        files.push(("index.json".to_owned(), index.into_bytes()));
        if as_folder {
            for (name, bytes) in files {
                program.write(format!("image/{name}"), bytes);
            }
            return "image";
        }
        let entries: Vec<(&str, Entry<'_>)> =
            files.iter().map(|(name, bytes)| (name.as_str(), File(bytes, 0o644))).collect();
        program.write("image.tar", layer(&entries));
        "image.tar"
    }
}

/// A program whose temporary files go to a folder of its own.
fn program() -> (Program, PathBuf) {
    let program = Program::new();
    let scratch = program.folder().parent().unwrap().join("scratch");
    fs_err::create_dir(&scratch).unwrap();
    (program.env("TMPDIR", &scratch), scratch)
}

fn entries(folder: &PathBuf) -> Vec<String> {
    let entries = fs_err::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Holds that `run` and `check` of `image` fail with `message` about it and a way out, and leave nothing.
#[track_caller]
fn refused(image: &Image, message: &str) {
    refused_as(|program, as_folder| image.write(program, as_folder), message);
}

#[track_caller]
fn refused_as(write: impl Fn(&Program, bool) -> &'static str, message: &str) {
    for (verb, as_folder) in [("run", false), ("check", true)] {
        let (program, scratch) = program();
        let path = write(&program, as_folder);
        let finished = program.run([verb, path]);
        // A program that does not start is what `check` looks for, not what keeps it from looking.
        let errors = told(&finished, verb);
        assert!(errors.contains(&format!("`{path}`: ")), "{verb}: the image is not named: {errors}");
        assert!(errors.contains(message), "{verb}: `{message}` is missing: {errors}");
        assert!(errors.contains("\nhelp: "), "{verb}: there is no way out: {errors}");
        assert!(!errors.contains("panicked"), "{errors}");
        assert!(entries(&scratch).is_empty(), "{:?}", entries(&scratch));
        assert_eq!(entries(&program.folder()), [path]);
        let half = entries(&program.cache().join("images")).into_iter().find(|name| name.starts_with('.'));
        assert_eq!(half, None);
    }
}

#[track_caller]
fn told(finished: &Finished, verb: &str) -> String {
    assert_eq!(finished.code, Some(1), "{verb}:\n{}{}", finished.stdout, finished.stderr);
    finished.stderr.clone()
}

#[test]
fn a_user_that_is_none_is_refused() {
    let range = "is none: numbers of users and groups go from 0 to 2147483647";
    for (user, message) in [
        ("ghost", "the image has no user `ghost`"),
        ("1001:nogroup", "the image has no group `nogroup`"),
        // All bits set means "as it is" to setuid(2): root would stay root.
        ("4294967295", range),
        ("1001:4294967295", range),
        ("99999999999", range),
        ("-1", range),
    ] {
        refused(&Image::with("User", json!(user)), message);
    }
    // Half an account file would tell of half the users.
    let many = "x:x:7:7:::\n".repeat(100_000);
    refused(&Image::over(&[("etc/passwd", File(many.as_bytes(), 0o644))]), "`/etc/passwd` in the image has more than");
    if sandbox_is_possible() {
        for user in ["1001:", "appuser"] {
            let (program, _) = program();
            let path = Image::with("User", json!(user)).write(&program, false);
            assert_eq!(program.run(["run", path]).success(), "Uid: 1001 1001 1001 1001\n", "{user}");
        }
    }
}

#[test]
fn a_command_that_cannot_start_is_told_with_the_reason() {
    if !sandbox_is_possible() {
        return;
    }
    let long = "x".repeat(200_000);
    for (cmd, message) in [
        (json!(["nothere"]), "`nothere` is not in the image (looked in "),
        (json!(["/etc/passwd"]), "cannot execute `/etc/passwd`: permission denied (EACCES)\nhelp: only a file that"),
        (json!(["/bin"]), "cannot execute `/bin`: permission denied"),
        (json!(["script"]), "cannot execute `/bin/script`: no such file or directory"),
        (json!(["noise"]), "cannot execute `/bin/noise`: exec format error (ENOEXEC)\nhelp: it is neither a program"),
        (
            json!(["inside", long]),
            "cannot execute `/bin/inside`: argument list too long (E2BIG)\nhelp: the kernel takes",
        ),
        (json!(["inside", "a\0b"]), "an argument (`a"),
        (json!([long]), "xxxxx…`: file name too long (ENAMETOOLONG)\nhelp: name another"),
        (json!([]), "there is no command to run"),
        (json!([""]), "there is no command to run"),
    ] {
        let mut image = Image::with("Cmd", cmd);
        image.config["Entrypoint"] = Value::Null;
        refused(&image, message);
    }
    refused(&Image::with("Env", json!(["A=b\0c"])), "an environment variable (`A=b");
}

#[test]
fn a_working_folder_is_made_where_that_is_possible() {
    if !sandbox_is_possible() {
        return;
    }
    refused(
        &Image::with("WorkingDir", json!("bin/inside")),
        "the working directory `/bin/inside` inside the image: not a",
    );
    let mut image = Image::over(&[("loop", Link("loop")), ("up", Link("../../../../.."))]);
    image.config["WorkingDir"] = json!("/loop");
    refused(&image, "the working directory `/loop` inside the image: too many symbolic links");
    // A variable without a value is none, and many are no trouble.
    let mut variables: Vec<String> = (0..20_000).map(|number| format!("V{number}=")).collect();
    variables.push("LONELY".to_owned());
    image.config["Env"] = json!(variables);
    image.config["Cmd"] = json!(["environment"]);
    for (folder, expected) in [("/up", "/"), ("/up/new/one", "/new/one"), ("new", "/new"), ("../..", "/"), ("", "/")] {
        image.config["WorkingDir"] = json!(folder);
        let (program, scratch) = program();
        let path = image.write(&program, true);
        let finished = program.run(["run", path]);
        assert_eq!(finished.success().lines().last(), Some(expected), "{folder}");
        assert!(!finished.stdout.contains("LONELY") && finished.stdout.contains("\nV19999="));
        assert!(entries(&scratch).is_empty());
    }
}

#[test]
fn what_stands_where_the_sandbox_mounts_is_named() {
    if !sandbox_is_possible() {
        return;
    }
    for path in ["dev", "proc", "tmp"] {
        let message = format!("`/{path}` in the image is in the way of what is mounted there: it is not a folder");
        refused(&Image::over(&[(path, File(b"file", 0o644))]), &message);
        refused(
            &Image::over(&[(path, Link("/../../nowhere"))]),
            &message.replace("not a folder", "a link that leads nowhere"),
        );
    }
    refused(
        &Image::over(&[("etc/resolv.conf", Folder), ("etc/hosts", Folder)]),
        "in the way of what is mounted there: it is a folder",
    );
    refused(
        &Image::over(&[("tmp", Link("tmp"))]),
        "`/tmp` in the image is in the way of what is mounted there: too many",
    );
}

#[test]
fn a_layer_that_no_system_can_unpack_is_named() {
    let long = "n".repeat(300);
    for (path, entry, message) in [
        (long.as_str(), File(b"", 0o644), "the name `nnnnnnnnnnnnnnnnnnnn…` has 300 bytes, more than 255"),
        ("a\0b", File(b"", 0o644), "the path `a\\0b` holds a NUL byte"),
        ("nothing", Link(""), "`nothing`: it is a symbolic link to nothing"),
        ("../.wh.bin", File(b"", 0o644), "`../.wh.bin` would lead out of the image"),
        ("bin/inside/x", File(b"", 0o644), "`bin/inside/x`: `bin/inside` is a file, not a folder"),
    ] {
        refused(&Image::over(&[(path, entry)]), message);
    }
}

#[test]
fn a_descriptor_that_lies_is_named() {
    for (descriptor, message) in [
        (json!({ "size": 5 }), "its descriptor is broken: it gives the blob sha256:"),
        (json!({ "size": i64::MAX }), " 9223372036854775807 bytes, and that has "),
        (json!({ "size": -1 }), "is broken: invalid value: integer `-1`, expected u64"),
        (json!({ "size": 1e30 }), "is broken: invalid type: floating point"),
        (json!({ "digest": format!("sha256:{:064}", 0) }), "that it names is missing"),
        (json!({ "digest": "sha256:../../../../etc/passwd" }), "is broken: "),
    ] {
        refused(&Image { descriptor, ..Image::new() }, message);
    }
    let other = Sha256Digest::of(b"other").to_oci();
    refused(&Image { diff_id: Some(other.clone()), ..Image::new() }, &format!("not {other}"));
    refused(&Image { diff_id: Some("sha512:00".to_owned()), ..Image::new() }, "`sha512:00` is not a SHA-256 digest");
    let deep = "{\"config\":{\"Labels\":".to_owned() + &"[".repeat(2_000_000);
    for (config, message) in [
        ("no JSON", "expected ident at line 1"),
        ("", "EOF while parsing"),
        ("null", "invalid type: null"),
        ("{\"config\":{\"User\":7}}", "invalid type: integer `7`, expected a string"),
        (deep.as_str(), "its configuration sha256:"),
    ] {
        refused_as(|program, as_folder| Image::new().write_with(program, as_folder, config.as_bytes()), message);
    }
}

#[test]
fn one_layer_that_is_named_a_thousand_times_is_not_unpacked_as_often() {
    // 64 MiB of zeros, which are nothing compressed.
    let zeros = vec![0; 64 << 20];
    let large = layer(&[("zeros", File(&zeros, 0o644))]);
    let mut image = Image { gzip: true, ..Image::new() };
    let (diff_id, base_id) = (Sha256Digest::of(&large).to_oci(), Sha256Digest::of(&image.layers[0]).to_oci());
    image.layers.push(large);
    let (program, scratch) = program();
    image.write(&program, true);
    // The documents are made anew with the layer's name again and again.
    let folder = program.folder().join("image");
    let read = |path: PathBuf| serde_json::from_slice::<Value>(&fs_err::read(path).unwrap()).unwrap();
    let blob = |descriptor: &Value| folder.join("blobs").join(descriptor["digest"].as_str().unwrap().replace(':', "/"));
    let mut index = read(folder.join("index.json"));
    let mut manifest = read(blob(&index["manifests"][0]));
    let mut config = read(blob(&manifest["config"]));
    let put = |descriptor: &mut Value, value: &Value| {
        let bytes = value.to_string().into_bytes();
        descriptor["digest"] = json!(Sha256Digest::of(&bytes).to_oci());
        descriptor["size"] = json!(bytes.len());
        fs_err::write(blob(descriptor), bytes).unwrap();
    };
    let layers = manifest["layers"].as_array().unwrap().clone();
    let again = vec![layers[1].clone(); 1000];
    manifest["layers"] = json!([vec![layers[0].clone()], again].concat());
    config["rootfs"]["diff_ids"] = json!([vec![base_id], vec![diff_id; 1000]].concat());
    put(&mut manifest["config"], &config);
    put(&mut index["manifests"][0], &manifest);
    fs_err::write(folder.join("index.json"), index.to_string()).unwrap();
    let errors = told(&program.run(["run", "image"]), "run");
    assert!(errors.contains("inflated there are more than 1024 MiB, which no image has a use for\nhelp: "), "{errors}");
    assert!(entries(&scratch).is_empty());
}

#[test]
fn a_root_filesystem_that_leads_nowhere_is_not_waited_for() {
    for (file, message) in
        [("config.json", "image.config.json` is no image config: it is not a file"), ("etc/passwd", "")]
    {
        let (program, _) = program();
        for name in ["bin", "etc", "dev", "proc", "tmp"] {
            fs_err::create_dir_all(program.folder().join("image").join(name)).unwrap();
        }
        if message.is_empty() {
            std::os::unix::fs::symlink("passwd", program.folder().join("image").join(file)).unwrap();
            assert!(program.run(["run", "image"]).failure(1).contains("`image`: there is no command to run"));
            continue;
        }
        let pipe = program.folder().join(format!("image.{file}"));
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(program.run(["run", "image"]).failure(1).contains(message));
        assert!(program.run(["inspect", "image"]).failure(1).contains("configuration is broken: it is not a file"));
    }
}
