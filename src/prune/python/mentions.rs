//! Which names code that can run mentions, and which units that lets run.

use super::super::inventory::EntryId;
use super::facts::Unit;
use super::state::Python;

impl Python {
    /// The names of a unit that runs; the units that wait for one of them go on `stack`.
    pub(super) fn mention(&mut self, unit: &Unit, stack: &mut Vec<(EntryId, u32)>) {
        for name in unit.mentions.iter() {
            self.mention_name(name, stack);
        }
        for prefix in &unit.prefixes {
            if self.prefixes.insert(prefix.clone()) {
                let names: Vec<Box<str>> = self
                    .waiting
                    .range(prefix.clone()..)
                    .take_while(|(name, _)| name.starts_with(&**prefix))
                    .map(|(name, _)| name.clone())
                    .collect();
                for name in names {
                    stack.extend(self.waiting.remove(&name).unwrap_or_default());
                }
            }
        }
        for suffix in &unit.suffixes {
            if self.suffixes.insert(suffix.clone()) {
                let names: Vec<Box<str>> =
                    self.waiting.keys().filter(|name| name.ends_with(&**suffix)).cloned().collect();
                for name in names {
                    stack.extend(self.waiting.remove(&name).unwrap_or_default());
                }
            }
        }
    }

    /// One name.
    pub(super) fn mention_name(&mut self, name: &str, stack: &mut Vec<(EntryId, u32)>) {
        if !self.mentioned.contains(name) {
            self.mentioned.insert(name.into());
            if let Some(units) = self.waiting.remove(name) {
                stack.extend(units);
            }
        }
    }

    /// Whether a function of this name may be called.
    pub(super) fn is_mentioned(&self, name: &str) -> bool {
        self.mentioned.contains(name)
            || (1..=name.len()).any(|end| name.get(..end).is_some_and(|head| self.prefixes.contains(head)))
            || (0..name.len()).any(|start| name.get(start..).is_some_and(|tail| self.suffixes.contains(tail)))
    }
}
