//! `apkbuild check` over a root filesystem whose only program serves HTTP.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::sandbox::{Root, inside, sandbox_is_possible};
use super::support::{Program, Repository};

const PROGRAM: &str = env!("CARGO_BIN_EXE_apkbuild");

/// A root filesystem that runs `inside WORDS…` as `user` and says that it listens on 8000.
fn root(user: &str, words: &[&str]) -> Root {
    let root = Root::new();
    let mut command = vec!["inside"];
    command.extend(words);
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": { "User": user, "Cmd": command, "ExposedPorts": { "8000/tcp": {} }, "WorkingDir": "/srv" },
        "rootfs": { "type": "layers", "diff_ids": [] },
    });
    fs_err::write(apkbuild::image::config_beside(&root.path()), config.to_string()).unwrap();
    root
}

fn check(root: &Root, options: &[&str]) -> Output {
    Command::new(PROGRAM).arg("check").args(options).arg(root.path()).stdin(Stdio::null()).output().unwrap()
}

/// What `check --json` prints, and its exit code.
fn report(root: &Root) -> (Value, Option<i32>) {
    let output = check(root, &["--json"]);
    // It is one document, whether it holds or not.
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.code())
}

#[test]
fn an_image_that_answers_holds() {
    if !sandbox_is_possible() {
        return;
    }
    let root = root("appuser", &["serve", "0.0.0.0:8000", "200", "Hello: REQUEST\n", "30"]);
    let (report, code) = report(&root);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(report["held"], json!(true));
    let times: Vec<f64> =
        report["startup-milliseconds"].as_array().unwrap().iter().map(|time| time.as_f64().unwrap()).collect();
    assert_eq!(times.len(), 5);
    assert!(times.iter().all(|time| (30.0..2000.0).contains(time)), "{times:?}");
    assert_eq!(
        report["checks"][0],
        json!({ "what": "account", "expected": "not root", "found": "appuser (1001:1001)", "held": true })
    );
    assert_eq!(report["checks"][2]["found"], json!("200 \"Hello: GET / HTTP/1.1\""));

    let output = check(&root, &["--color=never"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.lines().all(|line| line.ends_with("  holds")), "{text}");
}

#[test]
fn what_does_not_hold_is_told_with_its_reason() {
    if !sandbox_is_possible() {
        return;
    }
    let cases: [(&str, &[&str], usize, &str); 5] = [
        (
            "appuser",
            &["serve", "127.0.0.1:8000", "200", "x"],
            2,
            "it listens on 127.0.0.1 only, where nobody outside of the container reaches it",
        ),
        ("appuser", &["serve", "0.0.0.0:8000", "503", "busy"], 2, "503 \"busy\""),
        ("appuser", &["exit", "3"], 2, "the program ended (exit status 3)"),
        ("appuser", &["environment"], 2, "the program ended (exit status 0)"),
        ("", &["serve", "0.0.0.0:8000", "200", "x"], 0, "root (0:0)"),
    ];
    for (user, words, line, found) in cases {
        let (report, code) = report(&root(user, words));
        assert_eq!(code, Some(3), "{words:?}: {report}");
        assert_eq!(report["checks"][line]["found"], json!(found), "{words:?}: {report}");
        assert_eq!(report["checks"][line]["held"], json!(false));
    }
}

#[test]
fn a_failing_program_shows_its_output() {
    if !sandbox_is_possible() {
        return;
    }
    let output = check(&root("appuser", &["no-such-word"]), &[]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(errors.contains("the last lines of the program's output:\n  unknown word `no-such-word`\n"), "{errors}");
    assert!(errors.contains("does not hold: startup, http :8000/\n"), "{errors}");
}

#[test]
fn a_slow_start_is_measured_all_the_same() {
    if !sandbox_is_possible() {
        return;
    }
    let (report, code) = report(&root("appuser", &["serve", "0.0.0.0:8000", "200", "x", "2200"]));
    assert_eq!(code, Some(3), "{report}");
    assert_eq!(report["checks"][1]["held"], json!(false));
    assert_eq!(report["checks"][2]["held"], json!(true));
    assert!(report["startup-milliseconds"][0].as_f64().unwrap() >= 2200.0, "{report}");
}

#[test]
fn a_recipe_says_what_is_expected() {
    if !sandbox_is_possible() {
        return;
    }
    let root = root("appuser", &["serve", "0.0.0.0:8000", "201", "made\n"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hello.toml");
    let held = |status: u16, user: &str, size: &str| {
        let recipe = format!(
            "name = \"hello\"\nalpine.packages = [\"busybox\"]\n[size]\nunpacked = \"{size}\"\n[check]\nuser = \"{user}\"\n\
             startup = \"2s\"\nhttp = [{{ port = 8000, path = \"/x\", status = {status}, body = \"made\" }}]\n"
        );
        fs_err::write(&file, recipe).unwrap();
        let output = Command::new(PROGRAM)
            .args(["check", "--json"])
            .args([&file, std::path::Path::new("--image"), &root.path()])
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let lines = report["checks"].as_array().unwrap().clone();
        (lines.iter().map(|line| line["held"].as_bool().unwrap()).collect::<Vec<_>>(), output.status.code())
    };
    // Account, startup, HTTP, size.
    assert_eq!(held(201, "appuser", "20MB"), (vec![true, true, true, true], Some(0)));
    assert_eq!(held(200, "appuser", "20MB"), (vec![true, true, false, true], Some(3)));
    assert_eq!(held(201, "root", "1KB"), (vec![false, true, true, false], Some(3)));
}

#[test]
fn a_recipe_is_built_to_be_checked() {
    if !sandbox_is_possible() {
        return;
    }
    let repository = Repository::new()
        .package("server", "1-r0")
        .program("bin/inside", fs_err::read(inside()).unwrap())
        .directory("srv")
        .package("ballast", "2-r1")
        .file("usr/share/ballast/weight", vec![7; 3_000_000])
        .build();
    let program = Program::new();
    let recipe = |size: &str| {
        format!(
            "name = \"hello\"\nalpine.packages = [\"server\", \"ballast\"]\n[config]\n\
             cmd = [\"inside\", \"serve\", \"0.0.0.0:8000\", \"200\", \"hi\"]\n[prune]\nprofile = \"none\"\n\
             [size]\nunpacked = \"{size}\"\n[check]\nuser = \"appuser\"\nstartup = \"5s\"\n\
             http = [{{ port = 8000, path = \"/\", body = \"hi\" }}]\n"
        )
    };
    let location = repository.location();
    let keys = repository.keys_dir().display().to_string();
    let words = ["check", "hello.toml", "-X", &location, "--keys-dir", &keys];
    program.write("hello.toml", recipe("50MB"));
    let table = program.run(words).success().to_owned();
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.lines().all(|line| line.ends_with("  holds")), "{table}");
    let files = || fs_err::read_dir(program.folder()).unwrap().count();
    assert_eq!(files(), 1, "the image is not kept");

    // Over its size: the bill, from the recipe and from an image that is there.
    program.write("hello.toml", recipe("2MB"));
    let bill =
        ["unpacked, where 2.00 MB is allowed", "largest packages", "3.00 MB  ballast-2-r1", "/usr/share/ballast"];
    let built = program.run(words);
    let build = ["recipe", "hello.toml", "-X", &location, "--keys-dir", &keys, "--over-size", "warn"];
    program.run(build).success();
    let stored = program.run(["check", "hello.tar", "--recipe", "hello.toml"]);
    let refused = program.run(&build[..6]);
    for finished in [built, stored, refused] {
        let message = finished.failure(3);
        for part in bill {
            assert!(message.contains(part), "`{part}` is missing in {message}");
        }
    }
    let report = program.run(["check", "hello.tar", "--recipe", "hello.toml", "--json"]);
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(report["bill"]["packages"][0], json!({ "name": "ballast-2-r1", "bytes": 3_000_000 }));
}

#[test]
fn an_image_is_held_against_the_lock_of_its_recipe() {
    if !sandbox_is_possible() {
        return;
    }
    let root = root("appuser", &["serve", "0.0.0.0:8000", "200", "Hello"]);
    let put = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    };
    put("etc/apk/arch", "x86_64\n");
    put("lib/apk/db/installed", "P:base\nV:1.0-r0\n\nP:tool\nV:2.0-r0\n\n");
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("hello.toml");
    fs_err::write(&recipe, "name = \"hello\"\n[alpine]\npackages = [\"tool\"]\n").unwrap();
    let check = |tool: &str| {
        let package = |name: &str, version: &str| {
            format!(
                "{{ name = \"{name}\", version = \"{version}\", identity = \"Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\", size = 1, \
                 installed-size = 1, repositories = [0] }}"
            )
        };
        let lock = format!(
            "format = 1\n[recipe]\nrelease = \"latest-stable\"\nrepositories = [\"main\", \"community\"]\npackages = \
             [\"tool\"]\n[architectures.x86_64]\nindexes = [{{ repository = \"main\", sha256 = \"{}\" }}]\npackages = [{}, {}]\n",
            "0".repeat(64),
            package("base", "1.0-r0"),
            package("tool", tool)
        );
        fs_err::write(folder.path().join("hello.lock"), lock).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["check", "--color=never", "--recipe"]).arg(&recipe).arg(root.path()).stdin(Stdio::null());
        let output = command.output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code())
    };
    let (text, code) = check("2.0-r0");
    assert!(text.contains("hello.lock") && text.contains("2 as locked"), "{text}");
    assert_eq!(code, Some(0), "{text}");
    let (text, code) = check("2.1-r0");
    assert!(text.contains("1 otherwise, such as tool-2.0-r0"), "{text}");
    assert_eq!(code, Some(3), "{text}");
}
