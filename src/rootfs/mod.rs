//! The root filesystem: a tree of inodes in memory, built from verified packages, accounts and copied files.

mod tree;

use crate::apk::{Identity, PackageInfo};

pub use tree::{Content, Inode, InodeId, InodeKind, Metadata, Origin, PackageId, Tree, TreeError, Walk};

/// A root filesystem with the packages that it was made from, in install order.
#[derive(Clone, Debug, Default)]
pub struct Rootfs {
    /// The files.
    pub tree: Tree,
    /// The packages; [`PackageId`] is a place in this list.
    pub packages: Vec<InstalledPackage>,
}

/// A package as the installed database knows it.
#[derive(Clone, Debug)]
pub struct InstalledPackage {
    /// The identity that its index vouched for.
    pub identity: Identity,
    /// What it says about itself.
    pub info: PackageInfo,
    /// Every path that its archive lists, folders included, in the archive's order.
    pub paths: Vec<String>,
}
