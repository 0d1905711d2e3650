//! Indexes: asked about again, and trusted only where somebody trusted has signed them.

use std::time::Duration;

use apkbuild::fetch::{FetchedIndex, Section};
use apkbuild::progress::Silent;
use apkbuild::repository::{Location, Repository as Source};
use wiremock::matchers::path_regex;
use wiremock::{Mock, ResponseTemplate};

use super::{Scene, hello};
use crate::support::Server;

fn text_of(index: &FetchedIndex) -> String {
    String::from_utf8(index.open().unwrap().text).unwrap()
}

#[test]
fn an_index_is_asked_about_and_not_fetched_again() {
    let repository = hello();
    let server = Server::serving(repository.path());
    let mut scene = Scene::new(&repository);
    let source = Source::parse(&server.url()).unwrap();
    let index = |scene: &Scene| scene.fetcher().index(&source, "x86_64", &Silent).unwrap();
    let first = index(&scene);
    let opened = first.open().unwrap();
    assert!(
        text_of(&first).contains("\nP:hello\n") && opened.description == "v3.22.1-0-g0123abc",
        "{}",
        opened.description
    );
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
    assert_eq!(text_of(&empty), "");
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
        (&changed, &scene, "its signature by tests.rsa.pub does not fit", "put the right file there again"),
        (&signed, &strangers, "it is signed by tests.rsa.pub, and the trusted keys are alpine-devel@", "--keys-dir"),
        (&signed[..signed.len() - 9], &scene, "does not fit", "put the right file there again"),
        (b"<html>".as_slice(), &scene, "expected gzip data, found HTML or XML", "put the right file"),
        (b"ADBd....".as_slice(), &scene, "apk's third format", "up to v3.24"),
        (b"".as_slice(), &scene, "it has no index", "put the right file"),
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
        assert!(text_of(&index).contains("P:hello") && index.signer.is_none());
    }
}

#[test]
fn a_folder_of_the_third_format_is_named() {
    let repository = hello();
    let scene = Scene::new(&repository);
    let source = Source::parse(&repository.location()).unwrap();
    fs_err::remove_file(repository.index_path()).unwrap();
    let message = || scene.fetcher().index(&source, "x86_64", &Silent).unwrap_err();
    assert!(message().to_string().contains("there is no such index"));
    for place in ["x86_64/Packages.adb", "x86_64/packages.adb", "Packages.adb", "packages.adb"] {
        let place = repository.path().join(place);
        fs_err::write(&place, "ADBd").unwrap();
        let error = message();
        assert!(error.to_string().contains("packages.adb") || error.to_string().contains("Packages.adb"), "{error}");
        assert!(error.to_string().contains("apk's third format (ADB), which is not read here"), "{error}");
        assert!(error.help().unwrap().contains("Alpine's releases up to v3.24 serve the second format"), "{error}");
        fs_err::remove_file(place).unwrap();
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
