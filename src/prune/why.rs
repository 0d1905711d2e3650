//! The answer to `--why PATH`: what became of a path and the reasons, from the path back to what the recipe says.

use std::collections::BTreeSet;

use super::report::{PackageReason, Reason, Report};
use super::trace::step;

impl Report {
    /// What became of `path` (with or without a leading slash) and why, a line each, the first about the path itself.
    /// `None` where no such path was in the image.
    pub fn why(&self, path: &str) -> Option<Vec<String>> {
        let path = path.trim_matches('/');
        if let Some(pruned) = self.pruned.iter().find(|pruned| pruned.path == path) {
            let from = pruned.package.as_ref().map(|package| format!(" from {package}")).unwrap_or_default();
            return Some(vec![format!(
                "{path}{from} was pruned by {}, {} bytes",
                rule_text(&pruned.rule),
                pruned.bytes
            )]);
        }
        let Some(kept) = self.kept.iter().find(|kept| kept.path == path) else {
            return self.why_folder(path);
        };
        let from = kept.package.as_ref().map(|package| format!(" from {package}")).unwrap_or_default();
        let mut lines = vec![format!("{path}{from} stays, {} bytes", kept.bytes)];
        match &kept.reason {
            Reason::Package => {
                lines.push("its package is needed and no rule names it".to_owned());
                lines.extend(kept.package.iter().flat_map(|package| self.why_package(package)));
            }
            Reason::Keep { pattern } => lines.push(format!("`{pattern}` in `prune.keep` names it")),
            Reason::Root { .. } | Reason::Reached { .. } => lines.extend(self.chain(path)),
            Reason::Copied => lines.push("the recipe copies it; only `prune.remove` takes such files".to_owned()),
            Reason::Stage => lines.push("the recipe copies it out of a stage, and no rule names it".to_owned()),
            Reason::Generated => lines.push("every image has it".to_owned()),
        }
        Some(lines)
    }

    /// From a path back to what the recipe asks for.
    fn chain(&self, path: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut current = path;
        while let Some(kept) = self.kept.iter().find(|kept| kept.path == current) {
            match &kept.reason {
                Reason::Root { what } => {
                    lines.push(format!("{current} is {what}"));
                    break;
                }
                Reason::Reached { by, how, line, required } if lines.len() < self.kept.len() => {
                    let optional = if *required { "" } else { " (it can do without)" };
                    lines.push(format!("{current} is {}{optional}", step(how, by, *line)));
                    current = by;
                }
                _ => break,
            }
        }
        lines
    }

    /// A folder is explained by how much of it is left.
    fn why_folder(&self, path: &str) -> Option<Vec<String>> {
        let below = |other: &str| other.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        let kept: Vec<u64> = self.kept.iter().filter(|kept| below(&kept.path)).map(|kept| kept.bytes).collect();
        let pruned: Vec<u64> = self.pruned.iter().filter(|gone| below(&gone.path)).map(|gone| gone.bytes).collect();
        (!kept.is_empty() || !pruned.is_empty()).then(|| {
            vec![format!(
                "{path} is a folder: {} files with {} bytes stay, {} paths with {} bytes were pruned",
                kept.len(),
                kept.iter().sum::<u64>(),
                pruned.len(),
                pruned.iter().sum::<u64>()
            )]
        })
    }

    /// Why the package `identifier` (`name-version`) is needed, back to the recipe, a line a step.
    pub fn why_package(&self, identifier: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut seen = BTreeSet::new();
        let mut current =
            self.packages.iter().find(|package| format!("{}-{}", package.name, package.version) == identifier);
        while let Some(package) = current.take() {
            if !seen.insert(&package.name) {
                break;
            }
            let name = &package.name;
            match &package.reason {
                Some(PackageReason::Named { word }) => lines.push(format!("the recipe names `{word}`")),
                Some(PackageReason::Dependency { by, dependency }) => {
                    lines.push(format!("{name} is needed by {by}, which depends on `{dependency}`"));
                    current = self.packages.iter().find(|package| package.name == *by);
                }
                Some(PackageReason::InstallIf { conditions }) => {
                    lines.push(format!("{name} comes with {}", conditions.join(" and ")));
                }
                Some(PackageReason::File { path }) => lines.push(format!("{path} needs a library of {name}")),
                Some(PackageReason::Keep { pattern }) => {
                    lines.push(format!("`{pattern}` in `prune.keep` names files of {name}"));
                }
                Some(PackageReason::Untouched) => lines.push("the profile takes no packages away".to_owned()),
                None => lines.push(format!("nothing needs {name}")),
            }
        }
        lines
    }
}

fn rule_text(rule: &str) -> String {
    rule.strip_prefix("remove:")
        .map_or_else(|| format!("the rule `{rule}`"), |pattern| format!("`{pattern}` in `prune.remove`"))
}
