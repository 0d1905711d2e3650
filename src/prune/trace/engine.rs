//! The worklist: files are read in threads from the moment that they are reached, and followed one after another in the
//! order in which they were reached, so that the result does not depend on threads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::super::inventory::{EntryId, Inventory, Kind, extension, file_name, join, parent};
use super::super::node::{Dialect, Node};
use super::super::policy::Policy;
use super::super::python::Python;
use super::super::report::Unfollowed;
use super::facts::{Facts, FileFacts, Language, Reading};
use super::graph::{Edge, How, Source};
use super::library::{Libraries, is_loader, own_folders};
use super::native::NativeFacts;
use crate::platform::DEFAULT_PATH;

/// A trace under way.
pub(crate) struct Engine<'a> {
    pub inventory: &'a Inventory<'a>,
    pub policy: &'a Policy,
    pub edges: Vec<Edge>,
    pub roots: Vec<String>,
    pub unfollowed: BTreeSet<Unfollowed>,
    pub python: Option<Python>,
    pub node: Node,
    pub libraries: Libraries,
    /// Modules whose import a `drop` takes away, with the importers that cannot do without.
    pub refused_drops: Vec<(String, EntryId, u32)>,
    /// Run paths of the files that are reached, which musl hands down.
    inherited: Vec<String>,
    /// The same, to be asked whether one is among them.
    is_inherited: BTreeSet<String>,
    /// How many of them there were when libraries were last looked for again.
    retried_with: usize,
    /// Needed libraries that were not found yet.
    missing_libraries: Vec<(EntryId, Box<str>)>,
    reached: Vec<bool>,
    /// Those of them that are to be read, or were.
    queued: Vec<bool>,
    queue: Vec<(EntryId, Option<Reading>)>,
    facts: &'a mut Facts,
    /// Files whose language does not show in their name.
    languages: FxHashMap<EntryId, Language>,
}

impl<'a> Engine<'a> {
    /// Nothing is reached yet. What is read is added to `facts`.
    pub(crate) fn new(inventory: &'a Inventory<'a>, policy: &'a Policy, facts: &'a mut Facts) -> Self {
        Self {
            inventory,
            policy,
            edges: Vec::new(),
            roots: Vec::new(),
            unfollowed: BTreeSet::new(),
            python: Python::new(inventory, policy),
            node: Node::new(inventory, policy),
            libraries: Libraries::new(inventory, &policy.env),
            refused_drops: Vec::new(),
            inherited: Vec::new(),
            is_inherited: BTreeSet::new(),
            retried_with: 0,
            missing_libraries: Vec::new(),
            reached: vec![false; inventory.entries.len()],
            queued: vec![false; inventory.entries.len()],
            queue: Vec::new(),
            facts,
            languages: FxHashMap::default(),
        }
    }

    /// A new reason of the recipe's.
    pub(crate) fn root(&mut self, reason: String) -> Source {
        self.roots.push(reason);
        Source::Root(self.roots.len() as u32 - 1)
    }

    /// `to` is reached. What is only data of its package is not read for more, unless the loader would.
    pub(crate) fn reach(&mut self, from: Source, to: EntryId, how: How, line: u32, required: bool) {
        if from == Source::File(to) {
            return;
        }
        let is_data = how == How::Data;
        self.edges.push(Edge { from, to, how, line, required });
        if let Some(reached) = self.reached.get_mut(to.0 as usize) {
            *reached = true;
        }
        if is_data && !self.inventory.content(to).is_some_and(|content| super::super::elf::is_elf(content)) {
            return;
        }
        if let Some(queued @ false) = self.queued.get_mut(to.0 as usize) {
            *queued = true;
            let reading = self.begin(to);
            self.queue.push((to, reading));
        }
    }

    /// Whether `id` is reached so far.
    pub(crate) fn is_reached(&self, id: EntryId) -> bool {
        self.reached[id.0 as usize]
    }

    /// `id` is to be read as `language`, whatever its name is.
    pub(crate) fn read_as(&mut self, id: EntryId, language: Language) {
        self.languages.insert(id, language);
    }

