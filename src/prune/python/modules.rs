//! Where modules lie: the search path, packages, namespace packages, extension modules and those built in.
//!
//! In one folder the order is that of CPython's `FileFinder`: a package, an extension module, a source, then bytecode
//! without source.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::super::inventory::{EntryId, Inventory, file_name, join, parent};
use super::facts::PythonVersion;

/// What a name leads to.
/// It is handed out once for each import, so it is cheap to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Module {
    /// A file: source, bytecode or extension module.
    File(EntryId),
    /// A folder with an `__init__`.
    Package { init: EntryId, folder: Arc<str> },
    /// Folders without one.
    Namespace(Arc<[String]>),
    /// In the interpreter.
    Builtin,
}

impl Module {
    /// The file that is loaded for it.
    pub(crate) fn file(&self) -> Option<EntryId> {
        match self {
            Self::File(id) | Self::Package { init: id, .. } => Some(*id),
            Self::Namespace(_) | Self::Builtin => None,
        }
    }
}

/// The modules of one interpreter and search path.
pub(crate) struct Modules {
    pub version: PythonVersion,
    /// `usr/lib/python3.12`
    pub library: String,
    /// Folders, in order.
    search: Vec<String>,
    builtin: BTreeSet<Box<str>>,
    /// Extension modules by `folder/name`.
    extensions: FxHashMap<String, EntryId>,
    found: FxHashMap<String, Option<Module>>,
}

/// Built in everywhere, without a `PyInit_` of that name.
const ALWAYS_BUILTIN: [&str; 6] =
    ["sys", "builtins", "marshal", "_warnings", "_frozen_importlib", "_frozen_importlib_external"];

/// What a module puts among the modules when it is loaded, without a file of that name.
const ALIASES: [(&str, &str); 1] = [("os.path", "posixpath")];

impl Modules {
    /// The modules of the interpreter whose standard library is `library`.
    pub(crate) fn new(inventory: &Inventory<'_>, version: PythonVersion, library: &str, search: Vec<String>) -> Self {
        let mut extensions = FxHashMap::default();
        for id in inventory.ids() {
            let path = &inventory.entry(id).path;
            if let Some(name) = extension_name(file_name(path), version) {
                extensions.entry(format!("{}/{name}", parent(path))).or_insert(id);
            }
        }
        let builtin = ALWAYS_BUILTIN.iter().map(|&name| name.into()).collect();
        Self { version, library: library.to_owned(), search, builtin, extensions, found: FxHashMap::default() }
    }

