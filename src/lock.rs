//! The lock file: exactly which packages an image is made of, so that it can be made again.
//!
//! Its goals, in order: complete (with it and the packages a build needs no index), readable, sorted with a package a
//! line so that differences are small, and the same bytes from the same values. It is TOML, named after its recipe:
//! `python.toml` has `python.lock`. What the recipe said when the lock was made stands in it, so that a recipe that has
//! moved on is noticed. The order of installation is not recorded: it follows from the packages themselves.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::apk::{Identity, PackageName, Version};
use crate::digest::Sha256Digest;
use crate::resolve::Resolution;

/// The version of the format that is written here, and the only one that is read.
const FORMAT: u32 = 1;

/// Everything that a locked build goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lockfile {
    /// What the recipe said.
    pub inputs: Inputs,
    /// The packages, by architecture as Alpine names it.
    pub architectures: BTreeMap<String, LockedArchitecture>,
}

/// The parts of a recipe that decide which packages are selected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// `alpine.release`
    pub release: String,
    /// `alpine.repositories`, as `[@tag ]NAME|URL|DIR`
    pub repositories: Vec<String>,
    /// `alpine.packages`, sorted
    pub packages: Vec<String>,
    /// `packages` of each stage, sorted
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<String, Vec<String>>,
}

/// What is locked for one architecture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockedArchitecture {
    /// The repositories, in the recipe's order, with the digest of the index that was read.
    pub indexes: Vec<LockedIndex>,
    /// The image's packages, by name.
    pub packages: BTreeMap<PackageName, LockedPackage>,
    /// Each stage's packages, by name.
    pub stages: BTreeMap<String, BTreeMap<PackageName, LockedPackage>>,
}

/// A repository as it was when the lock was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedIndex {
    /// As the recipe names it: one of [`Inputs::repositories`].
    pub repository: String,
    /// SHA-256 of APKINDEX.tar.gz.
    pub digest: Sha256Digest,
}

/// One package, exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedPackage {
    /// Its version.
    pub version: Version,
    /// Its identity, which vouches for its contents.
    pub identity: Identity,
    /// Bytes of the .apk.
    pub size: u64,
    /// Bytes of its files; 0 for a package that has none and is never downloaded.
    pub installed_size: u64,
    /// The places of the repositories that hold it in [`LockedArchitecture::indexes`], never empty.
    pub repositories: Vec<usize>,
}

/// Why a lock file is none, or does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no TOML of the right shape.
    #[error("the lock cannot be read: {reason}")]
    Syntax {
        /// What the reader said, with the line.
        reason: String,
    },
    /// Another version of the format.
    #[error("the lock is of format {found}, and this apkbuild reads format {FORMAT}")]
    Format {
        /// The version it has.
        found: u32,
    },
    /// A value that cannot be.
    #[error("the lock holds `{value}`, which is no {expected}")]
    Value {
        /// As it stands there.
        value: String,
        /// What should stand there.
        expected: &'static str,
    },
}

impl Error {
    /// The way out.
    pub fn help(&self) -> Option<String> {
        Some("make it anew with `apkbuild lock FILE`".to_owned())
    }
}

/// Where the lock of the recipe at `recipe` is: beside it, `python.lock` for `python.toml`.
pub fn path_of(recipe: &Path) -> PathBuf {
    recipe.with_extension("lock")
}

impl Lockfile {
    /// Reads the text of a lock file.
    ///
    /// # Errors
    /// [`Error`] says what cannot be read.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let written: Written = toml::from_str(text).map_err(|error| Error::Syntax { reason: error.to_string() })?;
        if written.format != FORMAT {
            return Err(Error::Format { found: written.format });
        }
        let architectures = written
            .architectures
            .into_iter()
            .map(|(name, architecture)| Ok((name, architecture.read()?)))
            .collect::<Result<_, Error>>()?;
        Ok(Self { inputs: written.recipe, architectures })
    }

    /// What differs between what the recipe says now and what it said when the lock was made, a line each.
    pub fn outdated_by(&self, now: &Inputs) -> Vec<String> {
        let then = &self.inputs;
        let mut changes = Vec::new();
        if then.release != now.release {
            changes.push(format!("release: the lock has {}, the recipe {}", then.release, now.release));
        }
        compare("repositories", &then.repositories, &now.repositories, &mut changes);
        compare("packages", &then.packages, &now.packages, &mut changes);
        let none = Vec::new();
        let stages: std::collections::BTreeSet<&String> = then.stages.keys().chain(now.stages.keys()).collect();
        for stage in stages {
            let (then, now) = (then.stages.get(stage), now.stages.get(stage));
            compare(&format!("stage {stage}"), then.unwrap_or(&none), now.unwrap_or(&none), &mut changes);
        }
        changes
    }
}

