//! `apkbuild plan`: which packages, why, how large; and that nothing is downloaded to tell.

use serde_json::{Value, json};

use super::support::{BuiltRepository, Program, Repository, shared};

/// A runtime with a library, a circle of two packages, documentation that comes by itself, and a package without files.
fn repository() -> BuiltRepository {
    Repository::new()
        .package("musl", "1.2-r0")
        .file("lib/libc.so", vec![b'm'; 3000])
        .with(|package| package.info.provides.push("so:libc.so=1".to_owned()))
        .package("runtime", "3.0-r1")
        .depends("so:libc.so runtime-base>=3 musl")
        .program("usr/bin/runtime", "runtime\n")
        .package("runtime-base", "3.0-r1")
        .depends("runtime-data musl")
        .file("usr/lib/base", vec![b'b'; 2000])
        .package("runtime-data", "3.0-r1")
        .depends("runtime-base")
        .file("usr/lib/data", vec![b'd'; 1000])
        .package("runtime-doc", "3.0-r1")
        .install_if("docs runtime=3.0-r1")
        .file("usr/share/doc/runtime", "manual\n")
        .package("docs", "1-r0")
        .build()
}

fn program(packages: &str) -> Program {
    let program = Program::new();
    program.write("hello.toml", format!("name = \"hello\"\nalpine.packages = [{packages}]\n"));
    program
}

fn arguments(repository: &BuiltRepository, more: &[&str]) -> Vec<String> {
    let keys = repository.keys_dir().display().to_string();
    let location = repository.location();
    let words = ["plan", "hello.toml", "-X", &location, "--keys-dir", &keys, "--arch", "x86_64"];
    words.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

/// Takes the packages themselves away, so that only the index is left to plan with.
fn without_packages(repository: &BuiltRepository) {
    for entry in fs_err::read_dir(repository.path().join("x86_64")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "apk") {
            fs_err::remove_file(path).unwrap();
        }
    }
}

/// Name, depth and reason of each package in the tree.
fn tree(text: &str) -> Vec<(String, usize, String)> {
    let lines = text.lines().skip(1).take_while(|line| line.starts_with("  "));
    lines
        .map(|line| {
            let depth = (line.len() - line.trim_start().len()) / 2 - 1;
            let words: Vec<&str> = line.split_whitespace().collect();
            // A name, two sizes with their units, and then why.
            (words[0].to_owned(), depth, words[5..].join(" "))
        })
        .collect()
}

#[test]
fn every_package_has_its_place_and_reason() {
    let (program, repository) = (program("\"runtime\", \"docs\""), repository());
    without_packages(&repository);
    let output = program.run(arguments(&repository, &[]));
    let text = output.success();
    let line = |name: &str, depth, why: &str| (name.to_owned(), depth, why.to_owned());
    assert_eq!(
        tree(text),
        [
            line("docs-1-r0", 0, "asked for as docs"),
            line("runtime-3.0-r1", 0, "asked for as runtime"),
            line("musl-1.2-r0", 1, "needed by runtime (so:libc.so, musl) and 1 other"),
            line("runtime-base-3.0-r1", 1, "needed by runtime (runtime-base>=3) and 1 other"),
            line("runtime-data-3.0-r1", 2, "needed by runtime-base (runtime-data)"),
            line("runtime-doc-3.0-r1", 0, "comes with docs and runtime=3.0-r1"),
        ],
        "{text}"
    );
    assert!(text.contains("what pruning would take is not known yet"), "{text}");
    assert!(!program.cache().join("packages").exists(), "no package was asked for");
}

