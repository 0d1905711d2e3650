//! The order of installation: depth first over the sorted world, what a package needs before the package, and what
//! comes by `install_if` right after the package that completed its conditions.

use super::catalogue::{NameId, Need, PackageId};
use super::solver::{Solver, Wish};

/// A package whose turn has come, on a stack of those that wait for it.
struct Frame {
    package: PackageId,
    stage: Stage,
}

enum Stage {
    /// Going through its dependencies. The one before `dependency` may have been visited just now.
    Depends { dependency: usize },
    /// It has its place; going through what its names may bring by `install_if`.
    Triggered { name: usize, position: usize },
}

pub(super) struct Order<'solver, 'a> {
    solver: &'solver mut Solver<'a>,
    placed_names: Vec<bool>,
    placed_packages: Vec<bool>,
    placed: Vec<PackageId>,
}

impl<'solver, 'a> Order<'solver, 'a> {
    pub(super) fn new(solver: &'solver mut Solver<'a>) -> Self {
        Self {
            placed_names: vec![false; solver.names.len()],
            placed_packages: vec![false; solver.packages.len()],
            placed: Vec::new(),
            solver,
        }
    }

    /// The packages in their order. Dependencies that turn out not to hold are marked as errors of who has them.
    pub(super) fn of(mut self, world: &[Wish]) -> Vec<PackageId> {
        for wish in world {
            let mut stack = Vec::new();
            self.enter_need(&mut stack, None, &wish.need);
            while let Some(frame) = stack.pop() {
                self.go_on(&mut stack, frame);
            }
        }
        self.placed
    }

    fn go_on(&mut self, stack: &mut Vec<Frame>, mut frame: Frame) {
        let package = frame.package;
        match &mut frame.stage {
            Stage::Depends { dependency } => {
                let described = self.solver.catalogue.package(package);
                if let Some(before) = dependency.checked_sub(1).and_then(|before| described.depends.get(before)) {
                    self.pass_error_up(package, *before);
                }
                if let Some(&need) = self.solver.catalogue.package(package).depends.get(*dependency) {
                    *dependency += 1;
                    stack.push(frame);
                    self.enter_need(stack, Some(package), &need);
                } else {
                    self.placed.push(package);
                    stack.push(Frame { package, stage: Stage::Triggered { name: 0, position: 0 } });
                }
            }
            Stage::Triggered { name, position } => {
                let described = self.solver.catalogue.package(package);
                let own = match name.checked_sub(1) {
                    None => Some(described.name),
                    Some(place) => described.provides.get(place).map(|provision| provision.name),
                };
                let Some(own) = own else { return };
                let triggered = self.solver.catalogue.triggered(own).get(*position).copied();
                *position += 1;
                if triggered.is_none() {
                    (*name, *position) = (*name + 1, 0);
                }
                stack.push(frame);
                if let Some(triggered) = triggered.filter(|triggered| self.has_been_triggered(*triggered)) {
                    self.enter(stack, triggered);
                }
            }
        }
    }

    fn enter_need(&mut self, stack: &mut Vec<Frame>, asker: Option<PackageId>, need: &Need) {
        let chosen = self.solver.name(need.name).chosen;
        if let Some(asker) = asker
            && !self.solver.provides(Some(asker), need, chosen.as_ref())
        {
            self.solver.mark_error(asker);
        }
        self.enter(stack, need.name);
    }

    /// Whoever needs a package with an error has one itself.
    fn pass_error_up(&mut self, package: PackageId, need: Need) {
        if self.solver.chosen_package(need.name).is_some_and(|chosen| self.solver.package(chosen).error) {
            self.solver.mark_error(package);
        }
    }

    fn enter(&mut self, stack: &mut Vec<Frame>, name: NameId) {
        if std::mem::replace(&mut self.placed_names[name.0 as usize], true) {
            return;
        }
        let Some(package) = self.solver.chosen_package(name) else { return };
        if std::mem::replace(&mut self.placed_packages[package.0 as usize], true) {
            return;
        }
        for own in self.solver.own_names(package) {
            self.placed_names[own.0 as usize] = true;
        }
        stack.push(Frame { package, stage: Stage::Depends { dependency: 0 } });
    }

    /// Whether a name was chosen and all conditions of its `install_if` have been placed.
    fn has_been_triggered(&self, name: NameId) -> bool {
        let Some(package) = self.solver.chosen_package(name) else { return false };
        if !self.solver.name(name).seen || self.placed_names[name.0 as usize] {
            return false;
        }
        self.solver.catalogue.package(package).install_if.iter().all(|condition| {
            let chosen = self.solver.name(condition.name).chosen;
            (condition.conflict || self.placed_names[condition.name.0 as usize])
                && self.solver.provides(Some(package), condition, chosen.as_ref())
        })
    }
}
