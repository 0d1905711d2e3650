//! Where Node finds what is asked for: files, folders, `node_modules`, `exports` and `imports` (nodejs.org/api/modules,
//! nodejs.org/api/esm, "resolution algorithm").
//!
//! Where the two module systems differ in what they allow, this takes the wider: a file too many is no fault.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::super::inventory::{EntryId, Inventory, Kind, file_name, join, parent};
use super::super::policy::Policy;
use super::facts::RequestKind;
use super::package_json::PackageJson;

/// The Node side of a trace.
pub(crate) struct Node {
    /// Folders of NODE_PATH.
    outside: Vec<String>,
    packages: FxHashMap<String, Option<Arc<PackageJson>>>,
    /// Files beside code, by the folder of their package.
    pub data: FxHashMap<String, Vec<EntryId>>,
    /// Files of code, by the folder of their package.
    pub code: FxHashMap<String, Vec<EntryId>>,
}

/// Modules that Node brings itself.
const BUILTIN: &[&str] = &[
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "domain",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "repl",
    "stream",
    "string_decoder",
    "sys",
    "timers",
    "tls",
    "trace_events",
    "tty",
    "url",
    "util",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
];

/// Whether a specifier names a module of Node's own.
pub(crate) fn is_builtin(specifier: &str) -> bool {
    specifier.starts_with("node:")
        || (!specifier.ends_with('/') && BUILTIN.contains(&specifier.split('/').next().unwrap_or_default()))
}

impl Node {
    /// Lists the packages of `inventory`.
    pub(crate) fn new(inventory: &Inventory<'_>, policy: &Policy) -> Self {
        let mut node = Self {
            outside: policy
                .env
                .get("NODE_PATH")
                .map(|text| text.split(':').map(|path| join("", path)).collect())
                .unwrap_or_default(),
            packages: FxHashMap::default(),
            data: FxHashMap::default(),
            code: FxHashMap::default(),
        };
        for id in inventory.ids() {
            let entry = inventory.entry(id);
            if entry.kind == Kind::File
                && let Some(folder) = package_folder(&entry.path)
            {
                let list = if is_code(&entry.path) { &mut node.code } else { &mut node.data };
                list.entry(folder.to_owned()).or_default().push(id);
            }
        }
        node
    }

    /// The `package.json` in `folder`.
    pub(crate) fn package(&mut self, inventory: &Inventory<'_>, folder: &str) -> Option<Arc<PackageJson>> {
        if let Some(known) = self.packages.get(folder) {
            return known.clone();
        }
        let read = inventory
            .file_at(&join(folder, "package.json"))
            .and_then(|id| inventory.content(id))
            .and_then(|content| PackageJson::parse(content))
            .map(Arc::new);
        self.packages.insert(folder.to_owned(), read.clone());
        read
    }

    /// A file, a file without its extension, or a folder.
    pub(crate) fn find_path(&mut self, inventory: &Inventory<'_>, path: &str) -> Option<EntryId> {
        self.as_file(inventory, path).or_else(|| self.as_folder(inventory, path))
    }

    #[expect(clippy::unused_self, reason = "it stands beside as_folder, which reads packages")]
    fn as_file(&self, inventory: &Inventory<'_>, path: &str) -> Option<EntryId> {
        let with = |suffix: &str| inventory.file_at(&format!("{path}{suffix}"));
        ["", ".js", ".json", ".node", ".cjs", ".mjs"].into_iter().find_map(with).or_else(|| {
            // Written for a compiler, run with types stripped.
            let stem = path.strip_suffix(".js")?;
            inventory.file_at(&format!("{stem}.ts"))
        })
    }

    fn as_folder(&mut self, inventory: &Inventory<'_>, path: &str) -> Option<EntryId> {
        inventory.folder_at(path)?;
        if let Some(main) = self.package(inventory, path).and_then(|package| package.main.clone()) {
            let main = join(path, &main);
            let found = self.as_file(inventory, &main).or_else(|| self.as_file(inventory, &format!("{main}/index")));
            if found.is_some() {
                return found;
            }
        }
        self.as_file(inventory, &format!("{path}/index"))
    }

