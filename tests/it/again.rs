//! Builds after the first: what is unchanged is not built again, and what comes out is what a first build gives.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::support::{BuiltRepository, Program, Repository};

const RECIPE: &str = r#"
name = "hello"

[alpine]
packages = ["runtime"]

[[copy]]
source = "app"
target = "/app/"

[config]
cmd = ["runtime"]
workdir = "/app"
"#;

fn repository(version: &str) -> BuiltRepository {
    Repository::new().package("runtime", version).program("usr/bin/runtime", format!("runtime {version}\n")).build()
}

/// A program with a recipe and an application in its folder.
fn program() -> Program {
    let program = Program::new();
    fs_err::create_dir_all(program.folder().join("app")).unwrap();
    program.write("hello.toml", RECIPE);
    program.write("app/main.txt", "application\n");
    program
}

/// Builds, with the user's cache or another one.
fn build(program: &Program, repository: &BuiltRepository, more: &[&str]) -> Vec<u8> {
    program.run(arguments(repository, more)).success();
    fs_err::read(program.folder().join("hello.tar")).unwrap()
}

fn arguments<'a>(repository: &'a BuiltRepository, more: &[&'a str]) -> Vec<String> {
    let keys = repository.keys_dir().display().to_string();
    let location = repository.location();
    let words = ["recipe", "hello.toml", "-X", &location, "--keys-dir", &keys, "--arch", "x86_64"];
    words.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

/// The one file in a section of the cache that ends so.
fn cached(program: &Program, section: &str, extension: &str) -> std::path::PathBuf {
    let entries = fs_err::read_dir(program.cache().join(section)).unwrap().map(|entry| entry.unwrap().path());
    let mut fitting = entries.filter(|path| path.extension().is_some_and(|found| found == extension));
    fitting.next().unwrap()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs_err::read(path).unwrap();
    bytes[at] ^= 0x55;
    fs_err::write(path, bytes).unwrap();
}

#[test]
fn what_is_unchanged_is_not_built_again() {
    let (program, repository) = (program(), repository("1.0-r0"));
    let first = build(&program, &repository, &[]);
    let sbom = fs_err::read(program.folder().join("hello.spdx.json")).unwrap();

    // Without a package there is nothing to build of, so what comes now was kept.
    fs_err::remove_file(repository.package_path("runtime", "1.0-r0")).unwrap();
    fs_err::remove_dir_all(program.cache().join("data")).unwrap();
    fs_err::remove_file(program.folder().join("hello.tar")).unwrap();
    assert_eq!(build(&program, &repository, &["--report", "report.json"]), first);
    assert_eq!(fs_err::read(program.folder().join("hello.spdx.json")).unwrap(), sbom);
    let report = fs_err::read_to_string(program.folder().join("report.json")).unwrap();
    assert!(report.contains("usr/bin/runtime"), "{report}");

    program.write("app/main.txt", "another application\n");
    let message = program.run(arguments(&repository, &[])).failure(1).to_owned();
    assert!(message.contains("runtime-1.0-r0"), "{message}");
    program.write("app/main.txt", "application\n");
    assert_eq!(build(&program, &repository, &[]), first, "as it was before");
}

#[test]
fn every_change_gives_what_a_first_build_gives() {
    let (program, mut repository) = (program(), repository("1.0-r0"));
    let folder = program.folder();
    let mut seen = vec![build(&program, &repository, &[])];
    let mut fresh = 0;
    let mut holds = |what: &str, repository: &BuiltRepository, more: &[&str]| {
        let again = build(&program, repository, more);
        fresh += 1;
        let other_cache = format!("fresh-{fresh}");
        let place = folder.with_file_name(&other_cache);
        let place = place.to_str().unwrap();
        assert_eq!(again, build(&program, repository, &[more, &["--cache-dir", place]].concat()), "{what}");
        assert!(!seen.contains(&again), "{what} changes the image");
        seen.push(again);
    };
    program.write("app/more.txt", "more\n");
    holds("a new file", &repository, &[]);
    program.write("app/more.txt", "less\n");
    holds("another text of the same length", &repository, &[]);
    fs_err::set_permissions(folder.join("app/more.txt"), std::fs::Permissions::from_mode(0o755)).unwrap();
    holds("a mode", &repository, &[]);
    fs_err::os::unix::fs::symlink("more.txt", folder.join("app/link")).unwrap();
    holds("a link", &repository, &[]);
    fs_err::remove_file(folder.join("app/link")).unwrap();
    fs_err::os::unix::fs::symlink("main.txt", folder.join("app/link")).unwrap();
    holds("where a link leads", &repository, &[]);
    program.write(".dockerignore", "app/more.txt\n");
    holds("what is left out", &repository, &[]);
    program.write("hello.toml", RECIPE.replace("/app/\"", "/srv/\""));
    holds("the recipe", &repository, &[]);
    program.write("hello.toml", RECIPE.to_owned() + "\n[prune]\nremove = [\"app/app/main.txt\"]\n");
    holds("what is pruned", &repository, &[]);
    holds("the level", &repository, &["--level", "1"]);
    holds("the compression", &repository, &["--compression", "zstd"]);
    holds("the tag", &repository, &["--tag", ":2"]);
    repository = self::repository("1.1-r0");
    holds("a package", &repository, &[]);
}

#[test]
fn what_is_damaged_in_the_cache_is_made_again() {
    let (program, repository) = (program(), repository("1.0-r0"));
    let first = build(&program, &repository, &[]);
    for (section, extension) in [("builds", "json"), ("blobs", "segment"), ("blobs", "layer")] {
        for at in [0, 40] {
            flip(&cached(&program, section, extension), at);
            assert_eq!(build(&program, &repository, &[]), first, "{section}/*.{extension}, byte {at}");
        }
        fs_err::write(cached(&program, section, extension), "").unwrap();
        assert_eq!(build(&program, &repository, &[]), first, "an empty {section}/*.{extension}");
    }
}

#[test]
fn sizes_and_files_are_those_of_the_recipe_as_it_is_now() {
    let (program, repository) = (program(), repository("1.0-r0"));
    let limited = format!("{RECIPE}\n[size]\nunpacked = \"10B\"\n");
    program.write("hello.toml", &limited);
    program.run(arguments(&repository, &["--over-size", "warn"])).success();
    let message = program.run(arguments(&repository, &[])).failure(3).to_owned();
    assert!(message.contains("unpacked, where") && message.contains("runtime-1.0-r0"), "{message}");
    let output = program.run(arguments(&repository, &["--over-size", "warn"]));
    output.success();

    program.write("hello.toml", RECIPE);
    build(&program, &repository, &[]);
    program.run(arguments(&repository, &["--format", "rootfs", "-o", "files"])).success();
    assert_eq!(fs_err::read_to_string(program.folder().join("files/app/app/main.txt")).unwrap(), "application\n");
}
