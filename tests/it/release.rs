//! Which release of Alpine an image, its bills of materials and its lock name, and what is refused.

use insta::assert_snapshot;
use serde_json::Value;

use super::support::{BuiltRepository, Program, Repository, Server, names};

/// An application, in an index with the description `description`.
fn repository(description: &str) -> Repository {
    Repository::new().description(description).package("app", "1.0-r0").file("usr/bin/app", "app\n")
}

fn recipe(alpine: &str) -> String {
    format!(
        "name = \"hello\"\narchs = [\"x86_64\"]\n\n[alpine]\npackages = [\"app\"]\n{alpine}\n\n[config]\ncmd = [\"app\"]\n\n\
         [prune]\nprofile = \"none\"\n"
    )
}

/// A program that trusts the repository and takes it as its mirror, with a recipe that has `alpine` below `[alpine]`.
fn program(repository: &BuiltRepository, alpine: &str) -> Program {
    let program =
        Program::new().env("APKBUILD_MIRROR", repository.mirror()).env("APKBUILD_KEYS_DIR", repository.keys_dir());
    program.write("hello.toml", recipe(alpine));
    program
}

/// What an image says about its release.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    repositories: Option<String>,
    release: Option<String>,
    os_release: Option<String>,
    distro: String,
    stderr: String,
}

/// Builds with `more` on the command line; holds that nothing of the image and its bills has `latest-stable` in it.
fn named(program: &Program, more: &[&str]) -> Named {
    let root = program.folder().join("root");
    if root.exists() {
        fs_err::remove_dir_all(&root).unwrap();
    }
    let words = ["recipe", "hello.toml", "--format", "rootfs", "-o", "root", "--sbom", "spdx", "--sbom", "cyclonedx"];
    let output = program.run(words.iter().chain(more));
    output.success();
    let bills = ["root.spdx.json", "root.cdx.json"].map(|name| program.folder().join(name));
    let files = walkdir::WalkDir::new(&root).into_iter().map(|entry| entry.unwrap().into_path());
    for path in files.filter(|path| path.is_file() && !path.is_symlink()).chain(bills.clone()) {
        let bytes = fs_err::read(&path).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("latest-stable"), "{}", path.display());
    }
    let distros = bills.map(|path| {
        let text = fs_err::read_to_string(path).unwrap();
        let start = text.find("distro=").unwrap() + "distro=".len();
        text[start..].split(['"', '&']).next().unwrap().to_owned()
    });
    assert_eq!(distros[0], distros[1], "both bills say the same");
    let read = |path: &str| fs_err::read_to_string(root.join(path)).ok();
    let [distro, _] = distros;
    Named {
        repositories: read("etc/apk/repositories"),
        release: read("etc/alpine-release"),
        os_release: read("etc/os-release"),
        distro,
        stderr: output.stderr,
    }
}

/// What is to be there for `version` of `branch` below `mirror`.
fn expected(named: &Named, mirror: &str, branch: &str, version: &str) -> Named {
    Named {
        repositories: Some(format!("{mirror}/{branch}/main\n{mirror}/{branch}/community\n")),
        release: Some(format!("{version}\n")),
        os_release: Some(format!(
            "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID={version}\nPRETTY_NAME=\"Alpine Linux {branch}\"\n\
             HOME_URL=\"https://alpinelinux.org/\"\n\
             BUG_REPORT_URL=\"https://gitlab.alpinelinux.org/alpine/aports/-/issues\"\n"
        )),
        distro: format!("alpine-{version}"),
        stderr: named.stderr.clone(),
    }
}

/// The mirror of the recipes, which nobody asks: the image's own repositories never depend on the command line.
const MIRROR: &str = "https://mirror.example/alpine";

fn with_mirror(alpine: &str) -> String {
    format!("mirror = \"{MIRROR}\"\n{alpine}")
}

fn lock_text(program: &Program) -> String {
    fs_err::read_to_string(program.folder().join("hello.lock")).unwrap()
}

const UNKNOWN: &str = "warning: no repository says which release of Alpine it is of";

