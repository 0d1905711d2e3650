//! Reconsidering a name: which of its providers are still possible, and what all of them have in common.

use super::super::catalogue::{NameId, Need, PackageId, Provider};
use super::Solver;

impl<'a> Solver<'a> {
    /// Takes out providers that can no longer be, tests their `install_if`, and pushes down what all that remain need
    /// or provide alike.
    pub(super) fn reconsider(&mut self, name: NameId) {
        let state = self.name_mut(name);
        let dependencies = std::mem::take(&mut state.reevaluate_dependencies);
        let install_if = std::mem::take(&mut state.reevaluate_install_if);
        let is_wanted = state.requirers > 0;
        let (mut has_install_if, mut no_install_if) = (false, true);
        let (mut options, mut not_allowed) = (0, 0);
        let mut first_candidate = None;
        for place in 0..self.catalogue.providers(name).len() {
            let provider = self.catalogue.providers(name)[place];
            let package = provider.package;
            self.package_mut(package).dependencies_merged = false;
            if dependencies && self.package(package).selectable && !self.can_be_satisfied(package) {
                self.disqualify(package);
            }
            if !self.package(package).selectable {
                continue;
            }
            if install_if {
                self.test_install_if(package);
            }
            has_install_if |= self.package(package).install_if_triggered;
            no_install_if &= self.package(package).install_if_failed;
            if !is_wanted {
                continue;
            }
            self.package_mut(package).dependencies_merged = true;
            first_candidate.get_or_insert(package);
            self.merge(package, provider, options);
            not_allowed += u32::from(!self.package(package).tag_allowed);
            options += 1;
        }
        let state = self.name_mut(name);
        state.has_options = options > 1 || not_allowed > 0;
        state.has_install_if = has_install_if;
        state.no_install_if = no_install_if;
        self.queue(name);
        if let Some(package) = first_candidate {
            for place in 0..self.catalogue.providers(name).len() {
                let package = self.catalogue.providers(name)[place].package;
                let state = self.package_mut(package);
                state.dependencies_used = state.dependencies_merged;
            }
            self.push_down(name, package, options);
        }
        let decided = self.dependers(name).iter().all(|depender| self.name(*depender).locked);
        self.name_mut(name).dependers_decided = decided;
        self.queue(name);
    }

    /// Whether every dependency of a package can still be met.
    fn can_be_satisfied(&self, package: PackageId) -> bool {
        self.catalogue.package(package).depends.iter().all(|need| {
            let state = self.name(need.name);
            if state.locked {
                return self.provides(Some(package), need, state.chosen.as_ref());
            }
            (state.requirers == 0 && self.provides(Some(package), need, None))
                || self.catalogue.providers(need.name).iter().any(|provider| {
                    self.package(provider.package).selectable && self.provides(Some(package), need, Some(provider))
                })
        })
    }

    /// Looks whether the conditions of a package's `install_if` have come to hold, or can hold no more.
    fn test_install_if(&mut self, package: PackageId) {
        let state = self.package(package);
        if !state.install_if_triggered && !state.install_if_failed {
            let (mut triggered, mut failed) = (true, false);
            for condition in &self.catalogue.package(package).install_if {
                let state = self.name(condition.name);
                if !state.locked && !condition.conflict {
                    triggered = false;
                    break;
                }
                if !self.provides(Some(package), condition, state.chosen.as_ref()) {
                    (triggered, failed) = (false, true);
                    break;
                }
            }
            let state = self.package_mut(package);
            (state.install_if_triggered, state.install_if_failed) = (triggered, failed);
        }
        if self.package(package).install_if_triggered {
            for place in 0..self.catalogue.package(package).install_if.len() {
                let condition = self.catalogue.package(package).install_if[place];
                if let Some(provider) = self.name(condition.name).chosen {
                    self.inherit(package, Some(provider.package), 0);
                }
            }
        }
    }

    /// Counts how many of the candidates need, or provide, each of the names that this one does. `options` candidates
    /// have been counted before.
    fn merge(&mut self, package: PackageId, provider: Provider<'a>, options: u32) {
        let count = |counted: &mut u32| {
            let is_common_so_far = *counted == options;
            *counted += u32::from(is_common_so_far);
            is_common_so_far
        };
        let described = self.catalogue.package(package);
        for need in described.depends.iter().filter(|need| !need.conflict) {
            count(&mut self.names[need.name.0 as usize].merged_dependencies);
        }
        let own = &mut self.names[described.name.0 as usize];
        if count(&mut own.merged_provides) {
            own.has_virtual_provides |= provider.version.is_none();
        }
        for provision in &described.provides {
            let state = &mut self.names[provision.name.0 as usize];
            if count(&mut state.merged_provides) {
                state.has_virtual_provides |= provision.version.is_none();
            }
        }
    }

    /// Applies what all `options` candidates for `name` have in common, of which `first` is the first.
    fn push_down(&mut self, name: NameId, first: PackageId, options: u32) {
        for place in 0..self.catalogue.package(first).depends.len() {
            let need: Need<'a> = self.catalogue.package(first).depends[place];
            let is_common = std::mem::take(&mut self.name_mut(need.name).merged_dependencies) == options;
            if !is_common {
                continue;
            }
            if options == 1 {
                self.apply(Some(first), need, 0);
            } else if self.name(need.name).requirers == 0 {
                self.name_mut(need.name).requirers = 1;
                self.begin_to_want(need.name);
                for place in 0..self.catalogue.providers(need.name).len() {
                    let provider = self.catalogue.providers(need.name)[place];
                    self.inherit(provider.package, Some(first), 0);
                }
            }
        }
        for provided in self.own_names(first) {
            let state = self.name_mut(provided);
            let is_common = std::mem::take(&mut state.merged_provides) == options;
            if is_common {
                let skip_virtuals = state.has_virtual_provides;
                self.exclude_non_providers(provided, name, skip_virtuals);
            }
        }
        for provided in self.own_names(first) {
            self.name_mut(provided).has_virtual_provides = false;
        }
    }
}
