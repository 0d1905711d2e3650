//! Native code, and what the rules know to come with a module.

use std::sync::Arc;

use super::super::inventory::{EntryId, extension, file_name, parent};
use super::super::trace::{Engine, How, NativeFacts, Source};
use super::modules::extension_name;
use super::rules;

impl Engine<'_> {
    /// What is known to come with the module `name`.
    pub(super) fn python_rules(&mut self, id: EntryId, name: &str) {
        let from = Source::File(id);
        for (module, imports) in rules::COMPUTED {
            if *module == name {
                for import in *imports {
                    self.python_pattern(from, import);
                }
            }
        }
        if name == "encodings" {
            let Some(python) = &mut self.python else { return };
            for child in python.modules.children(self.inventory, "encodings") {
                let leaf = child.rsplit('.').next().unwrap_or_default();
                if !rules::EAST_ASIAN_CODECS.contains(&leaf)
                    && !rules::TRANSFORMS.iter().any(|(transform, _)| *transform == leaf)
                {
                    self.python_module(from, &child, &How::Rule("codecs are looked up by name"), 0, false);
                }
            }
        }
        if name == "sysconfig" {
            let Some(python) = &self.python else { return };
            let library = python.modules.library.clone();
            let names: Vec<&str> =
                self.inventory.folder_at(&library).into_iter().flat_map(|it| self.inventory.children(it)).collect();
            for file in
                names.into_iter().filter(|file| file.starts_with("_sysconfigdata") && extension(file) == Some("py"))
            {
                if let Some(to) = self.inventory.file_at(&format!("{library}/{file}")) {
                    self.reach(from, to, How::Rule("sysconfig reads it"), 0, false);
                }
            }
        }
    }

    /// A module by name, or with `.*` at the end all right below.
    pub(super) fn python_pattern(&mut self, from: Source, pattern: &str) {
        let how = How::Rule("it is imported by a computed name");
        match pattern.strip_suffix(".*") {
            None => {
                self.python_module(from, pattern, &how, 0, false);
            }
            Some(package) => {
                let Some(python) = &mut self.python else { return };
                for child in python.modules.children(self.inventory, package) {
                    self.python_module(from, &child, &how, 0, false);
                }
            }
        }
    }

    /// What an extension module or a built-in one imports.
    pub(super) fn python_native_rules(&mut self, from: Source, name: &str) {
        for (index, (module, word, imports)) in rules::NATIVE.iter().enumerate() {
            let Some(python) = &mut self.python else { return };
            let runs = word.is_none_or(|word| python.is_mentioned(word));
            if *module == name && runs && python.done.insert((index, name.to_owned())) {
                for import in *imports {
                    self.python_module(from, import, &How::Rule("C code imports it"), 0, false);
                }
            }
        }
        if let Some(python) = &mut self.python {
            python.natives.insert(name.to_owned());
        }
    }

    /// An ELF file was read: an extension module, or the interpreter.
    pub(crate) fn python_native(&mut self, id: EntryId, facts: &Arc<NativeFacts>) {
        let path = self.inventory.entry(id).path.clone();
        let Some(python) = &mut self.python else { return };
        if facts.modules.is_empty() {
            return;
        }
        let from = Source::File(id);
        python.native_names.insert(id, facts.clone());
        if !python.holds(&path) || extension_name(file_name(&path), python.modules.version).is_none() {
            // The interpreter or its library.
            python.modules.add_builtin(&facts.modules);
            if !python.interpreter_seen {
                python.interpreter_seen = true;
                let minor = python.modules.version.minor;
                let late: &[&str] = if minor >= 13 { rules::START_UP_3_13 } else { &[] };
                for module in rules::START_UP.iter().chain(late) {
                    self.python_module(from, module, &How::Rule("the interpreter starts with it"), 0, true);
                }
                for module in ["sitecustomize", "usercustomize"] {
                    self.python_module(from, module, &How::Rule("the interpreter starts with it"), 0, false);
                }
                for module in ["time", "_io"] {
                    self.python_native_rules(from, module);
                }
            }
            return;
        }
        let (name, _) = python.modules.name_of(&path);
        let standard = python.modules.is_standard(&path);
        python.loaded.insert(name.clone());
        self.python_native_rules(from, &name);
        self.python_data(id, parent(&path));
        if !standard {
            self.cannot_follow(id, 0, "is native code, of whose imports only the names in its texts are known");
            for text in facts.names.iter() {
                let Some(python) = &mut self.python else { return };
                if python.modules.find(self.inventory, text).is_some() {
                    self.python_module(from, text, &How::Text(text.into()), 0, false);
                }
            }
        }
        // Native code calls methods by name.
        let Some(python) = &mut self.python else { return };
        let mut stack = Vec::new();
        for name in facts.names.iter() {
            python.mention_name(name, &mut stack);
        }
        for (id, unit) in stack {
            self.python_activate(id, unit);
        }
    }
}