    /// What `specifier` means in a file that lies in `folder`.
    pub(crate) fn resolve(
        &mut self,
        inventory: &Inventory<'_>,
        folder: &str,
        specifier: &str,
        kind: RequestKind,
    ) -> Option<EntryId> {
        let specifier = specifier.split(['?']).next().unwrap_or(specifier);
        if kind == RequestKind::File || specifier.starts_with(['.', '/']) {
            return self.find_path(inventory, &join(folder, specifier));
        }
        let mode = if kind == RequestKind::Import { "import" } else { "require" };
        let conditions = ["node", mode, "module-sync", "node-addons"];
        if specifier.starts_with('#') {
            let mut scope = folder;
            loop {
                if let Some(package) = self.package(inventory, scope) {
                    let to = package.imported(specifier, &conditions)?;
                    return if to.starts_with('.') {
                        self.find_path(inventory, &join(scope, &to))
                    } else {
                        self.resolve_bare(inventory, scope, &to, &conditions)
                    };
                }
                if scope.is_empty() {
                    return None;
                }
                scope = parent(scope);
            }
        }
        if is_builtin(specifier) {
            return None;
        }
        self.resolve_bare(inventory, folder, specifier, &conditions)
    }

    fn resolve_bare(
        &mut self,
        inventory: &Inventory<'_>,
        folder: &str,
        specifier: &str,
        conditions: &[&str],
    ) -> Option<EntryId> {
        let (name, subpath) = split(specifier)?;
        let mut scope = folder;
        // A package may ask for itself by name.
        loop {
            if let Some(package) = self.package(inventory, scope) {
                if package.name.as_deref() == Some(name) && package.exports.is_some() {
                    return self.in_package(inventory, scope, subpath, conditions);
                }
                break;
            }
            if scope.is_empty() {
                break;
            }
            scope = parent(scope);
        }
        let mut folders = Vec::new();
        let mut current = folder;
        loop {
            if file_name(current) != "node_modules" {
                folders.push(if current.is_empty() {
                    "node_modules".to_owned()
                } else {
                    format!("{current}/node_modules")
                });
            }
            if current.is_empty() {
                break;
            }
            current = parent(current);
        }
        folders.extend(self.outside.iter().cloned());
        folders.into_iter().find_map(|folder| {
            let folder = inventory.folder_at(&format!("{folder}/{name}"))?;
            let path = inventory.entry(folder).path.clone();
            self.in_package(inventory, &path, subpath, conditions)
        })
    }

    fn in_package(
        &mut self,
        inventory: &Inventory<'_>,
        folder: &str,
        subpath: &str,
        conditions: &[&str],
    ) -> Option<EntryId> {
        let package = self.package(inventory, folder);
        if let Some(package) = package.filter(|package| package.exports.is_some()) {
            let key = if subpath.is_empty() { ".".to_owned() } else { format!("./{subpath}") };
            let to = package.exported(&key, conditions)?;
            return self.find_path(inventory, &join(folder, &to));
        }
        if subpath.is_empty() {
            return self.as_folder(inventory, folder);
        }
        self.find_path(inventory, &join(folder, subpath))
    }
}

/// A bare specifier's package name and what follows it.
fn split(specifier: &str) -> Option<(&str, &str)> {
    let slashes = usize::from(specifier.starts_with('@'));
    let end = specifier.match_indices('/').nth(slashes).map_or(specifier.len(), |(at, _)| at);
    let name = specifier.get(..end)?;
    (!name.is_empty()).then(|| (name, specifier.get(end..).unwrap_or_default().trim_matches('/')))
}

