//! Constraints: what a wish, a chosen package or a group of candidates means for the providers of other names.

use super::super::catalogue::{NameId, Need, PackageId};
use super::Solver;

impl<'a> Solver<'a> {
    /// Holds `need`, of `asker` or of the world, against all providers of its name. `tags` are the world's pins.
    pub(super) fn apply(&mut self, asker: Option<PackageId>, need: Need, tags: u64) {
        if !need.conflict {
            let state = self.name_mut(need.name);
            state.requirers = state.requirers.saturating_add(1);
            if state.requirers == 1 {
                self.begin_to_want(need.name);
            }
        }
        for place in 0..self.catalogue.providers(need.name).len() {
            let provider = self.catalogue.providers(need.name)[place];
            if self.provides(asker, &need, Some(&provider)) {
                self.inherit(provider.package, asker, tags);
                continue;
            }
            let state = self.package_mut(provider.package);
            state.conflicts += 1;
            if state.selectable {
                self.disqualify(provider.package);
            }
        }
    }

    /// Notes that somebody wants `name` for the first time.
    pub(super) fn begin_to_want(&mut self, name: NameId) {
        self.queue(name, false);
        self.touch_triggered(name);
        self.touch(name);
    }

    /// Lets `package` be served by the repositories that serve `asker`, or by those that the world pins.
    pub(super) fn inherit(&mut self, package: PackageId, asker: Option<PackageId>, tags: u64) {
        let own = self.catalogue.package(package).tags;
        let inherited = asker.map(|asker| self.package(asker).allowed_tags);
        let state = self.package_mut(package);
        if let Some(allowed) = inherited {
            state.allowed_tags |= allowed;
        } else {
            state.allowed_tags |= tags;
            state.tag_preferred = own & tags != 0;
        }
        state.tag_allowed |= own & state.allowed_tags != 0;
    }

    /// Takes a package out of the running.
    pub(super) fn disqualify(&mut self, package: PackageId) {
        self.package_mut(package).selectable = false;
        for name in self.own_names(package) {
            self.touch_dependers(name);
        }
        self.touch_triggered_by(package);
    }

    /// A package's own name, then those it provides.
    pub(in crate::resolve) fn own_names(&self, package: PackageId) -> Vec<NameId> {
        let package = self.catalogue.package(package);
        std::iter::once(package.name).chain(package.provides.iter().map(|provision| provision.name)).collect()
    }

    /// Takes out all providers of `name` that do not also stand for `must_provide`.
    pub(super) fn exclude_non_providers(&mut self, name: NameId, must_provide: NameId, skip_virtuals: bool) {
        if name == must_provide {
            return;
        }
        for place in 0..self.catalogue.providers(name).len() {
            let provider = self.catalogue.providers(name)[place];
            let package = self.catalogue.package(provider.package);
            let is_spared = package.name == must_provide
                || !self.package(provider.package).selectable
                || (skip_virtuals && provider.version.is_none())
                || package
                    .provides
                    .iter()
                    .any(|provision| provision.name == must_provide || (skip_virtuals && provision.version.is_none()));
            if !is_spared {
                self.disqualify(provider.package);
            }
        }
    }

    /// Has a name reconsidered before the next one is decided.
    pub(super) fn touch(&mut self, name: NameId) {
        let state = self.name_mut(name);
        if state.is_dirty || state.locked || (state.requirers == 0 && !state.reevaluate_install_if) {
            return;
        }
        state.is_dirty = true;
        self.dirty.push_back(name);
    }

    /// Has everybody who depends on `name` reconsidered.
    pub(super) fn touch_dependers(&mut self, name: NameId) {
        for place in 0..self.dependers(name).len() {
            let depender = self.dependers(name)[place];
            self.name_mut(depender).reevaluate_dependencies = true;
            self.touch(depender);
        }
    }

    /// Has everything reconsidered that may come by `install_if` for the sake of `name`.
    pub(super) fn touch_triggered(&mut self, name: NameId) {
        // A rival that was never discovered has names of its own.
        self.open(name);
        for place in 0..self.catalogue.triggered(name).len() {
            let triggered = self.catalogue.triggered(name)[place];
            let state = self.name_mut(triggered);
            if !state.seen || state.no_install_if {
                continue;
            }
            state.reevaluate_install_if = true;
            self.touch(triggered);
        }
    }

    /// The same for all names of a package.
    pub(super) fn touch_triggered_by(&mut self, package: PackageId) {
        for name in self.own_names(package) {
            self.touch_triggered(name);
        }
    }
}
