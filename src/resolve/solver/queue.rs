//! Whose turn it is: the names that are wanted and not yet decided.
//!
//! A name with a single choice, and nobody undecided who depends on it, is decided first, in the order in which that
//! came to be known. Next come the names with a provider that may be taken by itself, and last those without one; both
//! by rank: what the world asks for before what it does not, names of real packages before mere provides, and a
//! dependent before the name it depends on.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::super::catalogue::NameId;
use super::Solver;

/// The place of a name in the queue; the least comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    /// It can be decided without harm. Once it is here it stays here.
    Now { queued: u64 },
    /// Some provider may be taken by itself.
    Selectable { rank: Reverse<Rank> },
    /// No provider may be taken by itself, as things are.
    Unselectable { rank: Reverse<Rank> },
}

/// What decides between names that wait; the greatest comes first. It is given when a name was discovered and does not
/// change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// The world has it.
    pub(super) is_asked: bool,
    /// There is a package of this very name.
    pub(super) is_real: bool,
    /// How many names had been discovered with all that they need.
    pub(super) discovered: u32,
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
    /// Puts a name where its turn comes. One that is queued already moves only when it can be decided at once, or
    /// where `has_changed` says that it may no longer stand among the right ones. apk's `queue_unresolved`.
    pub(super) fn queue(&mut self, name: NameId, has_changed: bool) {
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
    pub(super) fn unqueue(&mut self, name: NameId) {
        if let Some(turn) = self.name_mut(name).turn.take() {
            self.queue.turns.remove(&(turn, name));
        }
    }
}
