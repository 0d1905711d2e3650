//! `apkbuild cache`: its place, its bounds, its wholeness.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use apkbuild::apk::{PackageName, Version};
use apkbuild::fetch::{Cache, FetchOptions, Fetcher, Section, Wanted};
use apkbuild::progress::Silent;
use apkbuild::repository::Location;
use apkbuild::unfinished::UnfinishedFolder;

use crate::sandbox::{inside, sandbox_is_possible};
use crate::support::{Program, Repository, Server};

/// Fills the program's cache with two packages from a mirror, the first of them used longer ago.
fn filled() -> (Program, Cache) {
    let program = Program::new();
    let cache = Cache::at(program.cache());
    let repository = Repository::new()
        .package("old", "1.0-r0")
        .file("old", vec![b'o'; 9000])
        .package("new", "1.0-r0")
        .file("new", vec![b'n'; 9000])
        .build();
    let server = Server::serving(repository.path());
    let fetcher = Fetcher::new(FetchOptions::new(cache.clone()));
    for (name, age) in [("old", 7200), ("new", 3600)] {
        let (identity, size) = repository.identity(name, "1.0-r0");
        let url = format!("{}/x86_64/{name}-1.0-r0.apk", server.url());
        let wanted = Wanted {
            name: PackageName::parse(name).unwrap(),
            version: Version::parse("1.0-r0").unwrap(),
            identity,
            arch: "x86_64".to_owned(),
            size,
            locations: vec![Location::parse(&url).unwrap()],
        };
        let before: Vec<_> = files(&cache);
        fetcher.packages(&[wanted], &Silent).unwrap();
        for path in files(&cache).iter().filter(|path| !before.contains(path)) {
            let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        }
    }
    (program, cache)
}

fn files(cache: &Cache) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for section in Section::ALL {
        let Ok(folder) = fs_err::read_dir(cache.section(section)) else { continue };
        files.extend(folder.map(|entry| entry.unwrap().path()));
    }
    files.sort();
    files
}

#[test]
fn its_place_is_printed() {
    let program = Program::new();
    assert_eq!(program.run(["cache", "dir"]).success().trim_end(), program.cache().to_str().unwrap());
    assert_eq!(program.run(["cache", "dir", "--cache-dir", "/elsewhere"]).success(), "/elsewhere\n");
    let nowhere = program.command(["cache", "dir"]).env_remove("HOME").env_remove("XDG_CACHE_HOME").output().unwrap();
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("help: name one with --cache-dir"));
}

#[test]
fn the_least_recently_used_goes_first() {
    let (program, cache) = filled();
    let other = program.cache().join("not-ours");
    fs_err::create_dir(&other).unwrap();
    assert_eq!(files(&cache).len(), 4);
    let size =
        |section| fs_err::read_dir(cache.section(section)).unwrap().next().unwrap().unwrap().metadata().unwrap().len();
    let keep = size(Section::Packages) + size(Section::Data) + 200;
    let said = program.run(["cache", "clean", "--keep", &keep.to_string()]).success().to_owned();
    assert!(said.starts_with("removed 2 (") && said.contains("kept 2 ("), "{said}");
    let data = fs_err::read(&files(&cache)[0]).unwrap();
    assert!(data.windows(4).any(|window| window == b"nnnn"), "the newer one stays");
    let said = program.run(["cache", "clean", "--json"]).success().to_owned();
    assert!(said.contains("\"removed\": 2"), "{said}");
    assert!(files(&cache).is_empty());
    assert!(other.exists(), "what is not the cache's own is left alone");
    program.run(["cache", "clean"]).success();
    assert!(program.run(["cache", "clean", "--keep", "lots"]).failure(2).contains("`lots` is no size"));
}

