//! Deciding a name: which of its providers is preferred, and what the choice means for all names that it stands for.

use std::cmp::Ordering;

use super::super::catalogue::{NameId, Need, PackageId, Provider};
use super::Solver;
use crate::apk::compare;

impl<'a> Solver<'a> {
    /// Chooses a provider for `name`, or none.
    pub(super) fn select(&mut self, name: NameId) {
        let is_wanted = self.name(name).requirers > 0;
        let mut chosen: Option<Provider<'a>> = None;
        if is_wanted || self.name(name).has_install_if {
            for provider in self.catalogue.providers(name) {
                let state = self.package(provider.package);
                if !is_wanted && (!state.install_if_triggered || !state.tag_allowed || !state.selectable) {
                    continue;
                }
                if !self.is_auto_selectable(provider) {
                    continue;
                }
                if chosen.is_none_or(|chosen| self.preference(provider, &chosen) == Ordering::Greater) {
                    chosen = Some(*provider);
                }
            }
        }
        let Some(provider) = chosen else {
            self.assign(name, None);
            if is_wanted {
                self.errors += 1;
            }
            return;
        };
        let package = provider.package;
        let state = self.package(package);
        if !state.selectable || !state.tag_allowed {
            self.mark_error(package);
        }
        let described = self.catalogue.package(package);
        let own = Provider { package, version: Some(described.record.version()) };
        self.assign(described.name, Some(own));
        for place in 0..self.catalogue.package(package).provides.len() {
            let provision = self.catalogue.package(package).provides[place];
            self.assign(provision.name, Some(Provider { package, version: provision.version }));
        }
        for place in 0..self.catalogue.package(package).depends.len() {
            let need = self.catalogue.package(package).depends[place];
            self.apply(Some(package), need, 0);
        }
    }

    /// Whether a provider may be taken by itself: with a version always, without one only by a priority or where its
    /// package is wanted by its own name.
    pub(super) fn is_auto_selectable(&self, provider: &Provider<'a>) -> bool {
        let package = self.catalogue.package(provider.package);
        provider.version.is_some() || package.provider_priority > 0 || self.name(package.name).requirers > 0
    }

    /// Which of two providers of one name is preferred: `Greater` stands for `left`.
    fn preference(&self, left: &Provider<'a>, right: &Provider<'a>) -> Ordering {
        let (left_state, right_state) = (self.package(left.package), self.package(right.package));
        let (left_package, right_package) =
            (self.catalogue.package(left.package), self.catalogue.package(right.package));
        let own_version = || {
            if left_package.name == right_package.name {
                compare(left_package.record.version(), right_package.record.version())
            } else {
                Ordering::Equal
            }
        };
        left_state
            .selectable
            .cmp(&right_state.selectable)
            .then_with(|| left_state.dependencies_used.cmp(&right_state.dependencies_used))
            .then_with(|| right_state.conflicts.cmp(&left_state.conflicts))
            .then_with(|| left_state.tag_allowed.cmp(&right_state.tag_allowed))
            .then_with(|| left_state.tag_preferred.cmp(&right_state.tag_preferred))
            .then_with(|| compare(left.version.unwrap_or_default(), right.version.unwrap_or_default()))
            .then_with(own_version)
            .then_with(|| left_package.provider_priority.cmp(&right_package.provider_priority))
            .then_with(|| right_package.sources.first().cmp(&left_package.sources.first()))
    }

    /// Decides `name` for good; rivals are out.
    fn assign(&mut self, name: NameId, provider: Option<Provider<'a>>) {
        if self.name(name).locked {
            let before = self.name(name).chosen;
            // Nothing at all counts as given without a version.
            let is_shared = |provider: Option<Provider<'a>>| provider.is_none_or(|given| given.version.is_none());
            if is_shared(provider) && is_shared(before) {
                return;
            }
            for given in [provider, before].into_iter().flatten() {
                self.mark_error(given.package);
            }
            return;
        }
        self.unqueue(name);
        let state = self.name_mut(name);
        state.locked = true;
        state.chosen = provider;
        for place in 0..self.catalogue.providers(name).len() {
            let rival = self.catalogue.providers(name)[place];
            let coexists = match provider {
                Some(given) => given.package == rival.package || (given.version.is_none() && rival.version.is_none()),
                None => rival.version.is_none(),
            };
            if !coexists {
                self.disqualify(rival.package);
            }
        }
        self.touch_dependers(name);
        match provider {
            Some(given) => self.touch_triggered_by(given.package),
            None => self.touch_triggered(name),
        }
    }

    /// Whether a package has an `install_if` and the selection meets all its conditions. What was noted on the way
    /// there will not do: a package that had been decided is not looked at again, and which was first depends on the
    /// index.
    pub(in crate::resolve) fn install_if_holds(&self, package: PackageId) -> bool {
        let conditions = &self.catalogue.package(package).install_if;
        let is_met = |need: &Need| self.provides(Some(package), need, self.name(need.name).chosen.as_ref());
        !conditions.is_empty() && conditions.iter().all(is_met)
    }

    /// The package that a name was decided for.
    pub(in crate::resolve) fn chosen_package(&self, name: NameId) -> Option<PackageId> {
        self.name(name).chosen.map(|provider| provider.package)
    }
}
