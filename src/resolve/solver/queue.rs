//! Whose turn it is: the names that are wanted and not yet decided.
//!
//! A name with a single choice, and nobody undecided who depends on it, is decided at once. Otherwise those come first
//! that the world names, then names of real packages before mere provides, then the longest chain of dependencies, and
//! at last the name that was queued latest.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::super::catalogue::NameId;
use super::Solver;

/// The place of a name in the queue; the least comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    /// It can be decided without harm.
    Now { queued: Reverse<u64> },
    /// It has to wait for its turn.
    Waiting {
        asked: Reverse<bool>,
        virtuals: Virtuals,
        chain: Reverse<u32>,
        wanted: Reverse<bool>,
        queued: Reverse<u64>,
    },
}

/// How many of a name's providers are packages of another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Virtuals {
    None,
    Some,
    All,
}

impl Turn {
    fn queued(self) -> u64 {
        match self {
            Self::Now { queued } | Self::Waiting { queued, .. } => queued.0,
        }
    }
}

#[derive(Default)]
pub(super) struct Queue {
    turns: BTreeSet<(Turn, NameId)>,
    count: u64,
}

impl Queue {
    /// The name whose turn it is.
    pub(super) fn first(&self) -> Option<NameId> {
        self.turns.first().map(|(_, name)| *name)
    }
}

impl Solver<'_> {
    /// Puts a name where its turn comes, or takes it out where nobody wants it any more. A name that is queued already
    /// keeps its seniority.
    pub(super) fn queue(&mut self, name: NameId) {
        let state = *self.name(name);
        if state.locked {
            return;
        }
        let queued = state.turn.map_or(self.queue.count + 1, Turn::queued);
        self.queue.count = self.queue.count.max(queued);
        self.unqueue(name);
        let is_wanted = state.requirers > 0;
        if !is_wanted && !state.has_install_if {
            return;
        }
        let queued = Reverse(queued);
        let turn = if is_wanted && !state.has_options && state.dependers_decided {
            Turn::Now { queued }
        } else {
            Turn::Waiting {
                asked: Reverse(state.asked),
                virtuals: self.virtuals(name),
                chain: Reverse(state.chain),
                wanted: Reverse(is_wanted),
                queued,
            }
        };
        self.name_mut(name).turn = Some(turn);
        self.queue.turns.insert((turn, name));
    }

    /// Takes a name out of the queue.
    pub(super) fn unqueue(&mut self, name: NameId) {
        if let Some(turn) = self.name_mut(name).turn.take() {
            self.queue.turns.remove(&(turn, name));
        }
    }

    fn virtuals(&self, name: NameId) -> Virtuals {
        let providers = self.catalogue.providers(name);
        let is_virtual = |package| self.catalogue.package(package).name != name;
        let count = providers.iter().filter(|provider| is_virtual(provider.package)).count();
        match count {
            0 => Virtuals::None,
            all if all == providers.len() => Virtuals::All,
            _ => Virtuals::Some,
        }
    }
}