#[test]
fn the_release_is_what_the_index_says_and_is_the_same_with_a_lock() {
    let with = |name: &str, version: &str, description| repository(description).package(name, version);
    for (repository, folder, branch, version) in [
        (repository("v3.22.2-206-ge2cfd1f9853"), "latest-stable", "v3.22", "3.22.2"),
        (with("alpine-release", "3.22.1-r0", "tests"), "latest-stable", "v3.22", "3.22.1"),
        (with("alpine-base", "3.16.3-r0", ""), "latest-stable", "v3.16", "3.16.3"),
        (with("alpine-release", "3.22.3-r0", "v3.22.2-206-ge2cfd1f9853"), "latest-stable", "v3.22", "3.22.3"),
        (repository("tests"), "v3.21", "v3.21", "3.21"),
        (repository("v3.21.4"), "v3.21", "v3.21", "3.21.4"),
        (repository("v20250108-4711-gabc"), "edge", "edge", "edge"),
        (
            with("alpine-release", "3.23.0_alpha20250612-r0", "v20250108-4711-gabc"),
            "edge",
            "edge",
            "3.23.0_alpha20250612",
        ),
    ] {
        let repository = repository.build();
        let mirror = repository.mirror_of(folder);
        let program = Program::new().env("APKBUILD_MIRROR", &mirror).env("APKBUILD_KEYS_DIR", repository.keys_dir());
        let key = if folder == "latest-stable" { String::new() } else { format!("release = \"{folder}\"") };
        program.write("hello.toml", recipe(&with_mirror(&key)));
        let unlocked = named(&program, &[]);
        assert_eq!(unlocked, expected(&unlocked, MIRROR, branch, version));
        assert!(!unlocked.stderr.contains("warning"), "{}", unlocked.stderr);
        program.run(["lock", "hello.toml"]).success();
        let lock = lock_text(&program);
        assert!(lock.contains(&format!("[architectures.x86_64]\nrelease = \"{branch}\"\n")), "{lock}");
        assert!(!lock.contains("name = \"alpine-"), "what was not asked for is not locked: {lock}");
        // The lock knows it by itself.
        fs_err::remove_file(repository.index_path()).unwrap();
        let locked = named(&program, &["--locked"]);
        assert_eq!(locked, expected(&locked, MIRROR, branch, version));
    }
}

#[test]
fn the_release_may_stand_in_the_address() {
    let repository = repository("tests").build();
    let mirror = repository.mirror_of("v3.21");
    let server = Server::serving(&mirror);
    let program = program(&repository, "");
    let folder = mirror.join("v3.21/main").display().to_string();
    for place in [folder, format!("{}/v3.21/main", server.url())] {
        let named = named(&program, &["-X", &place]);
        assert_eq!(named, expected(&named, "https://dl-cdn.alpinelinux.org/alpine", "v3.21", "3.21"));
    }
    // An address of the recipe's own is in the image as it is.
    let url = format!("{}/v3.21/main", server.url());
    program.write("hello.toml", recipe(&format!("repositories = [\"{url}\"]")));
    let named = named(&program, &[]);
    assert_eq!(named.repositories, Some(format!("{url}\n")));
    assert_eq!(named.release.as_deref(), Some("3.21\n"));
    program.run(["lock", "hello.toml"]).success();
    assert!(lock_text(&program).contains("\nrelease = \"v3.21\"\n"), "{}", lock_text(&program));
}

#[test]
fn latest_stable_in_an_address_becomes_the_release_of_what_is_there() {
    let (stable, edge) = (
        repository("v3.22.2-206-ge2cfd1f9853").build(),
        Repository::new().description("v20250108").package("other", "1-r0").file("etc/other", "").build(),
    );
    let server = Server::serving(&stable.mirror());
    let alpine = format!(
        "release = \"edge\"\nmirror = \"{0}\"\n\
         repositories = [\"main\", \"@stable {1}/latest-stable/main\", \"@none {1}/latest-stable/community\"]",
        MIRROR,
        server.url()
    );
    let program =
        Program::new().env("APKBUILD_MIRROR", edge.mirror_of("edge")).env("APKBUILD_KEYS_DIR", stable.keys_dir());
    program.write("hello.toml", recipe(&alpine).replace("[\"app\"]", "[\"app@stable\", \"other\"]"));
    for more in [&[][..], &["--locked"]] {
        let named = named(&program, more);
        let stable = server.url();
        let lines = format!("{MIRROR}/edge/main\n@stable {stable}/v3.22/main\n@none {stable}/v3.22/community\n");
        assert_eq!(named.repositories, Some(lines));
        assert_eq!(named.release.as_deref(), Some("edge\n"));
        program.run(["lock", "hello.toml"]).success();
    }
}

