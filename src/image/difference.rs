//! What differs between two images: settings, packages, files and bytes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::contents::Contents;
use crate::rootfs::{InodeId, InodeKind, Metadata, Tree};

/// All that differs. Both sides are told as they are, the first image before the second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Values of the configuration, by where they stand in it: `config.Env`, `architecture`.
    pub config: BTreeMap<String, [serde_json::Value; 2]>,
    /// Packages whose version differs, or whose files do not have as many bytes, by name.
    pub packages: BTreeMap<String, PackageDifference>,
    /// Paths, in order.
    pub files: Vec<FileDifference>,
    /// Bytes of all files.
    pub unpacked: [u64; 2],
    /// Bytes of all layers as they are stored; none where either is a plain folder.
    pub compressed: Option<[u64; 2]>,
}

/// One package that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackageDifference {
    /// Its version in each; `None` where it is not there.
    pub versions: [Option<String>; 2],
    /// Bytes of its files in each.
    pub bytes: [u64; 2],
}

/// One path that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileDifference {
    /// The path.
    pub path: String,
    /// Its package, in the second image or else in the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// What differs: `added`, `removed`, or of `kind`, `content`, `target`, `mode`, `owner`, `time`, `attributes`,
    /// `links` those that do.
    pub what: BTreeSet<&'static str>,
    /// Bytes in each; none for what is no file or is not there.
    pub bytes: [u64; 2],
}

impl Difference {
    /// Compares the two.
    pub fn between(one: &Contents, other: &Contents) -> Self {
        let mut difference = Self {
            unpacked: [one.total().bytes, other.total().bytes],
            compressed: one.compressed_size().zip(other.compressed_size()).map(<[u64; 2]>::from),
            ..Self::default()
        };
        difference.compare_configs(one, other);
        difference.compare_packages(one, other);
        let (ones, others) = (Paths::of(&one.tree), Paths::of(&other.tree));
        let all: BTreeSet<&String> = ones.by_path.keys().chain(others.by_path.keys()).collect();
        for path in all {
            let sides = [ones.by_path.get(path).copied(), others.by_path.get(path).copied()];
            let what = match sides {
                [Some(first), Some(second)] => compare(
                    (&one.tree, first),
                    (&other.tree, second),
                    [ones.first_name(first), others.first_name(second)],
                ),
                [None, _] => BTreeSet::from(["added"]),
                [_, None] => BTreeSet::from(["removed"]),
            };
            if what.is_empty() {
                continue;
            }
            let size = |tree: &Tree, id: Option<InodeId>| match id.map(|id| &tree.inode(id).kind) {
                Some(InodeKind::File { content, .. }) => content.len() as u64,
                _ => 0,
            };
            let package = other.package_of(path).or_else(|| one.package_of(path)).map(|package| package.name.clone());
            let bytes = [size(&one.tree, sides[0]), size(&other.tree, sides[1])];
            difference.files.push(FileDifference { path: path.clone(), package, what, bytes });
        }
        difference
    }

    /// Whether the two run the same: nothing differs but, perhaps, how they are compressed.
    pub fn is_empty(&self) -> bool {
        self.config.is_empty() && self.packages.is_empty() && self.files.is_empty()
    }

    /// The configurations, all but layers, history and the time of making, which differ whenever anything does.
    fn compare_configs(&mut self, one: &Contents, other: &Contents) {
        let values = |contents: &Contents| {
            let config = serde_json::to_value(&contents.image.config).unwrap_or_default();
            let mut values = BTreeMap::new();
            for (key, value) in config.as_object().into_iter().flatten() {
                match (key.as_str(), value) {
                    ("rootfs" | "history", _) => {}
                    ("config", serde_json::Value::Object(inner)) => {
                        values.extend(inner.iter().map(|(key, value)| (format!("config.{key}"), value.clone())));
                    }
                    _ => drop(values.insert(key.clone(), value.clone())),
                }
            }
            values
        };
        let (ones, others) = (values(one), values(other));
        for key in ones.keys().chain(others.keys()) {
            let sides = [&ones, &others].map(|values| values.get(key).cloned().unwrap_or_default());
            if sides[0] != sides[1] {
                self.config.insert(key.clone(), sides);
            }
        }
    }

    fn compare_packages(&mut self, one: &Contents, other: &Contents) {
        let packages = |contents: &Contents| -> BTreeMap<String, (String, u64)> {
            let amounts = contents.packages.iter().zip(contents.by_package().0);
            amounts.map(|(package, amount)| (package.name.clone(), (package.version.clone(), amount.bytes))).collect()
        };
        let (ones, others) = (packages(one), packages(other));
        for name in ones.keys().chain(others.keys()) {
            let sides = [ones.get(name), others.get(name)];
            if sides[0] != sides[1] {
                let versions = sides.map(|side| side.map(|(version, _)| version.clone()));
                let bytes = sides.map(|side| side.map(|(_, bytes)| *bytes).unwrap_or_default());
                self.packages.insert(name.clone(), PackageDifference { versions, bytes });
            }
        }
    }
}

/// A tree's inodes by path, and for each inode the first of its names.
struct Paths {
    by_path: BTreeMap<String, InodeId>,
    first_names: BTreeMap<InodeId, String>,
}

impl Paths {
    fn of(tree: &Tree) -> Self {
        let mut first_names = BTreeMap::new();
        let by_path: BTreeMap<String, InodeId> = tree.walk().collect();
        for (path, id) in &by_path {
            first_names.entry(*id).or_insert_with(|| path.clone());
        }
        Self { by_path, first_names }
    }

    fn first_name(&self, id: InodeId) -> Option<&String> {
        self.first_names.get(&id)
    }
}

/// In what two inodes under the same path differ.
fn compare(
    (one_tree, one): (&Tree, InodeId),
    (other_tree, other): (&Tree, InodeId),
    first_names: [Option<&String>; 2],
) -> BTreeSet<&'static str> {
    let (one, other) = (one_tree.inode(one), other_tree.inode(other));
    let mut what = BTreeSet::new();
    let mut differs = |name: &'static str, differs: bool| {
        if differs {
            what.insert(name);
        }
    };
    match (&one.kind, &other.kind) {
        (InodeKind::Directory(_), InodeKind::Directory(_)) => {}
        (InodeKind::File { content: one, .. }, InodeKind::File { content: other, .. }) => {
            differs("content", **one != **other);
            differs("links", first_names[0] != first_names[1]);
        }
        (InodeKind::Symlink(one), InodeKind::Symlink(other)) => differs("target", one != other),
        _ => differs("kind", true),
    }
    let (one, other): (&Metadata, &Metadata) = (&one.metadata, &other.metadata);
    differs("mode", one.mode != other.mode);
    differs("owner", (one.uid, one.gid) != (other.uid, other.gid));
    differs("time", one.mtime != other.mtime);
    differs("attributes", one.xattrs != other.xattrs);
    what
}
