//! `scripts/quick-start`: a mirror that does not answer has a stand-in take its place, and one that answers and cannot be
//! used is the end.
//!
//! It is run in a checkout of a few files, where what makes a stand-in only hands one out, and a program is named so that
//! none is built.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::sandbox::program;
use super::support::{BuiltRepository, Finished, RawServer, Repository, Server};

const RECIPE: &str = "name = \"hello-python\"\narchs = [\"x86_64\"]\nalpine.packages = [\"busybox\", \"python3\"]\n";

/// A repository of these packages.
fn packages(names: &[&str]) -> BuiltRepository {
    let add = |repository: Repository, name: &&str| {
        repository.package(name, "1-r0").file(&format!("usr/share/{name}"), *name)
    };
    names.iter().fold(Repository::new(), add).build()
}

struct Checkout {
    folder: TempDir,
    stand_in: BuiltRepository,
}

impl Checkout {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for path in ["scripts", "recipes", "home", "stand-in"] {
            fs_err::create_dir_all(at(path)).unwrap();
        }
        fs_err::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/quick-start"), at("scripts/quick-start"))
            .unwrap();
        fs_err::write(at("recipes/python.toml"), RECIPE).unwrap();
        let stand_in = packages(&["busybox", "python3"]);
        fs_err::os::unix::fs::symlink(stand_in.mirror(), at("stand-in/repo")).unwrap();
        fs_err::os::unix::fs::symlink(stand_in.keys_dir(), at("stand-in/keys")).unwrap();
        let script = format!("#!/bin/sh\necho \"$*\" >asked\necho {}\n", at("stand-in").display());
        fs_err::write(at("scripts/local-mirror"), script).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs_err::set_permissions(at("scripts/local-mirror"), executable).unwrap();
        Self { folder, stand_in }
    }

    /// Runs it, with the keys of the stand-in trusted, unless `keys` says others.
    fn run(&self, mirror: &str, keys: &Path, environment: &[(&str, &str)]) -> Finished {
        let output = Command::new("bash")
            .arg(self.folder.path().join("scripts/quick-start"))
            .arg("--program")
            .arg(program())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path().join("home"))
            .env("APKBUILD_MIRROR", mirror)
            .env("APKBUILD_KEYS_DIR", keys)
            .env("APKBUILD_ARCH", "x86_64")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What the maker of stand-ins was asked, if it was.
    fn asked(&self) -> Option<String> {
        fs_err::read_to_string(self.folder.path().join("asked")).ok()
    }

    fn has_image(&self) -> bool {
        self.folder.path().join("hello-python.tar").exists()
    }
}

#[track_caller]
fn falls_back(mirror: &str, environment: &[(&str, &str)], reason: &str) {
    let checkout = Checkout::new();
    let finished = checkout.run(mirror, checkout.stand_in.keys_dir(), environment);
    let said = finished.success();
    assert!(said.starts_with("==> from here to a first image in 4 steps, with the times of"), "{said}");
    for words in [
        &format!("\n==> 1/4 the program is {}\n", program().display()),
        "\n==> 2/4 asking the mirror that APKBUILD_MIRROR names\n    error: ",
        reason,
        "\n==> 3/4 no mirror answers, so a stand-in repository takes its place (these are not Alpine's packages)\n",
        "\n==> 4/4 ",
        &format!("--mirror {}/repo", checkout.folder.path().join("stand-in").display()),
        "\n==> load and run it",
        "    export APKBUILD_MIRROR=",
    ] {
        assert!(said.contains(words), "`{words}` is not in:\n{said}");
    }
    assert_eq!(checkout.asked(), Some(format!("--program {}\n", program().display())));
    assert!(checkout.has_image());
}

#[test]
fn a_stand_in_takes_the_place_of_a_mirror_that_does_not_answer() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    falls_back(&format!("http://{nobody}"), &[], "Connection refused");
    falls_back("http://mirror.invalid/alpine", &[], "cannot reach http://mirror.invalid/alpine/latest-stable/");
    // Proxies of closed networks: to what is not encrypted they answer themselves, and else they open no tunnel.
    let proxy =
        RawServer::new(vec![b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()]);
    let proxies = [("http_proxy", proxy.url()), ("https_proxy", proxy.url())];
    falls_back("http://mirror.invalid/alpine", &proxies, "the proxy says 403 Forbidden");
    falls_back("https://mirror.invalid/alpine", &proxies, "cannot reach https://mirror.invalid/alpine/latest-stable/");
}

#[track_caller]
fn is_refused(mirror: &str, keys: Option<&Path>, reason: &str) {
    let checkout = Checkout::new();
    let keys = keys.unwrap_or_else(|| checkout.stand_in.keys_dir());
    // A proxy that is not asked for this host says nothing of it.
    let proxies = [("http_proxy", "http://127.0.0.1:9"), ("no_proxy", "127.0.0.1")];
    let finished = checkout.run(mirror, keys, &proxies);
    let message = finished.failure(1);
    assert!(message.starts_with("error: ") && message.contains(reason), "`{reason}` is not in:\n{message}");
    assert!(finished.stdout.contains("==> 2/4 ") && !finished.stdout.contains("==> 3/4 "), "{}", finished.stdout);
    assert_eq!(checkout.asked(), None, "{message}");
    assert!(!checkout.has_image());
}

#[test]
fn a_mirror_that_answers_and_cannot_be_used_is_the_end() {
    let answer = |head: &str, body: &str| {
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        RawServer::new(vec![[head.as_bytes(), body.as_bytes()].concat()])
    };
    for (server, reason) in [
        (answer("404 Not Found", ""), "HTTP status 404"),
        (answer("403 Forbidden", ""), "HTTP status 403"),
        (answer("501 Not Implemented", ""), "HTTP status 501"),
        (answer("200 OK\r\nContent-Type: text/html", "<html>log in"), "found a web page"),
        (answer("200 OK", "no index"), "the index "),
    ] {
        is_refused(server.url(), None, reason);
    }
    // Plain words where TLS should be.
    let plain = answer("400 Bad Request", "");
    is_refused(&plain.url().replace("http:", "https:"), None, "the answer is not trusted");

    let repository = packages(&["busybox"]);
    let server = Server::serving(&repository.mirror());
    is_refused(&server.url(), Some(repository.keys_dir()), "python3 (no such package)");
    let folder = tempfile::tempdir().unwrap();
    let stranger = apkbuild::apk::SigningKey::generate(2048, "stranger.rsa.pub").unwrap();
    fs_err::write(folder.path().join("stranger.rsa.pub"), stranger.public_pem().unwrap()).unwrap();
    is_refused(&server.url(), Some(folder.path()), "tests.rsa.pub");
}

#[test]
fn a_mirror_that_answers_is_what_the_image_is_made_of() {
    let repository = packages(&["busybox", "python3"]);
    let server = Server::serving(&repository.mirror());
    let checkout = Checkout::new();
    let said = checkout.run(&server.url(), repository.keys_dir(), &[]).success().to_owned();
    assert!(said.contains("\n==> 3/4 it answers, so the image is made of its packages\n"), "{said}");
    assert!(!said.contains("export APKBUILD_MIRROR"), "{said}");
    assert_eq!(checkout.asked(), None);
    assert!(checkout.has_image());
}

#[test]
fn a_program_that_is_not_there_is_told_before_anything_is_done() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/quick-start");
    let output = Command::new("bash").arg(script).args(["--program", "/nowhere/apkbuild"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.starts_with("error: there is no program at /nowhere/apkbuild\nhelp: "), "{message}");
    assert!(output.stdout.is_empty());
}