#[test]
fn an_unknown_release_is_not_made_up_and_every_build_says_so() {
    for description in
        ["", "tests", "latest-stable", "v3.22.2\nhttps://elsewhere.example/v3.22/main", "v9", "v3.22.2; x"]
    {
        let repository = repository(description).build();
        let program = program(&repository, "");
        let built = named(&program, &[]);
        assert_eq!((built.repositories, built.release, built.os_release), (None, None, None), "{description}");
        assert_eq!(built.distro, "alpine");
        assert!(built.stderr.contains(UNKNOWN) && built.stderr.contains("release = \"vX.Y\""), "{}", built.stderr);
    }
    let repository = repository("tests").build();
    let program = program(&repository, "");
    let archive = |more: &[&str]| program.run(["recipe", "hello.toml", "--json"].iter().chain(more));
    for more in [&[][..], &["--tag", ":again"]] {
        let output = archive(more);
        let document: Value = serde_json::from_str(output.success()).unwrap();
        assert_eq!(document["images"][0]["platforms"][0]["release"], Value::Null);
        assert!(output.stderr.contains(UNKNOWN), "built or found in the cache: {}", output.stderr);
    }
    let plan = program.run(["plan", "hello.toml"]);
    assert!(plan.success().contains("hint: no repository says which release"), "{}", plan.stdout);
    let lock = program.run(["lock", "hello.toml"]);
    lock.success();
    assert!(lock.stderr.contains(UNKNOWN), "{}", lock.stderr);
    assert!(!lock_text(&program).contains("v3"), "{}", lock_text(&program));
    assert!(archive(&["--locked"]).stderr.contains(UNKNOWN));
    // An address of the recipe's own is left out as well.
    let server = Server::serving(&repository.mirror());
    program.write("hello.toml", recipe(&format!("repositories = [\"{}/latest-stable/main\"]", server.url())));
    let unknown = named(&program, &[]);
    assert_eq!((unknown.repositories, unknown.release), (None, None));
    // The way out.
    let mirror = repository.mirror_of("v3.22");
    program.write("hello.toml", recipe(&with_mirror("release = \"v3.22\"")));
    let known = named(&program, &["--mirror", mirror.to_str().unwrap()]);
    assert!(!known.stderr.contains(UNKNOWN), "{}", known.stderr);
    assert_eq!(known, expected(&known, MIRROR, "v3.22", "3.22"));
}

#[test]
fn a_packages_own_files_say_which_release_it_is() {
    let repository = repository("v3.22.2-206-ge2cfd1f9853")
        .package("alpine-release", "3.22.1-r0")
        .file("etc/alpine-release", "3.22.1\n")
        .file("usr/lib/os-release", "ID=alpine\nVERSION_ID=3.22.1\n")
        .symlink("etc/os-release", "../usr/lib/os-release")
        .build();
    let program = program(&repository, "");
    program.write("hello.toml", recipe(&with_mirror("")).replace("[\"app\"]", "[\"app\", \"alpine-release\"]"));
    let named = named(&program, &[]);
    assert_eq!(named.os_release.as_deref(), Some("ID=alpine\nVERSION_ID=3.22.1\n"));
    assert_eq!(named.release.as_deref(), Some("3.22.1\n"));
    assert_eq!(named.distro, "alpine-3.22.1");
    assert!(named.repositories.unwrap().starts_with(&format!("{MIRROR}/v3.22/main\n")));
}

