//! Bills of materials: what is found in an image, and that others' validators take the documents.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::Path;
use std::process::Command;

use apkbuild::digest::Sha256Digest;
use apkbuild::image::{Sbom, SbomFormat, Subject};
use apkbuild::rootfs::{Origin, Tree};

use super::image::file;

const DATABASE: &str = "C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\nP:libstdc++\nV:13.2.1-r0\nA:x86_64\nT:GNU C++ library\n\
    U:https://gcc.gnu.org\nL:GPL-2.0-or-later LGPL-2.1-or-later\no:gcc\nm:Ariadne <ariadne@example.org>\nc:abc\n\
    p:so:libstdc++.so.6=6.0.32\nF:usr/lib\nR:libstdc++.so.6\n\n\
    P:py3-yaml\nV:6.0-r1\nA:x86_64\nL:custom\no:py3-yaml\nD:so:libstdc++.so.6 !other python3~3.12\nF:usr/lib/python3.12\n\
    F:usr/lib/python3.12/PyYAML-6.0.dist-info\nR:METADATA\n\n";

fn tree() -> Tree {
    let mut tree = Tree::new();
    let folder = tree.inode(Tree::ROOT).metadata.clone();
    for (path, text) in [
        ("lib/apk/db/installed", DATABASE),
        ("etc/os-release", "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\n"),
        ("usr/lib/python3.12/PyYAML-6.0.dist-info/METADATA", "Name: PyYAML\nVersion: 6.0\nLicense: MIT\n\nText\n"),
        ("app/deps/flask-3.0.dist-info/METADATA", "Name: Flask\nVersion: 3.0\nLicense-Expression: BSD-3-Clause\n\n"),
        ("app/node_modules/@s/x/package.json", r#"{"name":"@s/x","version":"1.0.0","license":"see LICENSE"}"#),
        ("app/node_modules/ws/package.json", r#"{"name":"ws","version":"8.0.0","license":"MIT"}"#),
        ("app/package.json", r#"{"name":"the-application","version":"1.0.0"}"#),
    ] {
        tree.make_directories(path.rsplit_once('/').unwrap().0, &folder).unwrap();
        tree.insert(path, file(text.as_bytes(), Origin::Generated)).unwrap();
    }
    tree
}

fn subject() -> Subject {
    Subject {
        reference: "docker.io/library/app:1.0".to_owned(),
        digest: Sha256Digest::of(b"manifest"),
        created: 1_700_000_000,
    }
}

#[test]
fn every_component_is_found_once() {
    let sbom = Sbom::of(&tree());
    let found: Vec<(&str, Option<usize>)> =
        sbom.components.iter().map(|component| (component.purl.as_str(), component.parent)).collect();
    assert_eq!(
        found,
        [
            ("pkg:apk/alpine/libstdc%2B%2B@13.2.1-r0?arch=x86_64&distro=alpine-3.20.3&upstream=gcc", None),
            ("pkg:apk/alpine/py3-yaml@6.0-r1?arch=x86_64&distro=alpine-3.20.3", None),
            ("pkg:pypi/flask@3.0", None),
            ("pkg:npm/%40s/x@1.0.0", None),
            ("pkg:npm/ws@8.0.0", None),
            ("pkg:pypi/pyyaml@6.0", Some(1)),
        ]
    );
    assert_eq!(sbom.components[1].depends, [0].into());
}

#[test]
fn documents_say_what_was_found() {
    let sbom = Sbom::of(&tree());
    let json = |format| {
        let bytes = sbom.encode(format, &subject()).unwrap();
        assert_eq!(bytes, Sbom::of(&tree()).encode(format, &subject()).unwrap(), "the same bytes every time");
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()
    };
    let spdx = json(SbomFormat::Spdx);
    assert_eq!(spdx["creationInfo"]["created"], "2023-11-14T22:13:20Z");
    assert_eq!(spdx["packages"].as_array().unwrap().len(), 7);
    let library = &spdx["packages"][1];
    assert_eq!(library["licenseDeclared"], "GPL-2.0-or-later AND LGPL-2.1-or-later");
    assert_eq!(library["checksums"][0]["checksumValue"], "a8a719fa3db7c6cb005e681086438ef1d1e76d6c");
    assert_eq!(spdx["packages"][2]["licenseComments"], "declared as `custom`");
    let contains: Vec<&serde_json::Value> = spdx["relationships"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|relationship| relationship["spdxElementId"] == "SPDXRef-apk-py3-yaml-6.0-r1")
        .collect();
    assert_eq!(contains.len(), 2, "it depends on one and contains another: {contains:?}");

    let cyclonedx = json(SbomFormat::CycloneDx);
    assert_eq!(cyclonedx["metadata"]["component"]["name"], "docker.io/library/app");
    assert_eq!(cyclonedx["components"][0]["version"], "3.20.3");
    assert_eq!(cyclonedx["components"][5]["purl"], "pkg:npm/ws@8.0.0");
    assert_eq!(cyclonedx["dependencies"].as_array().unwrap().len(), 7);
}

#[test]
fn others_validators_take_the_documents() {
    let folder = tempfile::tempdir().unwrap();
    let sbom = Sbom::of(&tree());
    let files = [SbomFormat::Spdx, SbomFormat::CycloneDx].map(|format| {
        let path = folder.path().join(format!("app{}", format.file_suffix()));
        fs_err::write(&path, sbom.encode(format, &subject()).unwrap()).unwrap();
        path
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/validate-sbom");
    let python = std::env::var_os("APKBUILD_PYTHON").unwrap_or_else(|| "python3".into());
    let output = match Command::new(python).arg(script).args(&files).output() {
        Ok(output) if output.status.code() != Some(77) => output,
        other => {
            println!("skipped: python3 with cyclonedx-python-lib and spdx-tools is not here: {other:?}");
            return;
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
