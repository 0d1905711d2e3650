//! `apkbuild recipe`: whole builds over small repositories, what comes out, and what is refused.

mod output;
mod several;

use std::collections::BTreeMap;
use std::io::Read as _;

use serde_json::Value;

use super::support::{BuiltRepository, Program, Repository, members, names};

fn repository() -> BuiltRepository {
    Repository::new()
        .package("base", "1.0-r0")
        .directory("bin")
        .program("bin/base", "#!/bin/sh\n")
        .file("usr/share/man/man1/base.1", "manual\n")
        .package("app-runtime", "2.0-r1")
        .depends("base")
        .program("usr/bin/runtime", "runtime\n")
        .build()
}

fn recipe(extra: &str) -> String {
    format!(
        "name = \"hello\"\n\n[alpine]\npackages = [\"app-runtime\"]\n\n[[copy]]\nsource = \"app.txt\"\ntarget = \"/app/\"\n\n\
         [config]\ncmd = [\"runtime\"]\nworkdir = \"/app\"\nexpose = [8000]\n{extra}"
    )
}

/// A program with a recipe and an application in its folder.
fn program(extra: &str) -> Program {
    let program = Program::new();
    program.write("hello.toml", recipe(extra));
    program.write("app.txt", "application\n");
    program
}

fn arguments<'a>(repository: &'a BuiltRepository, more: &[&'a str]) -> Vec<String> {
    let keys = repository.keys_dir().display().to_string();
    let location = repository.location();
    let words = ["recipe", "hello.toml", "-X", &location, "--keys-dir", &keys, "--arch", "x86_64"];
    words.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// The paths of all layers with the text of the installed database.
fn files(members: &BTreeMap<String, Vec<u8>>) -> (Vec<String>, String) {
    let manifest = json(&members["manifest.json"]);
    let mut paths = Vec::new();
    let mut database = String::new();
    for layer in manifest[0]["Layers"].as_array().unwrap() {
        let inflated = flate2::read::MultiGzDecoder::new(members[layer.as_str().unwrap()].as_slice());
        for entry in tar::Archive::new(inflated).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            if path == "lib/apk/db/installed" {
                entry.read_to_string(&mut database).unwrap();
            }
            paths.push(path);
        }
    }
    (paths, database)
}

#[test]
fn an_archive_holds_one_image_for_every_engine() {
    let (program, repository) = (program(""), repository());
    let output = program.run(arguments(&repository, &[]));
    let summary = output.success();
    for word in ["hello.tar", "hello:latest", "sha256:", "compressed", "unpacked", "packages"] {
        assert!(summary.contains(word), "{summary}");
    }
    let members = members(&program.folder().join("hello.tar"));
    let index = json(&members["index.json"]);
    let descriptors = index["manifests"].as_array().unwrap();
    assert_eq!(descriptors.len(), 1);
    assert_eq!(descriptors[0]["annotations"]["io.containerd.image.name"], "docker.io/library/hello:latest");
    let docker = json(&members["manifest.json"]);
    assert_eq!(docker[0]["RepoTags"][0], "docker.io/library/hello:latest");
    let config = json(&members[docker[0]["Config"].as_str().unwrap()]);
    assert_eq!(config["config"]["User"], "1001:1001");
    assert_eq!(config["config"]["WorkingDir"], "/app");
    assert_eq!(config["config"]["Cmd"][0], "runtime");
    assert!(config["config"]["ExposedPorts"]["8000/tcp"].is_object());
    let (paths, database) = files(&members);
    for path in ["bin/base", "usr/bin/runtime", "app/app.txt", "etc/passwd", "etc/os-release", "etc/apk/world"] {
        assert!(paths.iter().any(|it| it == path), "{path} is missing in {paths:?}");
    }
    assert!(!paths.iter().any(|path| path.contains("share/man")), "manuals are pruned");
    assert!(database.contains("P:base\n") && database.contains("P:app-runtime\n"), "{database}");
    assert!(!database.contains("base.1"), "the database tells only of what is there");
}

#[test]
fn the_same_bytes_come_out_anywhere() {
    let repository = repository();
    let build = |more: &[&str], variables: &[(&str, &str)]| {
        let mut program = program("");
        for (name, value) in variables {
            program = program.env(name, value);
        }
        program.run(arguments(&repository, more)).success();
        fs_err::read(program.folder().join("hello.tar")).unwrap()
    };
    let first = build(&[], &[]);
    assert_eq!(first, build(&[], &[("TZ", "Asia/Tokyo"), ("LC_ALL", "de_DE.UTF-8"), ("RAYON_NUM_THREADS", "1")]));
    let program = program("");
    program.run(arguments(&repository, &[])).success();
    program.run(arguments(&repository, &["-o", "again.tar"])).success();
    assert_eq!(first, fs_err::read(program.folder().join("again.tar")).unwrap(), "from a warm cache");
    let dated = build(&[], &[("SOURCE_DATE_EPOCH", "1000000000")]);
    assert_ne!(first, dated, "SOURCE_DATE_EPOCH is the time of what no package brings");
}

