//! Reconsidering a name: which of its providers are still possible, and what all of them have in common.

use super::super::catalogue::{NameId, PackageId, Provider};
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
        let (mut has_auto_selectable, mut is_not_allowed) = (false, false);
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
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
            let state = self.package_mut(package);
            has_install_if |= state.install_if_triggered;
            no_install_if &= state.install_if_failed;
            has_auto_selectable |= state.install_if_triggered;
            if !is_wanted {
                continue;
            }
            state.dependencies_merged = true;
            is_not_allowed |= !state.tag_allowed;
            has_auto_selectable |= self.is_auto_selectable(&provider);
            candidates.push(provider);
        }
        let state = self.name_mut(name);
        state.has_options = candidates.len() > 1 || is_not_allowed;
        state.has_install_if = has_install_if;
        state.no_install_if = no_install_if;
        let has_changed = std::mem::replace(&mut state.has_auto_selectable, has_auto_selectable) != has_auto_selectable;
        if !candidates.is_empty() {
            for place in 0..self.catalogue.providers(name).len() {
                let package = self.catalogue.providers(name)[place].package;
                let state = self.package_mut(package);
                state.dependencies_used = state.dependencies_merged;
            }
            self.push_down(name, &candidates);
        }
        self.candidates = candidates;
        let decided = self.dependers(name).iter().all(|depender| self.name(*depender).locked);
        self.name_mut(name).dependers_decided = decided;
        self.queue(name, has_changed);
    }

    /// Whether every dependency of a package can still be met.
    fn can_be_satisfied(&self, package: PackageId) -> bool {
        self.catalogue.package(package).depends.iter().all(|need| {
            let state = self.name(need.name);
            if state.locked {
                if need.is_any() && !need.conflict {
                    return state.chosen.is_some();
                }
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
            for place in 0..self.catalogue.package(package).install_if.len() {
                let condition = self.catalogue.package(package).install_if[place];
                let state = self.name(condition.name);
                if !state.locked {
                    if condition.conflict {
                        // Nobody may ever want it; it has to be decided all the same.
                        self.name_mut(condition.name).is_condition = true;
                        self.queue(condition.name, false);
                    }
                    triggered = false;
                    break;
                }
                if !self.provides(Some(package), &condition, state.chosen.as_ref()) {
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
                let chosen = self.chosen_package(condition.name);
                self.inherit(package, chosen, 0);
            }
        }
    }

    /// Applies what all `candidates` for `name` have in common.
    fn push_down(&mut self, name: NameId, candidates: &[Provider<'a>]) {
        let Some(first) = candidates.first().map(|provider| provider.package) else { return };
        if let [only] = candidates {
            self.push_down_all(only.package);
        } else {
            self.push_down_common(first, candidates);
        }
        for (options, candidate) in (0..).zip(candidates) {
            self.count_provides(*candidate, options);
        }
        let options = candidates.len() as u32;
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

    /// Applies the dependencies of a package that is the only candidate: of each name that it depends on, what it asks
    /// first.
    fn push_down_all(&mut self, package: PackageId) {
        // Once is enough where nothing is counted: that a name is wanted, and by whom it may be served.
        let is_pushed = std::mem::replace(&mut self.package_mut(package).dependencies_pushed, true);
        let is_counted = !is_pushed || self.catalogue.has_tags();
        for place in 0..self.catalogue.package(package).depends.len() {
            let need = self.catalogue.package(package).depends[place];
            if !need.conflict {
                self.name_mut(need.name).merged_dependencies = 1;
            }
        }
        for place in 0..self.catalogue.package(package).depends.len() {
            let need = self.catalogue.package(package).depends[place];
            let is_first = std::mem::take(&mut self.name_mut(need.name).merged_dependencies) == 1;
            if is_first && (is_counted || !need.is_any() || need.conflict) {
                self.apply(Some(package), need, 0);
            }
        }
    }

    /// Notes of each name that all `candidates` depend on, of which `first` is the first, that it is wanted.
    fn push_down_common(&mut self, first: PackageId, candidates: &[Provider<'a>]) {
        for (options, candidate) in (0..).zip(candidates) {
            for need in self.catalogue.package(candidate.package).depends.iter().filter(|need| !need.conflict) {
                count(&mut self.names[need.name.0 as usize].merged_dependencies, options);
            }
        }
        for place in 0..self.catalogue.package(first).depends.len() {
            let name = self.catalogue.package(first).depends[place].name;
            let state = self.name_mut(name);
            let is_common = std::mem::take(&mut state.merged_dependencies) as usize == candidates.len();
            if is_common && state.requirers == 0 {
                state.requirers = 1;
                self.begin_to_want(name);
                for place in 0..self.catalogue.providers(name).len() {
                    let provider = self.catalogue.providers(name)[place];
                    self.inherit(provider.package, Some(first), 0);
                }
            }
        }
    }

    /// Counts how many of the candidates provide each of the names that this one does. `options` candidates have been
    /// counted before.
    fn count_provides(&mut self, provider: Provider<'a>, options: u32) {
        let described = self.catalogue.package(provider.package);
        let own = &mut self.names[described.name.0 as usize];
        if count(&mut own.merged_provides, options) {
            own.has_virtual_provides |= provider.version.is_none();
        }
        for provision in &described.provides {
            let state = &mut self.names[provision.name.0 as usize];
            if count(&mut state.merged_provides, options) {
                state.has_virtual_provides |= provision.version.is_none();
            }
        }
    }
}

/// Counts one more, where all of the `options` before were counted; gives whether they were.
fn count(counted: &mut u32, options: u32) -> bool {
    let is_common_so_far = *counted == options;
    *counted += u32::from(is_common_so_far);
    is_common_so_far
}