#[test]
fn what_a_killed_build_left_goes_and_what_is_begun_stays() {
    let program = Program::new();
    let cache = Cache::at(program.cache());
    let stages = cache.section(Section::Stages);
    fs_err::create_dir_all(&stages).unwrap();
    let begun = UnfinishedFolder::beside(&stages.join("begun")).unwrap();
    let left = stages.join(".left.Ab12.part");
    fs_err::create_dir(&left).unwrap();
    let cleaned = cache.clean(0).unwrap();
    assert_eq!((cleaned.kept, cleaned.removed), (1, 1));
    assert!(begun.path().is_dir() && !left.exists());
}

#[test]
fn a_cleaning_that_is_killed_leaves_whole_stages_or_none() {
    let program = Program::new();
    let stages = program.cache().join("stages");
    let stage = stages.join("1".repeat(64));
    let mut cut_short = 0;
    for milliseconds in [2, 5, 10, 15, 20, 30, 40, 60] {
        for number in 0..6000 {
            let folder = stage.join(format!("{}", number % 6));
            if number < 6 {
                fs_err::create_dir_all(&folder).unwrap();
            }
            fs_err::write(folder.join(number.to_string()), "").unwrap();
        }
        let mut cleaning = program.command(["cache", "clean"]).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        cleaning.kill().unwrap();
        cut_short += usize::from(!cleaning.wait().unwrap().success());
        if stage.exists() {
            let files =
                walkdir::WalkDir::new(&stage).into_iter().filter(|it| it.as_ref().unwrap().file_type().is_file());
            assert_eq!(files.count(), 6000, "after {milliseconds} ms");
        }
        program.run(["cache", "clean"]).success();
        assert_eq!(fs_err::read_dir(&stages).unwrap().count(), 0, "what the killed one left is removed");
    }
    assert!(cut_short > 0, "none was killed before its end");
}

#[test]
fn the_cache_is_not_copied_into_an_image() {
    let repository = Repository::new().package("base", "1-r0").file("etc/base", "base").build();
    let keys = repository.keys_dir().display().to_string();
    for cache in ["kept/cache", "."] {
        let program = Program::new();
        program.write("kept/mine", "mine");
        program.write(
            "hello.toml",
            "name = \"hello\"\nalpine.packages = [\"base\"]\n[[copy]]\nsource = \"kept\"\ntarget = \"/app\"\n\
             [[copy]]\nsource = \".\"\ntarget = \"/all\"\nexclude = [\"hello.toml\"]\n",
        );
        let location = repository.location();
        let words = ["recipe", "hello.toml", "-X", &location, "--keys-dir", &keys, "--cache-dir", cache];
        // A second build finds the cache full, and not below the recipe's file alone.
        let built = [(), ()].map(|()| program.run(words).success().to_owned());
        let digest = |text: &str| text.lines().find(|line| line.starts_with("manifest")).map(str::to_owned);
        assert_eq!(digest(&built[0]), digest(&built[1]), "--cache-dir {cache}");
        let image = &apkbuild::image::StoredImage::open_all(&program.folder().join("hello.tar")).unwrap()[0];
        let tree = image.tree().unwrap();
        let copied: Vec<String> = tree
            .walk()
            .map(|(path, _)| path)
            .filter(|path| path.starts_with("app") || path.starts_with("all"))
            .collect();
        assert_eq!(copied, ["all", "all/kept", "all/kept/mine", "app", "app/mine"], "--cache-dir {cache}");
    }
}

