//! Who reaches whom: the edges that a trace found, and from them the shortest chain of reasons for each file.
//!
//! An edge is *required* where the one who has it breaks without its end. A file is required when a chain of such edges
//! leads to it from a root; only that refuses a `remove`.

use std::collections::VecDeque;
use std::fmt;

use super::super::inventory::{EntryId, Inventory};

/// Where an edge begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A reason of the recipe's, by its number.
    Root(u32),
    /// A file.
    File(EntryId),
}

/// How one reaches another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// The command, `keep` or a named package says so.
    Asked,
    /// An ELF file's `PT_INTERP`, or a script's `#!`.
    Interpreter,
    /// `DT_NEEDED`
    Needed(Box<str>),
    /// An import of this module.
    Import(Box<str>),
    /// `require` or `import` of this specifier.
    Require(Box<str>),
    /// A text names it.
    Text(Box<str>),
    /// A rule of this program knows about it.
    Rule(&'static str),
    /// It is data of a package that is reached.
    Data,
}

/// One edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub from: Source,
    pub to: EntryId,
    pub how: How,
    /// From 1; 0 where there is none.
    pub line: u32,
    pub required: bool,
}

impl fmt::Display for How {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => formatter.write_str("asked for"),
            Self::Interpreter => formatter.write_str("named as the interpreter"),
            Self::Needed(name) => write!(formatter, "needed as `{name}`"),
            Self::Import(module) => write!(formatter, "imported as `{module}`"),
            Self::Require(specifier) => write!(formatter, "required as `{specifier}`"),
            Self::Text(text) => write!(formatter, "named in the text `{text}`"),
            Self::Rule(rule) => write!(formatter, "known to be used ({rule})"),
            Self::Data => formatter.write_str("kept as data of its package"),
        }
    }
}

/// For each file the edge that explains it best, and whether it is required.
pub(crate) struct Reasons {
    edge: Vec<Option<u32>>,
    required: Vec<bool>,
}

impl Reasons {
    /// Follows `edges` breadth first: required ones alone first, then all.
    pub(crate) fn new(edges: &[Edge], count: usize) -> Self {
        let mut outgoing: Vec<Vec<u32>> = vec![Vec::new(); count];
        let mut roots = Vec::new();
        for (index, edge) in edges.iter().enumerate() {
            match edge.from {
                Source::Root(_) => roots.push(index as u32),
                Source::File(from) => outgoing[from.0 as usize].push(index as u32),
            }
        }
        let mut reasons = Self { edge: vec![None; count], required: vec![false; count] };
        let mut queue = VecDeque::new();
        for only_required in [true, false] {
            let mut found: Vec<u32> = roots.clone();
            // What is there already leads on by the edges that were left out before.
            for (index, edge) in edges.iter().enumerate() {
                if let Source::File(from) = edge.from
                    && !only_required
                    && reasons.edge[from.0 as usize].is_some()
                {
                    found.push(index as u32);
                }
            }
            loop {
                for index in found.drain(..) {
                    let edge = &edges[index as usize];
                    let to = edge.to.0 as usize;
                    if reasons.edge[to].is_none() && (edge.required || !only_required) {
                        reasons.edge[to] = Some(index);
                        reasons.required[to] = only_required;
                        queue.push_back(edge.to);
                    }
                }
                let Some(next) = queue.pop_front() else { break };
                found.extend(&outgoing[next.0 as usize]);
            }
        }
        reasons
    }

    /// Whether `id` is reached.
    pub(crate) fn reaches(&self, id: EntryId) -> bool {
        self.edge[id.0 as usize].is_some()
    }

    /// Whether something breaks without `id`.
    pub(crate) fn is_required(&self, id: EntryId) -> bool {
        self.required[id.0 as usize]
    }

    /// The edge that explains `id`.
    pub(crate) fn edge<'a>(&self, id: EntryId, edges: &'a [Edge]) -> Option<&'a Edge> {
        edges.get(self.edge[id.0 as usize]? as usize)
    }

    /// Why `id` is there, a line a step, back to a root.
    pub(crate) fn chain(
        &self,
        id: EntryId,
        edges: &[Edge],
        inventory: &Inventory<'_>,
        roots: &[String],
    ) -> Vec<String> {
        let mut lines = Vec::new();
        let mut current = id;
        while let Some(edge) = self.edge(current, edges) {
            let path = &inventory.entry(current).path;
            match edge.from {
                Source::Root(root) => {
                    lines.push(roots.get(root as usize).map_or_else(String::new, |root| format!("{path} is {root}")));
                    break;
                }
                Source::File(from) => {
                    let by = &inventory.entry(from).path;
                    lines.push(format!("{path} is {}", step(&edge.how.to_string(), by, edge.line)));
                    current = from;
                }
            }
            if lines.len() > inventory.entries.len() {
                break;
            }
        }
        lines
    }
}

/// One step of a chain: how, by whom, where.
pub(crate) fn step(how: &str, by: &str, line: u32) -> String {
    if line == 0 { format!("{how} by {by}") } else { format!("{how} by {by}, line {line}") }
}
