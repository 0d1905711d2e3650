//! `apkbuild lock` and what a lock holds builds to.

mod broken;
mod update;

use std::path::Path;

use insta::assert_snapshot;

use super::support::{BuiltRepository, Finished, Program, Repository, Server, names};

/// Two applications, what they need, a package without files that brings both, one that comes by `install_if`, and a
/// tool for the stage.
pub fn repository() -> Repository {
    Repository::new()
        .package("library", "1.0-r0")
        .file("usr/lib/library.so", "library 1.0\n")
        .package("app", "1.0-r0")
        .depends("library")
        .file("usr/bin/app", "app 1.0\n")
        .package("app-doc", "1.0-r0")
        .origin("app")
        .install_if("app=1.0-r0 docs")
        .file("usr/share/app/notes", "notes 1.0\n")
        .package("docs", "1-r0")
        .file("etc/docs", "yes\n")
        .package("everything", "1-r0")
        .depends("app docs")
        .package("tool", "3.0-r0")
        .file("usr/bin/tool", "tool 3.0\n")
}

/// The same a while later: everything but the tool has moved on.
fn newer(repository: &BuiltRepository) {
    let later = Repository::new()
        .package("library", "1.1-r0")
        .file("usr/lib/library.so", "library 1.1\n")
        .package("app", "1.1-r0")
        .depends("library")
        .file("usr/bin/app", "app 1.1\n")
        .package("app-doc", "1.1-r0")
        .origin("app")
        .install_if("app=1.1-r0 docs")
        .file("usr/share/app/notes", "notes 1.1\n")
        .package("extra", "1.0-r0")
        .depends("library")
        .file("usr/bin/extra", "extra\n")
        .build();
    for package in later.indexed() {
        let name = format!("{}-{}.apk", package.info.name, package.info.version);
        fs_err::copy(later.path().join("x86_64").join(&name), repository.path().join("x86_64").join(&name)).unwrap();
    }
    repository.index();
}

const RECIPE: &str = r#"name = "hello"
archs = ["x86_64"]

[alpine]
packages = ["everything"]

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
"#;

/// A program in whose folder the recipe stands, which trusts the repository and takes it as its mirror.
pub fn program(repository: &BuiltRepository) -> Program {
    let program =
        Program::new().env("APKBUILD_MIRROR", repository.mirror()).env("APKBUILD_KEYS_DIR", repository.keys_dir());
    program.write("hello.toml", RECIPE);
    program
}

fn built(program: &Program, more: &[&str]) -> Vec<u8> {
    let words = ["recipe", "hello.toml", "-o", "hello.tar"];
    program.run(words.iter().chain(more)).success();
    fs_err::read(program.folder().join("hello.tar")).unwrap()
}

pub fn lock_text(program: &Program) -> String {
    fs_err::read_to_string(program.folder().join("hello.lock")).unwrap()
}

/// A run as a snapshot shows it: without places and times that differ from run to run.
fn shown(finished: &Finished, program: &Program, repository: &BuiltRepository) -> String {
    let Finished { code, stdout, stderr } = finished;
    let text = format!("exit code {}\n--- stdout\n{stdout}--- stderr\n{stderr}", code.unwrap_or(-1));
    let mirror = repository.mirror().display().to_string();
    text.replace(&mirror, "[MIRROR]").replace(&program.folder().display().to_string(), "[FOLDER]")
}

/// `text` without what a signature is in, since its key is another in each run: the digests of indexes, and the sizes
/// of packages, which are compressed with it.
fn without_signatures(text: &str) -> String {
    let masked = |line: &str, before: &str, after: &str, mask: &str| match line.split_once(before) {
        Some((start, rest)) => {
            let end = rest.find(after).unwrap();
            format!("{start}{before}{mask}{}", &rest[end..])
        }
        None => line.to_owned(),
    };
    let mut shown = String::new();
    for line in text.lines() {
        let line = masked(line, "sha256 = \"", "\"", "[SHA-256]");
        let line = masked(&line, ", size = ", ",", "[SIZE]");
        shown.push_str(&masked(&line, "\\nS:", "\\n", "[SIZE]"));
        shown.push('\n');
    }
    shown
}

