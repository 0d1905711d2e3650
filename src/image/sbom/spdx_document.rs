//! A bill of materials as SPDX 2.3 in JSON.

use serde_json::{Value, json};

use super::super::config::{canonical, timestamp};
use super::super::error::Error;
use super::component::{Component, Ecosystem};
use super::components::Sbom;
use super::license::License;
use super::subject::Subject;
use crate::apk::Identity;

/// What SPDX calls the image itself.
const IMAGE: &str = "SPDXRef-image";

/// The document of `sbom`.
pub(super) fn encode(sbom: &Sbom, subject: &Subject) -> Result<Vec<u8>, Error> {
    let (name, tag) = subject.reference.rsplit_once(':').unwrap_or((&subject.reference, ""));
    let mut packages = vec![json!({
        "SPDXID": IMAGE,
        "name": name,
        "versionInfo": tag,
        "primaryPackagePurpose": "CONTAINER",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "supplier": "NOASSERTION",
        "checksums": [{ "algorithm": "SHA256", "checksumValue": subject.digest.to_string() }],
    })];
    let mut relationships = vec![relationship("SPDXRef-DOCUMENT", "DESCRIBES", IMAGE)];
    for (place, component) in sbom.components.iter().enumerate() {
        packages.push(package(sbom, place, component));
        let holder = component.parent.map_or(IMAGE.to_owned(), |parent| identifier(sbom, parent));
        relationships.push(relationship(&holder, "CONTAINS", &identifier(sbom, place)));
        for other in &component.depends {
            relationships.push(relationship(&identifier(sbom, place), "DEPENDS_ON", &identifier(sbom, *other)));
        }
    }
    canonical(
        "bill of materials",
        &json!({
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT",
            "name": subject.reference,
            "documentNamespace": format!("https://spdx.org/spdxdocs/image-{}", subject.digest),
            "creationInfo": {
                "created": timestamp(subject.created),
                "creators": [concat!("Tool: apkbuild-", env!("CARGO_PKG_VERSION"))],
            },
            "documentDescribes": [IMAGE],
            "packages": packages,
            "relationships": relationships,
        }),
    )
}

fn package(sbom: &Sbom, place: usize, component: &Component) -> Value {
    let (license, comment) = match &component.license {
        License::Expression(expression) => (expression.as_str(), None),
        License::Text(text) => ("NOASSERTION", Some(format!("declared as `{text}`"))),
        License::None => ("NOASSERTION", None),
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
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": component.purl,
        }],
        "sourceInfo": source(component),
    });
    let mut put = |key: &str, value: Value| {
        if let Some(object) = package.as_object_mut() {
            object.insert(key.to_owned(), value);
        }
    };
    if let Some(comment) = comment {
        put("licenseComments", comment.into());
    }
    if !component.description.is_empty() {
        put("summary", component.description.clone().into());
    }
    if let Some(url) = &component.url {
        put("homepage", url.clone().into());
    }
    if !component.maintainer.is_empty() {
        put("supplier", format!("Person: {}", one_line(&component.maintainer)).into());
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

/// Where it comes from and how that is known.
fn source(component: &Component) -> String {
    match component.ecosystem {
        Ecosystem::Apk => {
            let mut text = format!("built from the source package {}", component.origin);
            if !component.commit.is_empty() {
                text.push_str(&format!(" at commit {}", component.commit));
            }
            if component.identity.is_some() {
                text.push_str("; the checksum is that of the package's control segment, as in its index");
            }
            text
        }
        Ecosystem::Pypi | Ecosystem::Npm => format!("found by /{}", component.evidence),
    }
}

/// SPDX 2.3, 7.2: letters, digits, dots and dashes; the place makes it unique.
fn identifier(sbom: &Sbom, place: usize) -> String {
    let Some(component) = sbom.components.get(place) else { return IMAGE.to_owned() };
    let kind = match component.ecosystem {
        Ecosystem::Apk => "apk",
        Ecosystem::Pypi => "pypi",
        Ecosystem::Npm => "npm",
    };
    let name = format!("{}-{}", component.name, component.version);
    let name = name.replace(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '.' | '-'), "-");
    match component.ecosystem {
        Ecosystem::Apk => format!("SPDXRef-{kind}-{name}"),
        // The same version may lie in several places.
        Ecosystem::Pypi | Ecosystem::Npm => format!("SPDXRef-{kind}-{name}-{place}"),
    }
}

fn relationship(from: &str, kind: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<&str>>().join(" ")
}
