//! A bill of materials as CycloneDX 1.6 in JSON.

use serde_json::{Value, json};

use super::super::config::{canonical, timestamp};
use super::super::error::Error;
use super::component::{Component, Ecosystem};
use super::components::Sbom;
use super::license::License;
use super::subject::Subject;
use crate::apk::Identity;
use crate::digest::Sha256Digest;

/// What the document calls the image itself.
const IMAGE: &str = "image";

/// The document of `sbom`.
pub(super) fn encode(sbom: &Sbom, subject: &Subject) -> Result<Vec<u8>, Error> {
    let mut components = vec![json!({
        "type": "operating-system",
        "bom-ref": "operating-system",
        "name": sbom.distribution,
        "version": sbom.release,
    })];
    let held = (0..sbom.components.len())
        .filter(|place| sbom.components.get(*place).is_some_and(|component| component.parent.is_none()));
    let mut dependencies = vec![json!({
        "ref": IMAGE,
        "dependsOn": held.map(|place| reference(sbom, place)).collect::<Vec<String>>(),
    })];
    for (place, component) in sbom.components.iter().enumerate() {
        components.push(encoded(sbom, place, component));
        let held = sbom.components.iter().enumerate().filter(|(_, other)| other.parent == Some(place));
        let held = held.map(|(other, _)| other);
        // An empty list says that there are none.
        let Some(depends) = &component.depends else { continue };
        let on: Vec<String> = depends.iter().copied().chain(held).map(|other| reference(sbom, other)).collect();
        dependencies.push(json!({ "ref": reference(sbom, place), "dependsOn": on }));
    }
    let mut document = json!({
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {
                "timestamp": timestamp(subject.created),
                "tools": { "components": [
                    { "type": "application", "name": "apkbuild", "version": env!("CARGO_PKG_VERSION") },
                ] },
                "component": {
                    "type": "container",
                    "bom-ref": IMAGE,
                    "name": subject.name,
                    "version": subject.digest.to_oci(),
                    "purl": subject.purl(),
                    "hashes": [{ "alg": "SHA-256", "content": subject.digest.to_string() }],
                },
            },
            "components": components,
            "dependencies": dependencies,
    });
    let digest = Sha256Digest::of(&canonical("bill of materials", &document)?);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("serialNumber".to_owned(), serial_number(digest).into());
    }
    canonical("bill of materials", &document)
}

fn encoded(sbom: &Sbom, place: usize, component: &Component) -> Value {
    let mut properties = vec![json!({ "name": "apkbuild:evidence", "value": format!("/{}", component.evidence) })];
    for (name, value) in [("apkbuild:origin", &component.origin), ("apkbuild:commit", &component.commit)] {
        if !value.is_empty() {
            properties.push(json!({ "name": name, "value": value }));
        }
    }
    let kind = match component.ecosystem {
        Ecosystem::Apk => sbom.distribution.as_str(),
        Ecosystem::Pypi => "python-pkg",
        Ecosystem::Npm => "node-pkg",
    };
    let mut scanned = vec![("aquasecurity:trivy:PkgType", kind)];
    if component.ecosystem == Ecosystem::Apk {
        scanned.push(("aquasecurity:trivy:SrcName", component.source()));
        scanned.push(("aquasecurity:trivy:SrcVersion", &component.version));
    }
    properties.extend(scanned.iter().map(|(name, value)| json!({ "name": name, "value": value })));
    let mut value = json!({
        "type": "library",
        "bom-ref": reference(sbom, place),
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
        "properties": properties,
    });
    let mut put = |key: &str, field: Value| {
        if let Some(object) = value.as_object_mut() {
            object.insert(key.to_owned(), field);
        }
    };
    match &component.license {
        License::Expression(expression) => put("licenses", json!([{ "expression": expression }])),
        License::Text(text) => put("licenses", json!([{ "license": { "name": text } }])),
        License::None => {}
    }
    if !component.description.is_empty() {
        put("description", component.description.clone().into());
    }
    if !component.maintainer.is_empty() {
        put("publisher", component.maintainer.clone().into());
        put("supplier", json!({ "name": component.maintainer }));
    } else if component.ecosystem == Ecosystem::Apk {
        put("supplier", json!({ "name": "Alpine Linux" }));
    }
    if let Some(url) = &component.url {
        put("externalReferences", json!([{ "type": "website", "url": url }]));
    }
    if let Some(identity) = component.identity {
        let algorithm = match identity {
            Identity::Sha1(_) => "SHA-1",
            Identity::Sha256(_) => "SHA-256",
        };
        put("hashes", json!([{ "alg": algorithm, "content": identity.to_hex() }]));
    }
    value
}

/// The package URL, and the place where it lies if that may not be the only one.
fn reference(sbom: &Sbom, place: usize) -> String {
    sbom.components.get(place).map_or_else(String::new, |component| match component.ecosystem {
        Ecosystem::Apk => component.purl.clone(),
        Ecosystem::Pypi | Ecosystem::Npm => format!("{}#{}", component.purl, component.evidence),
    })
}

/// A UUID of the bytes' own making (RFC 9562, version 8): the same document has the same.
fn serial_number(digest: Sha256Digest) -> String {
    let mut hex: Vec<char> = digest.to_string().chars().take(32).collect();
    if let Some(version) = hex.get_mut(12) {
        *version = '8';
    }
    if let Some(variant) = hex.get_mut(16) {
        *variant = 'a';
    }
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().iter().collect::<String>();
    format!("urn:uuid:{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}
