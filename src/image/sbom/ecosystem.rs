//! Python distributions and Node packages, by the metadata that they leave where they are installed.
//!
//! Python: `NAME.dist-info/METADATA` and `NAME.egg-info/PKG-INFO` (core metadata specification). Node: `package.json`
//! right below `node_modules` or below a scope in it. Names of folders prove nothing; what the metadata says counts.

use std::collections::BTreeSet;

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
    // purl-spec: lower case, with dashes; PEP 503 takes runs of `-_.` for one dash.
    let normal =
        name.to_lowercase().split(['-', '_', '.']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let classifier = headers
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case("Classifier"))
        .find_map(|(_, value)| value.trim().strip_prefix("License :: OSI Approved :: "));
    let license = header("License-Expression").or_else(|| header("License")).or(classifier).unwrap_or_default();
    let site = header("Home-page").and_then(web_site).or_else(|| {
        let mut links = headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case("Project-URL"));
        links.find_map(|(_, value)| web_site(value.rsplit_once(',')?.1.trim()))
    });
    Some(Component {
        ecosystem: Ecosystem::Pypi,
        license: License::declared(license),
        description: header("Summary").unwrap_or_default().to_owned(),
        url: site,
        maintainer: header("Author").unwrap_or_default().to_owned(),
        origin: String::new(),
        commit: String::new(),
        identity: None,
        purl: purl::write("pypi", &[&normal], &version, &[]),
        evidence: path.to_owned(),
        parent: None,
        depends: BTreeSet::new(),
        name,
        version,
    })
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
        depends: BTreeSet::new(),
        name,
        version,
    })
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
