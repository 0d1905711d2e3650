//! Whether an import that is there may fail all the same, so that the handler of its failure can run.

use rustc_hash::FxHashSet;

use super::super::inventory::EntryId;
use super::super::trace::Engine;
use super::facts::Import;
use super::modules::Module;

impl Engine<'_> {
    /// Whether one of the imports under `guard` of the file `id` may fail. All of it was read by now.
    pub(crate) fn python_may_fail(&mut self, id: EntryId, guard: u32) -> bool {
        let Some(python) = &self.python else { return true };
        let Some(file) = python.files.get(&id) else { return true };
        let facts = file.facts.clone();
        let mut seen = FxHashSet::default();
        let imports = facts.units.iter().flat_map(|unit| &unit.imports);
        imports.filter(|import| import.guard == Some(guard)).any(|import| self.import_may_fail(id, import, &mut seen))
    }

    fn import_may_fail(&mut self, id: EntryId, import: &Import, seen: &mut FxHashSet<EntryId>) -> bool {
        let path = self.inventory.entry(id).path.clone();
        let Some(python) = &mut self.python else { return true };
        let Some(name) = python.modules.absolute(&path, import.level, &import.module) else { return true };
        for (end, _) in name.match_indices('.').chain([(name.len(), "")]) {
            let part = name.get(..end).unwrap_or(&name).to_owned();
            if self.python_lacks(&part) {
                return true;
            }
            let Some(python) = &mut self.python else { return true };
            match python.modules.find(self.inventory, &part) {
                None => return true,
                Some(module) => {
                    if module.file().is_some_and(|file| self.module_may_fail(file, seen)) {
                        return true;
                    }
                }
            }
        }
        import.names.iter().filter(|it| &***it != "*").any(|it| self.name_may_be_missing(&name, it))
    }

    /// Whether loading the file may raise ImportError: an import of its own that nothing takes may fail.
    fn module_may_fail(&mut self, file: EntryId, seen: &mut FxHashSet<EntryId>) -> bool {
        if !seen.insert(file) {
            return false;
        }
        let Some(python) = &self.python else { return true };
        let Some(facts) = python.files.get(&file).map(|file| file.facts.clone()) else {
            // An extension module: the loader finds what it needs, or the report names what is missing.
            return false;
        };
        facts.units.first().is_none_or(|module| {
            module
                .imports
                .iter()
                .filter(|import| import.guard.is_none())
                .any(|import| self.import_may_fail(file, import, seen))
        })
    }

    /// Whether `from module import name` may find no such name.
    fn name_may_be_missing(&mut self, module: &str, name: &str) -> bool {
        let Some(python) = &mut self.python else { return true };
        let child = format!("{module}.{name}");
        if python.modules.find(self.inventory, &child).is_some() {
            return self.python_lacks(&child);
        }
        match python.modules.find(self.inventory, module) {
            Some(Module::Builtin) => !python.native_names.values().any(|facts| facts.names.contains(name)),
            Some(found) => {
                let Some(file) = found.file() else { return true };
                if let Some(facts) = python.native_names.get(&file) {
                    return !facts.names.contains(name);
                }
                let Some(file) = python.files.get(&file) else { return true };
                let facts = &file.facts;
                let defined = |wanted: &str| facts.defines.binary_search_by(|it| (**it).cmp(wanted)).is_ok();
                let stars = facts
                    .units
                    .first()
                    .is_some_and(|unit| unit.imports.iter().any(|import| import.names.iter().any(|it| &**it == "*")));
                !(defined(name) || defined("__getattr__") || stars)
            }
            None => true,
        }
    }
}
