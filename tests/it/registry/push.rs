//! What is sent, how a push gets through failures, and what it leaves behind where it does not.

use apkbuild::digest::Sha256Digest;
use apkbuild::image::{LayerOptions, Publication};
use apkbuild::progress::Silent;
use apkbuild::registry::{CredentialFiles, push};

use super::super::image::{image_set, small_rootfs};
use super::fake::{FakeRegistry, Fault, Locations};
use super::{sbom_of, send, small_set};

#[test]
fn what_is_pushed_is_there_and_not_sent_twice() {
    let registry = FakeRegistry::start();
    let set = small_set();
    let client = registry.client("team/app", &CredentialFiles::default());
    let pushed = send(&client, &set).unwrap();
    assert_eq!((pushed.sent.0, pushed.present), (3, 0), "two layers and a configuration");
    let manifest = registry.tagged("team/app", "1.0").unwrap();
    assert_eq!(Sha256Digest::of(&manifest), set.digest());
    assert!(registry.log().last().unwrap().ends_with("/manifests/1.0"), "the tag is last");
    // The large layer went in chunks.
    assert!(registry.count("PATCH") >= 5, "{:?}", registry.log());
    let pushed = send(&client, &set).unwrap();
    assert_eq!((pushed.sent, pushed.present), ((0, 0), 3));
    // Another repository of the same registry can have them without their being sent.
    let other = registry.client("team/other", &CredentialFiles::default());
    let publication = Publication::of(&set).unwrap();
    let pushed = push(&other, &publication, &[], "1.0", &["team/app"], &Silent).unwrap();
    assert_eq!((pushed.sent, pushed.mounted), ((0, 0), 3));
}

#[test]
fn uploads_go_on_where_they_stopped() {
    for (at, fault) in [
        ("PATCH", Fault::Drop),
        ("PATCH", Fault::Mute),
        ("PATCH", Fault::Status(500, None)),
        ("PATCH", Fault::Status(429, Some(0))),
        ("POST", Fault::Status(503, Some(1))),
        ("HEAD", Fault::Drop),
        ("PUT /v2/app/manifests/", Fault::Status(502, None)),
        ("PUT /v2/app/manifests/", Fault::Mute),
        ("PUT /v2/app/blobs/", Fault::Mute),
    ] {
        let registry = FakeRegistry::start();
        registry.fail(at, fault);
        let set = small_set();
        let client = registry.client("app", &CredentialFiles::default());
        send(&client, &set).unwrap_or_else(|error| panic!("{at} {fault:?}: {error}"));
        assert_eq!(Sha256Digest::of(&registry.tagged("app", "1.0").unwrap()), set.digest());
        for ((_, digest), bytes) in &registry.state.lock().unwrap().blobs {
            assert_eq!(Sha256Digest::of(bytes).to_oci(), *digest);
        }
        // Two chunks more at most: nothing is sent again from its beginning.
        assert!(registry.count("PATCH") <= 4 + 4, "{at} {fault:?}: {:?}", registry.log());
    }
}

#[test]
fn uploads_go_where_the_registry_says() {
    for locations in [Locations::Path, Locations::Relative, Locations::Absolute, Locations::Elsewhere] {
        let registry = FakeRegistry::start();
        registry.state.lock().unwrap().locations = locations;
        // After a failure, too, when the registry is asked how much it has.
        registry.fail("PATCH", Fault::Drop);
        let set = small_set();
        let client = registry.client("app", &CredentialFiles::default());
        send(&client, &set).unwrap_or_else(|error| panic!("{locations:?}: {error}"));
        assert_eq!(Sha256Digest::of(&registry.tagged("app", "1.0").unwrap()), set.digest(), "{locations:?}");
    }
}

#[test]
fn a_tag_that_was_written_is_no_failure_where_all_answers_were_lost() {
    let registry = FakeRegistry::start();
    (0..5).for_each(|_| registry.fail("PUT /v2/app/manifests/1.0", Fault::Mute));
    let set = small_set();
    send(&registry.client("app", &CredentialFiles::default()), &set).unwrap();
    assert_eq!(Sha256Digest::of(&registry.tagged("app", "1.0").unwrap()), set.digest());
    // Where another image has the tag, it is one.
    (0..5).for_each(|_| registry.fail("PUT /v2/app/manifests/1.0", Fault::Drop));
    let other = image_set(&small_rootfs(b"print(2)"), &LayerOptions::default());
    let error = send(&registry.client("app", &CredentialFiles::default()), &other).unwrap_err();
    assert!(error.to_string().starts_with("no answer from "), "{error}");
    assert_eq!(Sha256Digest::of(&registry.tagged("app", "1.0").unwrap()), set.digest());
}

#[test]
fn a_push_that_fails_leaves_no_tag() {
    let table: [(&str, Fault, u32, &str, &str); 4] = [
        ("PATCH", Fault::Status(500, None), 30, "answered 500: as told", "try again later"),
        ("POST", Fault::Status(429, Some(3600)), 1, "asks to come back in 3600 seconds", "try again later"),
        ("PUT /v2/app/manifests/sha256", Fault::Status(400, None), 1, "answered 400: as told", ""),
        ("HEAD", Fault::Status(404, None), 0, "", ""),
    ];
    for (at, fault, times, message, help) in table {
        let registry = FakeRegistry::start();
        for _ in 0..times {
            registry.fail(at, fault);
        }
        let outcome = send(&registry.client("app", &CredentialFiles::default()), &small_set());
        if times == 0 {
            outcome.unwrap();
            continue;
        }
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.help().unwrap_or_default().contains(help), "{error}");
        assert_eq!(registry.tagged("app", "1.0"), None, "{at}");
    }
}

