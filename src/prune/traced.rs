//! The traced profile: what nothing reaches goes.
//!
//! Roots are the command, `keep`, and the packages that the recipe names, whole, save the language runtimes, which are
//! traced from the application. Code that came in as a dependency stays as far as it is reached, and a package's other
//! files stay as long as any of its code does. Copied files stay, whatever reaches them.

use std::collections::{BTreeMap, BTreeSet};

use super::decision::{Decisions, Verdict};
use super::error::Error;
use super::inventory::{EntryId, Inventory, Kind, below, extension, filled_by_pip, parent};
use super::needs::dependency_name;
use super::node;
use super::policy::Policy;
use super::python;
use super::trace::{Engine, Facts, How, Reasons, Source};
use super::{cuts, report};
use crate::rootfs::{InstalledPackage, Origin};

#[cfg(test)]
mod tests;

/// The rule for what nothing reaches.
const UNREACHED: &str = "unreached";

/// What a trace found out.
pub(super) struct Traced {
    pub edges: Vec<super::trace::Edge>,
    pub roots: Vec<String>,
    pub reasons: Reasons,
    pub unfollowed: Vec<report::Unfollowed>,
    pub cuts: Vec<report::Cut>,
    /// Python files that are run as files.
    pub scripts: Vec<EntryId>,
}

/// Traces, and refuses what the proof forbids.
pub(super) fn trace(
    inventory: &Inventory<'_>,
    decisions: &Decisions,
    packages: &[InstalledPackage],
    policy: &Policy,
    facts: &mut Facts,
) -> Result<Traced, Error> {
    let mut engine = Engine::new(inventory, policy, facts);
    engine.command();
    add_roots(&mut engine, decisions, packages, policy);
    engine.run();
    for (id, in_use) in engine.links_in_use() {
        if in_use {
            let target = inventory.file_at(&inventory.entry(id).path);
            let from = target.map_or(Source::Root(0), Source::File);
            engine.edges.push(super::trace::Edge {
                from,
                to: id,
                how: How::Rule("a link to it"),
                line: 0,
                required: false,
            });
        }
    }
    let reasons = Reasons::new(&engine.edges, inventory.entries.len());
    if let Some((module, importer, line)) = engine.refused_drops.first() {
        let mut chain = vec![format!("`{module}` is imported by {}, line {line}", inventory.entry(*importer).path)];
        chain.extend(reasons.chain(*importer, &engine.edges, inventory, &engine.roots));
        return Err(Error::DropRefused { module: module.clone(), chain });
    }
    for id in inventory.ids().filter(|id| reasons.is_required(*id)) {
        if let Verdict::Goes(rule) = decisions.verdict(id)
            && let Some(pattern) = rule.strip_prefix("remove:")
        {
            return Err(Error::RemoveRefused {
                path: inventory.entry(id).path.clone(),
                pattern: pattern.to_owned(),
                chain: reasons.chain(id, &engine.edges, inventory, &engine.roots),
            });
        }
    }
    let along: Vec<_> = engine.python.iter().flat_map(python::Python::would_go_along).collect();
    let cuts = cuts::cheapest(inventory, &engine.edges, &reasons, &along);
    let unfollowed = engine
        .unfollowed
        .iter()
        .filter(|it| inventory.find(&it.path).is_some_and(|id| reasons.reaches(id)))
        .cloned()
        .collect();
    let scripts = engine.python.iter().flat_map(|python| python.scripts.iter().copied()).collect();
    // Nobody waits for it to be given back, which for a large program takes a tenth of the trace.
    let python = engine.python;
    rayon::spawn(move || drop(python));
    Ok(Traced { edges: engine.edges, roots: engine.roots, reasons, unfollowed, cuts, scripts })
}

/// Whether a package is a language runtime, which is traced from the application even when it is named.
fn is_runtime(name: &str) -> bool {
    name == "python3" || name.starts_with("python3-") || name == "nodejs" || name.starts_with("nodejs-")
}

fn add_roots(engine: &mut Engine<'_>, decisions: &Decisions, packages: &[InstalledPackage], policy: &Policy) {
    let mut named: BTreeMap<u32, Source> = BTreeMap::new();
    for word in &policy.packages {
        let Some(name) = dependency_name(word) else { continue };
        for (index, package) in packages.iter().enumerate() {
            let provides = package.info.provides.iter().any(|provided| dependency_name(provided) == Some(name));
            if (package.info.name == name || provides) && !is_runtime(&package.info.name) {
                let root = engine.root(format!("in a package that the recipe names (`{word}`)"));
                named.entry(index as u32).or_insert(root);
            }
        }
    }
    let mut kept: BTreeMap<String, Source> = BTreeMap::new();
    let inventory = engine.inventory;
    for id in inventory.ids().filter(|id| inventory.entry(*id).kind == Kind::File) {
        let entry = inventory.entry(id);
        if let Verdict::Kept(pattern) = decisions.verdict(id) {
            let root = *kept
                .entry(pattern.clone())
                .or_insert_with(|| engine.root(format!("named by `{pattern}` in `prune.keep`")));
            engine.reach(root, id, How::Asked, 0, true);
        } else if let Some(root) = entry.package().and_then(|package| named.get(&package.0))
            && !decisions.goes(id)
        {
            // A rule of the standard profile may still take it: nothing proves that it is used.
            engine.reach(*root, id, How::Asked, 0, false);
        }
    }
}

