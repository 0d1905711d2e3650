//! Which path goes into which layer, and within a layer into which segment.
//!
//! A segment is what compresses by itself and is kept by itself: the folders and generated files of a layer, then each
//! package's files, then the application. So a package that has not changed is never compressed again, and a change of
//! the application's code moves only the application.
//!
//! Engines unpack each layer into a folder of its own and lay those over one another, and a folder that a layer does
//! not name gets made-up permissions there. So every layer names all the folders above its files, as they are in the
//! image.

use std::collections::{BTreeMap, BTreeSet};

use crate::rootfs::{InodeId, InodeKind, Origin, PackageId, Rootfs, Tree};

/// How an image is cut into layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layering {
    /// The system below, the application on top.
    #[default]
    Split,
    /// Everything in one.
    Single,
    /// The generated files, then each package in one of its own, then the application. Engines take no more than 127
    /// layers, so that of more than [`MOST_PACKAGE_LAYERS`] packages the smallest share one.
    Packages,
}

/// How many packages get a layer of their own at most.
pub const MOST_PACKAGE_LAYERS: usize = 110;

/// A layer before it is packed.
#[derive(Debug)]
pub(super) struct LayerPlan {
    /// What it is, for people: `system, 14 packages`.
    pub(super) title: String,
    /// Its parts in order; never empty.
    pub(super) segments: Vec<SegmentPlan>,
}

/// A part of a layer.
#[derive(Debug)]
pub(super) struct SegmentPlan {
    /// The package all of whose files these are.
    pub(super) package: Option<PackageId>,
    /// In order, folders before what they hold.
    pub(super) entries: Vec<EntryPlan>,
}

/// One path of a segment.
#[derive(Debug)]
pub(super) struct EntryPlan {
    /// As in the tree.
    pub(super) path: String,
    /// What is there.
    pub(super) inode: InodeId,
    /// Where this is a further name of a file: the path of the first, which stands earlier in the same segment.
    pub(super) hard_link_to: Option<String>,
}

/// What a path belongs to. The order is that of segments in a layer and of layers in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    System,
    Package(PackageId),
    Application,
}

impl Group {
    fn of(origin: Origin) -> Self {
        match origin {
            Origin::Package(package) | Origin::Script(package) => Self::Package(package),
            Origin::Copied | Origin::Stage => Self::Application,
            Origin::Generated => Self::System,
        }
    }
}

/// Cuts `rootfs` into layers, the lowest first. A layer in which nothing would be is left out, but there is always one.
pub(super) fn plan(rootfs: &Rootfs, layering: Layering) -> Vec<LayerPlan> {
    let paths = Paths::of(rootfs);
    let share = sharing(rootfs, layering);
    let layer_of = |group: Group| match (layering, group) {
        (Layering::Single, _) | (Layering::Split, Group::Package(_)) => Group::System,
        (Layering::Packages, Group::Package(package)) => share.get(&package).copied().unwrap_or(group),
        (Layering::Split | Layering::Packages, _) => group,
    };
    // Layers by group, in each the segments by group, in each the places of its paths. A layer's folders go into its
    // first segment, whatever that is.
    let mut layers: BTreeMap<Group, BTreeMap<Group, BTreeSet<usize>>> = BTreeMap::new();
    for (place, path) in paths.0.iter().enumerate() {
        let layer = layers.entry(layer_of(path.group)).or_default();
        let folders = layer.entry(Group::System).or_default();
        let mut above = path.parent;
        while let Some(parent) = above {
            if !folders.insert(parent) {
                break;
            }
            above = paths.0.get(parent).and_then(|path| path.parent);
        }
        layer.entry(if path.is_folder { Group::System } else { path.group }).or_default().insert(place);
    }
    let mut first_names: BTreeMap<InodeId, &str> = BTreeMap::new();
    let mut entry = |path| entry_of(rootfs, path, &mut first_names);
    layers
        .into_iter()
        .map(|(layer, segments)| LayerPlan {
            title: title(rootfs, layering, layer, segments.keys()),
            segments: segments
                .into_iter()
                .map(|(group, places)| SegmentPlan {
                    package: if let Group::Package(package) = group { Some(package) } else { None },
                    entries: places.iter().filter_map(|place| paths.0.get(*place)).map(&mut entry).collect(),
                })
                .collect(),
        })
        .collect()
}

/// The entry for `path`, a hard link where `first_names` knows its file already.
fn entry_of<'paths>(
    rootfs: &Rootfs,
    path: &'paths Path,
    first_names: &mut BTreeMap<InodeId, &'paths str>,
) -> EntryPlan {
    let mut hard_link_to = None;
    // A symbolic link with two names is written out twice: a hard link to one means different things to engines.
    if matches!(rootfs.tree.inode(path.inode).kind, InodeKind::File { .. }) {
        match first_names.get(&path.inode) {
            Some(first) => hard_link_to = Some((*first).to_owned()),
            None => drop(first_names.insert(path.inode, &path.name)),
        }
    }
    EntryPlan { path: path.name.clone(), inode: path.inode, hard_link_to }
}

