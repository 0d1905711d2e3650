//! Bills of materials: what is found in an image, and that others' validators take the documents.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::Path;
use std::process::Command;

use apkbuild::digest::Sha256Digest;
use apkbuild::image::{Sbom, SbomFormat, Subject};
use apkbuild::platform::Architecture;
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
        (
            "app/deps/flask-3.0.dist-info/METADATA",
            "Name: Flask\nVersion: 3.0\nLicense-Expression: BSD-3-Clause\nRequires-Dist: pyyaml>=5\nRequires-Dist: jinja2\n\n",
        ),
        (
            "app/node_modules/@s/x/package.json",
            r#"{"name":"@s/x","version":"1.0.0","license":"see LICENSE","dependencies":{"ws":"8"}}"#,
        ),
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
        name: "app".to_owned(),
        architecture: Some(Architecture::X86_64),
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
    let depends: Vec<Option<Vec<usize>>> =
        sbom.components.iter().map(|component| Some(component.depends.clone()?.into_iter().collect())).collect();
    let some = |places: &[usize]| Some(places.to_vec());
    assert_eq!(depends, [some(&[]), some(&[0]), some(&[5]), some(&[4]), some(&[]), some(&[])]);
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
    assert_eq!(spdx["packages"].as_array().unwrap().len(), 8);
    let library = &spdx["packages"][2];
    assert_eq!(library["licenseDeclared"], "GPL-2.0-or-later AND LGPL-2.1-or-later");
    assert_eq!(library["checksums"][0]["checksumValue"], "a8a719fa3db7c6cb005e681086438ef1d1e76d6c");
    let license = &spdx["packages"][3]["licenseDeclared"];
    assert_eq!(*license, "LicenseRef-6cdfd271da635d49");
    let texts = spdx["hasExtractedLicensingInfos"].as_array().unwrap();
    assert!(texts.iter().any(|text| text["licenseId"] == *license && text["extractedText"] == "custom"), "{texts:?}");
    assert_eq!((texts.len(), spdx["name"].as_str()), (2, Some("app")));
    let digest = Sha256Digest::of(b"manifest");
    let image = &spdx["packages"][0];
    assert_eq!((&image["name"], &image["versionInfo"]), (&"app".into(), &digest.to_oci().into()));
    let purl = format!("pkg:oci/app@sha256:{digest}?arch=amd64");
    assert_eq!(image["externalRefs"][0]["referenceLocator"], purl.as_str());
    let contains: Vec<&serde_json::Value> = spdx["relationships"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|relationship| relationship["spdxElementId"] == "SPDXRef-apk-py3-yaml-6.0-r1")
        .collect();
    assert_eq!(contains.len(), 2, "it depends on one and contains another: {contains:?}");

    let cyclonedx = json(SbomFormat::CycloneDx);
    assert_eq!(cyclonedx["metadata"]["component"]["name"], "app");
    assert_eq!(cyclonedx["metadata"]["component"]["purl"], purl.as_str());
    assert_eq!(cyclonedx["components"][0]["version"], "3.20.3");
    assert_eq!(cyclonedx["components"][5]["purl"], "pkg:npm/ws@8.0.0");
    assert_eq!(cyclonedx["dependencies"].as_array().unwrap().len(), 7);
}

/// What Trivy needs to know which advisories to look at: it takes the release from a package that it knows by the
/// beginning of its identifier, and the source package from exactly this text and these properties.
#[test]
fn documents_have_what_scanners_go_by() {
    let sbom = Sbom::of(&tree());
    let json = |format| serde_json::from_slice::<serde_json::Value>(&sbom.encode(format, &subject()).unwrap()).unwrap();
    let spdx = json(SbomFormat::Spdx);
    let system = &spdx["packages"][1];
    assert_eq!(system["SPDXID"], "SPDXRef-OperatingSystem-alpine");
    assert_eq!((&system["name"], &system["versionInfo"]), (&"alpine".into(), &"3.20.3".into()));
    assert_eq!(system["primaryPackagePurpose"], "OPERATING_SYSTEM");
    let relationships = spdx["relationships"].as_array().unwrap();
    assert!(relationships.iter().any(|relationship| relationship["spdxElementId"] == "SPDXRef-image"
        && relationship["relationshipType"] == "CONTAINS"
        && relationship["relatedSpdxElement"] == system["SPDXID"]));
    assert_eq!(spdx["packages"][2]["sourceInfo"], "built package from: gcc 13.2.1-r0");
    assert_eq!(spdx["packages"][2]["supplier"], "Person: Ariadne <ariadne@example.org>");
    assert_eq!(spdx["packages"][3]["supplier"], "Organization: Alpine Linux");

    let cyclonedx = json(SbomFormat::CycloneDx);
    let system = &cyclonedx["components"][0];
    assert_eq!((&system["type"], &system["name"]), (&"operating-system".into(), &"alpine".into()));
    let property = |component: usize, name: &str| {
        let properties = cyclonedx["components"][component]["properties"].as_array().unwrap();
        let name = format!("aquasecurity:trivy:{name}");
        properties.iter().find(|property| property["name"] == name).map(|property| property["value"].clone())
    };
    assert_eq!(property(1, "PkgType"), Some("alpine".into()));
    assert_eq!(property(1, "SrcName"), Some("gcc".into()));
    assert_eq!(property(1, "SrcVersion"), Some("13.2.1-r0".into()));
    assert_eq!((property(3, "PkgType"), property(3, "SrcName")), (Some("python-pkg".into()), None));
    assert_eq!(property(4, "PkgType"), Some("node-pkg".into()));
}

/// Names and numbers of documents follow from what is in them: another content has another, the same has the same.
#[test]
fn documents_are_named_after_their_content() {
    let named = |tree: &Tree| {
        let sbom = Sbom::of(tree);
        let field = |format, key: &str| {
            let document: serde_json::Value =
                serde_json::from_slice(&sbom.encode(format, &subject()).unwrap()).unwrap();
            document[key].as_str().unwrap().to_owned()
        };
        [field(SbomFormat::Spdx, "documentNamespace"), field(SbomFormat::CycloneDx, "serialNumber")]
    };
    let mut other = tree();
    let text = r#"{"name":"ws","version":"8.0.1","license":"MIT"}"#;
    assert!(other.remove("app/node_modules/ws/package.json"));
    other.insert("app/node_modules/ws/package.json", file(text.as_bytes(), Origin::Generated)).unwrap();
    let (one, two) = (named(&tree()), named(&other));
    assert_eq!(one, named(&tree()));
    assert!(one[0] != two[0] && one[1] != two[1], "{one:?} {two:?}");
    assert!(one[0].starts_with("https://spdx.org/spdxdocs/app-") && one[1].starts_with("urn:uuid:"), "{one:?}");
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