#[test]
fn an_image_that_is_in_use_stays() {
    if !sandbox_is_possible() {
        return;
    }
    let program = Program::new();
    let repository = Repository::new()
        .package("inside", "1-r0")
        .program("bin/inside", fs_err::read(inside()).unwrap())
        .directory("srv")
        .build();
    program.write(
        "hello.toml",
        "name = \"hello\"\nalpine.packages = [\"inside\"]\n[config]\ncmd = [\"inside\", \"echo\"]\nexpose = [8000]\n",
    );
    let keys = repository.keys_dir().display().to_string();
    program.run(["recipe", "hello.toml", "-X", &repository.location(), "--keys-dir", &keys]).success();
    let images = program.cache().join("images");
    let unpacked = || fs_err::read_dir(&images).map_or(0, Iterator::count);

    // Running: it stays until its program has ended.
    let words = ["run", "hello.tar", "inside", "hold", "/tmp/lock"];
    let mut running = program.command(words).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(running.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    // A second one uses the same, and leaves it to the first.
    assert_eq!(program.run(["run", "hello.tar", "inside", "exit", "7"]).code, Some(7));
    let cleaned = program.run(["cache", "clean"]).success().to_owned();
    assert!(cleaned.contains("kept 1 ("), "{cleaned}");
    assert_eq!(unpacked(), 1);
    running.kill().unwrap();
    running.wait().unwrap();
    program.run(["cache", "clean"]).success();
    assert_eq!(unpacked(), 0);

    // Checked: five starts of one image, however often the cache is cleaned meanwhile.
    let slow = ["inside", "serve", "0.0.0.0:8000", "200", "hi", "400"];
    let command = slow.map(|word| format!("\"{word}\"")).join(", ");
    program.write(
        "slow.toml",
        format!(
            "name = \"slow\"\nalpine.packages = [\"inside\"]\n[config]\ncmd = [{command}]\n[check]\nstartup = \"9s\"\n\
             http = [{{ port = 8000, body = \"hi\" }}]\n"
        ),
    );
    program.run(["recipe", "slow.toml", "-X", &repository.location(), "--keys-dir", &keys]).success();
    let words = ["check", "slow.toml", "--image", "slow.tar", "--json"];
    let mut checking = program.command(words).stdout(Stdio::piped()).spawn().unwrap();
    while checking.try_wait().unwrap().is_none() {
        program.run(["cache", "clean"]).success();
    }
    let checked = checking.wait_with_output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(report["startup-milliseconds"].as_array().unwrap().len(), 5, "{report}");
    assert_eq!(report["held"], true, "{report}");
    program.run(["cache", "clean"]).success();
    assert_eq!(unpacked(), 0);
}

#[test]
fn what_is_damaged_is_found_and_taken_away() {
    let (program, cache) = filled();
    assert_eq!(program.run(["cache", "verify"]).success(), "4 verified, 0 damaged\n");
    let package = fs_err::read_dir(cache.section(Section::Packages)).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs_err::read(&package).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs_err::write(&package, bytes).unwrap();
    let finished = program.run(["cache", "verify"]);
    assert!(finished.failure(3).contains("1 of 4 entries of the cache were damaged"), "{}", finished.stderr);
    assert!(finished.stdout.contains("its data has the SHA-256"), "{}", finished.stdout);
    assert!(!package.exists());
    assert_eq!(program.run(["cache", "verify"]).success(), "3 verified, 0 damaged\n");
}

const STAGED: &str = "name = \"hello\"\nalpine.packages = [\"shell\"]\n[[copy]]\nsource = \"app\"\ntarget = \"/\"\n\
     [[copy]]\nfrom = \"made\"\nsource = \"/out\"\ntarget = \"/out\"\n\
     [stage.made]\npackages = [\"shell\"]\nrun = [\"write /out/file\"]\n";

/// Changes a file in a way that must be seen.
type Damage = fn(&std::path::Path);

const DAMAGES: [(&str, Damage); 3] = [
    ("another byte", |path| {
        let mut bytes = fs_err::read(path).unwrap();
        if bytes.is_empty() {
            bytes.push(0);
        }
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs_err::write(path, bytes).unwrap();
    }),
    ("cut off", |path| {
        let bytes = fs_err::read(path).unwrap();
        fs_err::write(path, &bytes[..bytes.len() / 2]).unwrap();
    }),
    ("gone", |path| fs_err::remove_file(path).unwrap()),
];

#[test]
fn no_damage_of_the_cache_reaches_a_locked_image() {
    if !sandbox_is_possible() {
        return;
    }
    let program = Program::new();
    let repository = Repository::new()
        .package("shell", "1-r0")
        .program("bin/sh", fs_err::read(inside()).unwrap())
        .directory("out")
        .build();
    let server = Server::serving(repository.path());
    let keys = repository.keys_dir().display().to_string();
    program.write("hello.toml", STAGED);
    let url = server.url();
    let options = ["-X", &url, "--keys-dir", &keys, "--arch", "x86_64"];
    program.write("app", "one");
    program.run(["lock", "hello.toml"].iter().chain(&options)).success();
    let build = || program.run(["recipe", "hello.toml", "--locked", "--json"].iter().chain(&options));
    let digests =
        |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["images"][0]["digest"].to_string();
    build().success();
    program.write("app", "two");
    let right = digests(build().success());
    let archive = fs_err::read(program.folder().join("hello.tar")).unwrap();
    let kept = program.folder().join("kept-cache");
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        let _ = fs_err::remove_dir_all(to);
        assert!(std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    };
    program.write("app", "one");
    copy(&program.cache(), &kept);
    let files = walkdir::WalkDir::new(&kept).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file() && entry.file_name() != "CACHEDIR.TAG");
    let files: Vec<_> = files.map(|entry| entry.path().strip_prefix(&kept).unwrap().to_owned()).collect();
    assert!(files.iter().any(|path| path.starts_with("stages")) && files.len() > 5, "{files:?}");
    program.write("app", "two");
    for file in files {
        for (what, damage) in DAMAGES {
            let shown = file.display();
            copy(&kept, &program.cache());
            // The build is made anew out of what else there is.
            if !file.starts_with("builds") {
                fs_err::remove_dir_all(program.cache().join("builds")).unwrap();
            }
            damage(&program.cache().join(&file));
            let built = build();
            if built.code != Some(1) {
                assert_eq!(digests(built.success()), right, "{shown}: {what}");
                assert_eq!(fs_err::read(program.folder().join("hello.tar")).unwrap(), archive, "{shown}: {what}");
            }
            // A file that is gone as a whole is nothing to find, but in a stage.
            copy(&kept, &program.cache());
            damage(&program.cache().join(&file));
            let verified = program.run(["cache", "verify"]);
            if what != "gone" || file.starts_with("stages") {
                assert_eq!(verified.code, Some(3), "{shown}: {what}");
                let entry: std::path::PathBuf = file.iter().take(2).collect();
                let named = verified.stdout.contains(entry.to_str().unwrap());
                assert!(named || file.starts_with("indexes"), "{shown}: {what}: {}", verified.stdout);
                program.run(["cache", "verify"]).success();
            }
        }
    }
}

