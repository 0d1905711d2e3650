//! The solver: greedy, without backtracking, deciding name after name as apk does.
//!
//! First every name that may play a part is discovered. The world's wishes are applied as constraints. Then, until
//! nothing is left: names that something has changed for are reconsidered, and the next name is decided. A choice once
//! made stands; where it proves wrong, the world has no selection, although another choice might have had one. That is
//! apk's answer, and a cleverer one would be a different one.

use std::cmp::{Ordering, Reverse};
use std::collections::VecDeque;

use super::catalogue::{Catalogue, NameId, Need, PackageId, Provider};
use super::queue::{Queue, Rank, Turn};
use crate::apk::{Requirement, compare};

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

// Discovery: which names may play a part at all, and the rank of each among those that wait to be decided.

/// A name under discovery. Written as a stack of these rather than as recursion, since an index may chain its
/// dependencies as deeply as it likes.
struct Frame {
    name: NameId,
    /// The provider under way.
    provider: usize,
    /// Where in the list that `stage` goes through.
    position: usize,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    /// The dependencies of the providers that no other name has brought.
    Depends {
        is_new: bool,
    },
    /// What `install_if` may bring by the name itself.
    Triggered,
    /// What `install_if` may bring by the own name of each provider, then what the provider provides.
    OwnTriggered,
    Provided,
    /// The conditions of the providers' `install_if`. The name has its rank by now.
    Conditions,
}

