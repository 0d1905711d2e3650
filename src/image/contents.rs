//! What is in an image that lies on disk: packages, files and whose they are, layers, and where the bytes are.

use std::collections::{BTreeMap, BTreeSet};

use super::error::Error;
use super::installed::{DATABASE_PATHS, DatabasePackage};
use super::stored::StoredImage;
use crate::digest::Sha256Digest;
use crate::rootfs::{InodeId, InodeKind, Tree};

/// An image with everything in it.
#[derive(Debug)]
pub struct Contents {
    /// The image.
    pub image: StoredImage,
    /// All layers over one another.
    pub tree: Tree,
    /// What the installed database says, in its order.
    pub packages: Vec<DatabasePackage>,
    /// The layers, the lowest first.
    pub layers: Vec<LayerContents>,
    /// For each path that a package lists, the place of that package in `packages`.
    owners: BTreeMap<String, usize>,
}

/// What one layer brought.
#[derive(Debug)]
pub struct LayerContents {
    /// Digest of its blob.
    pub digest: Sha256Digest,
    /// What made it, as the image tells.
    pub created_by: Option<String>,
    /// Bytes as it is stored.
    pub compressed: u64,
    /// Bytes of its tar.
    pub tar: u64,
    /// Paths that it brought, folders among them.
    pub paths: BTreeSet<String>,
}

/// How many files there are and how many bytes, one with several names counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Files and links.
    pub files: u64,
    /// Bytes of files.
    pub bytes: u64,
}

impl Contents {
    /// Reads all of `image`.
    pub fn of(image: StoredImage) -> Result<Self, Error> {
        let mut tree = Tree::new();
        let mut layers = Vec::new();
        let mut allowance = image.allowance();
        for layer in &image.layers {
            let (tar, paths) = image.apply(&mut tree, layer, &mut allowance)?;
            layers.push(LayerContents {
                digest: layer.digest,
                created_by: layer.created_by.clone(),
                compressed: layer.blob.len() as u64,
                tar,
                paths: paths.into_iter().collect(),
            });
        }
        Self::of_tree(image, tree, layers)
    }

    /// The same of files that are there already; without layers, where they are no image's.
    pub(super) fn of_tree(image: StoredImage, tree: Tree, layers: Vec<LayerContents>) -> Result<Self, Error> {
        let packages = checked_database(&tree).map_err(|reason| Error::Document {
            path: image.path.clone(),
            document: "installed database".to_owned(),
            reason,
        })?;
        let mut owners = BTreeMap::new();
        for (place, package) in packages.iter().enumerate() {
            for path in &package.files {
                if let Some(real) = tree.resolve_parent(path) {
                    owners.insert(real, place);
                }
            }
        }
        Ok(Self { image, tree, packages, layers, owners })
    }

    /// The package that lists `path`.
    pub fn package_of(&self, path: &str) -> Option<&DatabasePackage> {
        self.packages.get(self.place_of_package(path)?)
    }

    /// The place in `packages` of the package that lists `path`.
    pub fn place_of_package(&self, path: &str) -> Option<usize> {
        self.owners.get(path).copied()
    }

    /// The place of the topmost layer that brought `path`.
    pub fn layer_of(&self, path: &str) -> Option<usize> {
        self.layers.iter().rposition(|layer| layer.paths.contains(path))
    }

    /// Bytes of all layers as they are stored; `None` for a plain folder, which has none.
    pub fn compressed_size(&self) -> Option<u64> {
        (!self.layers.is_empty()).then(|| self.image.compressed_size())
    }

    /// All files.
    pub fn total(&self) -> Amount {
        self.amounts().fold(Amount::default(), |total, (_, amount)| total.and(amount))
    }

    /// What each package has, in the order of `packages`, and what nobody's package is.
    pub fn by_package(&self) -> (Vec<Amount>, Amount) {
        let mut packages = vec![Amount::default(); self.packages.len()];
        let mut others = Amount::default();
        for (path, amount) in self.amounts() {
            let slot = self.owners.get(&path).and_then(|place| packages.get_mut(*place)).unwrap_or(&mut others);
            *slot = slot.and(amount);
        }
        (packages, others)
    }

    /// What each layer brought that is still there; a path in several layers counts for the topmost.
    pub fn by_layer(&self) -> Vec<Amount> {
        let mut layers = vec![Amount::default(); self.layers.len()];
        for (path, amount) in self.amounts() {
            if let Some(slot) = self.layer_of(&path).and_then(|place| layers.get_mut(place)) {
                *slot = slot.and(amount);
            }
        }
        layers
    }

