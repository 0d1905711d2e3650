//! What the program says of a registry's answers, with which exit code and which way out, and what it leaves behind.

use apkbuild::registry::CredentialFiles;
use insta::assert_snapshot;

use super::fake::{FakeRegistry, Fault};
use super::{send, small_set, write_archive};
use crate::support::Program;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CHALLENGE: &str = "WWW-Authenticate";

/// What goes wrong, where, and how.
type Case = (&'static str, &'static str, Fault);

/// Runs the program once for each of `cases`, all at a time, each before a registry of its own that fails so and goes
/// on failing, with what `prepare` does to it first. Gives what it said.
fn told(cases: &[Case], verb: &[&str], prepare: impl Fn(&FakeRegistry, &Program) + Sync) -> String {
    let run = |(what, at, fault): &Case| {
        let (registry, program) = (FakeRegistry::start(), Program::new());
        prepare(&registry, &program);
        (0..100).for_each(|_| registry.fail(at, *fault));
        let before = files(&program);
        let reference = format!("{}/app:1.0", registry.host);
        let words = verb.iter().map(|word| word.replace("REF", &reference));
        let finished = program.run(words.chain(["-q".to_owned()]));
        assert_eq!(finished.code, Some(1), "{what}: {}{}", finished.stdout, finished.stderr);
        assert_eq!(files(&program), before, "{what}: something is left");
        assert!(finished.stderr.contains("\nhelp: "), "{what}: {}", finished.stderr);
        assert!(registry.tagged("app", "1.0") == registry.tagged("app", "before"), "{what}: the tag moved");
        format!("{what}:\n{}", without_digests(&finished.stderr.replace(&registry.host, "HOST")))
    };
    std::thread::scope(|scope| {
        let runs: Vec<_> = cases.iter().map(|case| scope.spawn(|| run(case))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect::<Vec<String>>().concat()
    })
}

/// With the names of blobs left out: several go at a time, and any may be the first to fail.
fn without_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str("sha256:…");
        plain.push_str(part.trim_start_matches(|letter: char| letter.is_ascii_hexdigit()));
    }
    plain
}

fn files(program: &Program) -> Vec<String> {
    let entries = fs_err::read_dir(program.folder()).unwrap();
    let mut files: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    files
}

#[test]
fn a_push_that_fails_says_why_and_leaves_the_tag() {
    let cases: &[Case] = &[
        ("401", "HEAD", Fault::Headers(401, &[(CHALLENGE, "Basic realm=\"x\"")])),
        ("403 without a challenge", "POST", Fault::Status(403, None)),
        ("429 with seconds", "POST", Fault::Status(429, Some(3600))),
        (
            "429 with a number that no clock holds",
            "POST",
            Fault::Headers(429, &[("Retry-After", "99999999999999999999")]),
        ),
        ("429 with a date", "PATCH", {
            let dates = &[("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT"), ("Date", "Wed, 21 Oct 2015 12:00:00 GMT")];
            Fault::Headers(429, dates)
        }),
        ("500 half-way", "PATCH", Fault::Status(500, None)),
        ("a connection that drops in a blob", "PATCH", Fault::Drop),
        ("a connection that drops in the tag", "PUT /v2/app/manifests/1.0", Fault::Drop),
        ("a realm that is no address", "HEAD", Fault::Headers(401, &[(CHALLENGE, "Bearer realm=\"somewhere\"")])),
        ("a location that is no address", "POST", Fault::Headers(202, &[("Location", "file:///etc/passwd")])),
        ("a range that is none", "PATCH", Fault::Headers(202, &[("Range", "0-many")])),
        ("a range beyond the end", "PATCH", Fault::Headers(202, &[("Range", "0-18446744073709551615")])),
        ("chunks that are too large", "POST", Fault::Headers(202, &[("OCI-Chunk-Min-Length", "99999999999")])),
        ("another digest", "PUT /v2/app/manifests/sha256", Fault::OtherDigest),
        ("a manifest that is refused", "PUT /v2/app/manifests/1.0", Fault::Status(404, None)),
    ];
    assert_snapshot!(
        told(cases, &["push", "app.tar", "REF", "--sbom", "none"], |_, program| _ = write_archive(program))
    );
}