impl Solver<'_> {
    /// Discovers `name`, everything its providers need and provide, and everything that may come by `install_if` with
    /// them. apk's `discover_name`.
    fn discover(&mut self, name: NameId) {
        if self.name(name).seen {
            return;
        }
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
        self.open(name);
        let state = self.name_mut(name);
        state.seen = true;
        state.no_install_if = true;
        let is_new = self.enter_provider(name, 0);
        stack.push(Frame { name, provider: 0, position: 0, stage: Stage::Depends { is_new } });
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
        let has_failed = self.package(package).install_if_failed;
        self.name_mut(name).no_install_if &= has_failed;
        is_new
    }

    fn begin(&mut self, package: PackageId) {
        self.catalogue.read(package);
        self.grow();
        for name in self.own_names(package) {
            self.open(name);
        }
        let described = self.catalogue.package(package);
        // Whatever has no files is not served by any repository, so it is allowed whatever its tag.
        let is_untagged = described.tags & 1 != 0 || described.record.installed_size() == 0;
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
            let found = self.at(frame);
            if let Some(name) = found {
                frame.position += 1;
                if self.names[name.0 as usize].seen {
                    continue;
                }
                return Some(name);
            }
            frame.position = 0;
            let count = self.catalogue.providers(frame.name).len();
            frame.stage = match frame.stage {
                Stage::Depends { .. } => {
                    frame.provider += 1;
                    if frame.provider < count {
                        Stage::Depends { is_new: self.enter_provider(frame.name, frame.provider) }
                    } else {
                        Stage::Triggered
                    }
                }
                Stage::OwnTriggered => Stage::Provided,
                Stage::Triggered => {
                    frame.provider = 0;
                    Stage::OwnTriggered
                }
                Stage::Provided => {
                    frame.provider += 1;
                    if frame.provider < count {
                        Stage::OwnTriggered
                    } else {
                        self.rank(frame.name);
                        frame.provider = 0;
                        Stage::Conditions
                    }
                }
                Stage::Conditions => {
                    frame.provider += 1;
                    if frame.provider >= count {
                        return None;
                    }
                    Stage::Conditions
                }
            };
        }
    }

    /// The name at which `frame` is; `None` at the end of the list that it goes through.
    fn at(&self, frame: &Frame) -> Option<NameId> {
        if let Stage::Triggered = frame.stage {
            return self.catalogue.triggered(frame.name).get(frame.position).copied();
        }
        let provider = self.catalogue.providers(frame.name).get(frame.provider)?;
        let package = self.catalogue.package(provider.package);
        match frame.stage {
            Stage::Depends { is_new } => {
                if is_new {
                    package.depends.get(frame.position).map(|need| need.name)
                } else {
                    None
                }
            }
            Stage::OwnTriggered => self.catalogue.triggered(package.name).get(frame.position).copied(),
            Stage::Provided => package.provides.get(frame.position).map(|provision| provision.name),
            Stage::Conditions => package.install_if.get(frame.position).map(|condition| condition.name),
            Stage::Triggered => None,
        }
    }

    fn rank(&mut self, name: NameId) {
        let providers = self.catalogue.providers(name);
        let is_real = providers.iter().any(|provider| self.catalogue.package(provider.package).name == name);
        self.discovered += 1;
        let discovered = self.discovered;
        let state = self.name_mut(name);
        state.rank = Rank { is_asked: state.asked, is_real, discovered };
    }

    /// Notes for every discovered name whose packages depend on it.
    fn collect_dependers(&mut self) {
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

// Constraints: what a wish, a chosen package or a group of candidates means for the providers of other names.

impl<'a> Solver<'a> {
    /// Holds `need`, of `asker` or of the world, against all providers of its name. `tags` are the world's pins.
    fn apply(&mut self, asker: Option<PackageId>, need: Need, tags: u64) {
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
    fn begin_to_want(&mut self, name: NameId) {
        self.queue(name, false);
        self.touch_triggered(name);
        self.touch(name);
    }

    /// Lets `package` be served by the repositories that serve `asker`, or by those that the world pins.
    fn inherit(&mut self, package: PackageId, asker: Option<PackageId>, tags: u64) {
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
    fn disqualify(&mut self, package: PackageId) {
        self.package_mut(package).selectable = false;
        for name in self.own_names(package) {
            self.touch_dependers(name);
        }
        self.touch_triggered_by(package);
    }

    /// A package's own name, then those it provides.
    pub(super) fn own_names(&self, package: PackageId) -> Vec<NameId> {
        let package = self.catalogue.package(package);
        std::iter::once(package.name).chain(package.provides.iter().map(|provision| provision.name)).collect()
    }

    /// Takes out all providers of `name` that do not also stand for `must_provide`.
    fn exclude_non_providers(&mut self, name: NameId, must_provide: NameId, skip_virtuals: bool) {
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
    fn touch(&mut self, name: NameId) {
        let state = self.name_mut(name);
        if state.is_dirty || state.locked || (state.requirers == 0 && !state.reevaluate_install_if) {
            return;
        }
        state.is_dirty = true;
        self.dirty.push_back(name);
    }

    /// Has everybody who depends on `name` reconsidered.
    fn touch_dependers(&mut self, name: NameId) {
        for place in 0..self.dependers(name).len() {
            let depender = self.dependers(name)[place];
            self.name_mut(depender).reevaluate_dependencies = true;
            self.touch(depender);
        }
    }

    /// Has everything reconsidered that may come by `install_if` for the sake of `name`.
    fn touch_triggered(&mut self, name: NameId) {
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
    fn touch_triggered_by(&mut self, package: PackageId) {
        for name in self.own_names(package) {
            self.touch_triggered(name);
        }
    }
}

// Reconsidering a name: which of its providers are still possible, and what all of them have in common.

impl<'a> Solver<'a> {
    /// Takes out providers that can no longer be, tests their `install_if`, and pushes down what all that remain need
    /// or provide alike.
    fn reconsider(&mut self, name: NameId) {
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

// Deciding a name: which of its providers is preferred, and what the choice means for all names that it stands for.

impl<'a> Solver<'a> {
    /// Chooses a provider for `name`, or none.
    fn select(&mut self, name: NameId) {
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
    fn is_auto_selectable(&self, provider: &Provider<'a>) -> bool {
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
    pub(super) fn install_if_holds(&self, package: PackageId) -> bool {
        let conditions = &self.catalogue.package(package).install_if;
        let is_met = |need: &Need| self.provides(Some(package), need, self.name(need.name).chosen.as_ref());
        !conditions.is_empty() && conditions.iter().all(is_met)
    }

    /// The package that a name was decided for.
    pub(super) fn chosen_package(&self, name: NameId) -> Option<PackageId> {
        self.name(name).chosen.map(|provider| provider.package)
    }
}

// Waiting: names that are wanted and not yet decided.

impl Solver<'_> {
    /// Puts a name where its turn comes. One that is queued already moves only when it can be decided at once, or
    /// where `has_changed` says that it may no longer stand among the right ones. apk's `queue_unresolved`.
    fn queue(&mut self, name: NameId, has_changed: bool) {
        let state = *self.name(name);
        if state.locked {
            return;
        }
        let is_wanted = state.requirers > 0;
        let can_be_decided = state.dependers_decided && is_wanted && state.has_auto_selectable && !state.has_options;
        match state.turn {
            Some(Turn::Now { .. }) => return,
            Some(_) if !can_be_decided && !has_changed => return,
            None if !is_wanted && !state.has_install_if && !state.is_condition => return,
            _ => {}
        }
        self.unqueue(name);
        let rank = Reverse(state.rank);
        let turn = if can_be_decided {
            self.queue.count += 1;
            Turn::Now { queued: self.queue.count }
        } else if state.has_auto_selectable {
            Turn::Selectable { rank }
        } else {
            Turn::Unselectable { rank }
        };
        self.name_mut(name).turn = Some(turn);
        self.queue.turns.insert((turn, name));
    }

    /// Takes a name out of the queue.
    fn unqueue(&mut self, name: NameId) {
        if let Some(turn) = self.name_mut(name).turn.take() {
            self.queue.turns.remove(&(turn, name));
        }
    }
}
