//! Repositories that others made: with a folder for any machine, packages that were signed again, names with a `+`,
//! behind proxies, and for the build only.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Program, Repository, Server, names, noarch_and_signed_twice, shared_as_root};

fn recipe(alpine: &str) -> String {
    format!(
        "name = \"hello\"\narchs = [\"x86_64\"]\n[alpine]\nrelease = \"v3.22\"\n{alpine}\n[config]\ncmd = [\"own\"]\n\
         [prune]\nprofile = \"none\"\n"
    )
}

/// Runs `words` and gives the archive that they make.
fn built(program: &Program, words: &[&str]) -> Vec<u8> {
    program.run(["recipe", "hello.toml", "-o", "hello.tar", "-q"].iter().chain(words)).success();
    fs_err::read(program.folder().join("hello.tar")).unwrap()
}

#[test]
fn they_serve_builds_locks_vendored_folders_and_both_apks() {
    let repository = noarch_and_signed_twice();
    let server = Server::serving(repository.path());
    let (keys, url) = (repository.keys_dir().display().to_string(), format!("{}?token=x", server.url()));
    let mut archives = Vec::new();
    for place in [repository.location(), url] {
        let program = Program::new();
        program.write("hello.toml", recipe("packages = [\"own\"]"));
        let from = ["-X", &place, "--keys-dir", &keys];
        archives.push(built(&program, &from));
        program.run(["lock", "hello.toml"].iter().chain(&from)).success();
        archives.push(built(&program, &[&from[..], &["--locked", "--tag", "hello:latest"]].concat()));
        archives.push(built(&program, &[&from[..], &["--locked", "--offline"]].concat()));
        program.run(["vendor", "hello.toml", "vendor"].iter().chain(&from)).success();
        let folder = program.folder().join("vendor");
        assert_eq!(names(&folder.join("noarch")), ["any++-1-r0.apk"]);
        assert_eq!(names(&folder.join("x86_64")), ["APKINDEX.tar.gz", "own-1-r0.apk"]);
        fs_err::remove_dir_all(program.cache()).unwrap();
        let vendored = ["-X", "vendor", "--keys-dir", "vendor/keys", "--offline"];
        archives.push(built(&program, &[&vendored[..], &["--locked"]].concat()));
        fs_err::remove_file(program.folder().join("hello.lock")).unwrap();
        archives.push(built(&program, &vendored));
        let Some(shared) = shared_as_root("they_serve_builds_locks_vendored_folders_and_both_apks") else { continue };
        for (repository, keys) in
            [(repository.path().to_owned(), PathBuf::from(&keys)), (folder.clone(), folder.join("keys"))]
        {
            for tool in ["apk", "apk3"] {
                let root = tempfile::tempdir().unwrap();
                let words: [PathBuf; 5] =
                    ["install".into(), repository.clone(), keys.clone(), root.path().into(), "own".into()];
                let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
                let output = Command::new(shared.join("tools").join(tool))
                    .env("APK_REFERENCE", tmp.join("apk-reference"))
                    .env("APK3_REFERENCE", tmp.join("apk3-reference"))
                    .args(words)
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
                for file in ["usr/share/any", "usr/bin/own"] {
                    assert!(root.path().join(file).is_file(), "{tool}, {}: {said}", repository.display());
                }
            }
        }
    }
    assert!(archives.iter().all(|archive| archive == &archives[0]), "every way gives the same image");
    // An object store takes a bare `+` for a blank.
    let asked = server.requests().iter().map(|request| request.url.to_string()).collect::<Vec<_>>();
    let of_any = asked.iter().find(|url| url.ends_with("/noarch/any%2B%2B-1-r0.apk?token=x"));
    assert!(of_any.is_some() && asked.iter().all(|url| url.ends_with("?token=x")), "{asked:?}");
}

#[test]
fn a_repository_for_the_build_only_is_named_nowhere_in_the_image() {
    let one = Repository::new().package("own", "1-r0").file("usr/bin/own", "own\n").build();
    let other = Repository::new().package("other", "1-r0").file("usr/share/other", "x").build();
    let (server, secret) = (Server::serving(&one.mirror_of("v3.22")), Server::serving(other.path()));
    for (source, is_there) in [
        (format!("build-only @extra {}", secret.url()), false),
        (format!("@extra {}", other.location()), false),
        (format!("@extra file://{}", other.location()), false),
        (format!("@extra {}", secret.url()), true),
    ] {
        let program = Program::new().env("APKBUILD_KEYS_DIR", one.keys_dir());
        let alpine = format!(
            "mirror = [\"/nowhere\", \"{}\"]\nrepositories = [\"main\", \"{source}\"]\npackages = [\"own\", \"other@extra\"]",
            server.url()
        );
        program.write("hello.toml", recipe(&alpine));
        let read = |more: &[&str]| {
            let root = program.folder().join("root");
            program
                .run(["recipe", "hello.toml", "--format", "rootfs", "-o", "root", "-q"].iter().chain(more))
                .success();
            let read = |path: &str| fs_err::read_to_string(root.join(path)).unwrap();
            let text = ["etc/apk/repositories", "etc/apk/world", "lib/apk/db/installed"].map(read);
            fs_err::remove_dir_all(root).unwrap();
            text
        };
        let text = read(&[]);
        let extra = if is_there { format!("@extra {}\n", secret.url()) } else { String::new() };
        assert_eq!(text[0], format!("{}/v3.22/main\n{extra}", server.url()), "{source}");
        // apk changes nothing in a system whose world has a tag that no repository has.
        assert_eq!(text[1], if is_there { "other@extra\nown\n" } else { "other\nown\n" }, "{source}");
        assert_eq!(text[2].contains("s:extra\n"), is_there, "{source}: {}", text[2]);
        program.run(["lock", "hello.toml"]).success();
        assert_eq!(read(&["--locked"]), text, "{source}");
        program.run(["vendor", "hello.toml", "vendor"]).success();
        let vendored = ["-X", "vendor", "-X", "@extra vendor/tagged/extra", "--keys-dir", "vendor/keys", "--offline"];
        assert_eq!(read(&vendored), text, "{source}");
    }
}

#[test]
fn no_proxy_may_name_a_host_with_its_port() {
    let repository = Repository::new().package("own", "1-r0").file("usr/bin/own", "own\n").build();
    let (mirror, proxy) = (Server::serving(repository.path()), Server::new());
    let url = mirror.url();
    let (_, host) = url.split_once("://").unwrap();
    let (_, port) = host.rsplit_once(':').unwrap();
    for (no_proxy, is_direct) in [
        (host.to_owned(), true),
        (format!("other.example *:{port}"), true),
        ("127.0.0.0/8".to_owned(), true),
        ("127.0.0.1:1,*.example".to_owned(), false),
    ] {
        let program = Program::new().env("http_proxy", proxy.url()).env("no_proxy", &no_proxy);
        let before = proxy.requests().len();
        let keys = repository.keys_dir().to_str().unwrap();
        let output = program.run(["resolve", "own", "-X", &url, "--keys-dir", keys, "--arch", "x86_64"]);
        assert_eq!(output.code == Some(0), is_direct, "{no_proxy}: {}", output.stderr);
        assert_eq!(proxy.requests().len() == before, is_direct, "{no_proxy}");
    }
}
