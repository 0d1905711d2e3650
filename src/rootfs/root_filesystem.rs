//! A root filesystem as a value.

use super::package::InstalledPackage;
use super::tree::Tree;

/// A root filesystem with the packages that it was made from, in install order.
#[derive(Clone, Debug, Default)]
pub struct Rootfs {
    /// The files.
    pub tree: Tree,
    /// The packages; [`super::PackageId`] is a place in this list.
    pub packages: Vec<InstalledPackage>,
}
