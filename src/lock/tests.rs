//! What a lock reads, writes and notices.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use crate::apk::{Identity, PackageName, Version};
use crate::digest::{Sha1Digest, Sha256Digest};

fn sample() -> Lockfile {
    let package = LockedPackage {
        version: Version::parse("1.37.0-r13").unwrap(),
        identity: Identity::parse("Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=").unwrap(),
        is_noarch: false,
        size: 507_831,
        installed_size: 950_272,
        repositories: vec![0],
        record: None,
    };
    let packages = BTreeMap::from([(PackageName::parse("busybox").unwrap(), package)]);
    let architecture = LockedArchitecture {
        release: Some("v3.22".to_owned()),
        release_version: Some("3.22.1".to_owned()),
        indexes: vec![LockedIndex {
            repository: "main".to_owned(),
            digest: Sha256Digest::of(b"index"),
            release: Some("3.22.1".to_owned()),
        }],
        packages: packages.clone(),
        stages: BTreeMap::from([("deps".to_owned(), packages)]),
    };
    Lockfile {
        inputs: Inputs {
            release: "v3.22".to_owned(),
            repositories: vec!["main".to_owned()],
            packages: vec!["busybox".to_owned()],
            stages: BTreeMap::from([("deps".to_owned(), vec!["busybox".to_owned()])]),
        },
        architectures: BTreeMap::from([("x86_64".to_owned(), architecture)]),
    }
}