#[test]
fn a_link_in_the_place_of_a_download_is_refused() {
    let program = Program::new();
    let repository = Repository::new().package("base", "1-r0").file("etc/base", "base").build();
    let server = Server::serving(repository.path());
    let keys = repository.keys_dir().display().to_string();
    program.write("hello.toml", "name = \"hello\"\nalpine.packages = [\"base\"]\n");
    program.write("victim", "precious");
    let partial = program.cache().join("partial");
    fs_err::create_dir_all(&partial).unwrap();
    let part = partial.join(format!("{}.part", repository.identity("base", "1-r0").0.to_hex()));
    std::os::unix::fs::symlink(program.folder().join("victim"), &part).unwrap();
    std::os::unix::fs::symlink(program.folder().join("made"), program.cache().join("CACHEDIR.TAG")).unwrap();
    let url = server.url();
    let words = ["recipe", "hello.toml", "-X", &url, "--keys-dir", &keys, "--arch", "x86_64"];
    let built = program.run(words);
    assert!(built.failure(1).contains("is a symbolic link, not a regular file of the cache"), "{}", built.stderr);
    assert_eq!(fs_err::read_to_string(program.folder().join("victim")).unwrap(), "precious");
    assert!(!program.folder().join("made").exists());
    program.run(["cache", "verify"]).failure(3);
    program.run(words).success();
    // Every folder is its owner's alone.
    use std::os::unix::fs::PermissionsExt as _;
    for section in Section::ALL.map(|section| program.cache().join(section.name())).iter().filter(|it| it.exists()) {
        assert_eq!(fs_err::metadata(section).unwrap().permissions().mode() & 0o777, 0o700, "{}", section.display());
    }
}
