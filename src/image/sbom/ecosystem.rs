//! Python distributions and Node packages, by the metadata that they leave where they are installed.
//!
//! Python: `NAME.dist-info/METADATA` and `NAME.egg-info/PKG-INFO` (core metadata specification). Node: `package.json`
//! right below `node_modules` or below a scope in it. Names of folders prove nothing; what the metadata says counts.

use std::collections::{BTreeMap, BTreeSet};

use super::component::{Component, Ecosystem, web_site};
use super::license::License;
use super::purl;
use crate::rootfs::Tree;

/// Largest metadata that is read; what is larger is no metadata.
const LARGEST: usize = 4 << 20;

/// The component that the file `path` proves to be there.
pub(super) fn component(tree: &Tree, path: &str) -> Option<Component> {
    let (folder, name) = path.rsplit_once('/')?;
    let read = || {
        let content = tree.file(path).filter(|content| content.len() <= LARGEST)?;
        Some(String::from_utf8_lossy(content).into_owned())
    };
    let is_python = match name {
        "METADATA" => folder.ends_with(".dist-info"),
        "PKG-INFO" => folder.ends_with(".egg-info"),
        _ => name.ends_with(".egg-info"),
    };
    if is_python {
        return python(&read()?, path);
    }
    (name == "package.json" && is_installed(folder)).then(|| node(&read()?, path)).flatten()
}

/// Whether `folder` is a package's own, right below `node_modules` or a scope there.
fn is_installed(folder: &str) -> bool {
    let mut parts = folder.rsplit('/');
    let (_, above, further) = (parts.next(), parts.next(), parts.next());
    above == Some("node_modules")
        || (above.is_some_and(|scope| scope.starts_with('@')) && further == Some("node_modules"))
}

fn python(metadata: &str, path: &str) -> Option<Component> {
    // Headers end at the first empty line; the description that follows may contain anything.
    let headers: Vec<(&str, &str)> = metadata
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .filter(|line| !line.starts_with([' ', '\t']))
        .filter_map(|line| line.split_once(':'))
        .collect();
    let header = |key: &str| {
        let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    };
    let name = header("Name")?.to_owned();
    let version = header("Version")?.to_owned();
    let normal = normal_name(&name);
    let classifier = headers
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case("Classifier"))
        .find_map(|(_, value)| value.trim().strip_prefix("License :: OSI Approved :: "));
    let license = header("License-Expression").or_else(|| header("License")).or(classifier).unwrap_or_default();
    let links: Vec<(&str, &str)> = headers
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case("Project-URL"))
        .filter_map(|(_, value)| value.rsplit_once(','))
        .collect();
    // By name, and in this order: the first link may lead to a page for donations.
    let named = |names: &[&str]| {
        let is_named = |label: &str| names.iter().any(|name| label.trim().eq_ignore_ascii_case(name));
        links.iter().filter(|(label, _)| is_named(label)).find_map(|(_, url)| web_site(url.trim()))
    };
    let site = header("Home-page")
        .and_then(web_site)
        .or_else(|| named(&["Homepage", "Home", "Home-page"]))
        .or_else(|| named(&["Source", "Source Code", "Sources"]))
        .or_else(|| named(&["Repository", "Code", "GitHub"]));
    Some(Component {
        ecosystem: Ecosystem::Pypi,
        license: License::declared(license),
        description: header("Summary").unwrap_or_default().to_owned(),
        url: site,
        maintainer: header("Author").or_else(|| header("Maintainer")).unwrap_or_default().to_owned(),
        origin: String::new(),
        commit: String::new(),
        identity: None,
        purl: purl::write("pypi", &[&normal], &version, &[]),
        evidence: path.to_owned(),
        parent: None,
        depends: None,
        requires: headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case("Requires-Dist"))
            .filter_map(|(_, value)| required(value.trim()))
            .collect(),
        name,
        version,
    })
}

/// The normal name of a distribution: lower case, runs of `-_.` as one dash (PEP 503, purl-spec).
fn normal_name(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}

/// The name that a `Requires-Dist` asks for; `None` where it does so for an extra only, which nobody may have wanted.
fn required(requirement: &str) -> Option<String> {
    let (wanted, marker) = requirement.split_once(';').unwrap_or((requirement, ""));
    if marker.contains("extra") {
        return None;
    }
    let end = wanted.find(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '-' | '_' | '.'));
    let name = normal_name(wanted.get(..end.unwrap_or(wanted.len()))?);
    (!name.is_empty()).then_some(name)
}

fn node(text: &str, path: &str) -> Option<Component> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let field = |key: &str| value.get(key).and_then(serde_json::Value::as_str).filter(|text| !text.is_empty());
    let name = field("name")?.to_owned();
    let version = field("version")?.to_owned();
    // Old packages have an object or a list of them in place of the expression.
    let license = field("license").or_else(|| {
        let old = value.get("license").or_else(|| value.get("licenses")?.get(0))?;
        old.get("type").and_then(serde_json::Value::as_str)
    });
    let author = value.get("author");
    let author = author.and_then(|author| author.as_str().or_else(|| author.get("name")?.as_str()));
    let parts: Vec<&str> = name.split('/').collect();
    Some(Component {
        ecosystem: Ecosystem::Npm,
        license: License::declared(license.unwrap_or_default()),
        description: field("description").unwrap_or_default().to_owned(),
        url: field("homepage").and_then(web_site),
        maintainer: author.unwrap_or_default().to_owned(),
        origin: String::new(),
        commit: String::new(),
        identity: None,
        purl: purl::write("npm", &parts, &version, &[]),
        evidence: path.to_owned(),
        parent: None,
        depends: None,
        requires: ["dependencies", "optionalDependencies", "peerDependencies"]
            .iter()
            .filter_map(|key| value.get(key)?.as_object())
            .flat_map(|wanted| wanted.keys().cloned())
            .collect(),
        name,
        version,
    })
}