impl fmt::Display for Lockfile {
    /// The text of the lock file.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "# Exactly what the recipe beside this file is built of. `apkbuild lock` writes it.")?;
        writeln!(formatter, "format = {FORMAT}\n\n[recipe]")?;
        writeln!(formatter, "release = {}", quoted(&self.inputs.release))?;
        write_list(formatter, "repositories", self.inputs.repositories.iter().map(|text| quoted(text)))?;
        write_list(formatter, "packages", self.inputs.packages.iter().map(|text| quoted(text)))?;
        for (stage, packages) in &self.inputs.stages {
            write_list(formatter, &format!("stages.{}", quoted(stage)), packages.iter().map(|text| quoted(text)))?;
        }
        for (name, architecture) in &self.architectures {
            writeln!(formatter, "\n[architectures.{name}]")?;
            let indexes = architecture.indexes.iter().map(|index| {
                format!("{{ repository = {}, sha256 = \"{}\" }}", quoted(&index.repository), index.digest)
            });
            write_list(formatter, "indexes", indexes)?;
            write_list(formatter, "packages", architecture.packages.iter().map(package_line))?;
            for (stage, packages) in &architecture.stages {
                write_list(formatter, &format!("stages.{}", quoted(stage)), packages.iter().map(package_line))?;
            }
        }
        Ok(())
    }
}

/// A list, one item a line, so that a change of one is a difference of one line.
fn write_list(
    formatter: &mut fmt::Formatter<'_>,
    key: &str,
    items: impl ExactSizeIterator<Item = String>,
) -> fmt::Result {
    if items.len() == 0 {
        return writeln!(formatter, "{key} = []");
    }
    writeln!(formatter, "{key} = [")?;
    for item in items {
        writeln!(formatter, "    {item},")?;
    }
    writeln!(formatter, "]")
}

fn package_line((name, package): (&PackageName, &LockedPackage)) -> String {
    let LockedPackage { version, identity, size, installed_size, repositories } = package;
    format!(
        "{{ name = {}, version = {}, identity = \"{identity}\", size = {size}, installed-size = {installed_size}, \
         repositories = {repositories:?} }}",
        quoted(name.as_str()),
        quoted(version.as_str()),
    )
}