#[test]
fn an_image_over_its_size_is_not_written() {
    let (program, repository) = (program("[size]\nunpacked = \"10B\"\n"), repository());
    program.write("hello.tar", "the old one");
    let output = program.run(arguments(&repository, &[]));
    let message = output.failure(3);
    assert!(message.contains("unpacked, where") && message.contains("largest packages"), "{message}");
    assert!(message.contains("help: "), "{message}");
    assert_eq!(fs_err::read_to_string(program.folder().join("hello.tar")).unwrap(), "the old one");
    assert_eq!(names(&program.folder()), ["app.txt", "hello.tar", "hello.toml"]);

    let output = program.run(arguments(&repository, &["--over-size", "warn"]));
    output.success();
    assert!(fs_err::metadata(program.folder().join("hello.tar")).unwrap().len() > 1000);
}

#[test]
fn json_is_one_document_alone() {
    let (program, repository) = (program(""), repository());
    let output = program.run(arguments(&repository, &["--json"]));
    let document: Value = serde_json::from_str(output.success()).unwrap();
    let image = &document["images"][0];
    assert_eq!(image["reference"], "hello:latest");
    assert_eq!(image["platforms"][0]["arch"], "x86_64");
    assert_eq!(image["platforms"][0]["packages"], 2);
    assert_eq!(
        image["archive-size"].as_u64().unwrap(),
        fs_err::metadata(program.folder().join("hello.tar")).unwrap().len()
    );
}

#[test]
fn a_report_names_what_went_and_why() {
    let (program, repository) = (program(""), repository());
    program.run(arguments(&repository, &["--report", "report.json"])).success();
    let report = json(&fs_err::read(program.folder().join("report.json")).unwrap());
    let pruned = report["pruned"].as_array().unwrap();
    let manual = pruned.iter().find(|it| it["path"] == "usr/share/man/man1/base.1").unwrap();
    assert_eq!(manual["package"], "base-1.0-r0");
    assert_eq!(manual["bytes"], 7);
    assert!(manual["rule"].is_string());
}

#[test]
fn failures_name_what_is_wrong_and_leave_nothing() {
    let repository = repository();
    let unknown_package = recipe("").replace("app-runtime", "app-runtim");
    let missing_source = recipe("").replace("app.txt", "ap.txt");
    let unknown_key = recipe("").replace("workdir", "workdri");
    let wrong_type = recipe("").replace("[8000]", "\"8000\"");
    for (text, code, words) in [
        (unknown_package, 1, &["app-runtim", "app-runtime"][..]),
        (missing_source, 1, &["ap.txt", "app.txt"]),
        (unknown_key, 2, &["unknown key `workdri`", "did you mean `workdir`?"]),
        (wrong_type, 2, &["expose"]),
    ] {
        let program = program("");
        program.write("hello.toml", text);
        let output = program.run(arguments(&repository, &[]));
        let message = output.failure(code);
        for word in words {
            assert!(message.contains(word), "`{word}` is not in:\n{message}");
        }
        assert!(message.contains("help: "), "no way out in:\n{message}");
        assert_eq!(names(&program.folder()), ["app.txt", "hello.toml"]);
    }
}

#[test]
fn a_package_that_is_not_what_the_index_says_is_refused() {
    let repository = repository();
    let path = repository.package_path("base", "1.0-r0");
    let good = fs_err::read(&path).unwrap();
    for at in [good.len() / 2, good.len() - 20] {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        fs_err::write(&path, &bytes).unwrap();
        let program = program("");
        let output = program.run(arguments(&repository, &[]));
        let message = output.failure(1);
        assert!(message.contains("base-1.0-r0"), "{message}");
        assert_eq!(names(&program.folder()), ["app.txt", "hello.toml"]);
    }
}

#[test]
fn a_wrong_option_is_told_before_any_work_is_done() {
    let (program, repository) = (program(""), repository());
    for (option, value, words) in
        [("--level", "13", "gzip has no level 13"), ("--tag", "A B", "`A B` is not an image reference")]
    {
        let output = program.run(arguments(&repository, &[option, value]));
        let message = output.failure(2);
        assert!(message.starts_with("error: ") && message.contains(words), "{message}");
    }
}

#[test]
fn a_copied_file_never_becomes_a_whiteout() {
    let (program, repository) = (program(""), repository());
    program.write("hello.toml", recipe("").replace("/app/", "/app/.wh.app.txt"));
    let output = program.run(arguments(&repository, &[]));
    let message = output.failure(1);
    assert!(message.contains("`app/.wh.app.txt`") && message.contains("help: "), "{message}");
    assert_eq!(names(&program.folder()), ["app.txt", "hello.toml"]);
}

#[test]
fn a_pipe_that_says_what_to_leave_out_is_not_waited_for() {
    let (program, repository) = (program(""), repository());
    nix::unistd::mkfifo(&program.folder().join(".dockerignore"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    program.run(arguments(&repository, &[])).success();
}
