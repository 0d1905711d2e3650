//! What a `drop` takes along: a module over the same library, which its importers can do without as well, as long as
//! nothing that can run mentions what only that module brings.
//!
//! Its optional imports are held back until all else is followed. They are followed after all where such a name came
//! up, or at once where somebody imports the module without taking its absence.

use super::super::inventory::EntryId;
use super::super::trace::Engine;
use super::facts::{Import, Unit};
use super::imports::is_dropped;
use super::rules;
use super::state::Python;

/// A module that goes along.
pub(crate) struct Along {
    module: &'static str,
    /// What would be missed.
    names: &'static [&'static str],
    /// Imports that were not followed.
    imports: Vec<(EntryId, Import)>,
    /// Units that run only if such an import succeeds.
    units: Vec<(EntryId, u32)>,
}

impl Along {
    /// What goes along with `drop`.
    pub(super) fn with(drop: &[String]) -> Vec<Self> {
        rules::ALONG
            .iter()
            .filter(|(dropped, module, _)| drop.iter().any(|it| it == dropped) && !is_dropped(drop, module))
            .map(|&(_, module, names)| Self { module, names, imports: Vec::new(), units: Vec::new() })
            .collect()
    }
}

impl Python {
    /// Modules that `drop` could name, each with one that would go along, as far as it was followed up to now.
    pub(crate) fn would_go_along(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let missed = |names: &[&str]| names.iter().any(|name| self.is_mentioned(name));
        rules::ALONG.iter().filter(move |(_, _, names)| !missed(names)).map(|&(dropped, module, _)| (dropped, module))
    }
}

impl Engine<'_> {
    /// Whether imports of `module` are left out.
    pub(super) fn python_lacks(&self, module: &str) -> bool {
        is_dropped(&self.policy.drop, module)
            || self.python.iter().flat_map(|python| &python.along).any(|along| along.module == module)
    }

    /// Holds an import of `module` back that the file can do without. Whether it was.
    pub(super) fn python_hold(&mut self, id: EntryId, import: &Import, module: &str) -> bool {
        let Some(python) = &mut self.python else { return false };
        let Some(at) = python.along.iter().position(|along| along.module == module) else { return false };
        if import.guard.is_none() {
            self.python_keep(at);
            return false;
        }
        python.along[at].imports.push((id, import.clone()));
        true
    }

    /// The unit `child` runs only if the imports under `guard` succeed, one of which may be held back.
    pub(super) fn python_hold_unit(&mut self, id: EntryId, child: u32, outer: &Unit, guard: u32) {
        let Some(python) = &mut self.python else { return };
        for along in &mut python.along {
            if outer.imports.iter().any(|it| it.guard == Some(guard) && *it.module == *along.module) {
                along.units.push((id, child));
            }
        }
    }

    /// Follows what was held back for a name that came up. Whether there was any.
    pub(super) fn python_settle_along(&mut self) -> bool {
        let Some(python) = &self.python else { return false };
        let missed = |name: &&str| python.is_mentioned(name);
        let Some(at) = python.along.iter().position(|along| along.names.iter().any(missed)) else { return false };
        self.python_keep(at);
        true
    }

    fn python_keep(&mut self, at: usize) {
        let Some(python) = &mut self.python else { return };
        let along = python.along.remove(at);
        for (id, import) in &along.imports {
            self.python_import(*id, import);
        }
        for (id, unit) in along.units {
            self.python_activate(id, unit);
        }
    }
}