    /// The interpreter has these built in.
    pub(crate) fn add_builtin<'a>(&mut self, names: impl IntoIterator<Item = &'a Box<str>>) {
        self.builtin.extend(names.into_iter().cloned());
        self.found.clear();
    }

    /// One more folder at the end of the search path; whether it was not there yet.
    pub(crate) fn add_search(&mut self, folder: String) -> bool {
        if self.search.contains(&folder) {
            return false;
        }
        self.search.push(folder);
        self.found.clear();
        true
    }

    /// The folders, in order.
    pub(crate) fn search(&self) -> &[String] {
        &self.search
    }

    /// Whether `path` belongs to the standard library.
    pub(crate) fn is_standard(&self, path: &str) -> bool {
        path.strip_prefix(self.library.as_str())
            .is_some_and(|rest| rest.starts_with('/') && !rest.starts_with("/site-packages/"))
    }

    /// The module `name`, parents not considered beyond finding it.
    pub(crate) fn find(&mut self, inventory: &Inventory<'_>, name: &str) -> Option<Module> {
        if let Some(found) = self.found.get(name) {
            return found.clone();
        }
        let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
        let found = match alias.map_or(name, |(_, module)| module).rsplit_once('.') {
            None if alias.is_some() => alias.and_then(|(_, module)| self.find(inventory, module)),
            None if self.builtin.contains(name) => Some(Module::Builtin),
            None => self.find_in(inventory, &self.search, name),
            Some((package, leaf)) => match self.find(inventory, package) {
                Some(Module::Package { folder, .. }) => self.find_in(inventory, &[&folder], leaf),
                Some(Module::Namespace(folders)) => self.find_in(inventory, &folders, leaf),
                _ => None,
            },
        };
        self.found.insert(name.to_owned(), found.clone());
        found
    }

    fn find_in(&self, inventory: &Inventory<'_>, folders: &[impl AsRef<str>], leaf: &str) -> Option<Module> {
        if leaf.is_empty() {
            return None;
        }
        let mut namespace = Vec::new();
        let mut path = String::new();
        for folder in folders {
            path.clear();
            path.push_str(folder.as_ref());
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(leaf);
            let base = path.len();
            let file = |path: &mut String, suffix: &str| {
                path.truncate(base);
                path.push_str(suffix);
                let found = inventory.file_at(path);
                path.truncate(base);
                found
            };
            for init in ["/__init__.py", "/__init__.pyc"] {
                if let Some(init) = file(&mut path, init) {
                    return Some(Module::Package { init, folder: path.into() });
                }
            }
            if let Some(extension) = self.extensions.get(&path) {
                return Some(Module::File(*extension));
            }
            for suffix in [".py", ".pyc"] {
                if let Some(source) = file(&mut path, suffix) {
                    return Some(Module::File(source));
                }
            }
            if inventory.folder_at(&path).is_some() {
                namespace.push(path.clone());
            }
        }
        (!namespace.is_empty()).then(|| Module::Namespace(namespace.into()))
    }

    /// The name under which the file at `path` is imported, and whether it is a package's `__init__`. The longest
    /// folder of the search path that holds it counts; a file outside of all is known by its own name.
    pub(crate) fn name_of(&self, path: &str) -> (String, bool) {
        let folder = self
            .search
            .iter()
            .filter(|folder| {
                folder.is_empty() || path.strip_prefix(folder.as_str()).is_some_and(|it| it.starts_with('/'))
            })
            .max_by_key(|folder| folder.len());
        let relative = match folder {
            Some(folder) if !folder.is_empty() => path.get(folder.len() + 1..).unwrap_or(path),
            Some(_) => path,
            None => file_name(path),
        };
        let (folder, file) = relative.rsplit_once('/').unwrap_or(("", relative));
        let stem = file.split('.').next().unwrap_or(file);
        let mut name = folder.replace('/', ".");
        let is_package = stem == "__init__";
        if !is_package {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(stem);
        }
        (name, is_package)
    }

    /// The module that `level` dots and `module` mean in the file at `path`.
    pub(crate) fn absolute(&self, path: &str, level: u32, module: &str) -> Option<String> {
        if level == 0 {
            return Some(module.to_owned());
        }
        let (mut package, is_package) = self.name_of(path);
        let up = if is_package { level - 1 } else { level };
        for _ in 0..up {
            if package.is_empty() {
                return None;
            }
            package.truncate(package.rfind('.').unwrap_or(0));
        }
        Some(match (package.is_empty(), module.is_empty()) {
            (true, _) => module.to_owned(),
            (_, true) => package,
            _ => format!("{package}.{module}"),
        })
    }

    /// The names of the modules right in the package `name`, in order.
    pub(crate) fn children(&mut self, inventory: &Inventory<'_>, name: &str) -> Vec<String> {
        let folders = match self.find(inventory, name) {
            Some(Module::Package { folder, .. }) => vec![folder.to_string()],
            Some(Module::Namespace(folders)) => folders.to_vec(),
            _ => return Vec::new(),
        };
        let mut names = BTreeSet::new();
        for folder in folders {
            let Some(id) = inventory.find(&folder) else { continue };
            for child in inventory.children(id) {
                let leaf = child.split('.').next().unwrap_or_default();
                if super::words::is_identifier(leaf) && !leaf.starts_with("__") {
                    names.insert(format!("{name}.{leaf}"));
                }
            }
        }
        names.into_iter().filter(|name| self.find(inventory, name).is_some()).collect()
    }
}

