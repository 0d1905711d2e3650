//! Install scripts run for real, with a tiny interpreter of our own wherever there is a sandbox. With Alpine's busybox,
//! they are held against the real apk in `install.rs` and `emulation.rs`.

use std::path::Path;

use apkbuild::fetch::VerifiedApk;
use apkbuild::image::StoredImage;
use apkbuild::rootfs::{InodeKind, InstallOptions, Installation, Origin, PackageId, Rootfs};
use apkbuild::sandbox::{Error, ScriptRunner};

use super::sandbox::{inside, program, sandbox_is_possible};
use super::stage::{as_ordinary, range};
use super::support::{BuiltRepository, Program, Repository};

fn verified(repository: &BuiltRepository, packages: &[(&str, &str)]) -> Vec<VerifiedApk> {
    let verify = |(name, version): &(&str, &str)| {
        let bytes = fs_err::read(repository.package_path(name, version)).unwrap();
        VerifiedApk::verify(&bytes, None).unwrap()
    };
    packages.iter().map(verify).collect()
}

/// A runner in a folder of its own; `None`, and said so, where there is no range of ids.
fn runner(folder: &Path) -> Option<ScriptRunner> {
    match ScriptRunner::new(folder, Some(program())) {
        Ok(runner) => Some(runner),
        Err(error @ Error::NoRange { .. }) => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn install(packages: &[VerifiedApk], runner: &mut ScriptRunner) -> Installation {
    Rootfs::install(packages, InstallOptions { scripts: Some(runner), timestamp: 1_234_567 }).unwrap()
}

#[test]
fn what_scripts_change_comes_back_into_the_tree() {
    if !sandbox_is_possible() {
        return;
    }
    let repository = Repository::new()
        .package("shell", "1-r0")
        .program("bin/sh", fs_err::read(inside()).unwrap())
        .file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\ndaemon:x:33:33::/:/bin/sh\n")
        .file("etc/group", "root:x:0:\ndaemon:x:33:\n")
        .directory("srv")
        .directory("dev/shm")
        .directory("dev/pts")
        .package("tool", "2-r1")
        .file("usr/share/tool/kept", "kept")
        .owner("usr/share/tool/kept", "daemon", "daemon")
        .mode("usr/share/tool/kept", 0o2750)
        .file("usr/share/tool/rewritten", "old")
        .file("usr/share/tool/removed", "removed")
        .script("pre-install", "#!/bin/sh\nwrite /srv/before-$1\n")
        .script(
            "post-install",
            "#!/bin/sh\nwrite /usr/share/tool/rewritten\nremove /usr/share/tool/removed\nhide /srv/hidden\n\
             link /srv/before-2-r1 /srv/again\nsymlink /srv/again /srv/link\nchown /srv\n",
        )
        .package("watcher", "3-r0")
        .triggers("/usr/share/*")
        .script("trigger", "#!/bin/sh\nwrite $1/seen\nfail 2\n")
        .build();
    let folder = tempfile::tempdir().unwrap();
    let Some(mut runner) = runner(folder.path()) else { return };
    let packages = verified(&repository, &[("shell", "1-r0"), ("tool", "2-r1"), ("watcher", "3-r0")]);
    let Installation { rootfs, notes } = install(&packages, &mut runner);
    let tree = &rootfs.tree;

    let owner = |path: &str| {
        let metadata = &tree.get(path).unwrap_or_else(|| panic!("{path} is missing")).metadata;
        (metadata.uid, metadata.gid, metadata.mode, metadata.origin)
    };
    let (tool, watcher) = (PackageId(1), PackageId(2));
    assert_eq!(owner("usr/share/tool/kept"), (33, 33, 0o2750, Origin::Package(tool)));
    assert_eq!(tree.file("usr/share/tool/kept").unwrap()[..], *b"kept");
    assert_eq!(owner("usr/share/tool/rewritten"), (0, 0, 0o644, Origin::Script(tool)));
    assert_eq!(tree.file("usr/share/tool/rewritten").unwrap()[..], *b"written");
    assert_eq!(tree.get("usr/share/tool/rewritten").unwrap().metadata.mtime, 1_234_567);
    assert!(tree.get("usr/share/tool/removed").is_none());
    assert_eq!(owner("srv/hidden"), (33, 33, 0, Origin::Script(tool)));
    assert_eq!(owner("srv/hidden/file"), (33, 33, 0, Origin::Script(tool)));
    assert_eq!(tree.file("srv/hidden/file").unwrap()[..], *b"hidden");
    assert_eq!(tree.lookup("srv/again"), tree.lookup("srv/before-2-r1"));
    assert!(matches!(&tree.get("srv/link").unwrap().kind, InodeKind::Symlink(target) if target == "/srv/again"));
    // What a script makes of a package's folder stays, as under apk 3.
    assert_eq!(owner("srv"), (33, 33, 0o755, Origin::Package(PackageId(0))));
    assert_eq!(owner("usr/share/tool/seen").3, Origin::Script(watcher));
    // Nothing of the sandbox itself.
    assert!(tree.get("etc/hosts").is_none() && tree.children(tree.lookup("dev").unwrap()).unwrap().len() == 2);
    assert!(tree.lookup("tmp").is_none());

    // A script that fails does not end the installation, and is told.
    assert_eq!(notes.len(), 1);
    assert_eq!((notes[0].package.as_str(), notes[0].outcome.status), ("watcher-3-r0", 9));
    let output = &notes[0].outcome.output;
    assert!(output.ends_with("line 1\nerror 1"), "{output}");
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_ordinary_user_with_a_range_gets_the_same() {
    if !sandbox_is_possible() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (subids, expected) in
        [(range(), "test result: ok. 1 passed"), (String::new(), "skipped: running install scripts needs a range")]
    {
        for test in ["what_scripts_change_comes_back_into_the_tree", "a_recipe_has_its_scripts_run"] {
            let Some(output) = as_ordinary(&format!("scripts::{test}"), folder.path(), &subids) else { return };
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.contains(expected), "{text}{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(text.contains("skipped"), subids.is_empty(), "{text}");
        }
    }
}

#[test]
fn a_script_without_its_interpreter_fails_alone() {
    if !sandbox_is_possible() {
        return;
    }
    let repository = Repository::new()
        .package("bare", "1-r0")
        .file("srv/file", "file")
        .script("post-install", "#!/bin/sh\nwrite /srv/never\n")
        .build();
    let folder = tempfile::tempdir().unwrap();
    let Some(mut runner) = runner(folder.path()) else { return };
    let Installation { rootfs, notes } = install(&verified(&repository, &[("bare", "1-r0")]), &mut runner);
    assert_eq!(notes[0].outcome.status, 127);
    assert!(
        notes[0].outcome.output.starts_with("cannot execute `lib/apk/exec/bare-1-r0.post-install`"),
        "{:?}",
        notes[0]
    );
    assert!(rootfs.tree.get("srv/never").is_none() && rootfs.tree.get("srv/file").is_some());
}

/// What a recipe with `scripts = "run"` says and makes; or says where there is no range of ids.
#[test]
fn a_recipe_has_its_scripts_run() {
    if !sandbox_is_possible() {
        return;
    }
    let repository = Repository::new()
        .package("shell", "1-r0")
        .program("bin/sh", fs_err::read(inside()).unwrap())
        .package("tool", "1-r0")
        .depends("shell")
        .directory("srv")
        .script("pre-install", "#!/bin/sh\nwrite /before\nchown /before\n")
        .script("post-install", "#!/bin/sh\nwrite /srv/made-by-$1\n")
        .package("watcher", "1-r0")
        .depends("tool")
        .triggers("/srv")
        .script("trigger", "#!/bin/sh\nwrite $1/seen\nfail 2\n")
        .build();
    let program = Program::new();
    let write = |failures: &str| {
        let recipe = format!(
            "name = \"hello\"\nalpine = {{ packages = [\"watcher\"], scripts = \"run\"{failures} }}\n\
             stage.deps = {{ packages = [\"tool\"], run = [\"read /srv/made-by-1-r0\"] }}\n\
             [[copy]]\nfrom = \"deps\"\nsource = \"/srv\"\ntarget = \"/from-stage\"\n"
        );
        program.write("hello.toml", &recipe);
    };
    write("");
    let location = repository.location();
    let keys = repository.keys_dir().display().to_string();
    let output = program.run(["recipe", "hello.toml", "-X", &location, "--keys-dir", &keys]);
    if let Err(error) = ScriptRunner::see_that_it_is_possible() {
        let message = output.failure(1);
        assert!(message.contains(&error.to_string()) && message.contains("/etc/subuid"), "{message}");
        println!("skipped: {error}");
        return;
    }
    // By default the build fails where a script does.
    let note = "watcher-1-r0: its trigger script ended with status 9\n  | done\n  | line 0\n  | error 0\n  | line 1\n  | error 1";
    let message = output.failure(1);
    assert!(message.contains(note) && message.contains("`script-failures = \"warn\"` under [alpine]"), "{message}");
    write(", script-failures = \"warn\"");
    let output = program.run(["recipe", "hello.toml", "-X", &location, "--keys-dir", &keys]);
    output.success();
    assert!(output.stderr.contains(note), "{}", output.stderr);
    let image = &StoredImage::open_all(&program.folder().join("hello.tar")).unwrap()[0];
    let tree = image.tree().unwrap();
    assert_eq!(tree.get("before").map(|inode| (inode.metadata.uid, inode.metadata.gid)), Some((33, 33)));
    for path in ["srv/made-by-1-r0", "srv/seen", "from-stage/made-by-1-r0"] {
        assert_eq!(tree.file(path).map(|text| text.to_vec()), Some(b"written".to_vec()), "{path}");
    }
    let left: Vec<_> =
        fs_err::read_dir(program.cache().join("stages")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
}

#[test]
fn a_script_that_fails_ends_the_build() {
    let repository = Repository::new()
        .package("shell", "1-r0")
        .program("bin/sh", b"\x7fELF".to_vec())
        .package("tool", "1-r0")
        .depends("shell")
        .file("srv/tool", "tool")
        .script("post-install", "#!/bin/sh\necho \"no device for $APK_PACKAGE\" >&2\nexit 3\n")
        .package("unstarted", "2-r0")
        .script("pre-install", "echo > /made\n")
        .package("partly", "3-r0")
        .depends("shell")
        .script("post-install", "#!/bin/sh\nsh -c true\nexit 4\n")
        .build();
    let location = repository.location();
    let keys = repository.keys_dir().display().to_string();
    let build = |alpine: &str, rest: &str| {
        let program = Program::new();
        program.write("hello.toml", format!("name = \"hello\"\nalpine = {{ {alpine} }}\n{rest}"));
        program.run(["recipe", "hello.toml", "-X", &location, "--keys-dir", &keys])
    };
    let way_out = "`script-failures = \"warn\"` under [alpine]";
    let tool = "tool-1-r0: its post-install script ended with status 3\n  | no device for tool";
    let unstarted = "unstarted-2-r0: its pre-install script ended with status 127\n  | it has no `#!` line";

    // All that failed is told at once, as apk goes on to the end.
    let output = build("packages = [\"tool\", \"unstarted\"]", "");
    let message = output.failure(1);
    assert!(message.contains(tool) && message.contains(unstarted) && message.contains(way_out), "{message}");
    let output = build("packages = [\"tool\", \"unstarted\"], script-failures = \"warn\"", "");
    output.success();
    assert!(output.stderr.contains(tool) && !output.stderr.contains(way_out), "{}", output.stderr);
    // How one ends that is not understood in full is not known.
    let output = build("packages = [\"partly\"]", "");
    output.success();
    assert!(
        output.stderr.contains("partly-3-r0: its post-install script was not carried out in full"),
        "{}",
        output.stderr
    );
    build("packages = [\"tool\"], scripts = \"skip\"", "").success();

    // Stages have the same from `[alpine]`.
    let stage =
        "stage.deps = { packages = [\"tool\"] }\n[[copy]]\nfrom = \"deps\"\nsource = \"/srv\"\ntarget = \"/srv\"\n";
    let output = build("packages = [\"shell\"]", stage);
    let message = output.failure(1);
    assert!(message.contains(&format!("stage deps: {tool}")) && message.contains(way_out), "{message}");
    let output = build("packages = [\"shell\"], script-failures = \"warn\"", stage);
    output.success();
    assert!(output.stderr.contains(&format!("stage deps: {tool}")), "{}", output.stderr);
}
