//! A root filesystem in a folder, as `--format rootfs` writes it, read as an image that has files but no layers.

use std::io;
use std::path::{Path, PathBuf};

use oci_spec::image::{ImageConfiguration, Os};

use super::contents::Contents;
use super::error::Error;
use super::stored::StoredImage;
use crate::digest::Sha256Digest;
use crate::mapping::{MappedSlice, Mapping};
use crate::platform::Architecture;
use crate::rootfs::folder::{ReadOptions, read_folder};
use crate::rootfs::{Origin, Tree};

/// Folders of which every root filesystem has one.
const SIGNS: [&str; 4] = ["etc", "usr", "bin", "lib"];

/// Where the image config of the root filesystem `root` lies: beside it, as `ROOT.config.json`.
pub fn config_beside(root: &Path) -> PathBuf {
    let mut name = root.file_name().unwrap_or_default().to_owned();
    name.push(".config.json");
    root.with_file_name(name)
}

/// Whether `path` is a folder with files, and not one with an image's blobs.
pub fn is_root_folder(path: &Path) -> bool {
    path.is_dir() && !["index.json", "manifest.json"].iter().any(|name| path.join(name).is_file())
}

impl Contents {
    /// What is in the root filesystem `root`, with the config that lies beside it ([`config_beside`]) if one does. A
    /// folder that has neither that nor what every system has is no image.
    pub fn of_root_folder(root: &Path) -> Result<Self, Error> {
        let root = fs_err::canonicalize(root).map_err(Error::Read)?;
        let config = config_beside(&root);
        // A pipe would be waited for.
        if fs_err::metadata(&config).is_ok_and(|found| !found.is_file()) {
            let (document, reason) = ("configuration".to_owned(), "it is not a file".to_owned());
            return Err(Error::Document { path: config, document, reason });
        }
        let config_bytes = match Mapping::open(&config) {
            Ok(mapping) => mapping.whole(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Mapping::from(Vec::new()).whole(),
            Err(error) => return Err(Error::Read(error)),
        };
        if config_bytes.is_empty() && !SIGNS.iter().any(|sign| root.join(sign).is_dir()) {
            let reason = "it has no index.json, and is no root filesystem".to_owned();
            return Err(Error::NotAnImage { path: root, reason });
        }
        let options = ReadOptions { owner: None, timestamp: None, skip_unfit: true, origin: Origin::Stage };
        let tree = read_folder(&root, &options).map_err(|error| Error::Read(io::Error::other(error)))?;
        let config = if config_bytes.is_empty() { config_of(&tree) } else { parse(&root, &config_bytes)? };
        let image = StoredImage {
            path: root,
            reference: None,
            config,
            config_digest: Sha256Digest::of(&config_bytes),
            config_bytes,
            manifest: None,
            layers: Vec::new(),
        };
        Self::of_tree(image, tree, Vec::new())
    }
}

fn parse(root: &Path, bytes: &MappedSlice) -> Result<ImageConfiguration, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Document {
        path: config_beside(root),
        document: "configuration".to_owned(),
        reason: error.to_string(),
    })
}

/// What a root filesystem says of itself: for which machine it is.
fn config_of(tree: &Tree) -> ImageConfiguration {
    let name = tree.resolve("etc/apk/arch").and_then(|real| tree.file(&real).cloned());
    let mut config = ImageConfiguration::default();
    config.set_os(Os::Linux);
    let name = name.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    if let Ok(architecture) = Architecture::parse(name.trim()) {
        config.set_architecture(architecture.oci()).set_variant(architecture.variant().map(str::to_owned));
    }
    config
}