    /// Something cannot be followed.
    pub(crate) fn cannot_follow(&mut self, id: EntryId, line: u32, what: impl Into<String>) {
        let path = self.inventory.entry(id).path.clone();
        self.unfollowed.insert(Unfollowed { path, line, what: what.into() });
    }

    /// Follows everything to the end.
    pub(crate) fn run(&mut self) {
        loop {
            while !self.queue.is_empty() {
                self.wave();
            }
            self.retry_libraries();
            if self.queue.is_empty() && !self.python_settle() {
                break;
            }
        }
        for (id, name) in std::mem::take(&mut self.missing_libraries) {
            self.cannot_follow(id, 0, format!("needs `{name}`, which is not in the image"));
        }
    }

    /// Follows what was reached up to now.
    fn wave(&mut self) {
        let inventory = self.inventory;
        let wave = std::mem::take(&mut self.queue);
        let mut known = Vec::with_capacity(wave.len());
        for (id, reading) in wave {
            let Some(content) = inventory.content(id) else { continue };
            if let Some(language) = self.language(id, content) {
                // As what it is to be read may have come out after it was reached.
                let reading = reading.filter(|reading| reading.language == language);
                known.extend(reading.or_else(|| self.begin(id)).map(|reading| (id, reading)));
            } else if extension(&inventory.entry(id).path) == Some("pyc") {
                self.cannot_follow(id, 0, "is bytecode without source, of whose imports nothing is known");
            }
            if content.starts_with(b"#!") {
                self.script(id, content);
            }
        }
        for (id, reading) in known {
            match self.facts.finish(&reading) {
                Some(FileFacts::Native(native)) => self.native(id, &native),
                Some(FileFacts::Python(python)) => self.python_file(id, &python),
                Some(FileFacts::Node(node)) => self.node_file(id, &node),
                None => {}
            }
        }
    }

    /// Begins to read `id`, if it is code.
    fn begin(&self, id: EntryId) -> Option<Reading> {
        let content = self.inventory.content(id)?;
        let language = self.language(id, content)?;
        Some(self.facts.begin(language, self.inventory.checksum(id), content))
    }

    fn language(&self, id: EntryId, content: &[u8]) -> Option<Language> {
        if let Some(language) = self.languages.get(&id) {
            return Some(*language);
        }
        if super::super::elf::is_elf(content) {
            return Some(Language::Native);
        }
        let name = file_name(&self.inventory.entry(id).path);
        let is_python =
            extension(name) == Some("py") || (content.starts_with(b"#!") && first_line(content).contains("python"));
        if is_python {
            return self.python.as_ref().map(|python| Language::Python { minor: python.modules.version.minor });
        }
        match Dialect::of(name) {
            Some(dialect) => Some(Language::Node { dialect }),
            None if content.starts_with(b"#!") && first_line(content).contains("node") => {
                Some(Language::Node { dialect: Dialect::JavaScript })
            }
            None => None,
        }
    }

    fn native(&mut self, id: EntryId, facts: &Arc<NativeFacts>) {
        let inventory = self.inventory;
        let path = &inventory.entry(id).path;
        if let Some(interpreter) = &facts.needs.interpreter
            && let Some(to) = inventory.file_at(&join("", interpreter))
        {
            self.reach(Source::File(id), to, How::Interpreter, 0, true);
        }
        let own = own_folders(inventory, &facts.needs.search, path);
        for folder in &own {
            if self.is_inherited.insert(folder.clone()) {
                self.inherited.push(folder.clone());
            }
        }
        for name in &facts.needs.needed {
            match self.libraries.find(inventory, &own, &self.inherited, name) {
                Some(to) => self.reach(Source::File(id), to, How::Needed(name.as_str().into()), 0, true),
                None if is_loader(name) => {}
                None => self.missing_libraries.push((id, name.as_str().into())),
            }
        }
        let is_runtime = facts.modules.len() > 5;
        if facts.opens_libraries && !is_runtime && !is_loader(file_name(path)) {
            for name in &facts.libraries {
                if let Some(to) = self.libraries.find(inventory, &own, &self.inherited, name) {
                    self.reach(Source::File(id), to, How::Text(name.clone()), 0, false);
                }
            }
            self.cannot_follow(id, 0, "opens libraries by name (dlopen)");
        }
        self.python_native(id, facts);
    }