#[test]
fn sizes_are_those_of_the_index() {
    let (program, repository) = (program("\"runtime\", \"docs\""), repository());
    let indexed = repository.indexed();
    let sizes: Vec<(&str, &str, u64, u64)> = indexed
        .iter()
        .map(|package| {
            let info = &package.info;
            // What installs nothing is never downloaded.
            let download = if info.installed_size == 0 { 0 } else { package.size };
            (info.name.as_str(), info.version.as_str(), download, info.installed_size)
        })
        .collect();
    assert!(sizes.contains(&("docs", "1-r0", 0, 0)), "{sizes:?}");
    without_packages(&repository);
    let output = program.run(arguments(&repository, &["--json"]));
    let document: Value = serde_json::from_str(output.success()).unwrap();
    assert_eq!(document["name"], "hello");
    let platform = &document["platforms"][0];
    assert_eq!(platform["arch"], "x86_64");
    let image = &platform["image"];
    let packages = image["packages"].as_array().unwrap();
    let mut told: Vec<_> = packages
        .iter()
        .map(|package| {
            let text = |field: &str| package[field].as_str().unwrap();
            let number = |field: &str| package[field].as_u64().unwrap();
            (text("name"), text("version"), number("download-size"), number("installed-size"))
        })
        .collect();
    told.sort_unstable();
    let mut expected = sizes.clone();
    expected.sort_unstable();
    assert_eq!(told, expected);
    assert_eq!(image["download-size"], sizes.iter().map(|size| size.2).sum::<u64>());
    assert_eq!(image["installed-size"], sizes.iter().map(|size| size.3).sum::<u64>());
    let reasons = |name: &str| packages.iter().find(|package| package["name"] == name).unwrap()["reasons"].clone();
    assert_eq!(reasons("docs"), json!([{ "kind": "asked", "wish": "docs" }]));
    assert_eq!(
        reasons("runtime-data"),
        json!([{ "kind": "needed", "by": "runtime-base", "dependency": "runtime-data" }])
    );
    assert_eq!(reasons("runtime-doc"), json!([{ "kind": "install-if", "conditions": ["docs", "runtime=3.0-r1"] }]));
    assert_eq!(packages[0]["repositories"], json!([repository.location()]));
}

#[test]
fn the_packages_of_stages_are_told_apart() {
    let (program, repository) = (program("\"musl\"\n[stage.deps]\npackages = [\"docs\"]"), repository());
    program
        .write("hello.toml", "name = \"hello\"\nalpine.packages = [\"musl\"]\n[stage.deps]\npackages = [\"docs\"]\n");
    let output = program.run(arguments(&repository, &["--json"]));
    let document: Value = serde_json::from_str(output.success()).unwrap();
    let platform = &document["platforms"][0];
    assert_eq!(platform["image"]["packages"][0]["name"], "musl");
    assert_eq!(platform["stages"]["deps"]["packages"][0]["name"], "docs");
    let output = program.run(arguments(&repository, &[]));
    assert!(output.success().contains("\nstage deps: 1 package, "), "{}", output.stdout);
}

#[test]
fn what_cannot_be_selected_cannot_be_planned() {
    let (program, repository) = (program("\"runtim\""), repository());
    let output = program.run(arguments(&repository, &[]));
    let message = output.failure(1);
    assert!(message.contains("runtim (no such package)") && message.contains("did you mean `runtime`?"), "{message}");
    assert!(output.stdout.is_empty(), "{}", output.stdout);
}

#[test]
fn a_real_index_is_enough() {
    let Some(shared) = shared("a_real_index_is_enough") else { return };
    let main = shared.join("alpine/v3.17/main").display().to_string();
    let program = program("\"busybox\", \"nodejs\"");
    let output = program.run(["plan", "hello.toml", "-X", &main, "--arch", "aarch64"]);
    let text = output.success();
    assert!(text.starts_with("hello for aarch64: 16 packages, 20.2 MB to download, 57.4 MB installed\n"), "{text}");
    let tree = tree(text);
    assert_eq!(tree.len(), 16, "{text}");
    let of = |name: &str| tree.iter().find(|(title, ..)| title.starts_with(name)).unwrap_or_else(|| panic!("{text}"));
    assert_eq!((of("ssl_client-").1, of("ssl_client-").2.as_str()), (0, "comes with busybox=1.35.0-r29 and libssl3"));
    assert_eq!((of("nodejs-").1, of("nodejs-").2.as_str()), (0, "asked for as nodejs"));
    assert_eq!((of("libstdc++-").1, of("libstdc++-").2.starts_with("needed by nodejs (so:libstdc++.so.6)")), (1, true));
    assert!(!program.cache().exists(), "nothing was kept");
}

#[test]
fn a_real_closure_is_held_against_the_size_that_the_recipe_allows() {
    let Some(shared) = shared("a_real_closure_is_held_against_the_size_that_the_recipe_allows") else { return };
    let main = shared.join("alpine/v3.17/main").display().to_string();
    for (limit, verdict) in [("25MB", "within the 25.0 MB"), ("20MB", "over the 20.0 MB")] {
        let program = program(&format!("\"busybox\", \"nodejs\"]\nsize.compressed = \"{limit}\"\n#"));
        let output = program.run(["plan", "hello.toml", "-X", &main, "--arch", "aarch64"]);
        let line = format!("size: 20.2 MB compressed for the packages, before pruning, {verdict} that [size] allows\n");
        assert!(output.success().ends_with(&line), "{}", output.stdout);
    }
}
