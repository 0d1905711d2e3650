//! What the recipe said when the lock was made, and what has changed since.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The parts of a recipe that decide which packages are selected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// `alpine.release`
    pub release: String,
    /// `alpine.repositories`, as `[@tag ]NAME|URL|DIR`
    pub repositories: Vec<String>,
    /// `alpine.packages`, sorted
    pub packages: Vec<String>,
    /// `packages` of each stage, sorted
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<String, Vec<String>>,
}

impl Inputs {
    /// What differs between these, of a lock, and what the recipe says `now`, a line each.
    pub fn outdated_by(&self, now: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.release != now.release {
            changes.push(format!("release: the lock has {}, the recipe {}", self.release, now.release));
        }
        compare("repositories", &self.repositories, &now.repositories, &mut changes);
        compare("packages", &self.packages, &now.packages, &mut changes);
        let stages: BTreeSet<&String> = self.stages.keys().chain(now.stages.keys()).collect();
        for stage in stages {
            match (self.stages.get(stage), now.stages.get(stage)) {
                (Some(then), Some(now)) => compare(&format!("stage {stage}"), then, now, &mut changes),
                (Some(_), None) => changes.push(format!("stage {stage}: only the lock has it")),
                _ => changes.push(format!("stage {stage}: only the recipe has it")),
            }
        }
        changes
    }
}

/// Says which words of two lists are only in one of them, or that their order differs.
fn compare(what: &str, then: &[String], now: &[String], changes: &mut Vec<String>) {
    if then == now {
        return;
    }
    let only = |these: &[String], those: &[String]| {
        these.iter().filter(|word| !those.contains(word)).cloned().collect::<Vec<_>>().join(", ")
    };
    changes.push(match (only(then, now).as_str(), only(now, then).as_str()) {
        ("", "") => format!("{what}: the order differs"),
        ("", new) => format!("{what}: only the recipe has {new}"),
        (old, "") => format!("{what}: only the lock has {old}"),
        (old, new) => format!("{what}: the lock has {old}, the recipe {new}"),
    });
}