#[test]
fn an_index_that_lies_about_its_release_is_refused() {
    let mut messages = String::new();
    for (description, packages, folder) in [
        ("v3.16.3-13-g4d933a1fa3", "", "v3.22"),
        ("", "alpine-base 3.16.3-r0", "v3.22"),
        ("v3.22.2-206-ge2cfd1f9853", "", "edge"),
        ("v3.22.2-206-ge2cfd1f9853", "alpine-release 3.16.3-r0", "latest-stable"),
        ("v3.22.2-206-ge2cfd1f9853", "alpine-release 3.16.3-r0", "v3.22"),
        ("v20250108", "alpine-release 3.23.0_alpha20250612-r0", "latest-stable"),
    ] {
        let mut repository = repository(description);
        if let Some((name, version)) = packages.split_once(' ') {
            repository = repository.package(name, version).file("etc/alpine-release", "x\n");
        }
        let repository = repository.build();
        let mirror = repository.mirror_of(folder);
        let program = program(&repository, &format!("release = \"{folder}\""));
        for verb in ["recipe", "lock", "plan"] {
            let output = program.run([verb, "hello.toml", "-q", "--mirror", mirror.to_str().unwrap()]);
            let message = output.failure(1).replace(&mirror.display().to_string(), "[MIRROR]");
            if verb == "recipe" {
                messages.push_str(&format!("{folder}: {message}"));
            } else {
                assert!(messages.ends_with(&message), "{verb}: {message}");
            }
            assert_eq!(names(&program.folder()), ["hello.toml"], "nothing is written");
        }
    }
    assert_snapshot!(messages, @r#"
    v3.22: error: the index of [MIRROR]/v3.22/main names v3.16 in its description `v3.16.3-13-g4d933a1fa3`, but v3.22 is asked for
    help: name a mirror or a repository that serves v3.22, or write `release = "v3.16"` if that is what you want
    v3.22: error: the index of [MIRROR]/v3.22/main names v3.16 in its package alpine-base-3.16.3-r0, but v3.22 is asked for
    help: name a mirror or a repository that serves v3.22, or write `release = "v3.16"` if that is what you want
    edge: error: the index of [MIRROR]/edge/main names v3.22 in its description `v3.22.2-206-ge2cfd1f9853`, but edge is asked for
    help: name a mirror or a repository that serves edge, or write `release = "v3.22"` if that is what you want
    latest-stable: error: the index of [MIRROR]/latest-stable/main names two releases: v3.22 in its description `v3.22.2-206-ge2cfd1f9853`, and v3.16 in its package alpine-release-3.16.3-r0
    help: name another mirror or repository; one that you made yourself can be indexed again under its true description (`apkbuild mkndx --description vX.Y.Z`)
    v3.22: error: the index of [MIRROR]/v3.22/main names two releases: v3.22 in its description `v3.22.2-206-ge2cfd1f9853`, and v3.16 in its package alpine-release-3.16.3-r0
    help: name another mirror or repository; one that you made yourself can be indexed again under its true description (`apkbuild mkndx --description vX.Y.Z`)
    latest-stable: error: the index of [MIRROR]/latest-stable/main names edge in its package alpine-release-3.23.0_alpha20250612-r0, but latest-stable is asked for
    help: name a mirror or a repository that serves latest-stable, or write `release = "edge"` if that is what you want
    "#);
    // An address that says another release than the description.
    let repository = repository("v3.16.3-13-g4d933a1fa3").build();
    let program = program(&repository, "");
    let place = repository.mirror_of("v3.22").join("v3.22/main");
    let output = program.run(["recipe", "hello.toml", "-q", "-X", place.to_str().unwrap()]);
    assert_snapshot!(output.failure(1).replace(&place.display().to_string(), "[PLACE]"), @"
    error: the index of [PLACE] names two releases: v3.16 in its description `v3.16.3-13-g4d933a1fa3`, and v3.22 in its address
    help: name another mirror or repository; one that you made yourself can be indexed again under its true description (`apkbuild mkndx --description vX.Y.Z`)
    ");
    assert_eq!(names(&program.folder()), ["hello.toml"]);
}

#[test]
fn a_lock_that_was_changed_to_another_release_is_refused() {
    let repository = repository("v3.22.2").build();
    let mirror = repository.mirror_of("v3.22");
    let program = Program::new().env("APKBUILD_MIRROR", &mirror).env("APKBUILD_KEYS_DIR", repository.keys_dir());
    program.write("hello.toml", recipe(&with_mirror("release = \"v3.22\"")));
    program.run(["lock", "hello.toml"]).success();
    let good = lock_text(&program);
    let before = names(&program.folder());
    let mut messages = String::new();
    let lines = "\nrelease = \"v3.22\"\nrelease-version = \"3.22.2\"\n";
    for (branch, version) in
        [("v3.16", "3.16.3"), ("latest-stable", "3.22.2"), ("v3.22", "3.16.3"), ("v3.22", "newest")]
    {
        let other = format!("\nrelease = \"{branch}\"\nrelease-version = \"{version}\"\n");
        program.write("hello.lock", good.replace(lines, &other));
        messages.push_str(program.run(["recipe", "hello.toml", "-q"]).failure(1));
        assert_eq!(names(&program.folder()), before);
    }
    assert_snapshot!(messages, @"
    error: the lock does not hold together for x86_64: it says that its packages are of v3.16, and the recipe asks for v3.22
    help: write it anew with `apkbuild lock FILE --update`
    error: the lock does not hold together for x86_64: `latest-stable` is no release
    help: write it anew with `apkbuild lock FILE --update`
    error: the lock does not hold together for x86_64: it says that its packages are of v3.22, and of 3.16.3
    help: write it anew with `apkbuild lock FILE --update`
    error: the lock does not hold together for x86_64: `newest` is no release
    help: write it anew with `apkbuild lock FILE --update`
    ");
    // One that was written before locks named their release: each index says it.
    program.write("hello.lock", good.replace(lines, "\n"));
    let named = named(&program, &["--locked"]);
    assert_eq!(named, expected(&named, MIRROR, "v3.22", "3.22.2"));
}

#[test]
fn a_vendored_folder_carries_the_release_along() {
    for (description, package, folder, branch, version) in [
        ("v3.22.2-206-ge2cfd1f9853", None, "latest-stable", Some("v3.22"), "3.22.2"),
        ("tests", Some("3.22.1-r0"), "latest-stable", Some("v3.22"), "3.22.1"),
        ("v20250108", Some("3.23.0_alpha20250612-r0"), "edge", Some("edge"), "3.23.0_alpha20250612"),
        ("v20250108", None, "edge", Some("edge"), "edge"),
        ("tests", None, "v3.21", Some("v3.21"), "3.21"),
        ("tests", None, "latest-stable", None, ""),
    ] {
        let mut repository = repository(description);
        if let Some(version) = package {
            repository = repository.package("alpine-release", version).file("etc/alpine-release", "x\n");
        }
        let repository = repository.build();
        let mirror = repository.mirror_of(folder);
        let program = Program::new().env("APKBUILD_MIRROR", &mirror).env("APKBUILD_KEYS_DIR", repository.keys_dir());
        program.write("hello.toml", recipe(&with_mirror(&format!("release = \"{folder}\""))));
        program.run(["lock", "hello.toml"]).success();
        program.run(["vendor", "hello.toml", "vendor"]).success();
        let lock = lock_text(&program);
        drop(repository);
        // What comes from folders needs no cache.
        assert!(!program.cache().exists());
        let offline = ["--keys-dir", "vendor/keys", "--offline"];
        for places in [["-X", "vendor"], ["--mirror", "vendor"]] {
            for is_locked in [true, false] {
                if is_locked {
                    program.write("hello.lock", &lock);
                } else {
                    fs_err::remove_file(program.folder().join("hello.lock")).unwrap();
                }
                let named = named(&program, &[&places[..], &offline].concat());
                match branch {
                    Some(branch) => assert_eq!(named, expected(&named, MIRROR, branch, version), "{places:?}"),
                    None => assert!(named.release.is_none() && named.stderr.contains(UNKNOWN), "{named:?}"),
                }
            }
        }
    }
}

#[test]
fn what_is_for_the_build_only_is_not_in_the_image() {
    let repository = repository("v3.22.2").build();
    let server = Server::serving(&repository.mirror_of("v3.22"));
    let own = Repository::new().package("own", "1-r0").file("etc/own", "").build();
    let keys = repository.keys_dir();
    let program = Program::new().env("APKBUILD_KEYS_DIR", keys);
    let url = format!("{}/v3.22/main", server.url());
    let folder = own.path().display().to_string();
    let build = |repositories: &str, mirror: &str| {
        let alpine = format!("release = \"v3.22\"\nmirror = {mirror}\nrepositories = [{repositories}]");
        program.write("hello.toml", recipe(&alpine));
        named(&program, &[])
    };
    let mirror = repository.mirror_of("v3.22").display().to_string();
    for (repositories, mirror, expected) in [
        (format!("\"{url}\", \"{folder}\""), format!("\"{MIRROR}\""), Some(format!("{url}\n"))),
        (format!("\"build-only {url}\""), format!("\"{MIRROR}\""), None),
        (format!("\"{url}\", \"build-only @own {url}\""), format!("\"{MIRROR}\""), Some(format!("{url}\n"))),
        (format!("\"file://{mirror}/v3.22/main\""), format!("\"{MIRROR}\""), None),
        ("\"main\"".to_owned(), format!("\"{mirror}\""), None),
        ("\"main\"".to_owned(), format!("[\"{mirror}\", \"{MIRROR}\"]"), Some(format!("{MIRROR}/v3.22/main\n"))),
    ] {
        let unlocked = build(&repositories, &mirror);
        assert_eq!(unlocked.repositories, expected, "{repositories} {mirror}");
        program.run(["lock", "hello.toml"]).success();
        assert!(!lock_text(&program).contains("build-only"), "{}", lock_text(&program));
        assert_eq!(named(&program, &["--locked"]).repositories, expected, "{repositories} {mirror}");
        fs_err::remove_file(program.folder().join("hello.lock")).unwrap();
    }
}
