//! What could be dropped, and what that would save: modules that every importer can do without.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use rustc_hash::FxHashSet;

use super::inventory::{EntryId, Inventory};
use super::report::Cut;
use super::trace::{Edge, How, Reasons, Source, parallel};

/// Smaller cuts are not worth a line.
const SMALLEST: u64 = 20_000;

/// A module that somebody imports.
#[derive(Default)]
struct Module {
    /// Its place among all that are imported.
    number: u32,
    /// Who imports it: the file, the line, and whether it cannot do without.
    importers: BTreeSet<(EntryId, u32, bool)>,
    /// What is loaded for it.
    files: BTreeSet<EntryId>,
}

/// The modules that could be dropped, the largest saving first. The bytes are those of files that only they lead to, as
/// the edges stand; a fallback that comes into play instead may cost some of it. `along` names modules with others that
/// would go along with them.
pub(super) fn cheapest(
    inventory: &Inventory<'_>,
    edges: &[Edge],
    reasons: &Reasons,
    along: &[(&str, &str)],
) -> Vec<Cut> {
    let mut modules: BTreeMap<&str, Module> = BTreeMap::new();
    let mut graph = Graph::new(inventory.entries.len());
    for edge in edges {
        let number = match &edge.how {
            How::Import(name) => {
                let number = modules.len() as u32;
                let module = modules.entry(name).or_insert_with(|| Module { number, ..Module::default() });
                module.files.insert(edge.to);
                if let Source::File(from) = edge.from {
                    module.importers.insert((from, edge.line, edge.required));
                }
                Some(module.number)
            }
            _ => None,
        };
        graph.add(edge, number);
    }
    graph.sort();
    let candidates: Vec<_> = modules.iter().filter(|(_, module)| !module.importers.is_empty()).collect();
    let cut = |(name, module): &(&&str, &Module)| {
        let inside =
            |other: &str| other.strip_prefix(**name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let from_here = modules.range(**name..).take_while(|(other, _)| other.starts_with(**name));
        let dropped: Vec<&Module> = from_here.filter(|(other, _)| inside(other)).map(|(_, module)| module).collect();
        // A package's own modules import each other; they go with it.
        let is_foreign = |from: &EntryId| !dropped.iter().any(|module| module.files.contains(from));
        if dropped.iter().flat_map(|it| &it.importers).any(|(from, _, required)| *required && is_foreign(from)) {
            return None;
        }
        let along = along.iter().filter(|(with, _)| with == *name).filter_map(|(_, other)| modules.get(other));
        let along = along.filter(|other| other.importers.iter().all(|(_, _, required)| !required));
        let left = graph.reached_without(&along.chain(dropped.iter().copied()).collect::<Vec<_>>());
        let gone = || inventory.ids().filter(|id| reasons.reaches(*id) && !left[id.0 as usize]);
        let bytes = gone().map(|id| inventory.entry(id).size).sum();
        (bytes >= SMALLEST).then(|| Cut {
            module: (**name).to_owned(),
            bytes,
            files: gone().count() as u64,
            importers: module
                .importers
                .iter()
                .filter(|(from, _, _)| is_foreign(from))
                .map(|(from, line, _)| format!("{}:{line}", inventory.entry(*from).path))
                .collect(),
        })
    };
    let mut cuts: Vec<Cut> = parallel(|| candidates.par_iter().filter_map(cut).collect());
    cuts.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.module.cmp(&b.module)));
    cuts.truncate(30);
    cuts
}

/// Who leads to whom by which module, in numbers alone: it is walked once for each module that could be dropped.
struct Graph {
    /// From whom, to whom, by which module's import: those of one file stand together.
    steps: Vec<(u32, u32, u32)>,
    /// Where those of each file begin; the roots come after the last file.
    starts: Vec<u32>,
    count: u32,
}

/// A step that is no import.
const NO_MODULE: u32 = u32::MAX;

impl Graph {
    /// No steps yet among `count` paths.
    fn new(count: usize) -> Self {
        Self { steps: Vec::new(), starts: Vec::new(), count: count as u32 }
    }

    fn add(&mut self, edge: &Edge, module: Option<u32>) {
        let from = match edge.from {
            Source::Root(_) => self.count,
            Source::File(from) => from.0,
        };
        self.steps.push((from, edge.to.0, module.unwrap_or(NO_MODULE)));
    }

    fn sort(&mut self) {
        self.steps.sort_unstable();
        self.steps.dedup();
        self.starts = vec![0; self.count as usize + 2];
        for (from, _, _) in &self.steps {
            self.starts[*from as usize + 1] += 1;
        }
        let mut end = 0;
        for start in &mut self.starts {
            end += *start;
            *start = end;
        }
    }

    /// For each path whether a root leads to it when nobody imports `dropped`.
    fn reached_without(&self, dropped: &[&Module]) -> Vec<bool> {
        let mut is_dropped = FxHashSet::default();
        is_dropped.extend(dropped.iter().map(|module| module.number));
        let mut reached = vec![false; self.count as usize + 1];
        let mut queue = vec![self.count];
        while let Some(from) = queue.pop() {
            let steps = self.starts[from as usize] as usize..self.starts[from as usize + 1] as usize;
            for &(_, to, module) in &self.steps[steps] {
                if !reached[to as usize] && (module == NO_MODULE || !is_dropped.contains(&module)) {
                    reached[to as usize] = true;
                    queue.push(to);
                }
            }
        }
        reached
    }
}
