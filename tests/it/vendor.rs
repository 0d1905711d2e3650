//! `apkbuild vendor`: a folder that stands in for every repository, for apkbuild and for apk.

mod damaged;

use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;
use serde_json::Value;

use super::support::{BuiltRepository, Program, Repository, names, shared_as_root};

fn repository() -> BuiltRepository {
    Repository::new()
        .package("library", "1.0-r0")
        .file("usr/lib/library.so", "library\n")
        .package("app", "1.0-r0")
        .depends("library")
        .file("usr/bin/app", "app\n")
        .package("everything", "1-r0")
        .depends("app")
        .package("tool", "3.0-r0")
        .file("usr/bin/tool", "tool\n")
        .build()
}

/// A newer library, for whoever asks for it by its tag.
fn edge() -> BuiltRepository {
    Repository::new().package("newcomer", "9.0-r0").file("usr/bin/newcomer", "new\n").build()
}

fn recipe(edge: &BuiltRepository) -> String {
    format!(
        r#"name = "hello"
archs = ["x86_64"]

[alpine]
release = "latest-stable"
repositories = ["main", "community", "@edge {}"]
packages = ["everything", "newcomer@edge"]

[[copy]]
from = "made"
source = "/usr/bin/tool"
target = "/opt/"

[config]
cmd = ["app"]

[prune]
profile = "none"

[stage.made]
packages = ["tool"]
"#,
        edge.location()
    )
}

/// A program with the recipe and its lock, and the archive that is built without the lock.
fn locked(repository: &BuiltRepository, edge: &BuiltRepository) -> (Program, Vec<u8>) {
    let program = Program::new();
    program.write("hello.toml", recipe(edge));
    let (mirror, keys) = (repository.mirror(), repository.keys_dir());
    let from = [Path::new("--mirror"), &mirror, Path::new("--keys-dir"), keys];
    let run = |words: &[&str]| program.run(words.iter().map(Path::new).chain(from)).success().to_owned();
    run(&["recipe", "hello.toml", "-o", "unlocked.tar"]);
    run(&["lock", "hello.toml"]);
    run(&["vendor", "hello.toml", "vendor"]);
    let archive = fs_err::read(program.folder().join("unlocked.tar")).unwrap();
    fs_err::remove_dir_all(program.cache()).unwrap();
    (program, archive)
}

/// The paths below `folder`, folders left out.
fn paths(folder: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| !entry.file_type().is_dir());
    files.map(|entry| entry.path().strip_prefix(folder).unwrap().display().to_string()).collect()
}

#[test]
fn a_vendored_folder_stands_in_for_every_repository() {
    let (repository, edge) = (repository(), edge());
    let (program, unlocked) = locked(&repository, &edge);
    let folder = program.folder().join("vendor");
    let key = names(&folder.join("keys")).pop().unwrap();
    assert!(key.ends_with(".rsa.pub"), "{key}");
    let mut there = paths(&folder);
    there.retain(|path| !path.ends_with(&key));
    assert_eq!(
        there,
        [
            "latest-stable/community",
            "latest-stable/main",
            "tagged/edge/x86_64/APKINDEX.tar.gz",
            "tagged/edge/x86_64/newcomer-9.0-r0.apk",
            "x86_64/APKINDEX.tar.gz",
            "x86_64/app-1.0-r0.apk",
            "x86_64/library-1.0-r0.apk",
            "x86_64/tool-3.0-r0.apk",
        ]
    );
    drop((repository, edge));
    let build = |words: &[&str]| {
        let call = ["recipe", "hello.toml", "-o", "hello.tar", "--keys-dir", "vendor/keys", "--offline"];
        program.run(call.iter().chain(words)).success();
        fs_err::remove_dir_all(program.cache()).unwrap();
        fs_err::read(program.folder().join("hello.tar")).unwrap()
    };
    let places = ["-X", "vendor", "-X", "@edge vendor/tagged/edge"];
    assert_eq!(unlocked, build(&[&places[..], &["--locked"]].concat()), "with the lock");
    fs_err::remove_file(program.folder().join("hello.lock")).unwrap();
    assert_eq!(unlocked, build(&places), "without it, by the folder's own indexes");
    // The tagged repository is a URL or a folder of its own, so that a mirror does not speak for it.
    program.write(
        "hello.toml",
        fs_err::read_to_string(program.folder().join("hello.toml")).unwrap().replace(", \"newcomer@edge\"", ""),
    );
    let text = fs_err::read_to_string(program.folder().join("hello.toml")).unwrap();
    let start = text.find(", \"@edge").unwrap();
    let end = start + text[start..].find(']').unwrap();
    program.write("hello.toml", format!("{}{}", &text[..start], &text[end..]));
    build(&["--mirror", "vendor"]);
}

