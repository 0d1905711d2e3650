//! Whose turn it is: the names that are wanted and not yet decided.
//!
//! A name with a single choice, and nobody undecided who depends on it, is decided first, in the order in which that
//! came to be known. Next come the names with a provider that may be taken by itself, and last those without one; both
//! by rank: what the world asks for before what it does not, names of real packages before mere provides, and a
//! dependent before the name it depends on.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::catalogue::NameId;

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
    pub(super) turns: BTreeSet<(Turn, NameId)>,
    pub(super) count: u64,
}

impl Queue {
    /// The name whose turn it is.
    pub(super) fn first(&self) -> Option<NameId> {
        self.turns.first().map(|(_, name)| *name)
    }
}
