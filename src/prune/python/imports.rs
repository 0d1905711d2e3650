//! Imports: a module is reached with its parents, and `*` brings what `__all__` names.

use super::super::inventory::EntryId;
use super::super::trace::{Engine, How, Source};
use super::facts::Import;
use super::modules::Module;

impl Engine<'_> {
    /// The module `name` and its parents are reached. Whether it was found.
    pub(crate) fn python_module(&mut self, from: Source, name: &str, how: &How, line: u32, required: bool) -> bool {
        let mut found = false;
        for (end, _) in name.match_indices('.').chain([(name.len(), "")]) {
            let part = name.get(..end).unwrap_or(name);
            let Some(python) = &mut self.python else { return false };
            let module = python.modules.find(self.inventory, part);
            found = module.is_some();
            if let Some(Module::Builtin) = module {
                self.python_native_rules(from, part);
            }
            let file = module.as_ref().and_then(Module::file);
            if let Some(file) = file {
                self.reach(from, file, how.clone(), line, required);
            }
            if let (Source::File(by), Some(Module::Namespace(folders))) = (from, module) {
                for folder in folders.iter() {
                    self.python_data(by, folder);
                }
            }
            if !found {
                break;
            }
        }
        found
    }

    pub(super) fn python_import(&mut self, id: EntryId, import: &Import) {
        let path = self.inventory.entry(id).path.clone();
        let Some(python) = &mut self.python else { return };
        let Some(module) = python.modules.absolute(&path, import.level, &import.module) else { return };
        let required = import.guard.is_none();
        let from = Source::File(id);
        let mut wanted = vec![(module.clone(), required)];
        for name in import.names.iter().filter(|name| &***name != "*") {
            let child = if module.is_empty() { name.to_string() } else { format!("{module}.{name}") };
            if python.modules.find(self.inventory, &child).is_some() {
                wanted.push((child, required));
            }
        }
        for (name, required) in wanted {
            if name.is_empty() {
                continue;
            }
            if is_dropped(&self.policy.drop, &name) {
                if required {
                    self.refused_drops.push((name, id, import.line));
                }
                continue;
            }
            if self.python_hold(id, import, &name) {
                continue;
            }
            let how = How::Import(name.as_str().into());
            let found = self.python_module(from, &name, &how, import.line, required);
            let Some(python) = &self.python else { return };
            let own = python.files.get(&id).is_some_and(|file| file.application);
            // A dependency may well have parts that are for others.
            if !found && required && own {
                self.cannot_follow(id, import.line, format!("imports `{name}`, which is not in the image"));
            }
        }
        if import.names.iter().any(|name| &**name == "*") {
            let Some(python) = &mut self.python else { return };
            if let Some(package) = python.modules.find(self.inventory, &module).and_then(|module| module.file())
                && python.starred.insert(package)
                && python.files.contains_key(&package)
            {
                self.python_exports(package);
            }
        }
    }

    /// `from package import *` imports the modules that `__all__` names.
    pub(super) fn python_exports(&mut self, id: EntryId) {
        let Some(python) = &mut self.python else { return };
        let Some(file) = python.files.get(&id) else { return };
        let names: Vec<String> = file.facts.exports.iter().map(|name| format!("{}.{name}", file.name)).collect();
        for name in names {
            let Some(python) = &mut self.python else { return };
            if python.modules.find(self.inventory, &name).is_some() {
                self.python_module(Source::File(id), &name, &How::Import(name.as_str().into()), 0, true);
            }
        }
    }
}

/// Whether `module` is one of `drop`, or inside one.
pub(super) fn is_dropped(drop: &[String], module: &str) -> bool {
    drop.iter().any(|dropped| {
        module.strip_prefix(dropped.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}