    /// Libraries that only a run path found later leads to.
    fn retry_libraries(&mut self) {
        if self.retried_with == self.inherited.len() {
            return;
        }
        self.retried_with = self.inherited.len();
        for (id, name) in std::mem::take(&mut self.missing_libraries) {
            match self.libraries.find(self.inventory, &[], &self.inherited, &name) {
                Some(to) => self.reach(Source::File(id), to, How::Needed(name), 0, true),
                None => self.missing_libraries.push((id, name)),
            }
        }
    }

    /// The interpreter of a script, and for a shell's the programs that its words name.
    fn script(&mut self, id: EntryId, content: &[u8]) {
        let line = first_line(content);
        let mut words = line.trim_start_matches("#!").split_whitespace();
        let Some(program) = words.next() else { return };
        let mut interpreter = join("", program);
        if let Some(to) = self.inventory.file_at(&interpreter) {
            self.reach(Source::File(id), to, How::Interpreter, 1, true);
        }
        if file_name(&interpreter) == "env" {
            let Some(name) = words.find(|word| !word.starts_with('-') && !word.contains('=')) else { return };
            name.clone_into(&mut interpreter);
            if let Some(to) = self.program(name) {
                self.reach(Source::File(id), to, How::Interpreter, 1, true);
            }
        }
        let shell = matches!(file_name(&interpreter), "sh" | "ash" | "bash" | "dash");
        if shell {
            let text = String::from_utf8_lossy(content);
            for (number, line) in text.lines().enumerate().skip(1) {
                let line = line.trim();
                if !line.starts_with('#') {
                    let words: Vec<String> = shell_words(line);
                    self.command_words(Source::File(id), &words, number as u32 + 1);
                }
            }
            self.cannot_follow(id, 0, "is a shell script, of which only the words are read");
        }
    }

    /// The file that `name` means as a command: a path, or what PATH finds.
    pub(crate) fn program(&self, name: &str) -> Option<EntryId> {
        if name.contains('/') {
            return self.inventory.file_at(&join(&join("", &self.policy.workdir), name));
        }
        let path = self.policy.env.get("PATH").map_or(DEFAULT_PATH, String::as_str);
        path.split(':').find_map(|folder| self.inventory.file_at(&join(&join("", folder), name)))
    }

    /// The links that lead to files which are reached, and to folders that hold any, as far as anything may take them.
    pub(crate) fn links_in_use(&self) -> BTreeMap<EntryId, bool> {
        let mut folders = BTreeSet::new();
        for id in self.inventory.ids().filter(|id| self.is_reached(*id)) {
            let mut folder = parent(&self.inventory.entry(id).path);
            while !folder.is_empty() && folders.insert(folder) {
                folder = parent(folder);
            }
        }
        let mut links = BTreeMap::new();
        for id in self.inventory.ids().filter(|id| self.inventory.entry(*id).kind == Kind::Symlink) {
            let target = self.inventory.resolve(&self.inventory.entry(id).path, &mut Vec::new());
            let in_use = target.is_some_and(|target| {
                let entry = self.inventory.entry(target);
                match entry.kind {
                    Kind::Directory => folders.contains(entry.path.as_str()),
                    _ => self.is_reached(target),
                }
            });
            links.insert(id, in_use);
        }
        links
    }
}

/// The first line of a script.
pub(crate) fn first_line(content: &[u8]) -> String {
    let end = content.iter().take(256).position(|byte| *byte == b'\n').unwrap_or(content.len().min(256));
    String::from_utf8_lossy(content.get(..end).unwrap_or_default()).into_owned()
}

/// The words of a shell line, quotes and separators taken off. This reads words, not the language.
pub(crate) fn shell_words(line: &str) -> Vec<String> {
    line.split(|letter: char| letter.is_whitespace() || ";|&()<>`{}$=".contains(letter))
        .map(|word| word.trim_matches(['"', '\'']))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
