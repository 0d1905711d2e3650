//! The solver: greedy, without backtracking, deciding name after name as apk does.
//!
//! First every name that may play a part is discovered. The world's wishes are applied as constraints. Then, until
//! nothing is left: names that something has changed for are reconsidered, and the next name is decided. A choice once
//! made stands; where it proves wrong, the world has no selection, although another choice might have had one. That is
//! apk's answer, and a cleverer one would be a different one.

mod constrain;
mod discover;
mod queue;
mod reconsider;
mod select;

use std::collections::VecDeque;

use self::queue::{Queue, Rank, Turn};
use super::catalogue::{Catalogue, NameId, Need, PackageId, Provider};
use crate::apk::Requirement;

/// What has been found out about a name.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each tells another fact, and they change apart from each other")]
pub(super) struct NameState<'a> {
    pub(super) seen: bool,
    pub(super) locked: bool,
    /// What the name was decided for; meaningful when locked.
    pub(super) chosen: Option<Provider<'a>>,
    /// How many want it.
    pub(super) requirers: u32,
    /// The world has a wish of this name.
    pub(super) asked: bool,
    /// Its place among the names that wait, given when it was discovered.
    rank: Rank,
    turn: Option<Turn>,
    is_dirty: bool,
    reevaluate_dependencies: bool,
    reevaluate_install_if: bool,
    has_install_if: bool,
    /// No provider can come by `install_if` any more.
    no_install_if: bool,
    /// An `install_if` waits to hear that nobody provides it.
    is_condition: bool,
    has_options: bool,
    /// When last looked at, some provider could be taken by itself or came by its `install_if`.
    has_auto_selectable: bool,
    /// When last looked at, everybody who depends on it had been decided.
    dependers_decided: bool,
    merged_dependencies: u32,
    merged_provides: u32,
    has_virtual_provides: bool,
}

/// What has been found out about a package.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each tells another fact, and they change apart from each other")]
pub(super) struct PackageState {
    seen: bool,
    pub(super) selectable: bool,
    pub(super) conflicts: u32,
    /// Tags whose repositories may serve it.
    allowed_tags: u64,
    pub(super) tag_allowed: bool,
    tag_preferred: bool,
    install_if_triggered: bool,
    install_if_failed: bool,
    dependencies_merged: bool,
    dependencies_used: bool,
    /// Its dependencies were applied while it was the only candidate for a name.
    dependencies_pushed: bool,
    pub(super) error: bool,
}

/// A wish of the world: what must hold, with the tags that serve it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) need: Need,
    pub(super) tags: u64,
}

pub(super) struct Solver<'a> {
    pub(super) catalogue: Catalogue<'a>,
    pub(super) names: Vec<NameState<'a>>,
    pub(super) packages: Vec<PackageState>,
    /// For every name, the names whose discovered packages depend on it, in apk's order.
    dependers: Vec<Vec<NameId>>,
    dirty: VecDeque<NameId>,
    queue: Queue,
    /// The candidates for the name under reconsideration; kept for its memory.
    candidates: Vec<Provider<'a>>,
    /// How many names have been discovered with all that they need.
    discovered: u32,
    pub(super) errors: usize,
}

impl<'a> Solver<'a> {
    pub(super) fn new(catalogue: Catalogue<'a>) -> Self {
        Self {
            names: Vec::new(),
            packages: Vec::new(),
            dependers: Vec::new(),
            dirty: VecDeque::new(),
            queue: Queue::default(),
            candidates: Vec::new(),
            discovered: 0,
            errors: 0,
            catalogue,
        }
    }

    /// Decides every name that `world`, in apk's order, has to do with.
    pub(super) fn solve(&mut self, world: &[Wish]) {
        for wish in world {
            self.open(wish.need.name);
            self.name_mut(wish.need.name).asked = true;
        }
        for wish in world {
            self.discover(wish.need.name);
        }
        self.collect_dependers();
        for wish in world {
            self.apply(None, wish.need, wish.tags);
        }
        loop {
            while let Some(name) = self.dirty.pop_front() {
                self.name_mut(name).is_dirty = false;
                if !self.name(name).locked {
                    self.reconsider(name);
                }
            }
            let Some(name) = self.queue.first() else { break };
            self.select(name);
        }
    }

    /// Finds who provides a name; it may bring names and packages that were not known before.
    fn open(&mut self, name: NameId) {
        self.catalogue.open(name);
        self.grow();
    }

    /// Makes room for the names and packages that the catalogue has come to know.
    fn grow(&mut self) {
        self.names.resize(self.catalogue.name_count(), NameState::default());
        self.packages.resize(self.catalogue.packages.len(), PackageState::default());
    }

    pub(super) fn name(&self, name: NameId) -> &NameState<'a> {
        &self.names[name.0 as usize]
    }

    fn name_mut(&mut self, name: NameId) -> &mut NameState<'a> {
        &mut self.names[name.0 as usize]
    }

    pub(super) fn package(&self, package: PackageId) -> &PackageState {
        &self.packages[package.0 as usize]
    }

    fn package_mut(&mut self, package: PackageId) -> &mut PackageState {
        &mut self.packages[package.0 as usize]
    }

    /// The names that depend on `name` and have been discovered.
    fn dependers(&self, name: NameId) -> &[NameId] {
        self.dependers.get(name.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Notes that `package` cannot be part of a selection after all.
    pub(super) fn mark_error(&mut self, package: PackageId) {
        let state = self.package_mut(package);
        if !state.error {
            state.error = true;
            self.errors += 1;
        }
    }

    /// Whether `provider` gives what `need` asks for; of a conflict, whether it stays clear of it. `None` stands for
    /// nothing at all. `asker` never conflicts with what it provides itself. What is provided without a version counts
    /// as less than any version. apk's `apk_dep_is_provided`.
    pub(super) fn provides(&self, asker: Option<PackageId>, need: &Need, provider: Option<&Provider<'a>>) -> bool {
        let Some(provider) = provider else { return need.conflict };
        if need.conflict && asker == Some(provider.package) {
            return true;
        }
        let is_met = match self.catalogue.requirement(*need) {
            Requirement::Any => true,
            Requirement::Version(operator, wanted) => operator.holds(provider.version.unwrap_or_default(), wanted),
            // Written as a conflict apk takes the identity for a version, which no other equals.
            Requirement::Identity(_) if need.conflict => true,
            Requirement::Identity(identity) => {
                self.catalogue.package(provider.package).record.identity() == Some(identity)
            }
        };
        is_met != need.conflict
    }
}
