//! Reading a lock file: the TOML as it is written, checked and turned into a [`Lockfile`].

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::Error;
use super::inputs::Inputs;
use super::lockfile::{FORMAT, LockedArchitecture, LockedIndex, Lockfile};
use super::package::{LockedPackage, LockedPackages, read_record};
use crate::address::{Address, without_secrets};
use crate::apk::{Identity, NOARCH, PackageName, Version};
use crate::digest::Sha256Digest;

/// The most bytes of a reader's report that are passed on.
const LONGEST_REASON: usize = 2000;

/// Bytes of the largest lock that is read.
const LARGEST: usize = 16 << 20;
/// How many values and tables a lock may have: each package has some twelve.
const MOST_VALUES: usize = 400_000;

impl Lockfile {
    /// Reads the text of a lock file.
    ///
    /// # Errors
    /// [`Error`] says what cannot be read.
    pub fn parse(text: &str) -> Result<Self, Error> {
        // As values they take a hundred times their length.
        let weight: usize = text
            .bytes()
            .map(|byte| match byte {
                b'[' | b'{' | b',' | b'=' => 2,
                b'.' => 1,
                _ => 0,
            })
            .sum();
        if text.len() > LARGEST || weight > MOST_VALUES * 2 {
            return Err(Error::Syntax { reason: "it has more packages than any lock".to_owned() });
        }
        let written: Result<Written, _> = toml::from_str(text);
        written.map_err(|error| other_format(text).unwrap_or_else(|| syntax_error(text, &error)))?.read()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
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
    fn read(self) -> Result<Lockfile, Error> {
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

/// What there is to say of a lock that has other keys than those of today because it is of another format.
fn other_format(text: &str) -> Option<Error> {
    #[derive(Deserialize)]
    struct Formatted {
        format: u32,
    }
    let Formatted { format: found } = toml::from_str(text).ok()?;
    (found != FORMAT).then_some(Error::Format { found, expected: FORMAT })
}

/// What there is to say of a text that is no lock.
fn syntax_error(text: &str, error: &toml::de::Error) -> Error {
    let marks = ["<<<<<<<", "=======", ">>>>>>>"];
    if let Some(line) = text.lines().position(|line| marks.iter().any(|mark| line.starts_with(mark))) {
        return Error::Merge { line: line + 1 };
    }
    let reason = error.to_string();
    // The report shows the line, however long that is.
    let reason = if reason.len() > LONGEST_REASON { error.message() } else { &reason };
    Error::Syntax { reason: without_secrets(reason).trim_end().chars().take(LONGEST_REASON).collect() }
}
