//! What a finished build warns of: scripts not carried out in full, patterns without use, places that no trace follows.

use super::Context;
use crate::pipeline::{Built, UNKNOWN_RELEASE};
use crate::progress::Progress as _;
use crate::prune::Report;
use crate::rootfs::ScriptNote;

/// How many lines of a script are told without `-v`.
const UNRUN_TOLD: usize = 20;

/// Letters of a line that are told.
const LONGEST_TOLD: usize = 200;

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
        context.progress().warning(&script_note(note, told));
    }
}

/// What is left undone of an install script, a line each, and of a long line its beginning; of more than `told` the
/// first.
pub(super) fn script_note(note: &ScriptNote, told: usize) -> String {
    let mut text = format!("{}: its {} script", note.package, note.script.name());
    if note.outcome.unrun.is_empty() {
        text.push_str(&format!(" ended with status {}", note.outcome.status));
    } else {
        text.push_str(" was not carried out in full:");
    }
    for line in note.outcome.output.lines() {
        text.push_str(&format!("\n  | {}", beginning(line)));
    }
    for unrun in note.outcome.unrun.iter().take(told) {
        text.push_str(&format!("\n  line {}: {} ({})", unrun.line, beginning(&unrun.text), beginning(&unrun.reason)));
    }
    let more = note.outcome.unrun.len().saturating_sub(told);
    if more > 0 {
        text.push_str(&format!("\n  and {more} more, which -v tells"));
    }
    text
}

/// `line`, or as much of it as a person reads.
fn beginning(line: &str) -> String {
    let line = line.trim();
    match line.char_indices().nth(LONGEST_TOLD) {
        Some((end, _)) => format!("{}… ({} bytes more)", line.get(..end).unwrap_or(line), line.len() - end),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::Script;
    use crate::rootfs::{ScriptOutcome, Unrun};

    #[test]
    fn long_and_many_lines_are_cut() {
        let unrun =
            |line| Unrun { line, text: format!("echo {}", "ü".repeat(100_000)), reason: "it is strange".to_owned() };
        let outcome = ScriptOutcome { unrun: (1..=30).map(unrun).collect(), ..ScriptOutcome::default() };
        let note = ScriptNote { package: "x-1-r0".to_owned(), script: Script::PostInstall, outcome };
        let text = script_note(&note, UNRUN_TOLD);
        assert!(text.len() < 20_000 && text.lines().all(|line| line.chars().count() < 300), "{text}");
        assert!(text.contains("  line 20: echo ü") && !text.contains("line 21:"), "{text}");
        assert!(text.contains("ü… (199610 bytes more) (it is strange)\n"), "{text}");
        assert!(text.ends_with("\n  and 10 more, which -v tells"), "{text}");
        assert!(script_note(&note, usize::MAX).contains("  line 30: "));
    }
}
