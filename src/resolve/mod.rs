//! From what is asked for to what is installed: exactly the packages that apk would select, in its order.
//!
//! [`resolve`] is a greedy solver after apk's. It never tries another choice where one proves wrong; a solver that did
//! would select other packages than apk does. Where apk 3.0 and 2.14 differ, this follows 3.0.

mod catalogue;
mod explain;
mod order;
mod queue;
mod resolution;
mod similar;
mod solver;
mod unsatisfiable;
mod world;

pub use catalogue::Source;
pub use resolution::{Reason, Resolution, Selected};
pub use unsatisfiable::{Fact, FactKind, Problem, Unsatisfiable};
pub use world::World;

use crate::apk::split;
use catalogue::Catalogue;
use explain::explain;
use order::Order;
use solver::{Solver, Wish};

/// Selects the packages for `world` from `sources`, the repositories in order of preference, on a machine of `arch`
/// (apk's word: `x86_64`, `aarch64`, …).
pub fn resolve(world: &World, sources: &[Source<'_>], arch: &str) -> Result<Resolution, Unsatisfiable> {
    let wishes = world.in_order();
    let texts: Vec<_> = wishes.iter().map(ToString::to_string).collect();
    let mut catalogue = Catalogue::new(sources, arch);
    let mut needs = Vec::with_capacity(texts.len());
    let mut is_pinned_to_nothing = false;
    for text in &texts {
        // What a dependency prints can be read again.
        let Ok(part) = split(text) else { continue };
        let tags = part.tag.map_or(Some(1), |tag| catalogue.tag(tag));
        is_pinned_to_nothing |= tags.is_none();
        let tags = tags.unwrap_or(0);
        needs.push(Wish { need: catalogue.need(&part), tags });
    }
    let mut solver = Solver::new(catalogue);
    solver.solve(&needs);
    let order = Order::new(&mut solver).of(&needs);
    if solver.errors > 0 || is_pinned_to_nothing {
        return Err(explain(&wishes, &needs, &solver, &order));
    }
    Ok(Resolution::gather(&wishes, &needs, &solver, &order))
}
