//! Following Python code: a unit that can run mentions names, imports modules, and lets other units run.

use std::sync::Arc;

use super::super::inventory::{EntryId, parent};
use super::super::trace::{Engine, How, Source};
use super::facts::{ComputedKind, Gate, Import, PythonFacts, Unit};
use super::modules::place;
use super::rules;
use super::state::File;
use crate::rootfs::Origin;

impl Engine<'_> {
    /// A Python file was read: what it does when it is loaded can run.
    pub(crate) fn python_file(&mut self, id: EntryId, facts: &Arc<PythonFacts>) {
        let entry = self.inventory.entry(id);
        let path = entry.path.clone();
        let Some(python) = &mut self.python else { return };
        let standard = python.modules.is_standard(&path);
        let (name, is_package) = python.modules.name_of(&path);
        let mut grown = false;
        for search in &facts.search {
            let folder = place(search, &path);
            grown |= self.inventory.folder_at(&folder).is_some() && python.modules.add_search(folder);
        }
        if grown {
            python.relist_data(self.inventory);
        }
        let file = File {
            active: vec![false; facts.units.len()],
            name: name.clone(),
            standard,
            application: matches!(entry.origin, Origin::Copied | Origin::Stage | Origin::Generated)
                && !python.is_dependency(self.inventory, &path),
            computes: facts
                .units
                .iter()
                .any(|unit| unit.computed.iter().any(|computed| computed.kind == ComputedKind::Import)),
            facts: facts.clone(),
        };
        python.files.insert(id, file);
        python.loaded.insert(name.clone());
        let starred = python.starred.contains(&id);
        if let Some(line) = facts.broken {
            self.cannot_follow(id, line, "does not parse as Python, so only part of it is followed");
        }
        // The table of codec names is no use of codecs.
        if name != "encodings.aliases" && name != "_compat_pickle" {
            self.python_activate(id, 0);
        }
        if starred {
            self.python_exports(id);
        }
        self.python_rules(id, &name);
        if is_package || !name.contains('.') {
            self.python_data(id, parent(&path));
        }
    }

    /// Data files of the package in `folder` stay with it.
    pub(super) fn python_data(&mut self, id: EntryId, folder: &str) {
        let Some(python) = &mut self.python else { return };
        for data in python.data.remove(folder).unwrap_or_default() {
            self.reach(Source::File(id), data, How::Data, 0, false);
        }
    }

    /// Lets a unit run, and what that lets run.
    pub(crate) fn python_activate(&mut self, id: EntryId, unit: u32) {
        let mut stack = vec![(id, unit)];
        while let Some((id, index)) = stack.pop() {
            let Some(python) = &mut self.python else { return };
            let Some(file) = python.files.get_mut(&id) else { continue };
            match file.active.get_mut(index as usize) {
                Some(active @ false) => *active = true,
                _ => continue,
            }
            let facts = file.facts.clone();
            let Some(unit) = facts.units.get(index as usize) else { continue };
            python.mention(unit, &mut stack);
            for import in &unit.imports {
                self.python_import(id, import);
            }
            for text in &unit.texts {
                self.python_text_in(id, text);
            }
            for computed in &unit.computed {
                self.python_computed(id, computed);
            }
            // What a unit holds stands right behind it, down to the last part of the last part.
            let held = facts.units.iter().enumerate().skip(index as usize + 1);
            for (child, inner) in held.take_while(|(_, inner)| inner.parent >= index) {
                if inner.parent == index {
                    self.python_gate(id, child as u32, unit, inner, &mut stack);
                }
            }
        }
    }

    /// Lets the unit `child` of `id` run, or lets it wait.
    pub(super) fn python_gate(
        &mut self,
        id: EntryId,
        child: u32,
        outer: &Unit,
        unit: &Unit,
        stack: &mut Vec<(EntryId, u32)>,
    ) {
        let Some(python) = &mut self.python else { return };
        let file = python.files.get(&id);
        let (module, standard) = file.map(|file| (file.name.clone(), file.standard)).unwrap_or_default();
        match &unit.gate {
            Gate::Always if module == "_sitebuiltins" && outer.line < unit.line && unit.mentions_module("pydoc") => {}
            Gate::Always => stack.push((id, child)),
            Gate::Named(name) => {
                let known = (module.as_str(), &**name);
                let only_as_main = standard && rules::ONLY_AS_MAIN.contains(&known) && !python.main.contains(&id);
                if only_as_main || rules::AT_A_PROMPT.contains(&known) {
                } else if python.is_mentioned(name) {
                    stack.push((id, child));
                } else {
                    python.waiting.entry(name.clone()).or_default().push((id, child));
                }
            }
            Gate::Main => {
                if python.main.contains(&id) {
                    stack.push((id, child));
                }
            }
            Gate::Succeeded(guard) => {
                if self.python_guarded(id, outer, *guard).iter().all(|found| *found) {
                    stack.push((id, child));
                } else {
                    self.python_hold_unit(id, child, outer, *guard);
                }
            }
            Gate::Failed(guard) => {
                let fails_otherwise = self
                    .python
                    .as_ref()
                    .and_then(|python| python.files.get(&id))
                    .and_then(|file| file.facts.guards.get(*guard as usize))
                    .is_none_or(|guard| guard.fails_otherwise);
                let found = self.python_guarded(id, outer, *guard);
                if fails_otherwise || found.is_empty() || found.iter().any(|found| !found) {
                    stack.push((id, child));
                } else if let Some(python) = &mut self.python {
                    python.fallbacks.push((id, child, *guard));
                }
            }
        }
    }

    /// For each import under a guard, whether its module is there and not dropped.
    pub(super) fn python_guarded(&mut self, id: EntryId, outer: &Unit, guard: u32) -> Vec<bool> {
        let path = self.inventory.entry(id).path.clone();
        let imports: Vec<Import> = outer.imports.iter().filter(|it| it.guard == Some(guard)).cloned().collect();
        imports
            .iter()
            .map(|import| {
                let Some(python) = &mut self.python else { return false };
                let Some(module) = python.modules.absolute(&path, import.level, &import.module) else { return false };
                let found = module.is_empty() || python.modules.find(self.inventory, &module).is_some();
                found && !self.python_lacks(&module)
            })
            .collect()
    }

    /// What can only be decided when nothing else moves: handlers of imports that may fail, modules that go along with
    /// others, rules that wait for a word, applications of a framework. Whether something moved.
    pub(crate) fn python_settle(&mut self) -> bool {
        let edges = self.edges.len();
        let Some(python) = &mut self.python else { return false };
        let fallbacks = std::mem::take(&mut python.fallbacks);
        let mut moved = false;
        for (id, child, guard) in fallbacks {
            if self.python_may_fail(id, guard) {
                self.python_activate(id, child);
                moved = true;
            } else if let Some(python) = &mut self.python {
                python.fallbacks.push((id, child, guard));
            }
        }
        moved |= self.python_settle_along();
        let Some(python) = &self.python else { return moved };
        for name in python.natives.clone() {
            let from = self.python_source_of(&name);
            self.python_native_rules(from, &name);
        }
        let Some(python) = &self.python else { return moved };
        if python.loaded.contains("django.apps.registry") {
            for package in python.named_packages.clone() {
                for part in rules::DJANGO_APP {
                    let key = (usize::MAX, format!("{package}.{part}"));
                    let from = self.python_source_of("django.apps.registry");
                    if self.python.as_mut().is_some_and(|python| python.done.insert(key)) {
                        self.python_pattern(from, &format!("{package}.{part}"));
                    }
                }
            }
        }
        moved || self.edges.len() > edges
    }

    /// A module as the one who reaches others; the first root for one without a file.
    pub(super) fn python_source_of(&mut self, name: &str) -> Source {
        self.python
            .as_mut()
            .and_then(|python| python.modules.find(self.inventory, name))
            .and_then(|module| module.file())
            .map_or(Source::Root(0), Source::File)
    }
}

impl Unit {
    /// Whether the unit imports just this module.
    fn mentions_module(&self, module: &str) -> bool {
        self.imports.iter().any(|import| &*import.module == module)
    }
}
