//! What of packages is in the cache already, damaged there, or missing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use apkbuild::fetch::{Cache, Section, Wanted};
use apkbuild::progress::Silent;
use apkbuild::repository::{Location, Repository as Source};
use wiremock::matchers::method;
use wiremock::{Mock, ResponseTemplate};

use super::{Scene, hello, package_bytes, wanted};
use crate::support::{Repository, Server};

#[test]
fn a_damaged_cache_is_repaired() {
    let repository = hello();
    let server = Server::serving(repository.path());
    let wanted = wanted(&repository, "hello", &[&server.url()]);
    let scene = Scene::new(&repository);
    let good = scene.package(&wanted).unwrap();
    let flip = |path: &Path, from_the_end: usize| {
        let mut bytes = fs_err::read(path).unwrap();
        let position = bytes.len() - from_the_end;
        bytes[position] ^= 1;
        // A new file, as a file that is mapped must not change.
        fs_err::remove_file(path).unwrap();
        fs_err::write(path, bytes).unwrap();
    };
    let (package, data) = (scene.files(Section::Packages).remove(0), scene.files(Section::Data).remove(0));
    let asked = || server.requests().len();
    for (damage, requests) in [
        (Box::new(|| flip(&data, 20_000)) as Box<dyn Fn()>, 0),
        (Box::new(|| flip(&data, 1)), 0),
        (Box::new(|| fs_err::write(&data, "").unwrap()), 0),
        (Box::new(|| fs_err::remove_file(&data).unwrap()), 0),
        (Box::new(|| flip(&package, package.metadata().unwrap().len() as usize - 600)), 1),
        (Box::new(|| (flip(&package, 100), fs_err::remove_file(&data).unwrap()).1), 1),
        (Box::new(|| fs_err::write(&package, "short").unwrap()), 1),
    ] {
        let before = asked();
        damage();
        let again = scene.package(&wanted).unwrap();
        assert_eq!((again.entries(), &again.data()[..]), (good.entries(), &good.data()[..]));
        assert_eq!(asked() - before, requests);
    }
}

#[test]
fn offline_names_all_that_is_missing() {
    let repository = Repository::new()
        .package("a", "1.0-r0")
        .file("a", "a")
        .package("b", "1.0-r0")
        .file("b", "b")
        .package("c", "1.0-r0")
        .file("c", "c")
        .build();
    let server = Server::serving(repository.path());
    let wanted: Vec<Wanted> = ["a", "b", "c"].iter().map(|name| wanted(&repository, name, &[&server.url()])).collect();
    let mut scene = Scene::new(&repository);
    scene.package(&wanted[1]).unwrap();
    let source = Source::parse(&server.url()).unwrap();
    scene.options.offline = true;
    let asked = server.requests().len();
    let error = scene.fetcher().packages(&wanted, &Silent).unwrap_err();
    assert_eq!(error.to_string(), "not in the cache, and offline: a-1.0-r0, c-1.0-r0");
    let error = scene.fetcher().index(&source, "x86_64", &Silent).unwrap_err();
    assert_eq!(error.to_string(), format!("not in the cache, and offline: {}/x86_64/APKINDEX.tar.gz", server.url()));
    scene.package(&wanted[1]).unwrap();
    let mut local = wanted[0].clone();
    local.locations.push(Location::Folder(repository.package_path("a", "1.0-r0")));
    scene.package(&local).unwrap();
    assert_eq!(server.requests().len(), asked, "nothing was asked of the network");
    let gone = Wanted { locations: vec![Location::Folder(PathBuf::from("/nowhere/a.apk"))], ..wanted[0].clone() };
    assert!(scene.failure(&gone).starts_with("not in the cache, and offline: a-1.0-r0 (expected at /nowhere/a.apk)"));
}

#[test]
fn builds_share_a_cache_without_downloading_twice() {
    let repository = hello();
    let server = Server::new();
    let bytes = package_bytes(&repository);
    let slow = ResponseTemplate::new(200)
        .set_body_raw(bytes, "application/octet-stream")
        .set_delay(Duration::from_millis(200));
    server.mount(Mock::given(method("GET")).respond_with(slow));
    let wanted = wanted(&repository, "hello", &[&server.url()]);
    let scene = Scene::new(&repository);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| scene.package(&wanted).unwrap());
        }
    });
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let repository = hello();
    let mut scene = Scene::new(&repository);
    let file = scene.folder.path().join("file");
    fs_err::write(&file, "").unwrap();
    scene.options.cache = Cache::at(file.join("cache"));
    let failure = scene.failure(&wanted(&repository, "hello", &[&repository.location()]));
    assert!(failure.contains("the cache") && failure.contains("file/cache"), "{failure}");
}
