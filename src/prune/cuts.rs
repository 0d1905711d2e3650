//! What could be dropped, and what that would save: modules that every importer can do without.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::inventory::{EntryId, Inventory};
use super::report::Cut;
use super::trace::{Edge, How, Reasons, Source, parallel};

/// Smaller cuts are not worth a line.
const SMALLEST: u64 = 20_000;

/// The modules that could be dropped, the largest saving first. The bytes are those of files that only they lead to, as
/// the edges stand; a fallback that comes into play instead may cost some of it.
pub(super) fn cheapest(inventory: &Inventory<'_>, edges: &[Edge]) -> Vec<Cut> {
    let mut importers: BTreeMap<&str, BTreeSet<(EntryId, u32, bool)>> = BTreeMap::new();
    let mut files: BTreeMap<&str, BTreeSet<EntryId>> = BTreeMap::new();
    for edge in edges {
        if let How::Import(module) = &edge.how {
            files.entry(module).or_default().insert(edge.to);
            if let Source::File(from) = edge.from {
                importers.entry(module).or_default().insert((from, edge.line, edge.required));
            }
        }
    }
    let all = Reasons::new(edges, inventory.entries.len(), &|_| false);
    let candidates: Vec<_> = importers.iter().collect();
    let cut = |(module, by): &(&&str, &BTreeSet<(EntryId, u32, bool)>)| {
        let inside =
            |name: &str| name.strip_prefix(**module).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        // A package's own modules import each other; they go with it.
        let below = files.range(**module..).take_while(|(name, _)| name.starts_with(**module));
        let own: BTreeSet<EntryId> =
            below.filter(|(name, _)| inside(name)).flat_map(|(_, files)| files.iter().copied()).collect();
        let foreign = |from: &EntryId| !own.contains(from);
        if by.iter().any(|(from, _, required)| *required && foreign(from)) {
            return None;
        }
        let inner_required = importers
            .range(**module..)
            .take_while(|(name, _)| name.starts_with(**module))
            .any(|(name, by)| inside(name) && by.iter().any(|(from, _, required)| *required && foreign(from)));
        if inner_required {
            return None;
        }
        let without = Reasons::new(
            edges,
            inventory.entries.len(),
            &|edge| matches!(&edge.how, How::Import(name) if inside(name)),
        );
        let gone: Vec<EntryId> = inventory.ids().filter(|id| all.reaches(*id) && !without.reaches(*id)).collect();
        let bytes = gone.iter().map(|id| inventory.entry(*id).size).sum();
        (bytes >= SMALLEST).then(|| Cut {
            module: (**module).to_owned(),
            bytes,
            files: gone.len() as u64,
            importers: by
                .iter()
                .filter(|(from, _, _)| foreign(from))
                .map(|(from, line, _)| format!("{}:{line}", inventory.entry(*from).path))
                .collect(),
        })
    };
    let mut cuts: Vec<Cut> = parallel(|| candidates.par_iter().filter_map(cut).collect());
    cuts.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.module.cmp(&b.module)));
    cuts.truncate(30);
    cuts
}