#[test]
fn credentials_are_used_and_their_lack_is_told() {
    let registry = FakeRegistry::start();
    registry.state.lock().unwrap().guarded = true;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let files = CredentialFiles(vec![path.clone()]);
    let write = |auth: &str| {
        let host = &registry.host;
        fs_err::write(&path, format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{auth}\"}}}}}}")).unwrap();
    };
    write("bWU6c2VjcmV0");
    send(&registry.client("app", &files), &small_set()).unwrap();
    assert_eq!(registry.count("GET /token"), 1, "a token is asked for once");
    write("bWU6d3Jvbmc=");
    let error = send(&registry.client("app", &files), &small_set()).unwrap_err();
    assert_eq!(error.to_string(), format!("{} does not let me at app", registry.host));
    assert!(error.help().unwrap().starts_with("log in with `docker login"));
    let error = send(&registry.client("app", &CredentialFiles::default()), &small_set()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} wants an account for app, and there are no credentials for it", registry.host)
    );
}

#[test]
fn a_token_that_runs_out_is_renewed() {
    let registry = FakeRegistry::start();
    registry.state.lock().unwrap().guarded = true;
    registry.fail("PATCH", Fault::Expired);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    fs_err::write(&path, format!("{{\"auths\": {{\"{}\": {{\"auth\": \"bWU6c2VjcmV0\"}}}}}}", registry.host)).unwrap();
    let set = small_set();
    send(&registry.client("app", &CredentialFiles(vec![path])), &set).unwrap();
    assert_eq!(Sha256Digest::of(&registry.tagged("app", "1.0").unwrap()), set.digest());
    assert_eq!(registry.count("GET /token"), 2);
    assert!(registry.state.lock().unwrap().scopes[0].contains("scope=repository:app:pull,push"));
}

#[test]
fn a_registry_that_takes_no_chunks_gets_blobs_whole() {
    let registry = FakeRegistry::start();
    registry.state.lock().unwrap().no_chunks = true;
    // The one large blob is refused its second chunk; the first whole attempt breaks off, the next does it.
    let set = small_set();
    send(&registry.client("app", &CredentialFiles::default()), &set).unwrap();
    assert_eq!(Sha256Digest::of(&registry.tagged("app", "1.0").unwrap()), set.digest());
    for ((_, digest), bytes) in &registry.state.lock().unwrap().blobs {
        assert_eq!(Sha256Digest::of(bytes).to_oci(), *digest);
    }
}

#[test]
fn a_tag_stays_as_it_was_until_all_is_there() {
    let registry = FakeRegistry::start();
    let client = registry.client("app", &CredentialFiles::default());
    let (old, new) = (small_set(), image_set(&small_rootfs(b"print(2)"), &LayerOptions::default()));
    send(&client, &old).unwrap();
    for at in
        ["HEAD", "POST", "PATCH", "PUT /v2/app/blobs/", "PUT /v2/app/manifests/sha256", "PUT /v2/app/manifests/1.0"]
    {
        for _ in 0..30 {
            registry.fail(at, Fault::Status(500, None));
        }
        let error = send(&client, &new).unwrap_err();
        assert!(error.help().unwrap().contains("the tag is as it was"), "{at}: {error}");
        assert_eq!(Sha256Digest::of(&registry.tagged("app", "1.0").unwrap()), old.digest(), "{at}");
        registry.state.lock().unwrap().faults.clear();
        // The small blobs of what failed may be there now, so each turn has an image of its own.
        registry
            .state
            .lock()
            .unwrap()
            .blobs
            .retain(|(_, digest), _| old.blobs().keys().any(|one| one.to_oci() == *digest));
    }
    send(&client, &new).unwrap();
    assert_eq!(Sha256Digest::of(&registry.tagged("app", "1.0").unwrap()), new.digest());
}

#[test]
fn a_registry_that_lists_referrers_gets_no_list() {
    for lists in [true, false] {
        let registry = FakeRegistry::start();
        registry.state.lock().unwrap().lists_referrers = lists;
        let set = small_set();
        let client = registry.client("app", &CredentialFiles::default());
        let publication = Publication::of(&set).unwrap();
        for _ in 0..2 {
            let pushed = push(&client, &publication, &[sbom_of(&set)], "1.0", &[], &Silent).unwrap();
            assert_eq!(pushed.attached, 1);
        }
        let list = registry.tagged("app", &format!("sha256-{}", set.digest()));
        assert_eq!(list.is_none(), lists);
        if let Some(list) = list {
            let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
            assert_eq!(list["manifests"].as_array().unwrap().len(), 1, "once, however often it is pushed");
            let listed = &list["manifests"][0];
            assert_eq!(listed["artifactType"], "application/spdx+json");
            assert_eq!(listed["annotations"]["org.opencontainers.image.title"], "app.spdx.json");
            assert_eq!(listed["annotations"]["org.opencontainers.image.created"], "1970-01-01T00:00:00Z");
        }
    }
}

#[test]
fn a_bill_of_materials_that_is_refused_can_be_left_out() {
    let registry = FakeRegistry::start();
    let set = small_set();
    let client = registry.client("app", &CredentialFiles::default());
    let publication = Publication::of(&set).unwrap();
    registry.fail("PUT /v2/app/manifests/sha256", Fault::Status(201, None));
    registry.fail("PUT /v2/app/manifests/sha256", Fault::Status(400, None));
    let error = push(&client, &publication, &[sbom_of(&set)], "1.0", &[], &Silent).unwrap_err();
    assert!(error.to_string().starts_with("the bill of materials cannot be attached to the image: "), "{error}");
    assert!(error.help().unwrap().contains("--sbom none"));
    assert_eq!(registry.tagged("app", "1.0"), None);
}
