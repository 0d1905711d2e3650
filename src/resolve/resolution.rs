//! What a world selects: the packages in the order of their installation, and why each of them is there.

use std::collections::BTreeMap;

use super::catalogue::{NameId, PackageId};
use super::solver::{Solver, Wish};
use crate::apk::{Dependency, PackageName};
use crate::repository::IndexEntry;

/// The selection for a world, in install order: what a package needs comes before it, save where dependencies form a
/// cycle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// The packages.
    pub packages: Vec<Selected>,
}

/// One package of a selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// What the index says of it.
    pub entry: IndexEntry,
    /// The repositories that hold this very package, by their place among the sources given to
    /// [`resolve`](super::resolve), in order; never empty.
    pub sources: Vec<usize>,
    /// Why it is there, never empty: wishes of the world first, then the packages that need it in install order, and
    /// last its own `install_if`.
    pub reasons: Vec<Reason>,
}

/// Why a package was selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The world asks for it, or for something that it provides.
    Asked {
        /// The wish.
        wish: Dependency,
    },
    /// Another package of the selection needs it, or something that it provides.
    Needed {
        /// The other package.
        by: PackageName,
        /// What that one needs.
        dependency: Dependency,
    },
    /// The selection meets all conditions of its `install_if`, whether or not something else brings it too.
    InstallIf {
        /// The conditions.
        conditions: Vec<Dependency>,
    },
}

impl Resolution {
    /// The package of that name.
    pub fn get(&self, name: &str) -> Option<&Selected> {
        self.packages.iter().find(|selected| selected.entry.name.as_str() == name)
    }

    /// Gathers what a solver has chosen, `order` being the packages in install order.
    pub(super) fn gather(world: &[&Dependency], wishes: &[Wish], solver: &Solver<'_>, order: &[PackageId]) -> Self {
        let mut reasons: BTreeMap<PackageId, Vec<Reason>> = BTreeMap::new();
        let chosen = |name: NameId| solver.chosen_package(name);
        for (wish, asked) in world.iter().zip(wishes).filter(|(wish, _)| !wish.conflict) {
            if let Some(package) = chosen(asked.need.name) {
                reasons.entry(package).or_default().push(Reason::Asked { wish: (*wish).clone() });
            }
        }
        let mut packages = Vec::with_capacity(order.len());
        for &number in order {
            let package = solver.catalogue.package(number);
            // A package with a defect is not selectable; choosing it nevertheless has been an error long before.
            let Ok(entry) = package.record.to_entry() else { continue };
            for (dependency, need) in entry.depends.iter().zip(&package.depends).filter(|(_, need)| !need.conflict) {
                if let Some(needed) = chosen(need.name).filter(|needed| *needed != number) {
                    let reason = Reason::Needed { by: entry.name.clone(), dependency: dependency.clone() };
                    reasons.entry(needed).or_default().push(reason);
                }
            }
            let sources = package.sources.iter().map(|source| *source as usize).collect();
            packages.push((number, Selected { entry, sources, reasons: Vec::new() }));
        }
        for (number, selected) in &mut packages {
            selected.reasons = reasons.remove(number).unwrap_or_default();
            if selected.reasons.is_empty() || solver.install_if_holds(*number) {
                selected.reasons.push(Reason::InstallIf { conditions: selected.entry.install_if.clone() });
            }
        }
        Self { packages: packages.into_iter().map(|(_, selected)| selected).collect() }
    }
}
