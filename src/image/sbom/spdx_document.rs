//! A bill of materials as SPDX 2.3 in JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::config::{canonical, timestamp};
use super::super::error::Error;
use super::component::{Component, Ecosystem};
use super::components::Sbom;
use super::license::License;
use super::subject::Subject;
use crate::apk::Identity;
use crate::digest::Sha256Digest;

/// What SPDX calls the image itself.
const IMAGE: &str = "SPDXRef-image";
/// What the identifier of the operating system begins with; Trivy knows it by that.
const OPERATING_SYSTEM: &str = "SPDXRef-OperatingSystem-";

/// The document of `sbom`.
pub(super) fn encode(sbom: &Sbom, subject: &Subject) -> Result<Vec<u8>, Error> {
    let mut image = asserting_nothing(IMAGE, &subject.name, &subject.digest.to_oci(), "CONTAINER");
    image["checksums"] = json!([{ "algorithm": "SHA256", "checksumValue": subject.digest.to_string() }]);
    image["externalRefs"] = json!([package_url(&subject.purl())]);
    let mut relationships = vec![relationship("SPDXRef-DOCUMENT", "DESCRIBES", IMAGE)];
    // Scanners look for vulnerabilities of the system that this names, and of no other. The purpose is spelled as in the
    // JSON schema; the text of the specification has a dash.
    let system = format!("{OPERATING_SYSTEM}{}", in_identifier(&sbom.distribution));
    let mut packages = vec![image, asserting_nothing(&system, &sbom.distribution, &sbom.release, "OPERATING_SYSTEM")];
    relationships.push(relationship(IMAGE, "CONTAINS", &system));
    for (place, component) in sbom.components.iter().enumerate() {
        packages.push(package(sbom, place, component));
        let holder = component.parent.map_or(IMAGE.to_owned(), |parent| identifier(sbom, parent));
        relationships.push(relationship(&holder, "CONTAINS", &identifier(sbom, place)));
        for other in component.depends.iter().flatten() {
            relationships.push(relationship(&identifier(sbom, place), "DEPENDS_ON", &identifier(sbom, *other)));
        }
    }
    let licenses: BTreeMap<String, &str> = sbom
        .components
        .iter()
        .filter_map(|component| match &component.license {
            License::Text(text) => Some((License::reference(text), text.as_str())),
            License::Expression(_) | License::None => None,
        })
        .collect();
    let licenses = licenses
        .iter()
        .map(|(reference, text)| json!({ "licenseId": reference, "extractedText": text, "name": "NOASSERTION" }));
    let mut document = json!({
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT",
            "name": subject.name,
            "creationInfo": {
                "created": timestamp(subject.created),
                "creators": [concat!("Tool: apkbuild-", env!("CARGO_PKG_VERSION"))],
            },
            "documentDescribes": [IMAGE],
            "packages": packages,
            "relationships": relationships,
            "hasExtractedLicensingInfos": licenses.collect::<Vec<_>>(),
    });
    // Documents that say something else have other names, also of one image.
    let digest = Sha256Digest::of(&canonical("bill of materials", &document)?);
    if let Some(fields) = document.as_object_mut() {
        let namespace = format!("https://spdx.org/spdxdocs/{}-{digest}", in_identifier(&subject.name));
        fields.insert("documentNamespace".to_owned(), namespace.into());
    }
    canonical("bill of materials", &document)
}

/// A package of which the document says what it is, and neither licence nor origin.
fn asserting_nothing(identifier: &str, name: &str, version: &str, purpose: &str) -> Value {
    json!({
        "SPDXID": identifier,
        "name": name,
        "versionInfo": version,
        "primaryPackagePurpose": purpose,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "supplier": "NOASSERTION",
    })
}

/// A reference to a package by its URL.
fn package_url(purl: &str) -> Value {
    json!({ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl })
}

/// `text` as a part of an identifier (SPDX 2.3, 7.2): letters, digits, dots and dashes.
fn in_identifier(text: &str) -> String {
    text.replace(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '.' | '-'), "-")
}

fn package(sbom: &Sbom, place: usize, component: &Component) -> Value {
    let license = match &component.license {
        License::Expression(expression) => expression.as_str(),
        License::Text(text) => &License::reference(text),
        License::None => "NOASSERTION",
    };
    let mut package = json!({
        "SPDXID": identifier(sbom, place),
        "name": component.name,
        "versionInfo": component.version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": license,
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "LIBRARY",
        "externalRefs": [package_url(&component.purl)],
        "sourceInfo": source(component),
        "supplier": supplier(component),
    });
    let mut put = |key: &str, value: Value| {
        if let Some(object) = package.as_object_mut() {
            object.insert(key.to_owned(), value);
        }
    };
    if !component.description.is_empty() {
        put("summary", component.description.clone().into());
    }
    if let Some(url) = &component.url {
        put("homepage", url.clone().into());
    }
    if !component.commit.is_empty() {
        put("comment", format!("built at commit {} of the distribution's sources", component.commit).into());
    }
    match component.identity {
        Some(Identity::Sha1(digest)) => {
            put("checksums", json!([{ "algorithm": "SHA1", "checksumValue": digest.to_string() }]));
        }
        Some(Identity::Sha256(digest)) => {
            put("checksums", json!([{ "algorithm": "SHA256", "checksumValue": digest.to_string() }]));
        }
        None => {}
    }
    package
}

/// Where it comes from. Scanners take the source package of an Alpine package from exactly this form.
fn source(component: &Component) -> String {
    match component.ecosystem {
        Ecosystem::Apk => format!("built package from: {} {}", component.source(), component.version),
        Ecosystem::Pypi | Ecosystem::Npm => format!("found by /{}", component.evidence),
    }
}

/// Who gave it out (SPDX 2.3, 7.5): Alpine's packages without a maintainer are the distribution's.
fn supplier(component: &Component) -> String {
    match (component.maintainer.as_str(), component.ecosystem) {
        ("", Ecosystem::Apk) => "Organization: Alpine Linux".to_owned(),
        ("", Ecosystem::Pypi | Ecosystem::Npm) => "NOASSERTION".to_owned(),
        (maintainer, _) => format!("Person: {}", one_line(maintainer)),
    }
}

/// The place makes an identifier unique where the same version may be in several.
fn identifier(sbom: &Sbom, place: usize) -> String {
    let Some(component) = sbom.components.get(place) else { return IMAGE.to_owned() };
    let name = in_identifier(&format!("{}-{}", component.name, component.version));
    match component.ecosystem {
        Ecosystem::Apk => format!("SPDXRef-apk-{name}"),
        Ecosystem::Pypi => format!("SPDXRef-pypi-{name}-{place}"),
        Ecosystem::Npm => format!("SPDXRef-npm-{name}-{place}"),
    }
}

fn relationship(from: &str, kind: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<&str>>().join(" ")
}
