//! What is known of the Python side of a trace: which units run, which names are mentioned, what waits for what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::inventory::{EntryId, Inventory, Kind, extension, file_name, join, parent};
use super::super::policy::Policy;
use super::super::trace::NativeFacts;
use super::along::Along;
use super::facts::{PythonFacts, PythonVersion};
use super::modules::Modules;

/// The Python side of a trace.
pub(crate) struct Python {
    pub modules: Modules,
    /// Files that are run as `__main__`.
    pub main: FxHashSet<EntryId>,
    /// Those that are run by their path, and those that a text names by it.
    pub scripts: BTreeSet<EntryId>,
    pub files: FxHashMap<EntryId, File>,
    pub mentioned: FxHashSet<Box<str>>,
    /// Units that run once their name is mentioned.
    pub waiting: BTreeMap<Box<str>, Vec<(EntryId, u32)>>,
    pub prefixes: FxHashSet<Box<str>>,
    pub suffixes: FxHashSet<Box<str>>,
    /// Handlers that run only if an import fails that seems to be there.
    pub fallbacks: Vec<(EntryId, u32, u32)>,
    /// Modules that go along with those that `drop` names.
    pub along: Vec<Along>,
    /// Packages of which `*` is imported.
    pub starred: FxHashSet<EntryId>,
    /// Modules by dotted name whose file is reached.
    pub loaded: BTreeSet<String>,
    /// Packages that a text of the application names.
    pub named_packages: BTreeSet<String>,
    /// Extension modules that are reached, by dotted name.
    pub natives: BTreeSet<String>,
    /// The interpreter's own binary and library, whose texts tell what C code knows.
    pub native_names: FxHashMap<EntryId, Arc<NativeFacts>>,
    /// Data files by the folder of the package that they belong to.
    pub data: FxHashMap<String, Vec<EntryId>>,
    pub codecs_done: BTreeSet<String>,
    pub done: BTreeSet<(usize, String)>,
    pub interpreter_seen: bool,
}

/// A file that was read.
pub(crate) struct File {
    pub facts: Arc<PythonFacts>,
    pub active: Vec<bool>,
    pub name: String,
    pub standard: bool,
    /// The recipe brought it, no package and no stage's dependency folder.
    pub application: bool,
    /// It imports by names that are not in its source.
    pub computes: bool,
}

impl Python {
    /// The Python of `inventory`, if there is one: the newest standard library under `usr/lib`.
    pub(crate) fn new(inventory: &Inventory<'_>, policy: &Policy) -> Option<Self> {
        let (version, library) = ["usr/lib", "usr/local/lib"]
            .iter()
            .filter_map(|folder| Some((folder, inventory.folder_at(folder)?)))
            .flat_map(|(folder, id)| inventory.children(id).map(move |name| (folder, name)))
            .filter_map(|(folder, name)| {
                let minor = name.strip_prefix("python3.")?.parse().ok()?;
                let library = format!("{folder}/{name}");
                ["os.py", "os.pyc"].iter().find_map(|os| inventory.file_at(&format!("{library}/{os}")))?;
                Some((PythonVersion { major: 3, minor }, library))
            })
            .max_by_key(|(version, _)| version.minor)?;
        let workdir = join("", &policy.workdir);
        let mut search = vec![workdir];
        for path in policy.env.get("PYTHONPATH").iter().flat_map(|text| text.split(':')).filter(|path| !path.is_empty())
        {
            search.push(join(&join("", &policy.workdir), path));
        }
        search.push(library.clone());
        search.push(format!("{library}/lib-dynload"));
        search.push(format!("{library}/site-packages"));
        let mut modules = Modules::new(inventory, version, &library, search);
        // A `.pth` adds folders, a line each.
        let site = format!("{library}/site-packages");
        for name in inventory.folder_at(&site).into_iter().flat_map(|id| inventory.children(id)) {
            let content = (extension(name) == Some("pth"))
                .then(|| inventory.file_at(&format!("{site}/{name}")))
                .flatten()
                .and_then(|id| inventory.content(id));
            for line in content.map(|content| String::from_utf8_lossy(content)).iter().flat_map(|text| text.lines()) {
                if !line.starts_with(['#', ' ']) && !line.starts_with("import") && !line.is_empty() {
                    modules.add_search(join(&site, line));
                }
            }
        }
        let mut python = Self {
            modules,
            main: FxHashSet::default(),
            scripts: BTreeSet::new(),
            files: FxHashMap::default(),
            mentioned: FxHashSet::default(),
            waiting: BTreeMap::new(),
            prefixes: FxHashSet::default(),
            suffixes: FxHashSet::default(),
            fallbacks: Vec::new(),
            along: Along::with(&policy.drop),
            starred: FxHashSet::default(),
            loaded: BTreeSet::new(),
            named_packages: BTreeSet::new(),
            natives: BTreeSet::new(),
            native_names: FxHashMap::default(),
            data: FxHashMap::default(),
            codecs_done: BTreeSet::new(),
            done: BTreeSet::new(),
            interpreter_seen: false,
        };
        python.list_data(inventory);
        Some(python)
    }

