//! The main job on what Alpine's mirrors serve today: the signed index of v3.22, from a folder and over HTTP, with the keys
//! that are built in.

use std::path::Path;

use crate::support::{Program, Server, shared};

const RECIPE: &str =
    "name = \"today\"\narchs = [\"x86_64\"]\n[alpine]\nrelease = \"v3.22\"\nrepositories = [\"main\"]\n";

/// A folder that is laid out as a mirror, with the v3.22 of `alpine`.
fn mirror(alpine: &Path, program: &Program) {
    let index = fs_err::read(alpine.join("v3.22/main/x86_64/APKINDEX.tar.gz")).unwrap();
    program.write("mirror/v3.22/main/x86_64/APKINDEX.tar.gz", index);
}

#[test]
fn todays_index_serves_every_verb() {
    let Some(shared) = shared("todays_index_serves_every_verb") else { return };
    let program = Program::new();
    mirror(&shared.join("alpine"), &program);
    let server = Server::serving(&program.folder().join("mirror"));
    let folder = program.folder().join("mirror").display().to_string();
    for (world, count) in [("busybox python3", 23), ("busybox nodejs", 21)] {
        let packages: Vec<String> = world.split(' ').map(|name| format!("{name:?}")).collect();
        program.write("today.toml", format!("{RECIPE}packages = [{}]\n", packages.join(", ")));
        for place in [&folder, &server.url()] {
            let run = |verb: &str, rest: &str| {
                let words = format!("{verb} --mirror {place} {rest}");
                program.run(words.split_whitespace())
            };
            let resolved = run("resolve --arch x86_64 --release v3.22", &format!("-X {place}/v3.22/main {world}"));
            let resolved = resolved.success().to_owned();
            assert_eq!(resolved.lines().count(), count, "{resolved}");
            assert!(resolved.contains("python3-3.12.12-r0\n") || resolved.contains("nodejs-22."), "{resolved}");
            let plan = run("plan", "today.toml").success().to_owned();
            assert!(plan.contains(&format!("{count} packages")), "{plan}");
            run("lock", "today.toml --update").success();
            let lock = fs_err::read_to_string(program.folder().join("today.lock")).unwrap();
            assert_eq!(lock.matches(", version = ").count(), count, "{lock}");
            assert!(lock.contains("\nrelease = \"v3.22\"\nrelease-version = \"3.22.2\"\n"), "{lock}");
            // The index is all there is of this mirror, so what comes after it says that the index was good.
            let missing = if place == &folder { "there is no such package" } else { "found HTTP status 404" };
            let failed = run("recipe", "today.toml");
            let message = failed.failure(1);
            fs_err::remove_file(program.folder().join("today.lock")).unwrap();
            assert!(message.contains(missing) && message.contains(".apk"), "{message}");
        }
    }
}

#[test]
fn the_release_is_what_alpines_own_indexes_say() {
    let Some(shared) = shared("the_release_is_what_alpines_own_indexes_say") else { return };
    for (release, arch, version) in
        [("v3.22", "x86_64", "3.22.2"), ("v3.17", "aarch64", "3.17.3"), ("v3.16", "x86_64", "3.16.3")]
    {
        let program = Program::new();
        let path = format!("main/{arch}/APKINDEX.tar.gz");
        let index = fs_err::read(shared.join("alpine").join(release).join(&path)).unwrap();
        program.write(Path::new("mirror/latest-stable").join(&path), index);
        let recipe = RECIPE.replace("release = \"v3.22\"\n", "").replace("x86_64", arch);
        program.write("today.toml", format!("{recipe}packages = [\"busybox\"]\n"));
        program.run(["lock", "today.toml", "--mirror", "mirror"]).success();
        let lock = fs_err::read_to_string(program.folder().join("today.lock")).unwrap();
        let lines = format!("[architectures.{arch}]\nrelease = \"{release}\"\nrelease-version = \"{version}\"\n");
        assert!(lock.contains(&lines), "{lock}");
    }
}