/// `text` as a TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The file as TOML has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    recipe: Inputs,
    #[serde(default)]
    architectures: BTreeMap<String, WrittenArchitecture>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenArchitecture {
    indexes: Vec<WrittenIndex>,
    packages: Vec<WrittenPackage>,
    #[serde(default)]
    stages: BTreeMap<String, Vec<WrittenPackage>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenIndex {
    repository: String,
    sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenPackage {
    name: String,
    version: String,
    identity: String,
    size: u64,
    installed_size: u64,
    repositories: Vec<usize>,
}

impl WrittenArchitecture {
    fn read(self) -> Result<LockedArchitecture, Error> {
        let indexes = self.indexes.into_iter().map(WrittenIndex::read).collect::<Result<Vec<_>, _>>()?;
        let packages = read_packages(self.packages, indexes.len())?;
        let stages =
            self.stages.into_iter().map(|(stage, packages)| Ok((stage, read_packages(packages, indexes.len())?)));
        Ok(LockedArchitecture { packages, stages: stages.collect::<Result<_, Error>>()?, indexes })
    }
}

impl WrittenIndex {
    fn read(self) -> Result<LockedIndex, Error> {
        let digest = Sha256Digest::from_hex(&self.sha256);
        let digest = digest.ok_or(Error::Value { value: self.sha256, expected: "SHA-256 in hexadecimal" })?;
        Ok(LockedIndex { repository: self.repository, digest })
    }
}

fn read_packages(packages: Vec<WrittenPackage>, indexes: usize) -> Result<BTreeMap<PackageName, LockedPackage>, Error> {
    let packages = packages.into_iter().map(|package| {
        let wrong = |value: &str, expected| Error::Value { value: value.to_owned(), expected };
        let name = PackageName::parse(&package.name).map_err(|_| wrong(&package.name, "name of a package"))?;
        let version = Version::parse(&package.version).map_err(|_| wrong(&package.version, "version"))?;
        let identity = Identity::parse(&package.identity).ok_or_else(|| wrong(&package.identity, "identity"))?;
        if package.repositories.is_empty() || package.repositories.iter().any(|place| *place >= indexes) {
            return Err(wrong(&format!("{:?}", package.repositories), "list of places among the indexes"));
        }
        let WrittenPackage { size, installed_size, repositories, .. } = package;
        Ok((name, LockedPackage { version, identity, size, installed_size, repositories }))
    });
    packages.collect()
}

/// Says which words of two lists are only in one of them, or that their order differs.
fn compare(what: &str, then: &[String], now: &[String], changes: &mut Vec<String>) {
    if then == now {
        return;
    }
    let only = |these: &[String], those: &[String]| {
        these.iter().filter(|word| !those.contains(word)).cloned().collect::<Vec<_>>().join(", ")
    };
    match (only(then, now).as_str(), only(now, then).as_str()) {
        ("", "") => changes.push(format!("{what}: the order differs")),
        ("", new) => changes.push(format!("{what}: the recipe also has {new}")),
        (old, "") => changes.push(format!("{what}: only the lock has {old}")),
        (old, new) => changes.push(format!("{what}: the lock has {old}, the recipe {new}")),
    }
}

/// The packages of a resolution, as a lock holds them.
pub fn packages_of(resolution: &Resolution) -> BTreeMap<PackageName, LockedPackage> {
    let packages = resolution.packages.iter().map(|selected| {
        let entry = &selected.entry;
        let locked = LockedPackage {
            version: entry.version.clone(),
            identity: entry.identity,
            size: entry.size,
            installed_size: entry.installed_size,
            repositories: selected.sources.clone(),
        };
        (entry.name.clone(), locked)
    });
    packages.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Lockfile {
        let package = LockedPackage {
            version: Version::parse("1.37.0-r13").unwrap(),
            identity: Identity::parse("Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=").unwrap(),
            size: 507_831,
            installed_size: 950_272,
            repositories: vec![0],
        };
        let packages = BTreeMap::from([(PackageName::parse("busybox").unwrap(), package)]);
        let architecture = LockedArchitecture {
            indexes: vec![LockedIndex { repository: "main".to_owned(), digest: Sha256Digest::of(b"index") }],
            packages: packages.clone(),
            stages: BTreeMap::from([("deps".to_owned(), packages)]),
        };
        Lockfile {
            inputs: Inputs {
                release: "v3.22".to_owned(),
                repositories: vec!["main".to_owned()],
                packages: vec!["busybox".to_owned()],
                stages: BTreeMap::from([("deps".to_owned(), vec!["busybox".to_owned()])]),
            },
            architectures: BTreeMap::from([("x86_64".to_owned(), architecture)]),
        }
    }

    #[test]
    fn a_lock_prints_a_package_a_line_and_is_read_back() {
        let text = sample().to_string();
        insta::assert_snapshot!(text, @r#"
        # Exactly what the recipe beside this file is built of. `apkbuild lock` writes it.
        format = 1

        [recipe]
        release = "v3.22"
        repositories = [
            "main",
        ]
        packages = [
            "busybox",
        ]
        stages."deps" = [
            "busybox",
        ]

        [architectures.x86_64]
        indexes = [
            { repository = "main", sha256 = "1bc04b5291c26a46d918139138b992d2de976d6851d0893b0476b85bfbdfc6e6" },
        ]
        packages = [
            { name = "busybox", version = "1.37.0-r13", identity = "Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=", size = 507831, installed-size = 950272, repositories = [0] },
        ]
        stages."deps" = [
            { name = "busybox", version = "1.37.0-r13", identity = "Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=", size = 507831, installed-size = 950272, repositories = [0] },
        ]
        "#);
        assert_eq!(Lockfile::parse(&text).unwrap(), sample());
    }

    #[test]
    fn what_cannot_be_is_named() {
        let text = sample().to_string();
        for (from, to, message) in [
            ("format = 1", "format = 9", "the lock is of format 9, and this apkbuild reads format 1"),
            ("Q1qKcZ", "Q7qKcZ", "the lock holds `Q7qKcZ+j23xssAXmgQhkOO8dHnbWw=`, which is no identity"),
            ("1.37.0-r13", "1..2", "the lock holds `1..2`, which is no version"),
            (
                "repositories = [0]",
                "repositories = [1]",
                "the lock holds `[1]`, which is no list of places among the indexes",
            ),
        ] {
            assert_eq!(Lockfile::parse(&text.replace(from, to)).unwrap_err().to_string(), message);
        }
        assert!(matches!(Lockfile::parse("format = 1\n[recipe"), Err(Error::Syntax { .. })));
    }

    #[test]
    fn a_recipe_that_moved_on_is_noticed() {
        let lock = sample();
        assert!(lock.outdated_by(&lock.inputs).is_empty());
        let mut now = lock.inputs.clone();
        now.release = "edge".to_owned();
        now.packages = vec!["busybox".to_owned(), "python3".to_owned()];
        now.stages.clear();
        assert_eq!(
            lock.outdated_by(&now),
            [
                "release: the lock has v3.22, the recipe edge",
                "packages: the recipe also has python3",
                "stage deps: only the lock has busybox"
            ]
        );
    }
}
