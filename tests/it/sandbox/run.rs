//! `apkbuild run`: an image as an archive or a folder, its user, its streams, its status.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{ORDINARY, PROGRAM, Root, apkbuild, inside, is_root, run_as_ordinary, sandbox_is_possible};
use crate::support::copy_program;

/// An archive, as `docker save` writes it, with the test program, files of several owners, and `appuser` as its user.
fn archive(folder: &Path) -> PathBuf {
    let mut layer = tar::Builder::new(Vec::new());
    let mut add = |path: &str, kind: tar::EntryType, mode: u32, owner: u64, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_size(bytes.len() as u64);
        layer.append_data(&mut header, path, bytes).unwrap();
    };
    let directory = tar::EntryType::Directory;
    let file = tar::EntryType::Regular;
    for (path, mode, owner) in
        [("bin", 0o755, 0), ("etc", 0o755, 0), ("app", 0o755, 0), ("data", 0o700, 1001), ("root", 0o700, 0)]
    {
        add(path, directory, mode, owner, b"");
    }
    add("bin/inside", file, 0o755, 0, &fs_err::read(inside()).unwrap());
    add("etc/passwd", file, 0o644, 0, b"appuser:x:1001:1001::/data:/sbin/nologin\n");
    add("etc/group", file, 0o644, 0, b"appgroup:x:1001:\n");
    add("app/open", file, 0o644, 0, b"open");
    add("app/closed", file, 0o640, 0, b"closed");
    add("data/own", file, 0o600, 1001, b"own");
    let layer = layer.into_inner().unwrap();
    let diff_id = apkbuild::digest::Sha256Digest::of(&layer).to_oci();
    let config = serde_json::json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": { "User": "1001:1001", "Entrypoint": ["inside"], "Cmd": ["environment"], "Env": ["A=b"], "WorkingDir": "/app" },
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
    });
    let manifest =
        serde_json::json!([{ "Config": "config.json", "RepoTags": ["sample:latest"], "Layers": ["layer.tar"] }]);
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in [
        ("config.json", config.to_string().into_bytes()),
        ("manifest.json", manifest.to_string().into_bytes()),
        ("layer.tar", layer),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    let path = folder.join("sample.tar");
    fs_err::write(&path, archive.into_inner().unwrap()).unwrap();
    path
}

#[test]
fn an_archive_runs_as_its_user_whoever_runs_it() {
    if !sandbox_is_possible() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs_err::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let archive = archive(folder.path());
    let program = folder.path().join("apkbuild");
    copy_program(PROGRAM, &program);
    let users = if is_root() { vec![0, ORDINARY] } else { vec![nix::unistd::geteuid().as_raw()] };
    for user in users {
        let cache = folder.path().join(format!("cache-{user}"));
        fs_err::create_dir(&cache).unwrap();
        std::os::unix::fs::chown(&cache, Some(user), Some(user)).unwrap();
        let run = |words: &[&str]| {
            let mut command = Command::new(&program);
            command
                .arg("run")
                .arg("--cache-dir")
                .arg(&cache)
                .arg(&archive)
                .args(words)
                .current_dir("/")
                .stdin(Stdio::null());
            if is_root() {
                command.uid(user).gid(user);
            }
            let output = command.output().unwrap();
            format!("{}{}", String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
        };
        let path = apkbuild::platform::DEFAULT_PATH;
        assert_eq!(run(&[]), format!("A=b\nHOME=/data\nPATH={path}\n/app\n"));
        let unpacked =
            || fs_err::read_dir(cache.join("images")).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
        let first = unpacked();
        assert_eq!(first.len(), 1, "{first:?}");
        for (words, expected) in [
            (["read", "/app/open"], "open\n"),
            (["read", "/app/closed"], "PermissionDenied\n"),
            (["read", "/data/own"], "own\n"),
            (["list", "/data"], "own\n"),
            (["write", "/data/new"], "done\n"),
            (["write", "/app/open"], "ReadOnlyFilesystem\n"),
            (["read", "/root/x"], "PermissionDenied\n"),
        ] {
            assert_eq!(run(&words), expected, "{words:?} as {user}");
        }
        assert_eq!(run(&["status", "Uid", "Gid"]), "Uid: 1001 1001 1001 1001\nGid: 1001 1001 1001 1001\n");
        assert_eq!(unpacked(), first);
        apkbuild::unfinished::remove_folder(&cache.join("images")).unwrap();
    }
}

#[test]
fn what_is_no_image_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("note.tar");
    fs_err::write(&file, "no archive").unwrap();
    for path in [file.to_str().unwrap(), "/no/such/image.tar"] {
        let output = apkbuild(&["run", "--cache-dir", folder.path().to_str().unwrap(), path]).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.starts_with("error: ") && errors.contains(path), "{errors}");
    }
    assert!(!folder.path().join("images").exists());
}

#[test]
fn run_passes_streams_status_and_signals_on() {
    if !sandbox_is_possible() {
        return;
    }
    let root = Root::new();
    let path = root.path().into_os_string().into_string().unwrap();
    let output = apkbuild(&["run", &path, "inside", "exit", "42"]).output().unwrap();
    assert_eq!(output.status.code(), Some(42));
    let output = apkbuild(&["run", &path, "nothing"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.starts_with(&format!("error: `{path}`: `nothing` is not in the image")), "{message}");
    assert!(message.contains("\nhelp: ") && message.contains("the package that has `nothing`"), "{message}");

    let mut child = apkbuild(&["run", "--network=none", "--env", "A=b", &path, "inside", "echo"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"through").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"through");

    let mut child = apkbuild(&["run", &path, "inside", "hold", "/tmp/lock"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let status = child.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(128 + 15), None));
}

#[test]
fn an_ordinary_user_runs_as_the_user_of_the_image() {
    if !sandbox_is_possible() {
        return;
    }
    let root = Root::new();
    let output = run_as_ordinary(&root, &["--user", "appuser"]);
    let (text, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let none = "0000000000000000";
    assert_eq!(
        text,
        format!(
            "Uid: 1001 1001 1001 1001\nGid: 1001 1001 1001 1001\nCapInh: {none}\nCapPrm: {none}\nCapEff: {none}\n\
             CapBnd: {none}\nCapAmb: {none}\nNoNewPrivs: 1\n"
        ),
        "{errors}"
    );
}
