//! Discovery: which names may play a part at all, and how long the chain of dependencies is that begins at each.

use super::super::catalogue::{NameId, PackageId};
use super::Solver;

/// A name under discovery. Written as a stack of these rather than as recursion, since an index may chain its
/// dependencies as deeply as it likes.
struct Frame {
    name: NameId,
    stage: Stage,
}

enum Stage {
    /// Going through the dependencies of the providers, of which `provider` is under way. The dependency before
    /// `dependency` may have been discovered just now.
    Depends { provider: usize, dependency: usize, is_new: bool },
    /// Going through what `install_if` may bring by one of the names of a provider.
    Triggered { provider: usize, own_name: usize, position: usize },
}

impl Solver<'_> {
    /// Discovers `name`, everything its providers need, and everything that may come by `install_if` with them.
    pub(super) fn discover(&mut self, name: NameId) {
        let mut stack = Vec::new();
        self.enter(&mut stack, name);
        while let Some(mut frame) = stack.pop() {
            if let Some(child) = self.next_within(&mut frame) {
                stack.push(frame);
                self.enter(&mut stack, child);
            }
        }
    }

    fn enter(&mut self, stack: &mut Vec<Frame>, name: NameId) {
        let state = self.name_mut(name);
        if state.seen {
            return;
        }
        state.seen = true;
        state.no_install_if = true;
        self.open(name);
        let is_new = self.enter_provider(name, 0);
        stack.push(Frame { name, stage: Stage::Depends { provider: 0, dependency: 0, is_new } });
    }

    /// Looks at a provider; gives whether that is for the first time, so that its dependencies are yet to be
    /// discovered.
    fn enter_provider(&mut self, name: NameId, provider: usize) -> bool {
        let Some(provider) = self.catalogue.providers(name).get(provider) else { return false };
        let package = provider.package;
        let is_new = !self.package(package).seen;
        if is_new {
            self.begin(package);
        }
        is_new
    }

    fn begin(&mut self, package: PackageId) {
        self.catalogue.read(package);
        self.grow();
        for name in self.own_names(package) {
            self.open(name);
        }
        let described = self.catalogue.package(package);
        let is_untagged = described.tags & 1 != 0;
        let is_installable = described.defect.is_none();
        let has_no_conditions = described.install_if.is_empty();
        let state = self.package_mut(package);
        state.seen = true;
        state.allowed_tags = 1;
        state.selectable = is_installable;
        state.install_if_failed = has_no_conditions;
        state.tag_allowed = is_untagged;
        state.tag_preferred = is_untagged;
    }

    /// The next name to discover for the sake of `frame`.
    fn next_within(&mut self, frame: &mut Frame) -> Option<NameId> {
        loop {
            match &mut frame.stage {
                Stage::Depends { provider, dependency, is_new } => {
                    let Some(package) = self.catalogue.providers(frame.name).get(*provider).map(|found| found.package)
                    else {
                        frame.stage = Stage::Triggered { provider: 0, own_name: 0, position: 0 };
                        continue;
                    };
                    let depends = &self.catalogue.package(package).depends;
                    if *is_new {
                        if let Some(before) = dependency.checked_sub(1).and_then(|before| depends.get(before)) {
                            let chain = self.name(before.name).chain.saturating_add(1);
                            let state = &mut self.packages[package.0 as usize];
                            state.chain = state.chain.max(chain);
                        }
                        if let Some(need) = depends.get(*dependency) {
                            *dependency += 1;
                            return Some(need.name);
                        }
                    }
                    let state = *self.package(package);
                    let name = self.name_mut(frame.name);
                    name.no_install_if &= state.install_if_failed;
                    name.chain = name.chain.max(state.chain);
                    *provider += 1;
                    *dependency = 0;
                    *is_new = self.enter_provider(frame.name, *provider);
                }
                Stage::Triggered { provider, own_name, position } => {
                    let package = self.catalogue.providers(frame.name).get(*provider)?.package;
                    let package = self.catalogue.package(package);
                    let cause = match own_name.checked_sub(1) {
                        None => Some(package.name),
                        Some(place) => package.provides.get(place).map(|provision| provision.name),
                    };
                    let Some(cause) = cause else {
                        (*provider, *own_name, *position) = (*provider + 1, 0, 0);
                        continue;
                    };
                    // What a name that was discovered before may bring is not looked for again; apk does not find it
                    // either where that name is provided and was asked for as such.
                    let is_skipped = *position == 0 && *own_name > 0 && self.name(cause).seen;
                    let Some(&name) = self.catalogue.triggered(cause).get(*position).filter(|_| !is_skipped) else {
                        (*own_name, *position) = (*own_name + 1, 0);
                        continue;
                    };
                    *position += 1;
                    return Some(name);
                }
            }
        }
    }

    /// Notes for every discovered name whose packages depend on it.
    pub(super) fn collect_dependers(&mut self) {
        self.dependers = vec![Vec::new(); self.names.len()];
        for (package, state) in self.catalogue.packages.iter().zip(&self.packages) {
            if !state.seen {
                continue;
            }
            let own = std::iter::once(package.name).chain(package.provides.iter().map(|provision| provision.name));
            let own: Vec<_> = own.filter(|name| self.names[name.0 as usize].seen).collect();
            for need in &package.depends {
                self.dependers[need.name.0 as usize].extend(&own);
            }
        }
        for dependers in &mut self.dependers {
            if dependers.len() > 1 {
                self.catalogue.sort(dependers);
            }
        }
    }
}
