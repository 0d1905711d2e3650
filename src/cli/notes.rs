//! What a finished build warns of: scripts not carried out in full, patterns without use, places that no trace follows.

use super::output::Context;
use crate::pipeline::{Built, UNKNOWN_RELEASE};
use crate::progress::Progress as _;
use crate::prune::Report;
use crate::rootfs::UNRUN_TOLD;

/// How many places that could not be followed are told without `-v`.
const UNFOLLOWED_TOLD: usize = 8;

/// Warns of what was not done as a package wanted it, or is larger than the recipe wants it.
pub(super) fn tell(built: &Built, context: &Context) {
    tell_of_release(built, context);
    tell_of_scripts(built, context);
    for image in &built.images {
        for pattern in &image.report.unmatched {
            context.progress().warning(&format!("`{pattern}` under [prune] fits no path"));
        }
        for note in trace_notes(&image.report, context.verbosity > 1) {
            context.progress().warning(&note);
        }
    }
    if let Some(bill) = &built.over_size {
        context.progress().warning(&bill.to_string());
    }
}

/// What a trace could not follow, and what could not be compiled, by file and line.
fn trace_notes(report: &Report, all: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let lists = [
        (
            "places",
            "cannot be followed; what they may need beyond what is found, `keep` under [prune] names",
            &report.unfollowed,
        ),
        ("Python files", "cannot be compiled and stay in their source", &report.uncompiled),
    ];
    for (things, what, list) in lists {
        let told = if all { list.len() } else { UNFOLLOWED_TOLD };
        let lines: Vec<String> = list.iter().take(told).map(|it| format!("\n  {it}")).collect();
        if !lines.is_empty() {
            let more = list.len().saturating_sub(told);
            let more =
                if more > 0 { format!("\n  and {more} more, which -v or --report tells") } else { String::new() };
            notes.push(format!("{} {things} {what}:{}{more}", list.len(), lines.concat()));
        }
    }
    notes
}

/// Warns of an image that names no release.
pub(super) fn tell_of_release(built: &Built, context: &Context) {
    if built.images.iter().any(|image| image.release.is_none()) {
        context.progress().warning(UNKNOWN_RELEASE);
    }
}

/// Warns of install scripts that failed or were not carried out in full.
pub(super) fn tell_of_scripts(built: &Built, context: &Context) {
    for note in built.images.iter().flat_map(|image| &image.script_notes) {
        let told = if context.verbosity > 1 { usize::MAX } else { UNRUN_TOLD };
        context.progress().warning(&note.describe(told));
    }
}
