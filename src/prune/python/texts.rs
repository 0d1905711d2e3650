//! What is not in an import statement: modules, files and codecs that texts name, and imports by computed names.

use super::super::inventory::{EntryId, extension, file_name, join, parent};
use super::super::trace::{Engine, How, Source};
use super::facts::{Computed, ComputedKind, Text};
use super::modules::Module;
use super::rules;

impl Engine<'_> {
    /// A text in a file that can run.
    pub(super) fn python_text_in(&mut self, id: EntryId, text: &Text) {
        let Some(python) = &self.python else { return };
        let Some(file) = python.files.get(&id) else { return };
        let (application, standard, computes) = (file.application, file.standard, file.computes);
        let from = Source::File(id);
        if text.text.contains(".so")
            && file_name(&text.text).starts_with("lib")
            && let Some(to) = self.libraries.find(self.inventory, &[], &[], &text.text)
        {
            self.reach(from, to, How::Text(text.text.clone()), text.line, false);
        }
        if standard {
            return;
        }
        if application || extension(&text.text) == Some("py") {
            self.path_text(id, text);
        }
        self.codec(from, &text.text);
        let dotted = text.text.trim_start_matches('.').contains(['.', ':']);
        if application || computes || dotted {
            self.python_text(from, Some(id), &text.text, text.line);
        }
    }

    /// The application names programs and files in texts, and a dependency the scripts that lie beside it.
    fn path_text(&mut self, id: EntryId, text: &Text) {
        let found = if text.text.starts_with('/') {
            self.inventory.file_at(&join("", &text.text))
        } else if text.text.contains('/') || text.text.contains(".py") {
            self.inventory.file_at(&join(parent(&self.inventory.entry(id).path), &text.text))
        } else {
            self.program(&text.text)
        };
        if let Some(to) = found {
            self.reach(Source::File(id), to, How::Text(text.text.clone()), text.line, false);
            if extension(&text.text) == Some("py")
                && let Some(python) = &mut self.python
            {
                python.scripts.insert(to);
            }
        }
    }

    /// A text that may name a module: `a.b`, `a.b:c`, `.c` beside the file `id`, or `a` alone.
    pub(crate) fn python_text(&mut self, from: Source, id: Option<EntryId>, text: &str, line: u32) {
        let Some(python) = &mut self.python else { return };
        let module = text.split(':').next().unwrap_or_default();
        let rest = module.trim_start_matches('.');
        let level = module.len() - rest.len();
        if rest.is_empty() || level > 3 || !rest.split('.').all(super::words::is_identifier) {
            return;
        }
        let mut names = Vec::new();
        match id {
            Some(id) => {
                let path = &self.inventory.entry(id).path;
                names.extend(python.modules.absolute(path, level as u32, rest));
                if level == 0 && python.files.get(&id).is_some_and(|file| file.computes) {
                    names.extend(python.modules.absolute(path, 1, rest));
                }
            }
            None if level == 0 => names.push(rest.to_owned()),
            None => {}
        }
        for name in names {
            let Some(python) = &mut self.python else { return };
            // A single word means a module of the standard library far too often.
            let single = !name.contains('.');
            let top = python.modules.find(self.inventory, name.split('.').next().unwrap_or_default());
            let Some(top) = top else { continue };
            let is_standard = top.file().is_none_or(|id| python.modules.is_standard(&self.inventory.entry(id).path))
                && !matches!(top, Module::Namespace(_));
            if is_standard && (single || id.is_none()) {
                continue;
            }
            // The longest beginning that is a module: what follows is an attribute.
            let mut part = name.as_str();
            while python.modules.find(self.inventory, part).is_none() {
                part = part.rsplit_once('.').map_or("", |(head, _)| head);
            }
            let part = part.to_owned();
            if let Some(Module::Package { .. }) = python.modules.find(self.inventory, &part)
                && part.len() == name.len()
            {
                python.named_packages.insert(part.clone());
            }
            self.python_module(from, &part, &How::Text(text.into()), line, false);
        }
    }

    /// A text that names a codec keeps it.
    pub(super) fn codec(&mut self, from: Source, text: &str) {
        let word = text.to_ascii_lowercase().replace(['-', ' '], "_");
        let names: Vec<&str> = if rules::EAST_ASIAN_CODECS.contains(&word.as_str())
            || rules::EAST_ASIAN_ALIASES.contains(&word.as_str())
        {
            rules::EAST_ASIAN_CODECS.to_vec()
        } else {
            rules::TRANSFORMS
                .iter()
                .filter(|(_, names)| names.contains(&word.as_str()))
                .map(|(name, _)| *name)
                .collect()
        };
        for name in names {
            let Some(python) = &mut self.python else { return };
            if python.codecs_done.insert(name.to_owned()) {
                self.python_module(from, &format!("encodings.{name}"), &How::Text(text.into()), 0, false);
            }
        }
    }

    /// An import by a computed name: as far as its beginning tells, and named in the report.
    pub(super) fn python_computed(&mut self, id: EntryId, computed: &Computed) {
        let Some(python) = &mut self.python else { return };
        let Some(file) = python.files.get(&id) else { return };
        let (name, standard) = (file.name.clone(), file.standard);
        let path = self.inventory.entry(id).path.clone();
        let from = Source::File(id);
        let mut covered = Vec::new();
        match computed.kind {
            ComputedKind::Import if !standard => {
                let rest = computed.prefix.trim_start_matches('.');
                let level = (computed.prefix.len() - rest.len()) as u32;
                if let Some((package, leaf)) = rest.rsplit_once('.').or((level > 0).then_some(("", rest)))
                    && let Some(package) = python.modules.absolute(&path, level, package)
                {
                    let head = format!("{package}.{leaf}");
                    covered = python.modules.children(self.inventory, &package);
                    covered.retain(|child| child.starts_with(&head));
                }
            }
            ComputedKind::List if !standard => {
                let package = python.modules.absolute(&path, 1, "").unwrap_or_default();
                covered = python.modules.children(self.inventory, &package);
            }
            _ => {}
        }
        for child in &covered {
            self.python_module(from, child, &How::Rule("a computed name may begin so"), computed.line, false);
        }
        if standard && rules::ANSWERED.contains(&name.as_str()) {
            return;
        }
        let what = match computed.kind {
            ComputedKind::Import if computed.prefix.is_empty() => "imports a module by a computed name".to_owned(),
            ComputedKind::Import => {
                format!("imports a module by a computed name that begins with `{}`", computed.prefix)
            }
            ComputedKind::List => "lists the modules of a package".to_owned(),
            ComputedKind::File => "runs a file by a computed path".to_owned(),
            ComputedKind::Library => "opens a library by a computed name".to_owned(),
            ComputedKind::SearchPath => "puts a computed folder on sys.path".to_owned(),
        };
        let answer =
            if covered.is_empty() { String::new() } else { format!("; {} modules kept for it", covered.len()) };
        self.cannot_follow(id, computed.line, what + &answer);
    }
}
