//! Following JavaScript: every request of a file that is reached, and what its package brings along.

use super::super::inventory::{EntryId, join, parent};
use super::super::trace::{Engine, How, Source};
use super::facts::{Computed, NodeFacts, RequestKind};
use super::resolve::{is_builtin, package_folder};
use crate::rootfs::Origin;

impl Engine<'_> {
    /// A JavaScript file was read.
    pub(crate) fn node_file(&mut self, id: EntryId, facts: &NodeFacts) {
        let path = self.inventory.entry(id).path.clone();
        let folder = parent(&path).to_owned();
        let package = package_folder(&path).map(str::to_owned);
        let from = Source::File(id);
        if let Some(line) = facts.broken {
            self.cannot_follow(id, line, "does not parse as JavaScript, so only part of it is followed");
        }
        if let Some(package) = &package {
            self.node_data(from, package);
        }
        for request in &facts.requests {
            match self.node.resolve(self.inventory, &folder, &request.specifier, request.kind) {
                Some(to) => {
                    let how = How::Require(request.specifier.clone());
                    self.reach(from, to, how, request.line, !request.optional);
                }
                None if request.optional || request.kind == RequestKind::File || is_builtin(&request.specifier) => {}
                // A dependency may well have parts that are for others.
                None if package.is_some() => {}
                None => {
                    let text = format!("asks for `{}`, which is not in the image", request.specifier);
                    self.cannot_follow(id, request.line, text);
                }
            }
        }
        for computed in &facts.computed {
            self.node_computed(id, &folder, package.as_deref(), computed);
        }
        let entry = self.inventory.entry(id);
        let application = package.is_none() && matches!(entry.origin, Origin::Copied | Origin::Stage);
        for (text, line) in &facts.texts {
            let is_path = text.starts_with('.') || text.ends_with("js") && text.contains('.');
            let found = if is_path {
                self.inventory
                    .file_at(&join(&folder, text))
                    .filter(|to| super::resolve::is_code(&self.inventory.entry(*to).path))
            } else if application && !is_builtin(text) {
                self.node.resolve(self.inventory, &folder, text, RequestKind::Require)
            } else {
                None
            };
            if let Some(to) = found {
                self.reach(from, to, How::Text(text.clone()), *line, false);
            }
        }
    }

    /// Files beside the code of a package stay with it.
    fn node_data(&mut self, from: Source, package: &str) {
        for data in self.node.data.remove(package).unwrap_or_default() {
            self.reach(from, data, How::Data, 0, false);
        }
    }

    /// A request by a computed name: all files that its beginning could mean; all of the package where nothing is
    /// known.
    fn node_computed(&mut self, id: EntryId, folder: &str, package: Option<&str>, computed: &Computed) {
        let from = Source::File(id);
        let mut kept = 0;
        if computed.prefix.starts_with('.') {
            let ends_in_folder = computed.prefix.ends_with('/');
            let mut head = join(folder, &computed.prefix);
            if ends_in_folder && !head.is_empty() {
                head.push('/');
            }
            let inventory = self.inventory;
            for to in inventory.ids() {
                let path = &inventory.entry(to).path;
                if path.starts_with(&head) && package_folder(path) == package && super::Dialect::of(path).is_some() {
                    self.reach(from, to, How::Rule("a computed name may begin so"), computed.line, false);
                    kept += 1;
                }
            }
        } else if let Some(package) = package
            && computed.prefix.is_empty()
        {
            for to in self.node.code.get(package).cloned().unwrap_or_default() {
                self.reach(from, to, How::Rule("its package asks for computed names"), computed.line, false);
                kept += 1;
            }
            let dependencies =
                self.node.package(self.inventory, package).map(|it| it.dependencies.clone()).unwrap_or_default();
            for name in dependencies {
                if let Some(to) = self.node.resolve(self.inventory, package, &name, RequestKind::Require) {
                    let how = How::Rule("a dependency of a package that asks for computed names");
                    self.reach(from, to, how, computed.line, false);
                }
            }
        }
        let what = if computed.prefix.is_empty() {
            "asks for a module by a computed name".to_owned()
        } else {
            format!("asks for a module by a computed name that begins with `{}`", computed.prefix)
        };
        let answer = if kept == 0 { String::new() } else { format!("; {kept} files kept for it") };
        self.cannot_follow(id, computed.line, what + &answer);
    }

    /// A request that a command makes in `folder`.
    pub(crate) fn node_request_from(&mut self, from: Source, folder: &str, specifier: &str, import: bool, line: u32) {
        let kind = if import { RequestKind::Import } else { RequestKind::Require };
        if let Some(to) = self.node.resolve(self.inventory, folder, specifier, kind) {
            self.reach(from, to, How::Require(specifier.into()), line, true);
        }
    }
}
