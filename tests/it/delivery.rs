//! `apkbuild recipe --sbom`, `--load` and `--push`: what stands beside an archive, what an engine gets, and what is
//! left behind where either fails.

use serde_json::Value;

use super::support::{BuiltRepository, Program, Repository, names};

fn repository() -> BuiltRepository {
    Repository::new()
        .package("base", "1.0-r0")
        .origin("base-source")
        .program("bin/base", "#!/bin/sh\n")
        .package("site", "2.0-r0")
        .file("usr/lib/python3.12/site-packages/Flask-3.0.dist-info/METADATA", "Name: Flask\nVersion: 3.0\n\n")
        .build()
}

/// A program whose whole folder is copied into the image.
fn program() -> Program {
    let program = Program::new();
    program.write(
        "hello.toml",
        "name = \"hello\"\n[alpine]\npackages = [\"base\", \"site\"]\n[[copy]]\nsource = \".\"\ntarget = \"/app/\"\n",
    );
    program.write("app.txt", "application\n");
    program
}

fn arguments(repository: &BuiltRepository, more: &[&str]) -> Vec<String> {
    let keys = repository.keys_dir().display().to_string();
    let location = repository.location();
    let words = ["recipe", "hello.toml", "-X", &location, "--keys-dir", &keys, "--arch", "x86_64"];
    words.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

fn read_json(program: &Program, name: &str) -> Value {
    serde_json::from_slice(&fs_err::read(program.folder().join(name)).unwrap()).unwrap()
}

/// The command of an engine that is a script.
fn engine(program: &Program, script: &str) -> String {
    let path = program.folder().parent().unwrap().join("engine");
    fs_err::write(&path, script).unwrap();
    format!("sh {}", path.display())
}

#[test]
fn a_bill_of_materials_stands_beside_the_archive() {
    let (program, repository) = (program(), repository());
    let out = program.run(arguments(&repository, &[]));
    assert!(out.success().contains("sbom         hello.spdx.json\n"), "{}", out.stdout);
    assert_eq!(names(&program.folder()), ["app.txt", "hello.spdx.json", "hello.tar", "hello.toml"]);
    let spdx = read_json(&program, "hello.spdx.json");
    let packages: Vec<&str> =
        spdx["packages"].as_array().unwrap().iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert_eq!(packages, ["hello", "alpine", "base", "site", "Flask"]);
    assert!(
        spdx["packages"][2]["externalRefs"][0]["referenceLocator"]
            .as_str()
            .unwrap()
            .starts_with("pkg:apk/alpine/base@1.0-r0?arch=x86_64")
    );

    // It is not copied into the next build, nor is what another format leaves, and the bytes are the same again.
    let first = fs_err::read(program.folder().join("hello.tar")).unwrap();
    let document = fs_err::read(program.folder().join("hello.spdx.json")).unwrap();
    program.run(arguments(&repository, &["--report", "report.json"])).success();
    let again = program.run(arguments(&repository, &["--report", "report.json", "--json"]));
    let value: Value = serde_json::from_str(again.success()).unwrap();
    assert_eq!(value["images"][0]["unchanged"], true);
    assert_eq!(value["images"][0]["sboms"][0]["path"], "hello.spdx.json");
    assert_eq!(value["images"][0]["pushed"], Value::Null);
    assert_eq!(fs_err::read(program.folder().join("hello.tar")).unwrap(), first);
    assert_eq!(fs_err::read(program.folder().join("hello.spdx.json")).unwrap(), document);
    assert_eq!(
        spdx["packages"][0]["checksums"][0]["checksumValue"],
        value["images"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:")
    );
}

#[test]
fn which_bills_of_materials_there_are_is_asked_for() {
    let (program, repository) = (program(), repository());
    let both = ["--sbom", "cyclonedx", "--sbom", "spdx", "-o", "out.tar"];
    program.run(arguments(&repository, &both)).success();
    assert_eq!(
        names(&program.folder()),
        ["app.txt", "hello.toml", "out.cdx.json", "out.spdx.json", "out.tar"],
        "both, under the archive's name"
    );
    assert_eq!(read_json(&program, "out.cdx.json")["specVersion"], "1.6");
    for name in ["out.cdx.json", "out.spdx.json", "out.tar"] {
        fs_err::remove_file(program.folder().join(name)).unwrap();
    }
    program.run(arguments(&repository, &["--sbom", "none"])).success();
    assert_eq!(names(&program.folder()), ["app.txt", "hello.tar", "hello.toml"]);
    let both = program.run(arguments(&repository, &["--sbom", "none", "--sbom", "spdx"]));
    assert!(both.failure(2).contains("--sbom asks for a bill of materials and for none"), "{}", both.stderr);
}

#[test]
fn an_engine_gets_the_archive_and_no_file_is_written() {
    let repository = repository();
    let program = program();
    let kept = program.folder().parent().unwrap().join("kept.tar");
    let script = format!("cat > {}; echo \"Loaded image: hello:latest\"", kept.display());
    let engine = engine(&program, &script);
    let program = program.env("APKBUILD_DOCKER", &engine);
    let out = program.run(arguments(&repository, &["--load", "docker"]));
    assert!(out.success().contains("loaded       into docker, hello:latest\n"), "{}", out.stdout);
    assert_eq!(names(&program.folder()), ["app.txt", "hello.toml"]);
    let loaded = fs_err::read(&kept).unwrap();
    program.run(arguments(&repository, &["--load", "docker", "-o", "out.tar", "--sbom", "none"])).success();
    assert_eq!(names(&program.folder()), ["app.txt", "hello.toml", "out.tar"]);
    assert_eq!(fs_err::read(program.folder().join("out.tar")).unwrap(), loaded, "byte for byte");
    fs_err::remove_file(program.folder().join("out.tar")).unwrap();

    // What a build into files leaves in a folder that is copied whole does not make it another image.
    program.run(arguments(&repository, &["--sbom", "cyclonedx"])).success();
    assert_eq!(names(&program.folder()), ["app.txt", "hello.cdx.json", "hello.tar", "hello.toml"]);
    program.run(arguments(&repository, &["--load", "docker"])).success();
    assert_eq!(fs_err::read(kept).unwrap(), loaded);
}

#[test]
fn an_engine_that_fails_is_told_by_its_own_words() {
    let repository = repository();
    let program = program();
    let engine = engine(&program, "head -c 10 >/dev/null; echo 'no space left' >&2; exit 3");
    let program = program.env("APKBUILD_PODMAN", &engine).env("APKBUILD_DOCKER", "/nowhere/docker");
    let out = program.run(arguments(&repository, &["--load", "podman"]));
    assert!(out.failure(1).contains("error: podman did not load the image: no space left\n"), "{}", out.stderr);
    assert!(out.stderr.contains("\nhelp: see whether `podman info` works"), "{}", out.stderr);
    // One that is not there is told before anything is built.
    let out = program.run(arguments(&repository, &["--load", "docker"]));
    assert!(out.failure(1).contains("there is no `/nowhere/docker` here"), "{}", out.stderr);
    assert!(!out.stderr.contains("resolving"), "{}", out.stderr);
    assert_eq!(names(&program.folder()), ["app.txt", "hello.toml"]);
}

#[test]
fn a_reference_is_looked_at_before_anything_is_built() {
    let (program, repository) = (program(), repository());
    let out = program.run(arguments(&repository, &["--push", "Not/A:Reference"]));
    assert!(out.failure(2).contains("is not an image reference"), "{}", out.stderr);
    program.write("other.toml", "name = \"other\"\n[alpine]\npackages = [\"base\"]\n");
    let mut two = arguments(&repository, &["--push", "localhost:1/app"]);
    two.insert(2, "other.toml".to_owned());
    assert!(program.run(two).failure(2).contains("--push names one image, and 2 are built"));
    let out = program.run(arguments(&repository, &["--push", "127.0.0.1:1/app"]));
    assert!(out.failure(1).contains("no answer from http://127.0.0.1:1/v2/app/"), "{}", out.stderr);
}
