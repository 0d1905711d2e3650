//! A lock file as TOML has it, and what makes it a [`Lockfile`].

use std::collections::BTreeMap;

use serde::Deserialize;

use super::lockfile::FORMAT;
use super::package::read_record;
use super::{Error, Inputs, LockedArchitecture, LockedIndex, LockedPackage, LockedPackages, Lockfile};
use crate::address::Address;
use crate::apk::{Identity, NOARCH, PackageName, Version};
use crate::digest::Sha256Digest;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    format: u32,
    recipe: Inputs,
    #[serde(default)]
    architectures: BTreeMap<String, WrittenArchitecture>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenArchitecture {
    release: Option<String>,
    release_version: Option<String>,
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
    release: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenPackage {
    name: String,
    version: String,
    identity: String,
    arch: Option<String>,
    size: u64,
    installed_size: u64,
    repositories: Vec<usize>,
    record: Option<String>,
}

impl Written {
    pub(super) fn read(self) -> Result<Lockfile, Error> {
        if self.format != FORMAT {
            return Err(Error::Format { found: self.format, expected: FORMAT });
        }
        let architectures = self
            .architectures
            .into_iter()
            .map(|(name, architecture)| Ok((name, architecture.read()?)))
            .collect::<Result<_, Error>>()?;
        let repositories = self.recipe.repositories.iter().map(|text| shown(text)).collect();
        Ok(Lockfile { inputs: Inputs { repositories, ..self.recipe }, architectures })
    }
}

impl WrittenArchitecture {
    fn read(self) -> Result<LockedArchitecture, Error> {
        let indexes = self.indexes.into_iter().map(WrittenIndex::read).collect::<Result<Vec<_>, _>>()?;
        let packages = read_packages(self.packages, indexes.len())?;
        let stages =
            self.stages.into_iter().map(|(stage, packages)| Ok((stage, read_packages(packages, indexes.len())?)));
        let stages = stages.collect::<Result<_, Error>>()?;
        let Self { release, release_version, .. } = self;
        Ok(LockedArchitecture { release, release_version, indexes, packages, stages })
    }
}

impl WrittenIndex {
    fn read(self) -> Result<LockedIndex, Error> {
        let digest = Sha256Digest::from_hex(&self.sha256);
        let digest = digest.ok_or(Error::Value { value: self.sha256, expected: "SHA-256 in hexadecimal" })?;
        Ok(LockedIndex { repository: shown(&self.repository), digest, release: self.release })
    }
}

/// A repository without the password that a lock of an early version may have.
fn shown(text: &str) -> String {
    Address::new(text).to_string()
}

fn read_packages(packages: Vec<WrittenPackage>, indexes: usize) -> Result<LockedPackages, Error> {
    let mut read = LockedPackages::new();
    for package in packages {
        let (name, package) = package.read(indexes)?;
        if let Some((name, _)) = read.remove_entry(&name) {
            return Err(Error::Twice { name: name.to_string() });
        }
        read.insert(name, package);
    }
    Ok(read)
}

impl WrittenPackage {
    fn read(self, indexes: usize) -> Result<(PackageName, LockedPackage), Error> {
        let wrong = |value: &str, expected| Error::Value { value: value.to_owned(), expected };
        let name = PackageName::parse(&self.name).map_err(|_| wrong(&self.name, "name of a package"))?;
        let version = Version::parse(&self.version).map_err(|_| wrong(&self.version, "version"))?;
        let identity = Identity::parse(&self.identity).ok_or_else(|| wrong(&self.identity, "identity"))?;
        let Self { arch, size, installed_size, repositories, record, .. } = self;
        if let Some(other) = arch.as_ref().filter(|arch| *arch != NOARCH) {
            return Err(wrong(other, "architecture that is told: only `noarch` is"));
        }
        if repositories.is_empty() || repositories.iter().any(|place| *place >= indexes) {
            return Err(wrong(&format!("{repositories:?}"), "list of places among the indexes"));
        }
        if record.is_some() != (installed_size == 0) {
            let value = format!("installed-size = {installed_size}");
            return Err(wrong(&value, "size of a package with a record, nor of one without"));
        }
        if let Some(record) = &record {
            let wrong = |reason| Error::Record { name: name.to_string(), reason };
            let entry = read_record(record).map_err(wrong)?;
            if (&entry.name, &entry.version, entry.identity) != (&name, &version, identity) {
                return Err(wrong(format!("is that of {entry}, {}", entry.identity)));
            }
        }
        Ok((
            name,
            LockedPackage { version, identity, is_noarch: arch.is_some(), size, installed_size, repositories, record },
        ))
    }
}