#[test]
fn a_lock_is_readable_and_stays_the_same() {
    let repository = repository().build();
    let program = program(&repository);
    let output = program.run(["lock", "hello.toml"]);
    assert_snapshot!(shown(&output, &program, &repository), @"
    exit code 0
    --- stdout
    wrote hello.lock
    x86_64: 5 packages, stage made: 1 package
    --- stderr
    resolving for x86_64
    ");
    assert_snapshot!(without_signatures(&lock_text(&program)), @r#"
    # Exactly what the recipe beside this file is built of. `apkbuild lock` writes it.
    format = 1

    [recipe]
    release = "latest-stable"
    repositories = [
        "main",
        "community",
    ]
    packages = [
        "everything",
    ]
    stages."made" = [
        "tool",
    ]

    [architectures.x86_64]
    release = "v3.22"
    release-version = "3.22.1"
    indexes = [
        { repository = "main", sha256 = "[SHA-256]", release = "3.22.1" },
        { repository = "community", sha256 = "[SHA-256]", release = "3.22.1" },
    ]
    packages = [
        { name = "app", version = "1.0-r0", identity = "Q1uzgPWDK3m4eOwpd0NMfp1WFbzCg=", size = [SIZE], installed-size = 12288, repositories = [0] },
        { name = "app-doc", version = "1.0-r0", identity = "Q1C2F9zhjmduYhmo7SkWQvyFUScKk=", size = [SIZE], installed-size = 16384, repositories = [0] },
        { name = "docs", version = "1-r0", identity = "Q1+j4gA1QsMOhYQJsZXkhQd7N5ZBo=", size = [SIZE], installed-size = 8192, repositories = [0] },
        { name = "everything", version = "1-r0", identity = "Q1xXf+oT7rWCAUBVBCgfmGEfMTsgY=", size = [SIZE], installed-size = 0, repositories = [0], record = "C:Q1xXf+oT7rWCAUBVBCgfmGEfMTsgY=\nP:everything\nV:1-r0\nA:x86_64\nS:[SIZE]\nI:0\nT:everything for tests\nL:MIT\no:everything\nt:1700000000\nD:app docs\n" },
        { name = "library", version = "1.0-r0", identity = "Q1bB+AmvbM1q8B9w37QlHMLp3IAsM=", size = [SIZE], installed-size = 12288, repositories = [0] },
    ]
    stages."made" = [
        { name = "tool", version = "3.0-r0", identity = "Q1uoNq9zxSRq+mp7haISJzMLjdZgM=", size = [SIZE], installed-size = 12288, repositories = [0] },
    ]
    "#);
    let first = lock_text(&program);
    let output = program.run(["lock", "hello.toml"]);
    assert_snapshot!(shown(&output, &program, &repository), @"
    exit code 0
    --- stdout
    wrote hello.lock (unchanged)
    x86_64: 5 packages, stage made: 1 package
    no package changed
    --- stderr
    ");
    assert_eq!(first, lock_text(&program));
}

#[test]
fn a_locked_build_needs_no_index_and_gives_the_same_bytes() {
    let repository = repository().build();
    let unlocked = built(&program(&repository), &[]);
    let program = program(&repository);
    program.run(["lock", "hello.toml"]).success();

    // The mirror serves packages and no index.
    let mirror = repository.mirror();
    let served = tempfile::tempdir().unwrap();
    for entry in walkdir::WalkDir::new(&mirror).follow_links(true) {
        let entry = entry.unwrap();
        let place = served.path().join(entry.path().strip_prefix(&mirror).unwrap());
        if entry.file_type().is_dir() {
            fs_err::create_dir_all(place).unwrap();
        } else if entry.file_name() != "APKINDEX.tar.gz" {
            fs_err::copy(entry.path(), place).unwrap();
        }
    }
    let server = Server::serving(served.path());
    let url = server.url();
    assert_eq!(unlocked, built(&program, &["--locked", "--mirror", &url]), "cold");
    let asked: Vec<String> = server.requests().iter().map(|request| request.url.path().to_owned()).collect();
    assert!(!asked.is_empty() && !asked.iter().any(|path| path.contains("APKINDEX")), "{asked:?}");
    assert!(!asked.iter().any(|path| path.contains("everything")), "a package without files is never asked for");
    assert_eq!(unlocked, built(&program, &["--locked", "--mirror", &url, "--offline"]), "warm");

    // Without --locked the lock is used all the same, and newer packages do not get in.
    newer(&repository);
    assert_eq!(unlocked, built(&program, &[]));
    fs_err::remove_file(program.folder().join("hello.lock")).unwrap();
    assert_ne!(unlocked, built(&program, &["--cache-dir", "other"]));
}

#[test]
fn a_lock_that_does_not_fit_is_passed_over_aloud_and_refused_where_it_must_fit() {
    let repository = repository().build();
    let program = program(&repository);
    let output = program.run(["recipe", "hello.toml", "--locked"]);
    assert_snapshot!(shown(&output, &program, &repository), @"
    exit code 1
    --- stdout
    --- stderr
    error: there is no lock `hello.lock`
    help: `apkbuild lock hello.toml` writes it
    ");
    program.run(["lock", "hello.toml"]).success();
    let changed = RECIPE.replace("[\"everything\"]", "[\"everything\", \"tool\"]").replace("stage.made", "stage.other");
    program.write("hello.toml", changed.replace("from = \"made\"", "from = \"other\""));
    let output = program.run(["recipe", "hello.toml", "--locked"]);
    assert_snapshot!(shown(&output, &program, &repository), @"
    exit code 1
    --- stdout
    --- stderr
    error: the lock `hello.lock` does not fit the recipe any more:
      packages: only the recipe has tool
      stage made: only the lock has it
      stage other: only the recipe has it
    help: `apkbuild lock hello.toml` brings it up to date
    ");
    assert_eq!(names(&program.folder()), ["hello.lock", "hello.toml"]);
    let output = program.run(["plan", "hello.toml", "-q"]);
    output.success();
    let output = program.run(["recipe", "hello.toml"]);
    output.success();
    let warning: String =
        output.stderr.lines().skip_while(|line| !line.starts_with("warning")).collect::<Vec<_>>().join("\n");
    assert_snapshot!(warning.split("\nresolving").next().unwrap(), @"
    warning: the lock `hello.lock` does not fit the recipe any more:
      packages: only the recipe has tool
      stage made: only the lock has it
      stage other: only the recipe has it
    so packages are selected from the repositories instead; `apkbuild lock hello.toml` brings it up to date
    ");
    assert!(names(&program.folder()).contains(&"hello.tar".to_owned()));

    let output = program.run(["recipe", "hello.toml", "--locked", "--arch", "aarch64"]);
    assert!(output.failure(1).contains("architectures: the lock has none for aarch64"), "{}", output.stderr);
    assert!(output.stderr.contains("`apkbuild lock hello.toml --arch aarch64`"), "{}", output.stderr);
}

#[test]
fn a_plan_keeps_to_the_lock() {
    let repository = repository().build();
    let program = program(&repository);
    program.run(["lock", "hello.toml"]).success();
    newer(&repository);
    let output = program.run(["plan", "hello.toml"]);
    let plan = output.success();
    assert!(plan.contains("app-1.0-r0") && !plan.contains("1.1-r0"), "{plan}");
    assert!(plan.contains("needed by app (library)"), "{plan}");
}

#[test]
fn a_lock_says_where_folders_beside_the_recipe_are_and_no_other() {
    let repository = repository().build();
    let program = || {
        let program = Program::new().env("APKBUILD_KEYS_DIR", repository.keys_dir());
        program.write("hello.toml", RECIPE);
        program
    };
    let location = repository.location();
    assert!(Path::new(&location).is_absolute());
    let unlocked = built(&program(), &["-X", &location]);

    let away = program();
    away.run(["lock", "hello.toml", "-X", &location, "-X", &format!("@edge {location}")]).success();
    let lock = lock_text(&away);
    assert!(lock.contains("{ repository = \"<folder>\", sha256"), "{lock}");
    assert!(lock.contains("{ repository = \"@edge <folder>\", sha256"), "{lock}");
    assert!(!lock.contains(&location) && !lock.contains(&away.folder().display().to_string()), "{lock}");
    let finished = away.run(["recipe", "hello.toml", "--locked", "-q"]);
    assert_snapshot!(finished.failure(1), @"
    error: app-1.0-r0 is from a folder that the lock does not say the place of
    help: give the folder again with -X, as it was given when the lock was made
    ");
    let finished = away.run(["vendor", "hello.toml", "vendor", "-q"]);
    assert!(finished.failure(1).contains("is from a folder that the lock does not say the place of"));
    assert_eq!(unlocked, built(&away, &["--locked", "-X", &location]));
    // Of the packages that the lock names in an order that is there again, the plan tells where they are from.
    let plan = ["plan", "hello.toml", "--json", "-X", &location, "-X", &format!("@edge {location}")];
    assert!(away.run(plan).success().contains(&format!("\"{location}\"")));

    let beside = program();
    let copy = beside.folder().join("packages");
    fs_err::create_dir_all(copy.join("x86_64")).unwrap();
    for name in names(&repository.path().join("x86_64")) {
        fs_err::copy(repository.path().join("x86_64").join(&name), copy.join("x86_64").join(&name)).unwrap();
    }
    beside.run(["lock", "hello.toml", "-X", "packages"]).success();
    let lock = lock_text(&beside);
    assert!(lock.contains("{ repository = \"./packages\", sha256"), "{lock}");
    assert_eq!(unlocked, built(&beside, &["--locked"]), "the lock says where the packages are");
    beside.run(["lock", "hello.toml", "--update", "-X", &copy.display().to_string()]).success();
    assert_eq!(lock_text(&beside), lock, "however the folder is named");

    // A folder that the recipe has by its full path is not in the lock, and found all the same.
    let recipe = RECIPE.replace("[alpine]", &format!("[alpine]\nrepositories = [\"{location}\"]"));
    let named = program();
    named.write("hello.toml", &recipe);
    named.run(["lock", "hello.toml"]).success();
    let lock = lock_text(&named);
    assert!(!lock.contains(&location), "{lock}");
    built(&named, &["--locked"]);
    // As it is when an early version wrote the lock, which is mended in passing.
    named.write("hello.lock", lock.replace("<folder>", &location));
    built(&named, &["--locked"]);
    named.run(["lock", "hello.toml"]).success();
    assert_eq!(lock_text(&named), lock);
}
