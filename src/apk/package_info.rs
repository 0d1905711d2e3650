//! `.PKGINFO`, what a package says about itself (apk-package(5)).

/// The fields of a package's `.PKGINFO`. Lists hold the words as they were written, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageInfo {
    /// `pkgname`
    pub name: String,
    /// `pkgver`
    pub version: String,
    /// `pkgdesc`
    pub description: String,
    /// `url`
    pub url: String,
    /// `builddate`, seconds since 1970
    pub build_date: i64,
    /// `packager`
    pub packager: String,
    /// `maintainer`
    pub maintainer: String,
    /// `size`, the installed size in bytes
    pub installed_size: u64,
    /// `arch`
    pub arch: String,
    /// `origin`, the source package
    pub origin: String,
    /// `commit` of the source package
    pub commit: String,
    /// `license`
    pub license: String,
    /// `depend`, repeated
    pub depends: Vec<String>,
    /// `provides`, repeated
    pub provides: Vec<String>,
    /// `install_if`, repeated
    pub install_if: Vec<String>,
    /// `replaces`, repeated; stands in no index
    pub replaces: Vec<String>,
    /// `replaces_priority`
    pub replaces_priority: u32,
    /// `provider_priority`
    pub provider_priority: u32,
    /// `triggers`: folders, as globs
    pub triggers: Vec<String>,
    /// `datahash`: hexadecimal SHA-256 of the compressed data member
    pub datahash: String,
}
