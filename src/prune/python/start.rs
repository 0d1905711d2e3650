//! How a command starts Python code: a script, `-m`, `-c`, a virtual environment.

use super::super::inventory::{EntryId, file_name, join, parent};
use super::super::node::Dialect;
use super::super::trace::{Engine, How, Language, Source};
use super::facts::Gate;
use super::rules;

impl Engine<'_> {
    /// `python -m name`
    pub(crate) fn python_run_module(&mut self, from: Source, name: &str, line: u32) {
        let mut target = name.to_owned();
        if let Some(python) = &mut self.python
            && python.modules.find(self.inventory, &format!("{name}.__main__")).is_some()
        {
            target = format!("{name}.__main__");
        }
        self.python_module(from, &target, &How::Asked, line, true);
        for module in rules::RUN_MODULE {
            self.python_module(from, module, &How::Rule("`-m` runs it"), line, true);
        }
        if let Some(python) = &mut self.python
            && let Some(file) = python.modules.find(self.inventory, &target).and_then(|module| module.file())
        {
            self.python_main(file);
        }
    }

    /// `python -c code`
    pub(crate) fn python_run_text(&mut self, from: Source, code: &str, line: u32) {
        let Some(python) = &mut self.python else { return };
        let facts = super::parse::parse(code.as_bytes(), python.modules.version);
        let mut stack = Vec::new();
        for unit in &facts.units {
            python.mention(unit, &mut stack);
        }
        for import in facts.units.iter().flat_map(|unit| &unit.imports) {
            self.python_module(from, &import.module, &How::Import(import.module.clone()), line, import.guard.is_none());
            for name in &import.names {
                let name = format!("{}.{name}", import.module);
                if self.python.as_mut().is_some_and(|python| python.modules.find(self.inventory, &name).is_some()) {
                    self.python_module(from, &name, &How::Import(name.as_str().into()), line, false);
                }
            }
        }
        for (id, unit) in stack {
            self.python_activate(id, unit);
        }
    }

    /// The script `id` is run, so its folder is the first of the search path.
    pub(crate) fn python_script(&mut self, id: EntryId) {
        let folder = parent(&self.inventory.entry(id).path).to_owned();
        if let Some(python) = &mut self.python {
            python.scripts.insert(id);
            if python.modules.add_search(folder) {
                python.relist_data(self.inventory);
            }
        }
        self.python_main(id);
    }

    /// `id` is run as `__main__`.
    fn python_main(&mut self, id: EntryId) {
        let path = self.inventory.entry(id).path.clone();
        let Some(python) = &mut self.python else { return };
        let minor = python.modules.version.minor;
        if python.main.insert(id) && python.files.contains_key(&id) {
            let gates: Vec<u32> = python
                .files
                .get(&id)
                .into_iter()
                .flat_map(|file| file.facts.units.iter().enumerate())
                .filter(|(_, unit)| unit.gate == Gate::Main)
                .map(|(index, _)| index as u32)
                .collect();
            for unit in gates {
                self.python_activate(id, unit);
            }
        }
        if Dialect::of(file_name(&path)).is_none() {
            self.read_as(id, Language::Python { minor });
        }
    }

    /// The folders that a virtual environment brings, where `word` is its interpreter or one of its scripts.
    pub(crate) fn python_environment(&mut self, word: &str) {
        let workdir = join("", &self.policy.workdir);
        let root = parent(parent(&join(&workdir, word))).to_owned();
        let Some(python) = &mut self.python else { return };
        if word.contains('/') && self.inventory.file_at(&format!("{root}/pyvenv.cfg")).is_some() {
            let site = format!("{root}/lib/python3.{}/site-packages", python.modules.version.minor);
            if python.modules.add_search(site) {
                python.relist_data(self.inventory);
            }
        }
    }
}
