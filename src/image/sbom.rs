//! The bill of materials: every component that ships, from what the image itself records.
//!
//! Components are Alpine's packages (from the installed database, so that what was pruned away whole is not claimed),
//! Python distributions (`*.dist-info`, `*.egg-info`) and Node packages (`node_modules/*/package.json`), the latter two
//! wherever they lie, with the Alpine package or the image that holds them. Nothing is asked of the network, and the
//! same image gives the same bytes.

mod cyclonedx;
mod ecosystem;
mod license;
mod purl;
mod spdx_document;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Error;
use super::contents::database;
use super::installed::DatabasePackage;
use crate::apk::Identity;
use crate::digest::Sha256Digest;
use crate::rootfs::Tree;

pub use license::License;

/// The forms of a bill of materials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SbomFormat {
    /// SPDX 2.3, JSON.
    Spdx,
    /// CycloneDX 1.6, JSON.
    CycloneDx,
}

impl SbomFormat {
    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spdx => "spdx",
            Self::CycloneDx => "cyclonedx",
        }
    }

    /// The media type that the document has as a referrer.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Spdx => "application/spdx+json",
            Self::CycloneDx => "application/vnd.cyclonedx+json",
        }
    }

    /// What a file of it ends in, after the image's name.
    pub fn file_suffix(self) -> &'static str {
        match self {
            Self::Spdx => ".spdx.json",
            Self::CycloneDx => ".cdx.json",
        }
    }
}

/// The image that a bill of materials is of.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its full reference.
    pub reference: String,
    /// Digest of its manifest.
    pub digest: Sha256Digest,
    /// Seconds since 1970.
    pub created: i64,
}

/// Where a component comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ecosystem {
    /// Alpine.
    Apk,
    /// Python.
    Pypi,
    /// Node.
    Npm,
}

/// One component.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Component {
    /// Whose package it is.
    pub ecosystem: Ecosystem,
    /// Its name there.
    pub name: String,
    /// Its version.
    pub version: String,
    /// As declared.
    pub license: License,
    /// In one line.
    pub description: String,
    /// Its web site, where it names one.
    pub url: Option<String>,
    /// Its maintainer, where it names one.
    pub maintainer: String,
    /// Of an Alpine package: the source package that it was built from.
    pub origin: String,
    /// Of an Alpine package: the commit of that.
    pub commit: String,
    /// Of an Alpine package: the digest of its control member, by which a signed index vouches for it.
    pub identity: Option<Identity>,
    /// package-url specification.
    pub purl: String,
    /// The file or folder in the image that says it is there.
    pub evidence: String,
    /// The place of the component that holds it; none where the image itself does.
    pub parent: Option<usize>,
    /// Places of the components that it asks for.
    pub depends: BTreeSet<usize>,
}

/// Every component of an image.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sbom {
    /// `ID` of the image's os-release.
    pub distribution: String,
    /// `VERSION_ID` of it.
    pub release: String,
    /// Alpine's packages by name, then the others by where they lie.
    pub components: Vec<Component>,
}

impl Sbom {
    /// Finds every component in `tree`.
    pub fn of(tree: &Tree) -> Self {
        let release = os_release(tree);
        let field = |key: &str| release.get(key).cloned();
        let mut sbom = Self {
            distribution: field("ID").unwrap_or_else(|| "alpine".to_owned()),
            release: field("VERSION_ID").unwrap_or_default(),
            components: Vec::new(),
        };
        let packages = database(tree);
        let mut owners = BTreeMap::new();
        for (place, package) in packages.iter().enumerate() {
            owners.extend(package.files.iter().filter_map(|path| Some((tree.resolve_parent(path)?, place))));
            sbom.components.push(sbom.alpine(package));
        }
        for (place, depends) in dependencies(&packages).into_iter().enumerate() {
            if let Some(component) = sbom.components.get_mut(place) {
                component.depends = depends;
            }
        }
        for (path, _) in tree.walk() {
            if let Some(mut component) = ecosystem::component(tree, &path) {
                component.parent = owners.get(&component.evidence).copied();
                sbom.components.push(component);
            }
        }
        sbom
    }

    /// The document in `format`, as JSON.
    pub fn encode(&self, format: SbomFormat, subject: &Subject) -> Result<Vec<u8>, Error> {
        match format {
            SbomFormat::Spdx => spdx_document::encode(self, subject),
            SbomFormat::CycloneDx => cyclonedx::encode(self, subject),
        }
    }

    fn alpine(&self, package: &DatabasePackage) -> Component {
        let distro = [self.distribution.as_str(), self.release.as_str()].join("-");
        let mut qualifiers = vec![("arch", package.arch.as_str()), ("distro", distro.trim_end_matches('-'))];
        if !package.origin.is_empty() && package.origin != package.name {
            qualifiers.push(("upstream", &package.origin));
        }
        Component {
            ecosystem: Ecosystem::Apk,
            name: package.name.clone(),
            version: package.version.clone(),
            license: License::declared(&package.license),
            description: package.description.clone(),
            url: web_site(&package.url),
            maintainer: package.maintainer.clone(),
            origin: package.origin.clone(),
            commit: package.commit.clone(),
            identity: Identity::parse(&package.identity),
            purl: purl::write("apk", &[&self.distribution, &package.name], &package.version, &qualifiers),
            evidence: "lib/apk/db/installed".to_owned(),
            parent: None,
            depends: BTreeSet::new(),
        }
    }
}

/// `url` if it is one that a document may name.
fn web_site(url: &str) -> Option<String> {
    let is_plain = url.chars().all(|letter| {
        letter.is_ascii_graphic() && !matches!(letter, '<' | '>' | '"' | '`' | '{' | '}' | '|' | '\\' | '^')
    });
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    (is_plain && !rest.is_empty()).then(|| url.to_owned())
}

/// os-release(5): `KEY=value`, perhaps in quotes.
fn os_release(tree: &Tree) -> BTreeMap<String, String> {
    let file = tree.resolve("etc/os-release").and_then(|path| tree.file(&path).cloned());
    let text = file.map(|content| String::from_utf8_lossy(&content).into_owned()).unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.trim_matches(['"', '\'']).to_owned())).collect()
}

/// For each package the places of those that meet its dependencies; a dependency that several could meet names all.
fn dependencies(packages: &[DatabasePackage]) -> Vec<BTreeSet<usize>> {
    let name = |word: &str| word.split(['<', '>', '=', '~', '@']).next().unwrap_or_default().to_owned();
    let mut providers: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, package) in packages.iter().enumerate() {
        for provided in std::iter::once(&package.name).chain(&package.provides) {
            providers.entry(name(provided)).or_default().push(place);
        }
    }
    packages
        .iter()
        .enumerate()
        .map(|(place, package)| {
            let wanted = package.depends.iter().filter(|word| !word.starts_with('!')).map(|word| name(word));
            wanted.filter_map(|name| providers.get(&name)).flatten().copied().filter(|other| *other != place).collect()
        })
        .collect()
}
