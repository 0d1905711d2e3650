//! What is to become of each path, and why; the last reason given for a path counts.

use std::borrow::Cow;

use super::inventory::{EntryId, Inventory, Kind};

/// What is to become of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays; the reason is told by the report.
    Stays,
    /// It stays because this pattern of `keep` names it.
    Kept(String),
    /// It goes by the rule of this name.
    Goes(Cow<'static, str>),
}

/// A verdict for each path of an inventory.
pub(super) struct Decisions {
    verdicts: Vec<Verdict>,
}

impl Decisions {
    /// Everything stays.
    pub(super) fn new(inventory: &Inventory<'_>) -> Self {
        Self { verdicts: vec![Verdict::Stays; inventory.entries.len()] }
    }

    /// The verdict on `id`.
    pub(super) fn verdict(&self, id: EntryId) -> &Verdict {
        &self.verdicts[id.0 as usize]
    }

    /// Whether `id` goes.
    pub(super) fn goes(&self, id: EntryId) -> bool {
        matches!(self.verdict(id), Verdict::Goes(_))
    }

    /// Sets `id` down as kept by `pattern`.
    pub(super) fn keep(&mut self, id: EntryId, pattern: &str) {
        self.verdicts[id.0 as usize] = Verdict::Kept(pattern.to_owned());
    }

    /// Lets `id` go by `rule`, unless `keep` holds it or it goes already. Whether it goes now and did not before.
    pub(super) fn let_go(&mut self, id: EntryId, rule: impl Into<Cow<'static, str>>) -> bool {
        let verdict = &mut self.verdicts[id.0 as usize];
        if *verdict == Verdict::Stays {
            *verdict = Verdict::Goes(rule.into());
            return true;
        }
        false
    }

    /// Whether anything but folders is left of each of `count` packages.
    pub(super) fn packages_with_files(&self, inventory: &Inventory<'_>, count: usize) -> Vec<bool> {
        let mut left = vec![false; count];
        for id in inventory.ids() {
            let entry = inventory.entry(id);
            if entry.kind != Kind::Directory
                && !self.goes(id)
                && let Some(package) = entry.package()
                && let Some(left) = left.get_mut(package.0 as usize)
            {
                *left = true;
            }
        }
        left
    }
}
