//! One package of an index as a value of its own, and what keeps a package from being one.

use std::fmt;

use crate::apk::{Dependency, Identity, PackageInfo, PackageName, SyntaxError, Version};

/// What an index says about a package that can be installed (apk-package(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// `P:`
    pub name: PackageName,
    /// `V:`
    pub version: Version,
    /// `C:`
    pub identity: Identity,
    /// `S:`, the size of the .apk in bytes
    pub size: u64,
    /// `I:`, the installed size in bytes; 0 means that there is nothing to download
    pub installed_size: u64,
    /// `A:`; empty where the index does not say
    pub arch: String,
    /// `T:`
    pub description: String,
    /// `U:`
    pub url: String,
    /// `L:`
    pub license: String,
    /// `o:`, the source package
    pub origin: String,
    /// `m:`
    pub maintainer: String,
    /// `t:`, seconds since 1970
    pub build_date: i64,
    /// `c:` of the source package
    pub commit: String,
    /// `k:`
    pub provider_priority: u32,
    /// `D:`
    pub depends: Vec<Dependency>,
    /// `p:`
    pub provides: Vec<Dependency>,
    /// `i:`
    pub install_if: Vec<Dependency>,
}

impl IndexEntry {
    /// Whether the package has no files and so is never downloaded (`I:0`).
    pub fn is_virtual(&self) -> bool {
        self.installed_size == 0
    }

    /// What the package's own `.PKGINFO` says, so far as an index repeats it.
    pub fn to_package_info(&self) -> PackageInfo {
        let words = |list: &[Dependency]| list.iter().map(ToString::to_string).collect();
        PackageInfo {
            name: self.name.to_string(),
            version: self.version.to_string(),
            description: self.description.clone(),
            url: self.url.clone(),
            build_date: self.build_date,
            maintainer: self.maintainer.clone(),
            installed_size: self.installed_size,
            arch: self.arch.clone(),
            origin: self.origin.clone(),
            commit: self.commit.clone(),
            license: self.license.clone(),
            depends: words(&self.depends),
            provides: words(&self.provides),
            install_if: words(&self.install_if),
            provider_priority: self.provider_priority,
            ..PackageInfo::default()
        }
    }
}

impl fmt::Display for IndexEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.name, self.version)
    }
}

/// Why a package that stands in an index cannot be installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// A line of its index entry that is not `X:value`.
    #[error("line {line} of its index entry should be a letter, a colon and a value, but is `{text}`")]
    Line {
        /// The line, counted from 1 where the package begins.
        line: usize,
        /// How it begins.
        text: String,
    },
    /// A value that cannot be read.
    #[error("`{field}:` of its index entry should be {expected}, but is `{found}`")]
    Value {
        /// The field's letter.
        field: char,
        /// What belongs there.
        expected: &'static str,
        /// How what stands there begins.
        found: String,
    },
    /// Bytes that are no text.
    #[error("`{field}:` of its index entry is not in UTF-8")]
    NotText {
        /// The field's letter.
        field: char,
    },
    /// One of the fields that no package can do without is missing.
    #[error("its index entry has no `{field}:`")]
    MissingField {
        /// The letter of the field.
        field: char,
    },
    /// A field that this format does not know, and whose capital letter says that it may not be ignored.
    #[error("its index entry has an unknown field `{field}:`")]
    UnknownField {
        /// The field's letter.
        field: char,
    },
    /// A name that cannot stand in a file name or a URL.
    #[error("a package may not have such a name")]
    Name,
    /// A version that apk would not read.
    #[error("{0}")]
    Version(SyntaxError),
    /// A dependency that cannot be read.
    #[error("`D:` of its index entry cannot be read: {error}")]
    Dependency {
        /// What is wrong.
        error: SyntaxError,
    },
    /// Built for another machine.
    #[error("it is built for {found}, not {expected}")]
    Architecture {
        /// The architecture of the world.
        expected: String,
        /// That of the package.
        found: String,
    },
}
