//! Discovery: which names may play a part at all, and the rank of each among those that wait to be decided.

use super::super::catalogue::{NameId, PackageId};
use super::Solver;
use super::queue::Rank;

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
    pub(super) fn discover(&mut self, name: NameId) {
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
