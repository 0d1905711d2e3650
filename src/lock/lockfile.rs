//! A lock as a value, and its text.

use std::collections::BTreeMap;
use std::fmt;

use super::inputs::Inputs;
use super::package::{LockedPackage, LockedPackages};
use crate::apk::{NOARCH, PackageName};
use crate::digest::Sha256Digest;

/// The version of the format that is written here, and the only one that is read.
pub(super) const FORMAT: u32 = 1;

/// Everything that a locked build goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lockfile {
    /// What the recipe said.
    pub inputs: Inputs,
    /// The packages, by architecture as Alpine names it.
    pub architectures: BTreeMap<String, LockedArchitecture>,
}

/// What is locked for one architecture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockedArchitecture {
    /// The release of Alpine that the packages are of, `v3.22` or `edge`, where that was known.
    pub release: Option<String>,
    /// Its version in full, where that was known: `3.22.2`.
    pub release_version: Option<String>,
    /// The repositories that were read, in their order, with the digest of the index.
    pub indexes: Vec<LockedIndex>,
    /// The image's packages.
    pub packages: LockedPackages,
    /// Each stage's packages.
    pub stages: BTreeMap<String, LockedPackages>,
}

/// A repository as it was when the lock was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedIndex {
    /// As the recipe or the command line names it, `[@tag ]NAME|URL|DIR`, without secrets and without folders of one
    /// machine.
    pub repository: String,
    /// SHA-256 of APKINDEX.tar.gz.
    pub digest: Sha256Digest,
    /// The release that it is of, where it says so.
    pub release: Option<String>,
}

impl LockedArchitecture {
    /// The image's packages and each stage's, with the stage's name.
    pub fn parts(&self) -> impl Iterator<Item = (Option<&str>, &LockedPackages)> {
        let stages = self.stages.iter().map(|(stage, packages)| (Some(stage.as_str()), packages));
        std::iter::once((None, &self.packages)).chain(stages)
    }

    /// The packages of the stage `stage`, if it is there, or those of the image.
    pub fn part(&self, stage: Option<&str>) -> Option<&LockedPackages> {
        stage.map_or(Some(&self.packages), |stage| self.stages.get(stage))
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
            for (key, text) in [("release", &architecture.release), ("release-version", &architecture.release_version)]
            {
                if let Some(text) = text {
                    writeln!(formatter, "{key} = {}", quoted(text))?;
                }
            }
            let indexes = architecture.indexes.iter().map(|index| {
                let release = index.release.as_ref().map(|text| format!(", release = {}", quoted(text)));
                let (repository, digest) = (quoted(&index.repository), index.digest);
                format!("{{ repository = {repository}, sha256 = \"{digest}\"{} }}", release.unwrap_or_default())
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
    let LockedPackage { version, identity, is_noarch, size, installed_size, repositories, record } = package;
    let arch = if *is_noarch { format!(", arch = \"{NOARCH}\"") } else { String::new() };
    let record = record.as_ref().map(|text| format!(", record = {}", quoted(text))).unwrap_or_default();
    format!(
        "{{ name = {}, version = {}, identity = \"{identity}\"{arch}, size = {size}, installed-size = {installed_size}, \
         repositories = {repositories:?}{record} }}",
        quoted(name.as_str()),
        quoted(version.as_str()),
    )
}

/// `text` as a TOML string on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
