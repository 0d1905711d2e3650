//! What is fetched, how that gets through failures, and what is refused.

use std::fmt::Write as _;

use apkbuild::image::{Publication, StoredImage};
use apkbuild::platform::Architecture;
use apkbuild::progress::Silent;
use apkbuild::registry::{CredentialFiles, pull, push};
use serde_json::json;

use super::fake::{FakeRegistry, Fault};
use super::{sbom_of, send, small_set};

#[test]
fn what_is_fetched_is_what_was_pushed() {
    let registry = FakeRegistry::start();
    let set = small_set();
    let client = registry.client("app", &CredentialFiles::default());
    push(&client, &Publication::of(&set).unwrap(), &[sbom_of(&set)], "1.0", &[], &Silent).unwrap();
    let folder = tempfile::tempdir().unwrap();
    pull(&client, "1.0", None, folder.path(), &Silent).unwrap();
    let image = StoredImage::open(folder.path(), None).unwrap();
    assert_eq!(image.manifest.as_ref().unwrap().1, set.digest());
    assert!(image.tree().unwrap().file("app/code/main.py").is_some());
    // The bill of materials is on the list under the tag that stands for the manifest's referrers.
    let list = registry.tagged("app", &format!("sha256-{}", set.digest())).unwrap();
    let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
    assert_eq!(list["manifests"][0]["artifactType"], "application/spdx+json");
    let referrer = registry.tagged("app", list["manifests"][0]["digest"].as_str().unwrap()).unwrap();
    let referrer: serde_json::Value = serde_json::from_slice(&referrer).unwrap();
    assert_eq!(referrer["subject"]["digest"], set.digest().to_oci());
    // A layer that was changed at the registry is not believed.
    let digest = set.images[0].layers[1].blob.digest.to_oci();
    registry.state.lock().unwrap().blobs.get_mut(&("app".to_owned(), digest)).unwrap()[5] ^= 1;
    let again = tempfile::tempdir().unwrap();
    let error = pull(&client, "1.0", None, again.path(), &Silent).unwrap_err().to_string();
    assert!(error.contains("expected sha256:"), "{error}");
}

#[test]
fn a_download_goes_on_where_it_broke_off() {
    for (no_ranges, at, fault) in [
        (false, "GET /v2/app/blobs/", Fault::Half),
        (true, "GET /v2/app/blobs/", Fault::Half),
        (false, "GET /v2/app/blobs/", Fault::Mute),
        (false, "GET /v2/app/blobs/", Fault::Status(429, Some(0))),
        (false, "GET /v2/app/manifests/", Fault::Half),
        (false, "GET /v2/app/manifests/", Fault::Status(500, None)),
    ] {
        let registry = FakeRegistry::start();
        registry.state.lock().unwrap().no_ranges = no_ranges;
        let set = small_set();
        let client = registry.client("app", &CredentialFiles::default());
        send(&client, &set).unwrap();
        registry.fail(at, fault);
        let folder = tempfile::tempdir().unwrap();
        pull(&client, "1.0", None, folder.path(), &Silent).unwrap_or_else(|error| panic!("{at} {fault:?}: {error}"));
        let image = StoredImage::open(folder.path(), None).unwrap();
        assert_eq!(image.manifest.as_ref().unwrap().1, set.digest());
        let ranges = registry.state.lock().unwrap().ranges.clone();
        let is_half = matches!(fault, Fault::Half) && at.contains("blobs");
        assert_eq!(ranges.len(), usize::from(is_half), "{at} {fault:?}: {ranges:?}");
    }
}

#[test]
fn a_line_that_always_drops_is_given_up() {
    let registry = FakeRegistry::start();
    registry.state.lock().unwrap().no_ranges = true;
    let set = small_set();
    let client = registry.client("app", &CredentialFiles::default());
    send(&client, &set).unwrap();
    for _ in 0..100 {
        registry.fail("GET /v2/app/blobs/", Fault::Half);
    }
    let folder = tempfile::tempdir().unwrap();
    let error = pull(&client, "1.0", None, folder.path(), &Silent).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("broke off after ") && text.contains(" bytes: "), "{text}");
    assert!(error.help().unwrap().starts_with("try again later"));
    assert!(!folder.path().join("index.json").exists(), "what is there is no image");
}

#[test]
fn a_reader_asks_only_to_read() {
    let registry = FakeRegistry::start();
    let client = registry.client("app", &CredentialFiles::default());
    send(&client, &small_set()).unwrap();
    registry.state.lock().unwrap().guarded = true;
    let folder = tempfile::tempdir().unwrap();
    let error = pull(&client.for_reading(), "1.0", None, folder.path(), &Silent).unwrap_err();
    assert!(error.to_string().contains("wants an account for app"), "{error}");
    let scopes = registry.state.lock().unwrap().scopes.clone();
    assert_eq!(scopes, ["scope=repository:app:pull&service=fake"]);
}

#[test]
fn what_is_no_image_is_refused_by_what_it_is() {
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    let registry = FakeRegistry::start();
    let descriptor =
        |kind: &str| json!({ "mediaType": kind, "size": 2, "digest": format!("sha256:{}", "0".repeat(64)) });
    let image = descriptor("application/vnd.oci.image.config.v1+json");
    let chart = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
        "config": descriptor("application/vnd.cncf.helm.config.v1+json") });
    let sbom = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "artifactType": "application/spdx+json",
        "config": descriptor("application/vnd.oci.empty.v1+json") });
    let odd = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": image, "layers": [
        { "mediaType": "x/y", "size": 2, "digest": format!("md5:{}", "0".repeat(32)) } ] });
    let mut foreign = descriptor(MANIFEST);
    foreign["platform"] = json!({ "os": "linux", "architecture": "s390x" });
    let foreign = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [foreign] });
    let gone = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "config": image });
    let mut text = String::new();
    for (tag, media_type, bytes) in [
        ("web-page", "text/html; charset=utf-8", b"<!DOCTYPE html>".to_vec()),
        ("list", "application/json", b"{\"tags\": []}".to_vec()),
        ("half", MANIFEST, b"{\"schemaVersion\": 2, \"conf".to_vec()),
        ("no-layers", MANIFEST, b"{\"schemaVersion\": 2}".to_vec()),
        ("large", MANIFEST, vec![b' '; (4 << 20) + 1]),
        ("chart", MANIFEST, chart.to_string().into_bytes()),
        ("sbom", MANIFEST, sbom.to_string().into_bytes()),
        ("odd-digest", MANIFEST, odd.to_string().into_bytes()),
        ("empty-index", INDEX, json!({ "schemaVersion": 2, "manifests": [] }).to_string().into_bytes()),
        ("foreign", INDEX, foreign.to_string().into_bytes()),
        ("blob-gone", MANIFEST, gone.to_string().into_bytes()),
        ("unknown", "", Vec::new()),
    ] {
        if tag != "unknown" {
            registry.put("app", tag, media_type, &bytes);
        }
        let folder = tempfile::tempdir().unwrap();
        let client = registry.client("app", &CredentialFiles::default());
        let architecture = Some(Architecture::X86_64);
        let error = pull(&client, tag, architecture, folder.path(), &Silent).unwrap_err();
        let help = error.help().map(|help| format!("\n    help: {help}")).unwrap_or_default();
        writeln!(text, "{tag}: {}{help}", apkbuild_message(&error).replace(&registry.host, "HOST")).unwrap();
    }
    insta::assert_snapshot!(text);
}

/// An error with its causes, as the program prints it.
fn apkbuild_message(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
