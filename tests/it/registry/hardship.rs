//! What a registry, or whatever stands in its place, may do to those who trust it: waits without end, answers without
//! end, other places, other digests.

use apkbuild::digest::Sha256Digest;
use apkbuild::image::{LayerOptions, Publication, StoredImage};
use apkbuild::progress::Silent;
use apkbuild::registry::{CredentialFiles, pull, push};

use super::super::image::{image_set, small_rootfs};
use super::fake::{FakeRegistry, Fault, Locations};
use super::{sbom_of, send, small_set};

const NOON: &str = "Wed, 21 Oct 2015 12:00:00 GMT";
const AT_ONCE: Fault = Fault::Headers(429, &[("Retry-After", NOON), ("Date", NOON)]);
const IN_AN_HOUR: Fault = Fault::Headers(429, &[("Retry-After", "Wed, 21 Oct 2015 13:00:00 GMT"), ("Date", NOON)]);

/// What is done to a registry before it is used.
type Preparation = Box<dyn Fn(&FakeRegistry)>;

/// Files that have the account of a guarded registry.
fn account(registry: &FakeRegistry, folder: &tempfile::TempDir) -> CredentialFiles {
    let path = folder.path().join("config.json");
    let text = format!("{{\"auths\": {{\"{}\": {{\"auth\": \"bWU6c2VjcmV0\"}}}}}}", registry.host);
    fs_err::write(&path, text).unwrap();
    CredentialFiles(vec![path])
}

#[test]
fn a_wait_may_be_asked_for_by_date() {
    let registry = FakeRegistry::start();
    let client = registry.client("app", &CredentialFiles::default());
    for at in ["HEAD", "POST", "PATCH", "PUT"] {
        registry.fail(at, AT_ONCE);
        send(&client, &small_set()).unwrap();
        registry.state.lock().unwrap().blobs.clear();
    }
    registry.fail("POST", IN_AN_HOUR);
    let error = send(&client, &small_set()).unwrap_err();
    assert!(error.to_string().ends_with("asks to come back in 3600 seconds"), "{error}");
    assert!(error.help().unwrap().starts_with("try again later"));
}

#[test]
fn what_a_registry_does_wrong_moves_no_tag() {
    let fault = |at, fault| move |registry: &FakeRegistry| (0..30).for_each(|_| registry.fail(at, fault));
    let state =
        |set: fn(&mut super::fake::State)| move |registry: &FakeRegistry| set(&mut registry.state.lock().unwrap());
    let cases: [(&str, Preparation, &str); 9] = [
        ("a refusal without end", Box::new(fault("HEAD", Fault::Endless(400))), "answered 400"),
        ("a refusal without end", Box::new(fault("PATCH", Fault::Endless(400))), "answered 400"),
        ("a failure without end", Box::new(fault("PATCH", Fault::Endless(500))), "answered 500"),
        ("a token without end", Box::new(fault("GET /token", Fault::Endless(200))), "more than 1048576 bytes"),
        (
            "a list without end",
            Box::new(fault("GET /v2/app/manifests/sha256-", Fault::Endless(200))),
            "more than 4194304 bytes",
        ),
        ("chunks that are lost", Box::new(state(|state| state.forgets_chunks = true)), "answered 400"),
        ("another digest", Box::new(fault("PUT /v2/app/manifests/sha256", Fault::OtherDigest)), "expected sha256:"),
        ("a redirection in a circle", Box::new(fault("PUT /v2/app/manifests/sha256", Fault::Moved)), "no answer from"),
        ("a wait of an hour", Box::new(fault("PATCH", IN_AN_HOUR)), "in 3600 seconds"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (what, prepare, message) in cases {
        let registry = FakeRegistry::start();
        let files = account(&registry, &folder);
        let old = small_set();
        send(&registry.client("app", &files), &old).unwrap();
        registry.state.lock().unwrap().guarded = what.contains("token");
        prepare(&registry);
        let new = image_set(&small_rootfs(what.as_bytes()), &LayerOptions::default());
        let (client, publication) = (registry.client("app", &files), Publication::of(&new).unwrap());
        let error = push(&client, &publication, &[sbom_of(&new)], "1.0", &[], &Silent).unwrap_err();
        assert!(error.to_string().contains(message), "{what}: {error}");
        assert!(error.help().is_some() || message.ends_with("400"), "{what}: {error}");
        assert_eq!(Sha256Digest::of(&registry.tagged("app", "1.0").unwrap()), old.digest(), "{what}");
    }
}

#[test]
fn nobody_else_is_told_who_asks() {
    let folder = tempfile::tempdir().unwrap();
    let registry = FakeRegistry::start();
    let (own, elsewhere) = (registry.host.clone(), registry.state.lock().unwrap().elsewhere.clone());
    let files = account(&registry, &folder);
    let client = registry.client("app", &files);
    {
        let mut state = registry.state.lock().unwrap();
        state.guarded = true;
        state.locations = Locations::Elsewhere;
    }
    // Uploads that go to another place, as large registries keep them.
    let set = small_set();
    send(&client, &set).unwrap();
    assert_eq!(Sha256Digest::of(&registry.tagged("app", "1.0").unwrap()), set.digest());
    // Blobs that lie at another place, and a manifest that does.
    for at in ["GET /v2/app/blobs/", "GET /v2/app/manifests/"] {
        registry.fail(at, Fault::Moved);
        let into = tempfile::tempdir().unwrap();
        pull(&client, "1.0", None, into.path(), &Silent).unwrap();
        assert_eq!(StoredImage::open(into.path(), None).unwrap().manifest.as_ref().unwrap().1, set.digest());
    }
    let state = registry.state.lock().unwrap();
    assert!(state.told.iter().any(|(host, told)| *host == own && told == "Bearer good"));
    let leaks: Vec<_> = state.told.iter().filter(|(host, _)| *host == elsewhere).collect();
    assert!(leaks.is_empty(), "{leaks:?}");
    assert!(state.log.iter().filter(|line| line.starts_with("PATCH")).count() >= 5, "uploads went to the other place");
}

#[test]
fn a_blob_without_end_is_cut_off() {
    let registry = FakeRegistry::start();
    let client = registry.client("app", &CredentialFiles::default());
    send(&client, &small_set()).unwrap();
    for (at, message) in
        [("GET /v2/app/blobs/", "expected sha256:"), ("GET /v2/app/manifests/", "its manifest is larger than 4 MiB")]
    {
        registry.fail(at, Fault::Endless(200));
        let into = tempfile::tempdir().unwrap();
        let error = pull(&client, "1.0", None, into.path(), &Silent).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.help().is_some());
    }
    // One that says of itself that it is larger than any manifest.
    registry.put("app", "huge", "application/vnd.oci.image.manifest.v1+json", &vec![b' '; 100 << 20]);
    let into = tempfile::tempdir().unwrap();
    let error = pull(&client, "huge", None, into.path(), &Silent).unwrap_err();
    assert!(error.to_string().contains("its manifest is larger than 4 MiB"), "{error}");
    registry.fail("GET /v2/app/manifests/", Fault::OtherDigest);
    let error = pull(&client, "1.0", None, into.path(), &Silent).unwrap_err();
    assert!(error.to_string().contains("expected sha256:"), "{error}");
}