/// The module name of an extension module's file, if `version` would load it.
pub(crate) fn extension_name(file: &str, version: PythonVersion) -> Option<&str> {
    let (name, rest) = file.split_once('.')?;
    let own = format!("cpython-{}{}", version.major, version.minor);
    let fits = match rest.strip_suffix("so")? {
        "" | "abi3." => true,
        tag => tag.strip_prefix(&own).is_some_and(|rest| rest.starts_with(['-', '.'])),
    };
    (fits && super::words::is_identifier(name)).then_some(name)
}

/// A path with `$FILE` put in place, below the root.
pub(crate) fn place(path: &str, file: &str) -> String {
    match path.strip_prefix("$FILE") {
        Some(rest) => join(file, rest.trim_start_matches('/')),
        None => join("", path),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::Sample;
    use super::*;

    const VERSION: PythonVersion = PythonVersion { major: 3, minor: 12 };

    #[test]
    fn extension_modules_of_this_interpreter() {
        for (file, name) in [
            ("_ssl.cpython-312-x86_64-linux-musl.so", Some("_ssl")),
            ("_ssl.cpython-311-x86_64-linux-musl.so", None),
            ("_rust.abi3.so", Some("_rust")),
            ("readline.so", Some("readline")),
            ("libz.so.1", None),
            ("a-b.so", None),
        ] {
            assert_eq!(extension_name(file, VERSION), name, "{file}");
        }
    }

    #[test]
    fn modules_are_found_as_python_finds_them() {
        let mut sample = Sample::default();
        sample.file("usr/lib/python3.12/os.py", "").file("usr/lib/python3.12/email/__init__.py", "");
        sample
            .file("usr/lib/python3.12/email/parser.py", "")
            .file("deps/ns/part/a.py", "")
            .file("app/ns/part/b.py", "");
        sample.file("usr/lib/python3.12/lib-dynload/_ssl.cpython-312-x86_64-linux-musl.so", "").file("app/os2.py", "");
        sample.file("app/both.py", "").file("app/both/__init__.py", "");
        let rootfs = sample.build();
        let inventory = Inventory::of(&rootfs.tree);
        let search = ["app", "deps", "usr/lib/python3.12", "usr/lib/python3.12/lib-dynload"];
        let mut modules =
            Modules::new(&inventory, VERSION, "usr/lib/python3.12", search.iter().map(|&it| it.into()).collect());
        let mut file = |name: &str| {
            modules.find(&inventory, name).map(|module| match module.file() {
                Some(id) => inventory.entry(id).path.clone(),
                None => format!("{module:?}"),
            })
        };
        assert_eq!(file("os").as_deref(), Some("usr/lib/python3.12/os.py"));
        assert_eq!(file("email.parser").as_deref(), Some("usr/lib/python3.12/email/parser.py"));
        assert_eq!(file("both").as_deref(), Some("app/both/__init__.py"));
        assert_eq!(file("ns.part.a").as_deref(), Some("deps/ns/part/a.py"));
        assert_eq!(file("ns.part.b").as_deref(), Some("app/ns/part/b.py"));
        assert_eq!(file("sys").as_deref(), Some("Builtin"));
        assert!(file("_ssl").unwrap().contains("lib-dynload"));
        for missing in ["nothing", "email.nothing", ""] {
            assert_eq!(file(missing), None, "{missing}");
        }
        assert_eq!(modules.name_of("usr/lib/python3.12/email/__init__.py"), ("email".into(), true));
        assert_eq!(modules.absolute("usr/lib/python3.12/email/parser.py", 1, "x").as_deref(), Some("email.x"));
        assert_eq!(modules.absolute("usr/lib/python3.12/email/__init__.py", 1, "").as_deref(), Some("email"));
        assert_eq!(modules.absolute("usr/lib/python3.12/email/parser.py", 2, "x").as_deref(), Some("x"));
        assert_eq!(modules.absolute("usr/lib/python3.12/email/parser.py", 3, "x"), None);
        assert_eq!(modules.children(&inventory, "email"), ["email.parser"]);
    }

    #[test]
    fn folders_beside_a_file() {
        assert_eq!(place("$FILE/../deps", "app/src/main.py"), "app/src/deps");
        assert_eq!(place("/opt/lib", "app/main.py"), "opt/lib");
    }
}
