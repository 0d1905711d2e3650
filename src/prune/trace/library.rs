//! Where the loader finds a library: the asking file's own paths, the environment's, then musl's (musl, `dynlink.c`).

use std::collections::{BTreeMap, BTreeSet};

use super::super::inventory::{EntryId, Inventory, extension, join, parent};

/// The folders that do not depend on the asking file.
pub(crate) struct Libraries {
    environment: Vec<String>,
    system: Vec<String>,
}

/// Names that musl answers itself.
const OWN: [&str; 9] = [
    "libc.so",
    "libpthread.so",
    "librt.so",
    "libm.so",
    "libdl.so",
    "libutil.so",
    "libxnet.so",
    "libc.so.6",
    "linux-vdso.so.1",
];

impl Libraries {
    /// Reads `etc/ld-musl-ARCH.path` where there is one, and LD_LIBRARY_PATH.
    pub(crate) fn new(inventory: &Inventory<'_>, environment: &BTreeMap<String, String>) -> Self {
        let list = |text: &str| -> Vec<String> {
            text.split([':', '\n']).filter(|path| path.starts_with('/')).map(|path| join("", path)).collect()
        };
        let written = inventory
            .entries
            .iter()
            .find(|entry| entry.path.starts_with("etc/ld-musl-") && extension(&entry.path) == Some("path"))
            .and_then(|entry| inventory.find(&entry.path))
            .and_then(|id| inventory.content(id))
            .map(|content| list(&String::from_utf8_lossy(content)));
        Self {
            environment: environment.get("LD_LIBRARY_PATH").map(|text| list(text)).unwrap_or_default(),
            system: written.unwrap_or_else(|| vec!["lib".into(), "usr/local/lib".into(), "usr/lib".into()]),
        }
    }

    /// The file that the loader takes for `name` on behalf of one whose own folders are `own`, then those of the files
    /// that led to it, which musl asks as well.
    pub(crate) fn find(
        &self,
        inventory: &Inventory<'_>,
        own: &[String],
        inherited: &[String],
        name: &str,
    ) -> Option<EntryId> {
        if name.contains('/') {
            return inventory.file_at(&join("", name));
        }
        own.iter()
            .chain(inherited)
            .chain(&self.environment)
            .chain(&self.system)
            .find_map(|folder| inventory.file_at(&join(folder, name)))
    }
}

/// The folders that the run paths `search` of the file `asking` lead to, in their order, each once. Those that are not
/// there are left out: a file may name thousands, and each would be asked for each of its libraries.
pub(crate) fn own_folders(inventory: &Inventory<'_>, search: &[String], asking: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut folders: Vec<String> = search.iter().map(|path| own_path(path, asking)).collect();
    folders.retain(|folder| inventory.folder_at(folder).is_some() && seen.insert(folder.clone()));
    folders
}

/// A run path with `$ORIGIN` put in place.
fn own_path(path: &str, asking: &str) -> String {
    let origin = format!("/{}", parent(asking));
    join("", &path.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin))
}

/// Whether the loader itself is what `name` means.
pub(crate) fn is_loader(name: &str) -> bool {
    OWN.contains(&name) || name.starts_with("libc.musl-") || name.starts_with("ld-musl-")
}