/// Every path of a tree in the order of a walk, the root folder first.
struct Paths(Vec<Path>);

struct Path {
    name: String,
    inode: InodeId,
    is_folder: bool,
    group: Group,
    /// The place of the folder that holds it.
    parent: Option<usize>,
}

impl Paths {
    fn of(rootfs: &Rootfs) -> Self {
        let tree = &rootfs.tree;
        let mut paths: Vec<Path> = Vec::new();
        // The folders above the path that comes next, each with its depth.
        let mut open: Vec<(usize, usize)> = Vec::new();
        for (path, inode) in std::iter::once((String::new(), Tree::ROOT)).chain(tree.walk()) {
            let value = tree.inode(inode);
            let depth = if path.is_empty() { 0 } else { 1 + path.matches('/').count() };
            while open.last().is_some_and(|(_, above)| *above >= depth) {
                open.pop();
            }
            let is_folder = matches!(value.kind, InodeKind::Directory(_));
            let parent = open.last().map(|(place, _)| *place);
            if is_folder {
                open.push((paths.len(), depth));
            }
            paths.push(Path { name: path, inode, is_folder, group: Group::of(value.metadata.origin), parent });
        }
        Self::give_folders_to_the_application(&mut paths);
        Self(paths)
    }

    /// A folder that this program made only to hold the application's files goes with them.
    fn give_folders_to_the_application(paths: &mut [Path]) {
        let mut holds_other = vec![false; paths.len()];
        let mut holds_any = vec![false; paths.len()];
        for place in (0..paths.len()).rev() {
            let (Some(path), Some(any), Some(other)) =
                (paths.get_mut(place), holds_any.get(place).copied(), holds_other.get(place).copied())
            else {
                continue;
            };
            if path.is_folder && path.group == Group::System && any && !other && path.parent.is_some() {
                path.group = Group::Application;
            }
            if let Some(parent) = path.parent {
                let is_other = other || path.group != Group::Application;
                holds_any.get_mut(parent).map(|any| *any = true).unwrap_or_default();
                holds_other.get_mut(parent).map(|other| *other |= is_other).unwrap_or_default();
            }
        }
    }
}

/// With a layer for each package: those that share one because there are too many, with the layer that they share.
fn sharing(rootfs: &Rootfs, layering: Layering) -> BTreeMap<PackageId, Group> {
    let mut sizes: BTreeMap<PackageId, u64> = BTreeMap::new();
    if layering != Layering::Packages {
        return BTreeMap::new();
    }
    for (_, inode) in rootfs.tree.walk() {
        let inode = rootfs.tree.inode(inode);
        if let Group::Package(package) = Group::of(inode.metadata.origin) {
            *sizes.entry(package).or_default() +=
                if let InodeKind::File { content, .. } = &inode.kind { content.len() as u64 } else { 0 };
        }
    }
    let mut by_size: Vec<(u64, PackageId)> = sizes.into_iter().map(|(package, size)| (size, package)).collect();
    by_size.sort_by(|a, b| b.cmp(a));
    let small = by_size.split_off(by_size.len().min(MOST_PACKAGE_LAYERS));
    let Some(shared) = small.iter().map(|(_, package)| *package).min() else { return BTreeMap::new() };
    small.into_iter().map(|(_, package)| (package, Group::Package(shared))).collect()
}

/// What a layer is, for the image's history.
fn title<'group>(
    rootfs: &Rootfs,
    layering: Layering,
    layer: Group,
    segments: impl Iterator<Item = &'group Group>,
) -> String {
    let name = |package: &PackageId| {
        let package = rootfs.packages.get(package.0 as usize)?;
        Some(format!("{}-{}", package.info.name, package.info.version))
    };
    let packages: Vec<PackageId> =
        segments.filter_map(|group| if let Group::Package(package) = group { Some(*package) } else { None }).collect();
    let counted = match packages.as_slice() {
        [] => String::new(),
        [one] => name(one).unwrap_or_default(),
        several => format!("{} packages", several.len()),
    };
    match (layering, layer) {
        (Layering::Single, _) => ["system and application", &counted].join(", ").trim_end_matches(", ").to_owned(),
        (_, Group::System) => ["system", &counted].join(", ").trim_end_matches(", ").to_owned(),
        (_, Group::Package(_)) => counted,
        (_, Group::Application) => "application".to_owned(),
    }
}