/// Draws the edges between Python distributions and between Node packages. What is asked for and is not in the image
/// has no edge: it may be for another machine, or optional.
pub(super) fn connect(components: &mut [Component]) {
    let mut distributions: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, component) in components.iter().enumerate() {
        match component.ecosystem {
            Ecosystem::Apk => {}
            Ecosystem::Pypi => distributions.entry(normal_name(&component.name)).or_default().push(place),
            Ecosystem::Npm => _ = folders.insert(folder_of(&component.evidence), place),
        }
    }
    let edges: Vec<Option<BTreeSet<usize>>> = components
        .iter()
        .map(|component| match component.ecosystem {
            Ecosystem::Apk => component.depends.clone(),
            Ecosystem::Pypi => {
                let wanted = component.requires.iter().filter_map(|name| distributions.get(name));
                Some(wanted.filter_map(|places| nearest(places, component, components)).collect())
            }
            Ecosystem::Npm => {
                let folder = folder_of(&component.evidence);
                Some(component.requires.iter().filter_map(|name| node_module(&folders, folder, name)).collect())
            }
        })
        .collect();
    for (component, edges) in components.iter_mut().zip(edges) {
        component.depends = edges;
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Of the `places` of a distribution that is there several times the one in the same folder, or else the first.
fn nearest(places: &[usize], component: &Component, components: &[Component]) -> Option<usize> {
    let site = |component: &Component| folder_of(folder_of(&component.evidence)).to_owned();
    let own = site(component);
    let in_same = |place: &&usize| components.get(**place).is_some_and(|other| site(other) == own);
    places.iter().find(in_same).or_else(|| places.first()).copied()
}

/// The package that `name` means in `folder`: the nearest `node_modules` upwards that has it, as Node looks for it.
fn node_module(folders: &BTreeMap<&str, usize>, folder: &str, name: &str) -> Option<usize> {
    let mut above = Some(folder);
    while let Some(folder) = above {
        let path =
            if folder.is_empty() { format!("node_modules/{name}") } else { format!("{folder}/node_modules/{name}") };
        if let Some(place) = folders.get(path.as_str()) {
            return Some(*place);
        }
        above = if folder.is_empty() { None } else { Some(folder_of(folder)) };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_metadata_is_read() {
        let text = "Metadata-Version: 2.1\nName: Flask_Login.x\nVersion: 0.6\nLicense: MIT\nSummary: User sessions\n\
                    Project-URL: Source, https://example.org/src\n continued\n\nName: not this\n";
        let component = python(text, "x/METADATA").unwrap();
        assert_eq!(component.purl, "pkg:pypi/flask-login-x@0.6");
        assert_eq!(component.license, License::Expression("MIT".to_owned()));
        assert_eq!(component.url.as_deref(), Some("https://example.org/src"));
        assert!(python("Name: x\n", "x/METADATA").is_none());
    }

    #[test]
    fn home_pages_are_chosen_by_name() {
        let site = |links: &[&str]| {
            let links: String = links.iter().map(|link| format!("Project-URL: {link}\n")).collect();
            python(&format!("Name: x\nVersion: 1\n{links}\n"), "x/METADATA").unwrap().url
        };
        let (donate, source) = ("Donate, https://example.org/give", "Source, https://example.org/src");
        let (repository, home) = ("Repository, https://example.org/repo", "homepage, https://example.org");
        assert_eq!(site(&[donate, repository, source, home]).as_deref(), Some("https://example.org"));
        assert_eq!(site(&[donate, repository, source]).as_deref(), Some("https://example.org/src"));
        assert_eq!(site(&[donate, repository]).as_deref(), Some("https://example.org/repo"));
        assert_eq!(site(&[donate]), None);
    }

    #[test]
    fn requirements_are_names() {
        for (requirement, name) in [
            ("Werkzeug>=3.0", Some("werkzeug")),
            ("typing_extensions (>=4)", Some("typing-extensions")),
            ("uvicorn[standard] ; python_version > '3.8'", Some("uvicorn")),
            ("pytest ; extra == 'test'", None),
            ("", None),
        ] {
            assert_eq!(required(requirement).as_deref(), name, "{requirement}");
        }
    }

    #[test]
    fn node_packages_are_read() {
        let text = r#"{"name": "@a/b", "version": "1.0.0", "licenses": [{"type": "MIT"}], "author": {"name": "N"}}"#;
        let component = node(text, "x").unwrap();
        assert_eq!((component.purl.as_str(), component.maintainer.as_str()), ("pkg:npm/%40a/b@1.0.0", "N"));
        assert_eq!(component.license, License::Expression("MIT".to_owned()));
        assert!(node(r#"{"type": "module"}"#, "x").is_none());
        assert!(node("{", "x").is_none());
    }

    #[test]
    fn only_installed_packages_count() {
        assert!(is_installed("app/node_modules/a"));
        assert!(is_installed("app/node_modules/@s/a"));
        assert!(!is_installed("app"));
        assert!(!is_installed("app/node_modules/a/test"));
        assert!(!is_installed("app/node_modules/a/b/c"));
    }
}