#[test]
fn the_real_apk_installs_from_a_vendored_folder() {
    let Some(shared) = shared_as_root("the_real_apk_installs_from_a_vendored_folder") else { return };
    let (repository, edge) = (repository(), edge());
    let (program, _) = locked(&repository, &edge);
    let folder = program.folder().join("vendor");
    for (repository, world, file) in [
        (folder.clone(), "everything", "usr/lib/library.so"),
        (folder.join("tagged/edge"), "newcomer", "usr/bin/newcomer"),
    ] {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("root");
        let words: [PathBuf; 5] = ["install".into(), repository, folder.join("keys"), place.clone(), world.into()];
        let output = Command::new(shared.join("tools/apk"))
            .env("APK_REFERENCE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("apk-reference"))
            .args(words)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(place.join(file).is_file(), "{said}");
        let database = fs_err::read_to_string(place.join("lib/apk/db/installed")).unwrap();
        assert!(database.contains(&format!("P:{world}\n")), "{database}");
    }
}

#[test]
fn what_is_missing_from_a_vendored_folder_is_named_whole() {
    let (repository, edge) = (repository(), edge());
    let (program, _) = locked(&repository, &edge);
    let folder = program.folder().join("vendor");
    for file in ["x86_64/app-1.0-r0.apk", "x86_64/library-1.0-r0.apk"] {
        fs_err::remove_file(folder.join(file)).unwrap();
    }
    let call =
        ["recipe", "hello.toml", "-o", "hello.tar", "--keys-dir", "vendor/keys", "--offline", "-q", "-X", "vendor"];
    let output = program.run(call.iter().chain(&["-X", "@edge vendor/tagged/edge"]));
    assert_snapshot!(output.failure(1), @"
    error: not in the cache, and offline: app-1.0-r0 (expected at vendor/x86_64/app-1.0-r0.apk), library-1.0-r0 (expected at vendor/x86_64/library-1.0-r0.apk)
    help: run once without --offline, or name a repository that has them with -X
    ");
    let output = program.run(["vendor", "hello.toml", "again", "-X", "vendor", "--keys-dir", "vendor/keys", "-q"]);
    assert!(output.failure(1).contains("-1.0-r0.apk: there is no such package"), "{}", output.stderr);
    assert_eq!(names(&program.folder()), ["hello.lock", "hello.toml", "unlocked.spdx.json", "unlocked.tar", "vendor"]);
}

#[test]
fn packages_that_do_not_belong_together_are_not_vendored() {
    let (repository, edge) = (repository(), edge());
    let (program, _) = locked(&repository, &edge);
    fs_err::remove_dir_all(program.folder().join("vendor")).unwrap();
    let before = names(&program.folder());
    let good = fs_err::read_to_string(program.folder().join("hello.lock")).unwrap();
    let line = |name: &str| good.lines().find(|line| line.contains(&format!("name = \"{name}\""))).unwrap();
    let (mirror, keys) = (repository.mirror(), repository.keys_dir());
    let run = || {
        let words = ["vendor", "hello.toml", "vendor", "-q"];
        let from = [Path::new("--mirror"), &mirror, Path::new("--keys-dir"), keys];
        program.run(words.iter().map(Path::new).chain(from))
    };
    let mut messages = String::new();
    for broken in [
        good.replacen(&format!("{}\n", line("library")), "", 1),
        good.replacen(line("library"), &format!("{}\n{}", line("library"), line("tool")), 1),
        good.replacen("name = \"library\"", "name = \"another\"", 1),
    ] {
        assert_ne!(broken, good);
        program.write("hello.lock", broken);
        messages.push_str(&run().failure(1).replace(&mirror.display().to_string(), "[MIRROR]"));
        assert_eq!(names(&program.folder()), before);
    }
    // What is at the mirror is cut off, or is another build of the same length.
    program.write("hello.lock", &good);
    let library = repository.package_path("library", "1.0-r0");
    let whole = fs_err::read(&library).unwrap();
    let mut other = whole.clone();
    other[whole.len() / 2] ^= 1;
    for broken in [&whole[..whole.len() / 2], &whole[..0], &other] {
        fs_err::remove_file(&library).unwrap();
        fs_err::write(&library, broken).unwrap();
        let output = run();
        let message = output.failure(1);
        assert!(message.contains("library-1.0-r0") && message.contains("\nhelp: "), "{message}");
        assert_eq!(names(&program.folder()), before);
        if program.cache().exists() {
            fs_err::remove_dir_all(program.cache()).unwrap();
        }
    }
    fs_err::write(&library, &whole).unwrap();
    // A tag that leads elsewhere.
    let recipe = fs_err::read_to_string(program.folder().join("hello.toml")).unwrap();
    program
        .write("hello.toml", recipe.replace("\"@edge", "\"@../../out").replace("newcomer@edge", "newcomer@../../out"));
    let from = [Path::new("--mirror"), &mirror, Path::new("--keys-dir"), keys];
    program.run(["lock", "hello.toml"].iter().map(Path::new).chain(from)).success();
    messages.push_str(run().failure(1));
    assert_eq!(names(&program.folder()), before);
    assert_snapshot!(messages, @"
    error: the lock does not hold together for x86_64: among its packages, no packages can be selected for `everything newcomer@edge`:
      library (no such package):
        required by: app-1.0-r0[library]
    help: write it anew with `apkbuild lock FILE --update`
    error: the lock does not hold together for x86_64: nothing asks for tool
    help: write it anew with `apkbuild lock FILE --update`
    error: the lock names a package that is not there any more: [MIRROR]/latest-stable/main/x86_64/another-1.0-r0.apk: there is no such package
    help: take what is there now with `apkbuild lock FILE --update`, or name a mirror that keeps old packages with --mirror or a folder that `apkbuild vendor` made with -X
    error: the tag `../../out` is no name for a folder, and packages of a tag have a folder of their own
    help: give the repository a tag of letters, digits and `_`, `.`, `+` or `-` in the recipe
    ");
}

#[test]
fn a_folder_that_cannot_be_made_is_named_and_nothing_is_left() {
    let (repository, edge) = (repository(), edge());
    let (program, _) = locked(&repository, &edge);
    program.write("taken/file", "mine");
    program.write("file", "mine");
    fs_err::create_dir(program.folder().join("empty")).unwrap();
    let before = names(&program.folder());
    let (mirror, keys) = (repository.mirror(), repository.keys_dir());
    let run = |folder: &str| {
        let words = ["vendor", "hello.toml", folder, "-q"];
        let from = [Path::new("--mirror"), &mirror, Path::new("--keys-dir"), keys];
        program.run(words.iter().map(Path::new).chain(from))
    };
    let mut messages = String::new();
    for folder in ["taken", "file", "nowhere/deeper", "file/below", "/proc/vendored"] {
        // Where the system's message goes on, it names a folder with a random name.
        let finished = run(folder);
        let lines = finished.failure(1).lines().map(|line| line.split(" at path").next().unwrap());
        lines.for_each(|line| messages.push_str(&format!("{line}\n")));
        assert_eq!(names(&program.folder()), before);
    }
    assert_snapshot!(messages, @r#"
    error: `taken` exists and is not empty
    help: name a folder that is not there yet, or take this one away
    error: `file` exists and is no folder
    help: name a folder that is not there yet, or take this one away
    error: `nowhere/deeper` cannot be made: failed to write in `nowhere`: No such file or directory (os error 2)
    help: make the folder that it is to lie in first
    error: `file/below` cannot be made: failed to write in `file`: Not a directory (os error 20)
    help: make the folder that it is to lie in first
    error: `/proc/vendored` cannot be made: failed to write in `/proc`: No such file or directory (os error 2)
    help: make the folder that it is to lie in first
    "#);
    assert_eq!(fs_err::read_to_string(program.folder().join("taken/file")).unwrap(), "mine");
    run("empty").success();
    assert!(program.folder().join("empty/x86_64/APKINDEX.tar.gz").is_file());
    assert_eq!(names(&program.folder()), before);

    // Without a lock there is nothing to vendor.
    fs_err::remove_file(program.folder().join("hello.lock")).unwrap();
    let output = run("other");
    assert_snapshot!(output.failure(1), @"
    error: there is no lock `hello.lock`
    help: `apkbuild lock hello.toml` writes it
    ");
}

#[test]
fn a_full_disk_leaves_nothing() {
    let possible = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        eprintln!("a_full_disk_leaves_nothing: skipped, since nothing may be mounted here");
        return;
    }
    let mut state = 1_u64;
    let mut next = || {
        state = (state ^ state << 13) ^ (state ^ state << 13) >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    let noise: Vec<u8> = (0..200_000).map(|_| next()).collect();
    let repository = Repository::new().package("large", "1.0-r0").file("usr/share/large", noise).build();
    let program = Program::new();
    program.write("hello.toml", "name = \"hello\"\narchs = [\"x86_64\"]\n[alpine]\npackages = [\"large\"]\n");
    let (mirror, keys) = (repository.mirror(), repository.keys_dir());
    program
        .run([
            Path::new("lock"),
            Path::new("hello.toml"),
            Path::new("--mirror"),
            &mirror,
            Path::new("--keys-dir"),
            keys,
        ])
        .success();
    let script = format!(
        "mount -t tmpfs -o size=64k none /mnt && '{}' vendor hello.toml /mnt/vendor -q --mirror '{}' --keys-dir '{}'; \
         code=$?; ls -A /mnt; exit $code",
        env!("CARGO_BIN_EXE_apkbuild"),
        mirror.display(),
        keys.display()
    );
    let mut command = program.command([""; 0]);
    let environment: Vec<_> =
        command.get_envs().map(|(name, value)| (name.to_owned(), value.unwrap().to_owned())).collect();
    command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script]).envs(environment).current_dir(program.folder());
    let output = command.output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("`/mnt/vendor` cannot be made") && message.contains("help: free some space"), "{message}");
    assert!(output.stdout.is_empty(), "left there: {}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn json_says_how_to_use_it() {
    let (repository, edge) = (repository(), edge());
    let (program, _) = locked(&repository, &edge);
    let (mirror, keys) = (repository.mirror(), repository.keys_dir());
    let words = ["vendor", "hello.toml", "again", "--json"];
    let from = [Path::new("--mirror"), &mirror, Path::new("--keys-dir"), keys];
    let output = program.run(words.iter().map(Path::new).chain(from));
    let document: Value = serde_json::from_str(output.success()).unwrap();
    assert_eq!(document["packages"], 4);
    assert_eq!(document["archs"][0], "x86_64");
    assert_eq!(document["keys-dir"], "again/keys");
    assert_eq!(document["repositories"][1], "@edge again/tagged/edge");
}