    /// Whether `path` lies in a folder of the search path that holds dependencies or the standard library.
    pub(crate) fn holds(&self, path: &str) -> bool {
        self.modules.search().iter().any(|folder| {
            !folder.is_empty() && path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// Sorts the files beside code anew, after the search path grew.
    pub(crate) fn relist_data(&mut self, inventory: &Inventory<'_>) {
        self.data.clear();
        self.list_data(inventory);
    }

    /// Whether `path` lies in a folder of installed distributions: `site-packages`, or one where pip put its records.
    pub(crate) fn is_dependency(&self, inventory: &Inventory<'_>, path: &str) -> bool {
        self.modules.search().iter().any(|folder| {
            path.strip_prefix(folder.as_str()).is_some_and(|rest| folder.is_empty() || rest.starts_with('/'))
                && (file_name(folder) == "site-packages" || has_records(inventory, folder))
        })
    }

    /// Sorts every file beside code into the package that it belongs to.
    fn list_data(&mut self, inventory: &Inventory<'_>) {
        // Files of one folder follow one another and have the same answer.
        let mut last = ("", String::new());
        for id in inventory.ids() {
            let entry = inventory.entry(id);
            if entry.kind != Kind::File || !entry.is_prunable() || !self.holds(&entry.path) || is_code(&entry.path) {
                continue;
            }
            if entry.path.contains(".dist-info/") || entry.path.contains(".egg-info") {
                continue;
            }
            if last.0 != parent(&entry.path) {
                last = (parent(&entry.path), self.package_around(inventory, &entry.path).to_owned());
            }
            match self.data.get_mut(&last.1) {
                Some(data) => data.push(id),
                None => drop(self.data.insert(last.1.clone(), vec![id])),
            }
        }
    }

    /// The folder of the innermost package around the file at `path`; where there is none, the folder right below the
    /// search path.
    fn package_around<'p>(&self, inventory: &Inventory<'_>, path: &'p str) -> &'p str {
        let mut folder = parent(path);
        while self.holds(folder) {
            if inventory.file_at(&format!("{folder}/__init__.py")).is_some() {
                return folder;
            }
            folder = parent(folder);
        }
        self.top(path)
    }

    /// The folder right below the search path that holds `path`; the search path's own for a file right in it.
    pub(crate) fn top<'p>(&self, path: &'p str) -> &'p str {
        let mut folder = parent(path);
        while self.holds(parent(folder))
            || (self.holds(folder) && self.modules.search().iter().all(|it| it != parent(folder)))
        {
            folder = parent(folder);
        }
        folder
    }
}

/// Whether a file on the search path is code that goes when nothing reaches it: sources, stubs, bytecode, extension
/// modules of any interpreter.
pub(crate) fn is_code(path: &str) -> bool {
    let name = file_name(path);
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("py" | "pyc" | "pyi" | "pyx" | "pxd" | "pyw") => true,
        Some("so") => name.contains(".cpython-") || name.contains(".abi3.") || path.contains("/lib-dynload/"),
        _ => false,
    }
}

/// Whether pip put its records into `folder`.
fn has_records(inventory: &Inventory<'_>, folder: &str) -> bool {
    inventory
        .folder_at(folder)
        .is_some_and(|id| inventory.children(id).any(|name| matches!(extension(name), Some("dist-info" | "egg-info"))))
}
