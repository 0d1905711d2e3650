//! What moves in a lock, what is added to it, and what stays.

use insta::assert_snapshot;
use serde_json::Value;

use super::{RECIPE, lock_text, newer, program, repository, shown};
use crate::support::{Program, Repository};

#[test]
fn an_update_moves_one_package_or_all() {
    let repository = repository().build();
    let program = program(&repository);
    program.run(["lock", "hello.toml"]).success();
    let before = lock_text(&program);
    newer(&repository);
    program.run(["lock", "hello.toml"]).success();
    assert_eq!(before, lock_text(&program), "nothing moves by itself");

    // What is built from the same source goes with it; what it needs stays where it can.
    let output = program.run(["lock", "hello.toml", "--update", "app"]);
    assert_snapshot!(shown(&output, &program, &repository), @"
    exit code 0
    --- stdout
    wrote hello.lock
    x86_64: 5 packages, stage made: 1 package
    changed for x86_64:
        app 1.0-r0 -> 1.1-r0
        app-doc 1.0-r0 -> 1.1-r0
    --- stderr
    resolving for x86_64
    ");
    let output = program.run(["lock", "hello.toml", "--update", "--json"]);
    let document: Value = serde_json::from_str(output.success()).unwrap();
    assert_eq!(document["changes"][0]["package"], "library");
    assert_eq!(document["changes"][0]["before"], "1.0-r0");
    assert_eq!(document["changes"][0]["after"], "1.1-r0");
    assert_eq!(document["changes"].as_array().unwrap().len(), 1);

    let output = program.run(["lock", "hello.toml", "--update", "ap"]);
    assert_snapshot!(shown(&output, &program, &repository), @"
    exit code 2
    --- stdout
    --- stderr
    error: the lock `hello.lock` names no package `ap`
    help: `apkbuild plan hello.toml` lists what it names
    ");
}

#[test]
fn what_is_locked_stays_when_the_recipe_gets_more() {
    let repository = repository().build();
    let program = program(&repository);
    program.run(["lock", "hello.toml"]).success();
    newer(&repository);
    program.write("hello.toml", RECIPE.replace("[\"everything\"]", "[\"everything\", \"extra\"]"));
    let output = program.run(["lock", "hello.toml"]);
    assert_snapshot!(shown(&output, &program, &repository), @"
    exit code 0
    --- stdout
    wrote hello.lock
    x86_64: 6 packages, stage made: 1 package
    changed for x86_64:
      + extra 1.0-r0
    --- stderr
    resolving for x86_64
    ");
    // What is not there any more cannot stay.
    fs_err::remove_file(repository.package_path("library", "1.0-r0")).unwrap();
    repository.index();
    program.write("hello.toml", RECIPE);
    let output = program.run(["lock", "hello.toml"]);
    assert_snapshot!(shown(&output, &program, &repository), @"
    exit code 0
    --- stdout
    wrote hello.lock
    x86_64: 5 packages, stage made: 1 package
    changed for x86_64:
      - extra 1.0-r0
        library 1.0-r0 -> 1.1-r0
    --- stderr
    resolving for x86_64
    ");
}

#[test]
fn a_lock_grows_by_an_architecture() {
    let (one, other) = (repository().build(), Repository::new().arch("aarch64").package("tool", "3.0-r0"));
    let other = other.file("usr/bin/tool", "tool for arm\n").build();
    let folder = one.path().join("aarch64");
    fs_err::create_dir(&folder).unwrap();
    for name in ["APKINDEX.tar.gz", "tool-3.0-r0.apk"] {
        fs_err::copy(other.path().join("aarch64").join(name), folder.join(name)).unwrap();
    }
    let program = Program::new().env("APKBUILD_KEYS_DIR", one.keys_dir());
    program.write(
        "hello.toml",
        format!("name = \"hello\"\n[alpine]\nrepositories = [\"{}\"]\npackages = [\"tool\"]\n", one.location()),
    );
    program.run(["lock", "hello.toml", "--arch", "x86_64"]).success();
    let first = lock_text(&program);
    let output = program.run(["lock", "hello.toml", "--arch", "aarch64"]);
    assert_snapshot!(output.success(), @"
    wrote hello.lock
    aarch64: 1 package
    x86_64: 1 package
    changed for aarch64:
      + tool 3.0-r0
    ");
    let both = lock_text(&program);
    assert!(both.contains("[architectures.x86_64]") && both.contains("[architectures.aarch64]"), "{both}");
    let kept = first.split("[architectures.x86_64]").nth(1).unwrap();
    assert!(both.contains(kept), "the other one stays as it was");
    let output = program.run(["recipe", "hello.toml", "--locked", "--arch", "aarch64", "--arch", "x86_64", "--json"]);
    let document: Value = serde_json::from_str(output.success()).unwrap();
    assert_eq!(document["images"][0]["platforms"][0]["arch"], "aarch64");
    assert_eq!(document["images"][0]["platforms"][1]["arch"], "x86_64");
}
