//! Fetching: what a mirror may do, and what becomes of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use apkbuild::apk::{PackageName, Version};
use apkbuild::fetch::{Cache, Error, FetchOptions, Fetcher, Section, VerifiedApk, Wanted, keyring_of_folder};
use apkbuild::progress::Silent;
use apkbuild::repository::{Location, Repository as Source};
use tempfile::TempDir;
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, ResponseTemplate};

use crate::support::{BuiltRepository, RawServer, Repository, Server};

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

fn wanted(repository: &BuiltRepository, name: &str, locations: &[&str]) -> Wanted {
    let (identity, size) = repository.identity(name, "1.0-r0");
    Wanted {
        name: PackageName::parse(name).unwrap(),
        version: Version::parse("1.0-r0").unwrap(),
        identity,
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

#[test]
fn a_cut_download_goes_on_where_it_stopped() {
    let repository = hello();
    let server = Server::serving(repository.path());
    let wanted = wanted(&repository, "hello", &[&server.url()]);
    let bytes = package_bytes(&repository);
    let half = bytes.len() / 2;
    for (partial, requests) in [
        (bytes[..half].to_vec(), vec![format!("bytes={half}-")]),
        // Of another package: noticed when all is there, and begun anew.
        (vec![b'x'; half], vec![format!("bytes={half}-"), String::new()]),
        // Whole already, or longer than it can be.
        (bytes.clone(), vec![]),
        (vec![b'x'; bytes.len() + 1], vec![String::new()]),
    ] {
        let scene = Scene::new(&repository);
        let folder = scene.options.cache.make_section(Section::Partial).unwrap();
        fs_err::write(folder.join(format!("{}.part", wanted.identity.to_hex())), partial).unwrap();
        let before = server.requests().len();
        scene.package(&wanted).unwrap();
        let ranges: Vec<String> = server.requests()[before..]
            .iter()
            .map(|request| {
                request.headers.get("range").map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
            })
            .collect();
        assert_eq!(ranges, requests);
        assert!(scene.files(Section::Partial).is_empty());
    }
}

#[test]
fn what_passes_by_itself_is_tried_again() {
    let repository = hello();
    for code in [408, 429, 500, 502, 503, 504] {
        let server = Server::serving(repository.path());
        let busy = ResponseTemplate::new(code).insert_header("retry-after", "0");
        server.mount(Mock::given(method("GET")).respond_with(busy).up_to_n_times(2).with_priority(1));
        Scene::new(&repository).package(&wanted(&repository, "hello", &[&server.url()])).unwrap();
        assert_eq!(server.requests().len(), 3, "{code}");
    }
    let server = Server::new();
    server.mount(Mock::given(method("GET")).respond_with(ResponseTemplate::new(503)));
    let failure = Scene::new(&repository).failure(&wanted(&repository, "hello", &[&server.url()]));
    assert!(
        failure.contains("expected the file, found HTTP status 503 Service Unavailable | try again later"),
        "{failure}"
    );
    assert_eq!(server.requests().len(), 4);
    let server = Server::new();
    let later = ResponseTemplate::new(429).insert_header("retry-after", "3600");
    server.mount(Mock::given(method("GET")).respond_with(later));
    Scene::new(&repository).failure(&wanted(&repository, "hello", &[&server.url()]));
    assert_eq!(server.requests().len(), 1, "nobody waits for an hour");
}

#[test]
fn a_broken_connection_is_taken_up_again() {
    let repository = hello();
    let bytes = package_bytes(&repository);
    let (size, half) = (bytes.len(), bytes.len() / 2);
    let first = answer(&format!("200 OK\r\nContent-Length: {size}"), &bytes[..half]);
    let rest = answer(
        &format!(
            "206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {half}-{}/{size}",
            size - half,
            size - 1
        ),
        &bytes[half..],
    );
    let whole = answer(&format!("200 OK\r\nContent-Length: {size}"), &bytes);
    for answers in [vec![first.clone(), rest], vec![first.clone(), whole.clone()], vec![Vec::new(), whole]] {
        let server = RawServer::new(answers);
        Scene::new(&repository).package(&wanted(&repository, "hello", &[server.url()])).unwrap();
    }
    let server = RawServer::new(vec![first]);
    let failure = Scene::new(&repository).failure(&wanted(&repository, "hello", &[server.url()]));
    assert!(failure.contains(&format!("the answer is cut off: expected {size} bytes, found {half}")), "{failure}");
}

#[test]
fn a_mirror_that_misbehaves_is_named_with_what_it_did() {
    let repository = hello();
    let bytes = package_bytes(&repository);
    let size = bytes.len();
    let other = Repository::new().package("hello", "1.0-r0").file("usr/share/hello", pseudo_random(50_001)).build();
    let mut other_package = package_bytes(&other);
    other_package.resize(size, 0);
    let mut damaged = bytes.clone();
    damaged[size - 100] ^= 1;
    let unreachable = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (answered, message) in [
        (Some(answer("404 Not Found", b"")), "found HTTP status 404 Not Found | the mirror does not have it"),
        (
            Some(answer(&format!("200 OK\r\nContent-Length: {}", size - 1), &bytes[..size - 1])),
            &format!("expected {size} bytes, found {}", size - 1),
        ),
        (
            Some(answer("200 OK", &[bytes.clone(), vec![0]].concat())),
            &format!("expected {size} bytes, found {}", size + 1),
        ),
        (
            Some(answer("200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 6", b"<html>")),
            "expected a package, found a web page (content type text/html; charset=utf-8)",
        ),
        (Some(answer("302 Found\r\nLocation: /x86_64/again.apk", b"")), "it redirects more than 5 times"),
        (Some(answer(&format!("200 OK\r\nContent-Length: {size}"), &other_package)), "its identity is Q1"),
        (
            Some(answer(&format!("200 OK\r\nContent-Length: {size}"), &damaged)),
            "| the mirror is being changed or damaged",
        ),
        (None, "cannot reach http://127.0.0.1:"),
    ] {
        let server = answered.map(|answer| RawServer::new(vec![answer]));
        let url = server.as_ref().map_or_else(|| format!("http://{unreachable}"), |server| server.url().to_owned());
        let scene = Scene::new(&repository);
        let failure = scene.failure(&wanted(&repository, "hello", &[&url]));
        assert!(failure.contains(message), "expected {message}, found {failure}");
        assert!(failure.contains(&url), "{failure}");
        assert!(scene.files(Section::Packages).is_empty() && scene.files(Section::Data).is_empty(), "{message}");
        // And with a good mirror behind it, all is well.
        let scene = Scene::new(&repository);
        scene.package(&wanted(&repository, "hello", &[&url, &repository.location()])).unwrap();
    }
}

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

#[test]
fn an_index_is_asked_about_and_not_fetched_again() {
    let repository = hello();
    let server = Server::serving(repository.path());
    let mut scene = Scene::new(&repository);
    let source = Source::parse(&server.url()).unwrap();
    let index = |scene: &Scene| scene.fetcher().index(&source, "x86_64", &Silent).unwrap();
    let first = index(&scene);
    assert!(first.open().unwrap().text.contains("\nP:hello\n") && first.open().unwrap().description == "tests");
    assert_eq!(first.signer.as_deref(), Some("tests.rsa.pub"));
    assert_eq!(index(&scene).digest, first.digest);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[1].headers.contains_key("if-none-match"));
    // Within its freshness nobody is asked; a changed index comes anew; a damaged one as well.
    scene.options.index_freshness = Duration::from_hours(1);
    assert_eq!(index(&scene).digest, first.digest);
    assert_eq!(server.requests().len(), 2);
    let cached = scene.files(Section::Indexes).into_iter().find(|path| path.extension().is_some_and(|end| end == "gz"));
    fs_err::write(cached.unwrap(), "damaged").unwrap();
    assert_eq!(index(&scene).digest, first.digest);
    assert_eq!(server.requests().len(), 3);
    fs_err::remove_file(repository.package_path("hello", "1.0-r0")).unwrap();
    repository.index();
    scene.options.index_freshness = Duration::ZERO;
    let empty = index(&scene);
    assert_eq!(empty.open().unwrap().text, "");
    scene.options.offline = true;
    assert_eq!(index(&scene).digest, empty.digest);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn an_index_must_be_signed_by_somebody_trusted() {
    let repository = hello();
    let signed = fs_err::read(repository.index_path()).unwrap();
    let body = signed.windows(3).skip(1).position(|window| window == [0x1f, 0x8b, 8]).unwrap() + 1;
    let mut changed = signed.clone();
    *changed.last_mut().unwrap() ^= 1;
    let scene = Scene::new(&repository);
    let mut strangers = Scene::new(&repository);
    strangers.options.keyring = apkbuild::apk::Keyring::alpine();
    let source = Source::parse(&repository.location()).unwrap();
    for (bytes, scene, message, help) in [
        (&signed[body..], &scene, "it is not signed", "--allow-untrusted"),
        (&changed, &scene, "its signature by tests.rsa.pub does not fit", "ask another mirror"),
        (&signed, &strangers, "it is signed by tests.rsa.pub, which is not among the trusted keys", "--keys-dir"),
        (&signed[..signed.len() - 9], &scene, "does not fit", "ask another mirror"),
        (b"<html>".as_slice(), &scene, "expected gzip data, found HTML or XML", ""),
        (b"ADBd....".as_slice(), &scene, "apk's v3 format", "v2"),
        (b"".as_slice(), &scene, "it has no index", ""),
    ] {
        fs_err::write(repository.index_path(), bytes).unwrap();
        let error = scene.fetcher().index(&source, "x86_64", &Silent).unwrap_err();
        assert!(error.to_string().contains(message), "expected {message}, found {error}");
        assert!(error.to_string().contains("x86_64/APKINDEX.tar.gz"), "{error}");
        assert!(error.help().unwrap_or_default().contains(help), "{error}");
    }
    strangers.options.allow_untrusted = true;
    for bytes in [&signed[body..], &signed] {
        fs_err::write(repository.index_path(), bytes).unwrap();
        let index = strangers.fetcher().index(&source, "x86_64", &Silent).unwrap();
        assert!(index.open().unwrap().text.contains("P:hello") && index.signer.is_none());
    }
}

#[test]
fn a_mirror_may_answer_anything_for_an_index() {
    let repository = hello();
    let index = fs_err::read(repository.index_path()).unwrap();
    let good = Server::serving(repository.path());
    for (response, message) in [
        (ResponseTemplate::new(503).insert_header("retry-after", "0"), "found HTTP status 503"),
        (ResponseTemplate::new(200).set_body_raw("<html>", "text/html"), "expected an index, found a web page"),
        (ResponseTemplate::new(200).set_body_raw("<html>", "application/gzip"), "found HTML or XML"),
        (ResponseTemplate::new(200).set_body_raw(&index[..index.len() - 3], "application/gzip"), "does not fit"),
        (ResponseTemplate::new(304), "unasked"),
    ] {
        let server = Server::new();
        server.mount(Mock::given(path_regex("APKINDEX")).respond_with(response));
        let scene = Scene::new(&repository);
        let mut source = Source::parse(&server.url()).unwrap();
        let error = scene.fetcher().index(&source, "x86_64", &Silent).unwrap_err();
        assert!(error.to_string().contains(message), "expected {message}, found {error}");
        assert!(scene.files(Section::Indexes).is_empty(), "nothing bad is kept");
        source.locations.push(Location::parse(&good.url()).unwrap());
        let index = scene.fetcher().index(&source, "x86_64", &Silent).unwrap();
        assert_eq!(index.location.to_string(), format!("{}/x86_64/APKINDEX.tar.gz", good.url()));
    }
}
