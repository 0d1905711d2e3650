//! Every component of an image, found in its tree.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::contents::database;
use super::super::installed::DatabasePackage;
use super::component::{Component, Ecosystem, web_site};
use super::license::License;
use super::{ecosystem, purl};
use crate::apk::Identity;
use crate::rootfs::Tree;

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
                component.depends = Some(depends);
            }
        }
        for (path, _) in tree.walk() {
            if let Some(mut component) = ecosystem::component(tree, &path) {
                component.parent = owners.get(&component.evidence).copied();
                sbom.components.push(component);
            }
        }
        ecosystem::connect(&mut sbom.components);
        sbom
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
            depends: None,
            requires: Vec::new(),
        }
    }
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
