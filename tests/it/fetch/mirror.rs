//! What a mirror may do: cut off, fail for a while, misbehave.

use apkbuild::fetch::Section;
use apkbuild::progress::Silent;
use apkbuild::repository::Location;
use wiremock::matchers::method;
use wiremock::{Mock, ResponseTemplate};

use super::{Scene, answer, hello, package_bytes, pseudo_random, wanted};
use crate::support::{RawServer, Repository, Server, signed_twice};

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
        // Whole already, or longer than it is.
        (bytes.clone(), vec![]),
        (vec![b'x'; bytes.len() + 1], vec![format!("bytes={}-", bytes.len() + 1), String::new()]),
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
            "its data member is damaged: it ends too soon",
        ),
        // Without a word of its length, the connection may have broken.
        (
            Some(answer("200 OK", &bytes[..size - 1])),
            &format!("the answer is cut off: expected {size} bytes, found {}", size - 1),
        ),
        (Some(answer("200 OK", &[bytes.clone(), vec![0]].concat())), "its data"),
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

/// The identity covers what comes behind the signatures, so one more of them changes nothing but the size.
#[test]
fn a_package_that_was_signed_again_is_the_same_package() {
    let repository = hello();
    let place = repository.package_path("hello", "1.0-r0");
    let bytes = fs_err::read(&place).unwrap();
    let again = signed_twice(&bytes);
    fs_err::write(&place, &again).unwrap();
    let server = Server::serving(repository.path());
    for location in [server.url().clone(), repository.location()] {
        let scene = Scene::new(&repository);
        let mut wanted = wanted(&repository, "hello", &[&location]);
        // As the index was made before, and as no index should say.
        for listed in [bytes.len() as u64, 1, 1 << 40] {
            wanted.size = listed;
            assert_eq!(scene.package(&wanted).unwrap().info().name, "hello", "{location} {listed}");
            let archives = scene.fetcher().archives(std::slice::from_ref(&wanted), &Silent).unwrap();
            assert_eq!(fs_err::read(&archives[0]).unwrap(), again, "{location} {listed}");
        }
    }
    // And with the cache alone.
    let scene = Scene::new(&repository);
    let wanted = super::wanted(&repository, "hello", &[&server.url()]);
    scene.package(&wanted).unwrap();
    scene.fetcher().without_network().packages(std::slice::from_ref(&wanted), &Silent).unwrap();
    // What never ends is not read to its end.
    let endless = RawServer::new(vec![answer("200 OK\r\nContent-Length: 99999999999", b"")]);
    let failure = Scene::new(&repository).failure(&super::wanted(&repository, "hello", &[endless.url()]));
    assert!(failure.contains("99999999999 bytes, where the index lists "), "{failure}");
}

/// apk looks for a package that is listed as for any machine in one folder; that of the index is asked where it is not there.
#[test]
fn the_folder_of_the_index_is_asked_only_where_the_one_for_any_machine_does_not_have_it() {
    let repository = hello();
    let bytes = package_bytes(&repository);
    for (status, asked) in
        [(200, "noarch"), (404, "noarch x86_64"), (403, "noarch"), (503, "noarch noarch noarch noarch")]
    {
        let server = Server::serving(repository.path());
        let answer = ResponseTemplate::new(status).insert_header("retry-after", "0");
        let answer = answer.set_body_raw(bytes.clone(), "application/octet-stream");
        let place = wiremock::matchers::path("/noarch/hello-1.0-r0.apk");
        server.mount(Mock::given(method("GET")).and(place).respond_with(answer).with_priority(1));
        let mut wanted = wanted(&repository, "hello", &[&server.url()]);
        let other = wanted.locations[0].to_string().replace("x86_64", "noarch");
        wanted.locations.insert(0, Location::parse(&other).unwrap());
        let found = Scene::new(&repository).package(&wanted);
        assert_eq!(found.is_ok(), matches!(status, 200 | 404), "{status}: {found:?}");
        let folders: Vec<String> =
            server.paths().iter().map(|path| path.split('/').nth(1).unwrap().to_owned()).collect();
        assert_eq!(folders.join(" "), asked, "{status}");
    }
    // Where neither has it, the first is told.
    let server = Server::new();
    let mut missing = wanted(&repository, "hello", &[&server.url()]);
    missing.locations.insert(0, Location::parse(&format!("{}/noarch/hello-1.0-r0.apk", server.url())).unwrap());
    assert!(Scene::new(&repository).failure(&missing).contains("/noarch/hello-1.0-r0.apk: expected the file"));
}

/// The data is in the cache by another way, so that nothing but the check reads what is downloaded.
#[test]
fn what_is_kept_was_checked_even_where_its_data_is_known() {
    let repository = hello();
    let bytes = package_bytes(&repository);
    let scene = Scene::new(&repository);
    scene.package(&wanted(&repository, "hello", &[&repository.location()])).unwrap();
    let longer = RawServer::new(vec![answer("200 OK", &[bytes.as_slice(), b"more"].concat())]);
    let failure = scene.failure(&wanted(&repository, "hello", &[longer.url()]));
    assert!(failure.contains("the package http://"), "{failure}");
    assert!(scene.files(Section::Packages).is_empty());
}
