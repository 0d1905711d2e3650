//! Fetching: packages and indexes over mirrors and a cache.

mod cache;
mod index;
mod mirror;

use std::path::PathBuf;
use std::time::Duration;

use apkbuild::apk::{PackageName, Version};
use apkbuild::fetch::{Cache, Error, FetchOptions, Fetcher, Section, VerifiedApk, Wanted, keyring_of_folder};
use apkbuild::progress::Silent;
use apkbuild::repository::Location;
use tempfile::TempDir;

use crate::support::{BuiltRepository, Repository, Server};

/// A cache of its own, and the options to fetch with.
struct Scene {
    folder: TempDir,
    options: FetchOptions,
}

impl Scene {
    fn new(repository: &BuiltRepository) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = FetchOptions::new(Cache::at(folder.path().join("cache")));
        options.pause = Duration::from_millis(1);
        options.index_freshness = Duration::ZERO;
        options.keyring = keyring_of_folder(repository.keys_dir()).unwrap();
        Self { folder, options }
    }

    fn fetcher(&self) -> Fetcher {
        Fetcher::new(self.options.clone())
    }

    fn package(&self, wanted: &Wanted) -> Result<VerifiedApk, Error> {
        Ok(self.fetcher().packages(std::slice::from_ref(wanted), &Silent)?.remove(0))
    }

    fn failure(&self, wanted: &Wanted) -> String {
        let error = self.package(wanted).unwrap_err();
        format!("{error} | {}", error.help().unwrap_or_default())
    }

    /// The files in a section of the cache.
    fn files(&self, section: Section) -> Vec<PathBuf> {
        let Ok(folder) = fs_err::read_dir(self.options.cache.section(section)) else { return Vec::new() };
        folder.map(|entry| entry.unwrap().path()).collect()
    }
}

fn hello() -> BuiltRepository {
    Repository::new().package("hello", "1.0-r0").file("usr/share/hello", pseudo_random(50_000)).build()
}

/// Bytes that do not pack well, always the same.
fn pseudo_random(length: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// The index vouches for the bytes, and the bytes call themselves something else.
#[test]
fn a_package_that_calls_itself_another_is_refused() {
    let repository = Repository::new()
        .package("hello", "1.0-r0")
        .file("usr/share/hello", "x")
        .package("any", "1.0-r0")
        .with(|package| package.info.arch = "noarch".to_owned())
        .file("usr/share/any", "x")
        .build();
    let scene = Scene::new(&repository);
    let own = wanted(&repository, "hello", &[&repository.location()]);
    let any = wanted(&repository, "any", &[&repository.location()]);
    for (wanted, arch) in [(&own, "x86_64"), (&any, "x86_64")] {
        assert_eq!(scene.package(wanted).unwrap().arch(), arch, "{wanted}");
    }
    let (name, version) = (PackageName::parse("other").unwrap(), Version::parse("2.0-r0").unwrap());
    let arch = |wanted: &Wanted, arch: &str| Wanted { arch: arch.to_owned(), ..wanted.clone() };
    assert_eq!(scene.package(&arch(&any, "noarch")).unwrap().arch(), "noarch");
    for (wanted, reason) in [
        (Wanted { name, ..own.clone() }, "it calls itself hello-1.0-r0, but other-1.0-r0 was expected"),
        (Wanted { version, ..own.clone() }, "it calls itself hello-1.0-r0, but hello-2.0-r0 was expected"),
        (arch(&own, "aarch64"), "it is built for x86_64, but its index says aarch64"),
        (arch(&own, "noarch"), "it is built for x86_64, but its index says noarch"),
    ] {
        // The cache has it by now, and with the other name it is as wrong there.
        let failure = scene.failure(&wanted);
        assert!(failure.contains(reason), "{failure}");
        let archive = scene.fetcher().archives(std::slice::from_ref(&wanted), &Silent).unwrap_err();
        assert!(scene.failure(&wanted).contains(reason), "{archive}");
    }
}

fn wanted(repository: &BuiltRepository, name: &str, locations: &[&str]) -> Wanted {
    let (identity, size) = repository.identity(name, "1.0-r0");
    Wanted {
        name: PackageName::parse(name).unwrap(),
        version: Version::parse("1.0-r0").unwrap(),
        identity,
        arch: "x86_64".to_owned(),
        size,
        locations: locations
            .iter()
            .map(|location| Location::parse(location).unwrap().join("x86_64").join(&format!("{name}-1.0-r0.apk")))
            .collect(),
    }
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").as_bytes(), body].concat()
}

fn package_bytes(repository: &BuiltRepository) -> Vec<u8> {
    fs_err::read(repository.package_path("hello", "1.0-r0")).unwrap()
}

#[test]
fn packages_come_in_the_order_asked_for() {
    let names = ["e", "b", "d", "a", "c"];
    let repository =
        names.iter().fold(Repository::new(), |all, name| all.package(name, "1.0-r0").file(name, *name)).build();
    let server = Server::serving(repository.path());
    for location in [repository.location(), server.url(), format!("file://{}", repository.location())] {
        let scene = Scene::new(&repository);
        let wanted: Vec<Wanted> = names.iter().map(|name| wanted(&repository, name, &[&location])).collect();
        let packages = scene.fetcher().packages(&wanted, &Silent).unwrap();
        assert_eq!(packages.iter().map(|package| package.info().name.as_str()).collect::<Vec<_>>(), names);
        assert_eq!(packages[2].entries()[0].path, "d");
        let downloaded = if location.starts_with("http") { names.len() } else { 0 };
        assert_eq!(scene.files(Section::Packages).len(), downloaded, "folders are read in place: {location}");
        assert_eq!(scene.files(Section::Data).len(), names.len());
        assert!(scene.files(Section::Partial).is_empty());
        let asked = server.requests().len();
        assert_eq!(scene.fetcher().packages(&wanted, &Silent).unwrap().len(), names.len());
        assert_eq!(server.requests().len(), asked, "the second time comes from the cache");
    }
}