#[test]
fn a_lock_prints_a_package_a_line_and_is_read_back() {
    let text = sample().to_string();
    insta::assert_snapshot!(text, @r#"
    # Exactly what the recipe beside this file is built of. `apkbuild lock` writes it.
    format = 1

    [recipe]
    release = "v3.22"
    repositories = [
        "main",
    ]
    packages = [
        "busybox",
    ]
    stages."deps" = [
        "busybox",
    ]

    [architectures.x86_64]
    release = "v3.22"
    release-version = "3.22.1"
    indexes = [
        { repository = "main", sha256 = "1bc04b5291c26a46d918139138b992d2de976d6851d0893b0476b85bfbdfc6e6", release = "3.22.1" },
    ]
    packages = [
        { name = "busybox", version = "1.37.0-r13", identity = "Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=", size = 507831, installed-size = 950272, repositories = [0] },
    ]
    stages."deps" = [
        { name = "busybox", version = "1.37.0-r13", identity = "Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=", size = 507831, installed-size = 950272, repositories = [0] },
    ]
    "#);
    assert_eq!(Lockfile::parse(&text).unwrap(), sample());
}

#[test]
fn what_cannot_be_is_named() {
    let text = sample().to_string();
    for (from, to, message) in [
        ("format = 1", "format = 9", "it is of format 9, and this apkbuild reads format 1"),
        ("Q1qKcZ", "Q7qKcZ", "it holds `Q7qKcZ+j23xssAXmgQhkOO8dHnbWw=`, which is no identity"),
        ("1.37.0-r13", "1..2", "it holds `1..2`, which is no version"),
        ("repositories = [0]", "repositories = [1]", "it holds `[1]`, which is no list of places among the indexes"),
    ] {
        assert_eq!(Lockfile::parse(&text.replace(from, to)).unwrap_err().to_string(), message);
    }
    assert!(matches!(Lockfile::parse("format = 1\n[recipe"), Err(Error::Syntax { .. })));
}

#[test]
fn a_lock_of_another_format_is_told_as_such_whatever_its_keys() {
    let text = sample().to_string().replace("format = 1", "format = 2\nwritten-by = \"a later one\"");
    assert_eq!(Lockfile::parse(&text).unwrap_err(), Error::Format { found: 2, expected: 1 });
    let text = sample().to_string().replace("format = 1", "format = 1\nwritten-by = \"somebody\"");
    assert!(Lockfile::parse(&text).unwrap_err().to_string().contains("unknown field `written-by`"));
}

fn packages() -> impl Strategy<Value = LockedPackages> {
    let package =
        ("[0-9]{1,3}([.][0-9]{1,3}){0,2}(-r[0-9])?", any::<[u8; 20]>(), any::<u64>(), 1..=u64::MAX, any::<bool>());
    let package = package.prop_map(|(version, sha1, size, installed_size, is_noarch)| LockedPackage {
        version: Version::parse(&version).unwrap(),
        identity: Identity::Sha1(Sha1Digest(sha1)),
        is_noarch,
        size,
        installed_size,
        repositories: vec![0],
        record: None,
    });
    btree_map("[a-z0-9][a-z0-9+._-]{0,8}".prop_map(|name| PackageName::parse(&name).unwrap()), package, 0..4)
}

/// Locks with texts of any letters where a recipe may have them.
fn locks() -> impl Strategy<Value = Lockfile> {
    let index = (any::<String>(), any::<[u8; 8]>(), any::<Option<String>>())
        .prop_map(|(repository, bytes, release)| LockedIndex { repository, digest: Sha256Digest::of(&bytes), release });
    let stages = btree_map(any::<String>(), packages(), 0..2);
    let release = any::<(Option<String>, Option<String>)>();
    let architecture = (release, vec(index, 1..3), packages(), stages).prop_map(
        |((release, release_version), indexes, packages, stages)| LockedArchitecture {
            release,
            release_version,
            indexes,
            packages,
            stages,
        },
    );
    let texts = || vec(any::<String>(), 0..3);
    let inputs = (any::<String>(), texts(), texts(), btree_map(any::<String>(), texts(), 0..2))
        .prop_map(|(release, repositories, packages, stages)| Inputs { release, repositories, packages, stages });
    let architectures = btree_map("x86_64|aarch64|s390x", architecture, 0..3);
    (inputs, architectures).prop_map(|(inputs, architectures)| Lockfile { inputs, architectures })
}

proptest! {
    #[test]
    fn any_lock_is_read_back(lock in locks()) {
        prop_assert_eq!(Lockfile::parse(&lock.to_string()), Ok(lock));
    }

    /// A lock that was cut off or changed is refused with a way out, or is one that can be written and read again.
    #[test]
    fn a_damaged_lock_is_refused_or_whole(lock in locks(), at in any::<prop::sample::Index>(), byte in any::<Option<u8>>()) {
        let mut bytes = lock.to_string().into_bytes();
        let at = at.index(bytes.len());
        match byte {
            Some(byte) => bytes[at] = byte,
            None => bytes.truncate(at),
        }
        let text = String::from_utf8_lossy(&bytes);
        match Lockfile::parse(&text) {
            Ok(read) => prop_assert_eq!(Lockfile::parse(&read.to_string()), Ok(read)),
            Err(error) => prop_assert!(error.help().is_some() && error.to_string().len() < 4000, "{}", error),
        }
    }
}

#[test]
fn a_recipe_that_moved_on_is_noticed() {
    let lock = sample();
    assert!(lock.inputs.outdated_by(&lock.inputs).is_empty());
    let mut now = lock.inputs.clone();
    now.release = "edge".to_owned();
    now.packages = vec!["busybox".to_owned(), "python3".to_owned()];
    now.stages.clear();
    assert_eq!(
        lock.inputs.outdated_by(&now),
        [
            "release: the lock has v3.22, the recipe edge",
            "packages: only the recipe has python3",
            "stage deps: only the lock has it"
        ]
    );
}

#[test]
fn a_package_without_files_brings_its_record() {
    let mut lock = sample();
    let packages = &mut lock.architectures.get_mut("x86_64").unwrap().packages;
    let record = "C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\nP:all\nV:1.0\nT:a \"word\" \\ \u{7f}\nD:busybox\n";
    let package = LockedPackage {
        version: Version::parse("1.0").unwrap(),
        installed_size: 0,
        record: Some(record.to_owned()),
        ..packages.values().next().unwrap().clone()
    };
    packages.insert(PackageName::parse("all").unwrap(), package);
    let text = lock.to_string();
    assert_eq!(text.lines().filter(|line| line.contains("record = ")).count(), 1, "a package a line");
    assert_eq!(Lockfile::parse(&text).unwrap(), lock);
    let without = text.replace("installed-size = 0", "installed-size = 1");
    assert!(Lockfile::parse(&without).unwrap_err().to_string().contains("installed-size = 1"));
}

#[test]
fn a_package_for_any_machine_is_told_where_the_index_says_so() {
    let mut lock = sample();
    assert!(!lock.to_string().contains("arch ="));
    let packages = &mut lock.architectures.get_mut("x86_64").unwrap().packages;
    let package = packages.values_mut().next().unwrap();
    assert_eq!(package.arch("x86_64"), "x86_64");
    package.is_noarch = true;
    assert_eq!(package.arch("x86_64"), "noarch");
    let text = lock.to_string();
    assert_eq!(text.matches(", arch = \"noarch\", ").count(), 1);
    assert_eq!(Lockfile::parse(&text).unwrap(), lock);
    let error = Lockfile::parse(&text.replace("\"noarch\"", "\"x86\"")).unwrap_err().to_string();
    assert_eq!(error, "it holds `x86`, which is no architecture that is told: only `noarch` is");
}

#[test]
fn a_package_twice_is_refused() {
    let text = sample().to_string();
    let line = text.lines().find(|line| line.contains("name = ")).unwrap();
    let twice = text.replacen(line, &format!("{line}\n{line}"), 1);
    assert_eq!(Lockfile::parse(&twice).unwrap_err().to_string(), "it names busybox twice");
}

#[test]
fn changes_are_told_by_package() {
    let old = sample();
    let mut new = sample();
    let architecture = new.architectures.get_mut("x86_64").unwrap();
    let package = architecture.packages.values_mut().next().unwrap();
    package.version = Version::parse("1.37.0-r14").unwrap();
    let package = package.clone();
    architecture.packages.insert(PackageName::parse("musl").unwrap(), package);
    architecture.stages.clear();
    let shown: Vec<String> = changes(&old, &new).iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["  busybox 1.37.0-r13 -> 1.37.0-r14", "+ musl 1.37.0-r14", "- busybox 1.37.0-r13"]);
    assert!(changes(&old, &old).is_empty());
}