/// Lets go what nothing reaches. The standard rules come after: they cut what is reached by optional ways alone.
pub(super) fn let_go_unreached(
    inventory: &Inventory<'_>,
    decisions: &mut Decisions,
    packages: &[InstalledPackage],
    policy: &Policy,
    traced: &Traced,
) {
    let judge = Judge::new(inventory, policy, packages);
    let mut code = vec![(false, false); packages.len()];
    for id in inventory.ids() {
        let entry = inventory.entry(id);
        if entry.kind == Kind::Directory || !judge.is_traced(inventory, id) {
            continue;
        }
        let reached = traced.reasons.reaches(id);
        if let Some(package) = entry.package()
            && let Some((has, is_reached)) = code.get_mut(package.0 as usize)
            && entry.kind == Kind::File
        {
            *has = true;
            *is_reached |= reached;
        }
        if !reached {
            decisions.let_go(id, UNREACHED);
        }
    }
    // Of a dependency whose code nobody reaches, nothing else is wanted.
    for id in inventory.ids() {
        let entry = inventory.entry(id);
        let dead =
            entry.package().and_then(|package| code.get(package.0 as usize)).is_some_and(|it| *it == (true, false));
        let named = entry.package().is_some_and(|package| judge.named.get(package.0 as usize) == Some(&true));
        if dead && !named && entry.kind != Kind::Directory {
            decisions.let_go(id, UNREACHED);
        }
    }
    distributions(inventory, decisions);
}

/// What is code, and so stands or falls with being reached.
struct Judge {
    named: Vec<bool>,
    dependency_folders: BTreeSet<String>,
}

impl Judge {
    fn new(inventory: &Inventory<'_>, policy: &Policy, packages: &[InstalledPackage]) -> Self {
        let named = packages
            .iter()
            .map(|package| {
                let name = &package.info.name;
                let asked = policy.packages.iter().filter_map(|word| dependency_name(word)).any(|word| {
                    word == name || package.info.provides.iter().any(|it| dependency_name(it) == Some(word))
                });
                asked && !is_runtime(name)
            })
            .collect();
        let folders = inventory.entries.iter().filter(|entry| entry.kind == Kind::Directory);
        let dependency_folders = filled_by_pip(folders.map(|entry| entry.path.as_str()));
        Self { named, dependency_folders }
    }

    /// Whether reachability decides on `id`.
    fn is_traced(&self, inventory: &Inventory<'_>, id: EntryId) -> bool {
        let entry = inventory.entry(id);
        let path = entry.path.as_str();
        let in_site = self.dependency_folders.iter().any(|folder| below(path, folder));
        let in_library = is_python_library(path);
        let in_modules = node::package_folder(path).is_some();
        match entry.origin {
            Origin::Copied | Origin::Generated => return false,
            Origin::Stage if !in_site && !in_modules => return false,
            Origin::Package(package) | Origin::Script(package) if self.named.get(package.0 as usize) == Some(&true) => {
                return false;
            }
            _ => {}
        }
        if entry.kind == Kind::Symlink || in_modules {
            return true;
        }
        if in_site || in_library {
            return !is_record(path);
        }
        let is_program =
            ["bin/", "sbin/", "usr/bin/", "usr/sbin/", "usr/local/bin/"].iter().any(|it| path.starts_with(it));
        is_program || inventory.content(id).is_some_and(|content| super::elf::is_elf(content))
    }
}

/// Whether `path` lies in a standard library or its site-packages.
fn is_python_library(path: &str) -> bool {
    ["usr/lib/python3.", "usr/local/lib/python3."]
        .iter()
        .any(|head| path.strip_prefix(head).is_some_and(|rest| rest.contains('/')))
        && (python::is_code(path) || path.contains("/site-packages/"))
}

/// Files by which a distribution is known, which stay with its code.
fn is_record(path: &str) -> bool {
    path.contains(".dist-info/") || path.contains(".egg-info") || extension(path) == Some("pth")
}

/// A distribution's records go when all of its code does.
fn distributions(inventory: &Inventory<'_>, decisions: &mut Decisions) {
    for id in inventory.ids() {
        let entry = inventory.entry(id);
        let Some(folder) = entry.path.strip_suffix("/RECORD").filter(|folder| folder.ends_with(".dist-info")) else {
            continue;
        };
        let Some(content) = inventory.content(id) else { continue };
        let site = parent(folder);
        let text = String::from_utf8_lossy(content);
        let mut files = text
            .lines()
            .filter_map(|line| line.split(',').next())
            .filter(|path| !path.contains(".dist-info/"))
            .filter_map(|path| inventory.find(&super::inventory::join(site, path)))
            .peekable();
        if files.peek().is_none() || files.any(|file| !decisions.goes(file)) {
            continue;
        }
        let Some(records) = inventory.find(folder) else { continue };
        let paths: Vec<String> = inventory.children(records).map(|name| format!("{folder}/{name}")).collect();
        for path in paths {
            if let Some(record) = inventory.find(&path)
                && inventory.entry(record).is_prunable()
            {
                decisions.let_go(record, UNREACHED);
            }
        }
    }
}
