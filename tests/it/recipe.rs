//! Recipes as files: the samples that come with the program, and what is said of a file that is none.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};

use apkbuild::recipe::{Error, Recipe};

/// The samples, by name.
fn samples() -> Vec<(String, Recipe)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
    let mut paths: Vec<PathBuf> = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths
        .iter()
        .map(|path| (name(path), Recipe::load(path).unwrap_or_else(|error| panic!("{}", error.report(false)))))
        .collect()
}

#[test]
fn the_samples_are_recipes() {
    let samples = samples();
    for (name, recipe) in &samples {
        assert_eq!(recipe.config.expose.len(), 1, "{name}");
        assert_eq!((recipe.user.name.as_str(), recipe.user.uid), ("appuser", 1001), "{name}");
        assert_eq!(recipe.config.workdir.as_str(), "/app", "{name}");
        let check = recipe.check.as_ref().unwrap();
        assert_eq!(
            check.http.first().and_then(|request| request.body.as_deref()),
            Some("Hello from Advent of DevOps!")
        );
        assert!(recipe.size.compressed.is_some(), "{name}");
        for source in recipe.copies.iter().chain(recipe.stages.iter().flat_map(|stage| &stage.copies)) {
            let there = recipe.folder.join(&source.source).exists();
            assert!(there || source.from.is_some() || source.source.contains('*'), "{name}: {}", source.source);
        }
    }
    let names: Vec<&str> = samples.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"node.toml") && names.contains(&"python.toml"), "{names:?}");
}

#[test]
fn the_documented_recipe_is_one() {
    let document = fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipe.md")).unwrap();
    let mut examples = 0;
    for example in document.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        // Shorter examples show a part; what every recipe needs is added to them.
        let has_name = example.starts_with("name") || example.contains("\nname = ");
        let text = if has_name { example.to_owned() } else { format!("name = \"x\"\nalpine.packages = []\n{example}") };
        if let Err(error) = Recipe::parse(&text, "docs/recipe.md") {
            panic!("{}", error.report(false));
        }
        examples += 1;
    }
    assert!(examples >= 5, "the examples were not found");
}

#[test]
fn a_file_that_is_no_recipe_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.toml");
    let error = Recipe::load(&missing).unwrap_err();
    assert!(matches!(error, Error::Read { .. }));
    assert!(error.to_string().contains("missing.toml"), "{error}");
    assert!(error.help().unwrap().contains("apkbuild init"));

    let binary = folder.path().join("binary.toml");
    fs_err::write(&binary, [0xff, 0xfe, 0]).unwrap();
    let error = Recipe::load(&binary).unwrap_err();
    assert_eq!(error.to_string(), format!("no recipe: `{}` is not text", binary.display()));

    assert!(Recipe::load(folder.path()).is_err(), "a folder is no recipe");
}

#[test]
fn relative_paths_start_from_the_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.toml");
    fs_err::write(&path, "\u{feff}name = \"x\"\r\nalpine.packages = []\r\n").unwrap();
    assert_eq!(Recipe::load(&path).unwrap().folder, folder.path());
}

#[test]
fn what_has_no_end_is_no_recipe() {
    let error = Recipe::load(Path::new("/dev/zero")).unwrap_err();
    assert!(error.to_string().contains("more than 256 KiB"), "{error}");
    assert!(error.help().is_some());
    let Err(error) = Recipe::parse(&format!("name={}", "[".repeat(100_000)), "deep.toml") else {
        panic!("that is no recipe");
    };
    assert!(error.report(false).lines().count() < 400, "every fault is told");
    assert!(error.report(false).trim_end().ends_with(" more"), "nothing says that there are more");
}
