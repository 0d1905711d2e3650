//! Locks that are damaged or changed by hand, and packages that are not what a lock says any more.

use insta::assert_snapshot;

use super::{lock_text, program, repository, shown};
use crate::support::{Repository, Server, names};

#[test]
fn a_damaged_lock_is_never_passed_over() {
    let repository = repository().build();
    let program = program(&repository);
    program.run(["lock", "hello.toml"]).success();
    let good = lock_text(&program);
    let cut = good.split(", identity").next().unwrap().to_owned();
    let between = |start: &str, end: &str| {
        &good[good.find(start).unwrap()..][..good[good.find(start).unwrap()..].find(end).unwrap()]
    };
    let (size, digest) =
        (between(", size", ", installed-size"), &between("sha256 = ", " }")["sha256 = \"".len()..][..64]);
    let mut messages = String::new();
    for broken in [
        cut,
        good.replacen("Q1", "Q7", 1),
        good.replace("format = 1", "format = 2"),
        good.replacen("repositories = [0]", "repositories = [7]", 1),
        good.replace("name = \"docs\"", "name = \"library\""),
        good.replacen("sha256 = \"", "sha256 = \"x", 1),
        good.replacen(size, "", 1),
        good.replace("P:everything\\n", ""),
        good.replace("D:app docs\\n", "D:app docs\\n\\nC:Q1xXf+oT7rWCAUBVBCgfmGEfMTsgY=\\nP:more\\nV:1\\n"),
        good.replace("P:everything\\n", "P:nothing\\n"),
        good.replace("D:app docs\\n", "D:app docs\\nX:a field of the future\\n"),
        format!("<<<<<<< ours\n{good}=======\n{good}>>>>>>> theirs\n"),
        "x".repeat(10 << 20),
        "a = [\n".repeat(1 << 14),
        "x".repeat((16 << 20) + 1),
    ] {
        assert_ne!(broken, good);
        program.write("hello.lock", broken);
        for verb in ["recipe", "plan", "lock"] {
            let output = program.run([verb, "hello.toml"]);
            let message = output.failure(1);
            if verb == "recipe" {
                messages.push_str(message);
            }
        }
        assert_eq!(
            program.run(["vendor", "hello.toml", "vendor"]).failure(1),
            program.run(["recipe", "hello.toml"]).stderr
        );
        assert_eq!(names(&program.folder()), ["hello.lock", "hello.toml"]);
    }
    assert_snapshot!(messages.replace(digest, "[SHA-256]"), @r#"
    error: the lock `hello.lock`: it cannot be read: TOML parse error at line 25, column 39
       |
    25 |     { name = "app", version = "1.0-r0"
       |                                       ^
    unclosed inline table, expected `}`
    help: bring back an earlier one, or write it anew with `apkbuild lock FILE --update`
    error: the lock `hello.lock`: it holds `Q7uzgPWDK3m4eOwpd0NMfp1WFbzCg=`, which is no identity
    help: bring back an earlier one, or write it anew with `apkbuild lock FILE --update`
    error: the lock `hello.lock`: it is of format 2, and this apkbuild reads format 1
    help: use the apkbuild that wrote it, or write it anew with `apkbuild lock FILE --update`
    error: the lock `hello.lock`: it holds `[7]`, which is no list of places among the indexes
    help: bring back an earlier one, or write it anew with `apkbuild lock FILE --update`
    error: the lock `hello.lock`: it names library twice
    help: bring back an earlier one, or write it anew with `apkbuild lock FILE --update`
    error: the lock `hello.lock`: it holds `x[SHA-256]`, which is no SHA-256 in hexadecimal
    help: bring back an earlier one, or write it anew with `apkbuild lock FILE --update`
    error: the lock `hello.lock`: it cannot be read: TOML parse error at line 25, column 5
       |
    25 |     { name = "app", version = "1.0-r0", identity = "Q1uzgPWDK3m4eOwpd0NMfp1WFbzCg=", installed-size = 12288, repositories = [0] },
       |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    missing field `size`
    help: bring back an earlier one, or write it anew with `apkbuild lock FILE --update`
    error: the lock `hello.lock`: its record of everything cannot be read: the index has no package in it; line 1 is `C:Q1xXf+oT7rWCAUBVBCgfmGEfMTsgY=`
    help: bring back an earlier one, or write it anew with `apkbuild lock FILE --update`
    error: the lock `hello.lock`: its record of everything is that of several packages
    help: bring back an earlier one, or write it anew with `apkbuild lock FILE --update`
    error: the lock `hello.lock`: its record of everything is that of nothing-1-r0, Q1xXf+oT7rWCAUBVBCgfmGEfMTsgY=
    help: bring back an earlier one, or write it anew with `apkbuild lock FILE --update`
    error: the lock `hello.lock`: its record of everything cannot be used: its index entry has an unknown field `X:`
    help: bring back an earlier one, or write it anew with `apkbuild lock FILE --update`
    error: the lock `hello.lock`: line 1 of it is a mark that an unsettled merge left
    help: take either side whole and bring it up to date with `apkbuild lock FILE`, or write it anew with `apkbuild lock FILE --update`
    error: the lock `hello.lock`: it cannot be read: key with no value, expected `=`
    help: bring back an earlier one, or write it anew with `apkbuild lock FILE --update`
    error: the lock `hello.lock`: it cannot be read: TOML parse error at line 2, column 3
      |
    2 | a = [
      |   ^
    unexpected `=` in array, expected value, `]`
    help: bring back an earlier one, or write it anew with `apkbuild lock FILE --update`
    error: the lock `hello.lock`: it has more than 16777216 bytes, which no lock has
    help: take it away, or write it anew with `apkbuild lock FILE --update`
    "#);
    program.run(["lock", "hello.toml", "--update"]).success();
    assert_eq!(good, lock_text(&program));
    // What an editor of another system makes of it says the same.
    program.write("hello.lock", good.replace('\n', "\r\n"));
    program.run(["recipe", "hello.toml", "--locked"]).success();
    program.run(["lock", "hello.toml"]).success();
}

#[test]
fn a_lock_that_somebody_changed_by_hand_does_not_hold_together() {
    let repository = repository().build();
    let program = program(&repository);
    program.run(["lock", "hello.toml"]).success();
    let good = lock_text(&program);
    let line = |name: &str| good.lines().find(|line| line.contains(&format!("name = \"{name}\""))).unwrap();
    let tool = line("tool").to_owned();
    let mut messages = String::new();
    for broken in [
        good.replacen(&format!("{}\n", line("library")), "", 1),
        good.replacen(line("library"), &format!("{}\n{tool}", line("library")), 1),
        good.replacen("name = \"docs\", version = \"1-r0\"", "name = \"docs\", version = \"2-r0\"", 1),
    ] {
        assert_ne!(broken, good);
        program.write("hello.lock", broken);
        messages.push_str(&shown(&program.run(["recipe", "hello.toml", "-q"]), &program, &repository));
        messages.push('\n');
        assert_eq!(names(&program.folder()), ["hello.lock", "hello.toml"]);
    }
    assert_snapshot!(messages, @"
    exit code 1
    --- stdout
    --- stderr
    error: the lock does not hold together for x86_64: among its packages, no packages can be selected for `everything`:
      library (no such package):
        required by: app-1.0-r0[library]
    help: write it anew with `apkbuild lock FILE --update`

    exit code 1
    --- stdout
    --- stderr
    error: the lock does not hold together for x86_64: nothing asks for tool
    help: write it anew with `apkbuild lock FILE --update`

    exit code 1
    --- stdout
    --- stderr
    error: the lock names a package that is not there any more: [MIRROR]/latest-stable/main/x86_64/docs-2-r0.apk: there is no such package
    help: take what is there now with `apkbuild lock FILE --update`, or name a mirror that keeps old packages with --mirror or a folder that `apkbuild vendor` made with -X
    ");
}

#[test]
fn a_locked_package_that_is_gone_or_another_is_named() {
    let repository = repository().build();
    let program = program(&repository);
    program.run(["lock", "hello.toml"]).success();
    let app = repository.package_path("app", "1.0-r0");
    let good = fs_err::read(&app).unwrap();
    fs_err::remove_file(&app).unwrap();
    let output = program.run(["recipe", "hello.toml", "-q"]);
    assert_snapshot!(shown(&output, &program, &repository), @"
    exit code 1
    --- stdout
    --- stderr
    error: the lock names a package that is not there any more: [MIRROR]/latest-stable/main/x86_64/app-1.0-r0.apk: there is no such package
    help: take what is there now with `apkbuild lock FILE --update`, or name a mirror that keeps old packages with --mirror or a folder that `apkbuild vendor` made with -X
    ");

    // The same over HTTP, where the server says it.
    let server = Server::serving(&repository.mirror());
    let output = program.run(["recipe", "hello.toml", "-q", "--mirror", &server.url()]);
    assert_snapshot!(shown(&output, &program, &repository).replace(&server.url(), "[SERVER]"), @"
    exit code 1
    --- stdout
    --- stderr
    error: the lock names a package that is not there any more: [SERVER]/latest-stable/main/x86_64/app-1.0-r0.apk: expected the file, found HTTP status 404 Not Found
    help: take what is there now with `apkbuild lock FILE --update`, or name a mirror that keeps old packages with --mirror or a folder that `apkbuild vendor` made with -X
    ");

    // Another build under the same version: of another length, and of the same length.
    let other = Repository::new()
        .package("app", "1.0-r0")
        .depends("library docs")
        .file("usr/bin/app", "app, but not the same\n")
        .build();
    fs_err::copy(other.package_path("app", "1.0-r0"), &app).unwrap();
    let output = program.run(["recipe", "hello.toml", "-q"]);
    let message = output.failure(1);
    assert!(message.contains("the lock names another build of a package than the repository has"), "{message}");
    assert!(
        message.contains("app-1.0-r0.apk") && message.contains("help: put the right file there again, or, if"),
        "{message}"
    );
    let mut same_length = good.clone();
    let head = same_length.len() / 3;
    same_length[head] ^= 1;
    fs_err::write(&app, same_length).unwrap();
    assert!(program.run(["recipe", "hello.toml", "-q"]).failure(1).contains("app-1.0-r0.apk"));
    assert_eq!(names(&program.folder()), ["hello.lock", "hello.toml"]);
}
