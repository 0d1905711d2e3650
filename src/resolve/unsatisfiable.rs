//! Why a world has no selection.

use std::fmt;

use super::catalogue::PackageId;
use super::solver::{Solver, Wish};
use crate::apk::Dependency;
use crate::repository::Defect;

/// The explanation of why nothing was selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsatisfiable {
    text: String,
    help: Vec<String>,
}

impl Unsatisfiable {
    pub(super) fn of_defect(solver: &Solver<'_>, package: PackageId, defect: &Defect) -> Self {
        let record = solver.catalogue.package(package).record;
        Self { text: format!("{}-{}: {defect}", record.name(), record.version()), help: Vec::new() }
    }

    pub(super) fn explain(world: &[&Dependency], _wishes: &[Wish<'_>], solver: &Solver<'_>) -> Self {
        Self { text: format!("no selection for {} wishes ({} errors)", world.len(), solver.errors), help: Vec::new() }
    }

    /// What the user can do about it, a way a line.
    pub fn help(&self) -> Option<String> {
        if self.help.is_empty() { None } else { Some(self.help.join("\n")) }
    }
}

impl fmt::Display for Unsatisfiable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl std::error::Error for Unsatisfiable {}
