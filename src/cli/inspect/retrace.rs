//! Why a file is in an image, found out from the image alone, and told in words.

use crate::image::Contents;
use crate::pipeline::{Retraced, Untraceable};
use crate::prune::Reason;

/// What can be said of `path`, a line each.
pub(super) fn why(contents: &Contents, path: &str) -> Vec<String> {
    let retraced = match Retraced::of(contents, None) {
        Ok(retraced) => retraced,
        Err(error @ Untraceable::NoCommand) => return vec![format!("{error}; ask with --report")],
        Err(error) => return vec![error.to_string()],
    };
    let report = &retraced.report;
    let Some(kept) = report.kept.iter().find(|kept| kept.path == path) else {
        return unreached(&retraced, path);
    };
    match &kept.reason {
        Reason::Root { .. } | Reason::Reached { .. } => {
            let lines = report.why(path).unwrap_or_default();
            lines.into_iter().skip(1).collect()
        }
        _ => unreached(&retraced, path),
    }
}

/// Nothing leads to `path`: what does that mean here?
fn unreached(retraced: &Retraced, path: &str) -> Vec<String> {
    let Retraced { report, command } = retraced;
    let mut lines = Vec::new();
    let is_reachable_otherwise = !report.pruned.iter().any(|pruned| pruned.path == path && pruned.rule == "unreached");
    if is_reachable_otherwise {
        if let Some(kept) = report.kept.iter().find(|kept| kept.path == path) {
            lines.extend(kept.package.iter().flat_map(|package| report.why_package(package)));
        } else if let Some(pruned) = report.pruned.iter().find(|pruned| pruned.path == path) {
            lines.push(format!("the rule `{}` would take it", pruned.rule));
        }
    } else {
        lines.push(format!(
            "nothing that the command `{}` reaches leads to it; `profile = \"traced\"` would take it",
            command.join(" ")
        ));
    }
    if retraced.met_bytecode() {
        lines.push(
            "the image holds bytecode without source, through which no trace leads: ask with the --report of its build"
                .to_owned(),
        );
    }
    lines
}