    /// Every folder with all that is below it; the root folder is the empty path.
    pub fn by_folder(&self) -> BTreeMap<String, Amount> {
        let mut folders: BTreeMap<String, Amount> = BTreeMap::new();
        for (path, amount) in self.amounts() {
            let mut folder = path.as_str();
            while let Some((above, _)) = folder.rsplit_once('/') {
                let slot = folders.entry(above.to_owned()).or_default();
                *slot = slot.and(amount);
                folder = above;
            }
            let root = folders.entry(String::new()).or_default();
            *root = root.and(amount);
        }
        folders
    }

    /// The folders that hold the most, the largest first. One whose bytes are nearly all in one folder below it is left
    /// out in favour of that.
    pub fn largest_folders(&self, most: usize) -> Vec<(String, Amount)> {
        let folders = self.by_folder();
        let mut largest_child: BTreeMap<&str, u64> = BTreeMap::new();
        for (path, amount) in folders.iter().filter(|(path, _)| !path.is_empty()) {
            let above = path.rsplit_once('/').map_or("", |(above, _)| above);
            let largest = largest_child.entry(above).or_default();
            *largest = amount.bytes.max(*largest);
        }
        let mut chosen: Vec<(String, Amount)> = folders
            .iter()
            .filter(|(path, amount)| {
                let child = largest_child.get(path.as_str()).copied().unwrap_or_default();
                !path.is_empty() && amount.bytes > 0 && child.saturating_mul(10) < amount.bytes.saturating_mul(9)
            })
            .map(|(path, amount)| (path.clone(), *amount))
            .collect();
        chosen.sort_by(|one, other| other.1.bytes.cmp(&one.1.bytes).then_with(|| one.0.cmp(&other.0)));
        chosen.truncate(most);
        chosen
    }

    /// Every path but folders; bytes go with a file's first name.
    fn amounts(&self) -> impl Iterator<Item = (String, Amount)> {
        let mut seen: BTreeSet<InodeId> = BTreeSet::new();
        self.tree.walk().filter_map(move |(path, id)| match &self.tree.inode(id).kind {
            InodeKind::Directory(_) => None,
            InodeKind::Symlink(_) => Some((path, Amount { files: 1, bytes: 0 })),
            InodeKind::File { content, .. } => {
                let bytes = if seen.insert(id) { content.len() as u64 } else { 0 };
                Some((path, Amount { files: 1, bytes }))
            }
        })
    }
}

impl Amount {
    fn and(self, other: Self) -> Self {
        Self { files: self.files + other.files, bytes: self.bytes + other.bytes }
    }
}

/// Bytes of memory that the packages of somebody else's database may take.
const DATABASE_MEMORY: usize = 48 << 20;

/// The packages that the installed database of somebody else's tree names; the error says what is wrong with it.
fn checked_database(tree: &Tree) -> Result<Vec<DatabasePackage>, String> {
    let text = DATABASE_PATHS.iter().find_map(|path| tree.file(&tree.resolve(path)?));
    let text: &[u8] = text.map(|content| &**content).unwrap_or_default();
    let mut memory = 0;
    // A folder's name is repeated in the path of each of its files.
    let mut folder = 0;
    for line in text.split(|byte| *byte == b'\n') {
        memory += match line {
            [b'P', b':', ..] => 512 + line.len(),
            [b'R', b':', ..] => 120 + 3 * (folder + line.len()),
            [b'D' | b'p', b':', ..] => 60 * line.split(|byte| *byte == b' ').count() + line.len(),
            [b'F', b':', ..] => {
                folder = line.len();
                0
            }
            _ => line.len(),
        };
        if memory > DATABASE_MEMORY {
            return Err("it names far more packages and files than any system has".to_owned());
        }
    }
    Ok(database(tree))
}

/// The packages that the tree's installed database names.
pub(super) fn database(tree: &Tree) -> Vec<DatabasePackage> {
    let text = DATABASE_PATHS.iter().find_map(|path| {
        let real = tree.resolve(path)?;
        tree.file(&real).map(|content| String::from_utf8_lossy(content).into_owned())
    });
    text.map(|text| DatabasePackage::parse_all(&text)).unwrap_or_default()
}