#[test]
fn a_server_of_tokens_that_talks_nonsense_is_told() {
    let cases: &[Case] = &[
        ("a web page", "GET /token", Fault::Says("<!DOCTYPE html>")),
        ("no token", "GET /token", Fault::Says("{\"expires_in\": 300}")),
        ("an empty one", "GET /token", Fault::Says("{\"token\": \"\"}")),
        ("one of other letters", "GET /token", Fault::Says("{\"token\": \"a\\r\\nHost: b\"}")),
        ("one that does not help", "GET /token", Fault::Says("{\"token\": \"bad\"}")),
        ("404", "GET /token", Fault::Status(404, None)),
        ("503 for an hour", "GET /token", Fault::Status(503, Some(3600))),
        ("500", "GET /token", Fault::Status(500, None)),
    ];
    let prepare = |registry: &FakeRegistry, program: &Program| {
        write_archive(program);
        registry.state.lock().unwrap().guarded = true;
    };
    assert_snapshot!(told(cases, &["push", "app.tar", "REF", "--sbom", "none"], prepare));
}

#[test]
fn a_token_may_come_under_either_name_and_both() {
    for answer in [
        r#"{"token":"good"}"#,
        r#"{"access_token":"good"}"#,
        r#"{"token":"good","access_token":"good","expires_in":300}"#,
    ] {
        let (registry, program) = (FakeRegistry::start(), Program::new());
        write_archive(&program);
        registry.state.lock().unwrap().guarded = true;
        registry.fail("GET /token", Fault::Says(answer));
        program.run(["push", "app.tar", &format!("{}/app:1.0", registry.host)]).success();
        assert!(registry.tagged("app", "1.0").is_some(), "{answer}");
    }
}

#[test]
fn a_blob_that_is_there_under_another_digest_is_not_passed_over() {
    let cases: &[Case] = &[("another digest", "HEAD", Fault::OtherDigest)];
    let prepare = |registry: &FakeRegistry, program: &Program| {
        write_archive(program);
        let mut set = small_set();
        set.index = None;
        send(&registry.client("app", &CredentialFiles::default()), &set).unwrap();
        let manifest = registry.tagged("app", "1.0").unwrap();
        registry.put("app", "before", MANIFEST, &manifest);
    };
    let told = told(cases, &["push", "app.tar", "REF", "--sbom", "none"], prepare);
    assert!(told.contains("/v2/app/blobs/sha256:…: expected sha256:…, found sha256:…"), "{told}");
}

#[test]
fn an_image_that_cannot_be_fetched_says_why() {
    let cases: &[Case] = &[
        ("404", "GET /v2/app/manifests/", Fault::Status(404, None)),
        ("401", "GET /v2/app/manifests/", Fault::Headers(401, &[(CHALLENGE, "Basic realm=\"x\"")])),
        ("a manifest without end", "GET /v2/app/manifests/", Fault::Endless(200)),
        ("a manifest of another digest", "GET /v2/app/manifests/", Fault::OtherDigest),
        ("a web page", "GET /v2/app/manifests/", Fault::Says("<!DOCTYPE html>")),
        ("a connection that drops in a blob", "GET /v2/app/blobs/", Fault::Mute),
        ("a blob of other bytes", "GET /v2/app/blobs/", Fault::Endless(200)),
    ];
    let prepare = |registry: &FakeRegistry, _: &Program| {
        send(&registry.client("app", &CredentialFiles::default()), &small_set()).unwrap();
        let manifest = registry.tagged("app", "1.0").unwrap();
        registry.put("app", "before", MANIFEST, &manifest);
    };
    assert_snapshot!(told(cases, &["inspect", "REF"], prepare));
}