/// The folder of the package below `node_modules` that holds `path`; the innermost.
pub(crate) fn package_folder(path: &str) -> Option<&str> {
    let start = path.rfind("node_modules/").filter(|at| *at == 0 || path.as_bytes().get(at - 1) == Some(&b'/'))?;
    let inner = start + "node_modules/".len();
    let rest = path.get(inner..)?;
    let (name, below) = split(rest)?;
    if below.is_empty() || name.starts_with('.') {
        return None;
    }
    path.get(..inner + name.len())
}

/// Whether a file below `node_modules` goes when nothing reaches it: JavaScript, its sources, and native modules that
/// were built for other systems.
pub(crate) fn is_code(path: &str) -> bool {
    match file_name(path).rsplit_once('.').map(|(_, extension)| extension) {
        Some("js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx") => true,
        Some("node") => {
            ["darwin", "win32", "android", "freebsd"].iter().any(|system| path.contains(&format!("/{system}-")))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::Sample;
    use super::*;

    #[test]
    fn folders_of_packages() {
        for (path, folder) in [
            ("app/node_modules/a/index.js", Some("app/node_modules/a")),
            ("app/node_modules/@s/a/x/y.js", Some("app/node_modules/@s/a")),
            ("app/node_modules/a/node_modules/b/c.js", Some("app/node_modules/a/node_modules/b")),
            ("app/node_modules/.bin/x", None),
            ("app/node_modules/.package-lock.json", None),
            ("app/index.js", None),
            ("app/my_node_modules/a/index.js", None),
        ] {
            assert_eq!(package_folder(path), folder, "{path}");
        }
    }

    #[test]
    fn requests_are_found_as_node_finds_them() {
        let mut sample = Sample::default();
        sample.file("app/main.js", "").file("app/lib/index.js", "").file("app/data.json", "{}");
        sample
            .file("app/node_modules/a/package.json", r#"{"main": "./lib/a"}"#)
            .file("app/node_modules/a/lib/a.js", "");
        sample.file(
            "app/node_modules/@s/b/package.json",
            r#"{"name": "@s/b", "exports": {".": "./b.mjs", "./x": "./y.js"}}"#,
        );
        sample.file("app/node_modules/@s/b/b.mjs", "").file("app/node_modules/@s/b/y.js", "");
        sample.file("app/node_modules/string_decoder/index.js", "").file("app/node_modules/fs/index.js", "");
        sample.file("app/node_modules/a/node_modules/c/index.js", "").file("node_modules/top/index.js", "");
        let rootfs = sample.build();
        let inventory = Inventory::of(&rootfs.tree);
        let mut node = Node::new(&inventory, &Policy::default());
        for (folder, specifier, found) in [
            ("app", "./lib", Some("app/lib/index.js")),
            ("app", "./main", Some("app/main.js")),
            ("app/lib", "../data", Some("app/data.json")),
            ("app/lib", "a", Some("app/node_modules/a/lib/a.js")),
            ("app", "a/package.json", Some("app/node_modules/a/package.json")),
            ("app", "@s/b", Some("app/node_modules/@s/b/b.mjs")),
            ("app", "@s/b/x", Some("app/node_modules/@s/b/y.js")),
            ("app", "@s/b/y.js", None),
            ("app/node_modules/@s/b", "@s/b/x", Some("app/node_modules/@s/b/y.js")),
            ("app", "string_decoder/", Some("app/node_modules/string_decoder/index.js")),
            ("app", "fs", None),
            ("app", "node:fs", None),
            ("app/node_modules/a/lib", "c", Some("app/node_modules/a/node_modules/c/index.js")),
            ("app", "c", None),
            ("app/lib", "top", Some("node_modules/top/index.js")),
        ] {
            let to = node.resolve(&inventory, folder, specifier, RequestKind::Require);
            assert_eq!(to.map(|id| inventory.entry(id).path.as_str()), found, "{specifier} in {folder}");
        }
    }
}
