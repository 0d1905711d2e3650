//! What is said of an install script that failed or was not carried out in full.

use serde::{Deserialize, Serialize};

use super::lost_account::LostAccount;
use super::run_script::ScriptOutcome;
use crate::fetch::Script;

/// How many statements that were left out are told, unless all are asked for.
pub const UNRUN_TOLD: usize = 20;

/// Letters of a line that are told.
const LONGEST_TOLD: usize = 200;

/// A script that failed, was not run in full or could not make its account, for the summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptNote {
    /// The package's name and version.
    pub package: String,
    /// Which of its scripts.
    pub script: Script,
    /// What came of it.
    pub outcome: ScriptOutcome,
    /// Where the script makes an account and could not.
    pub lost_account: Option<LostAccount>,
}

impl ScriptNote {
    /// Whether it was run in full and ended with an error. How one ends of which a part was left out is not known.
    pub fn has_failed(&self) -> bool {
        self.outcome.status != 0 && self.outcome.unrun.is_empty()
    }

    /// What came of it in words: the package, the script, its status, the end of what it printed, and what was left
    /// out, a line each; of a long line the beginning, and of more than `told` the first.
    pub fn describe(&self, told: usize) -> String {
        let mut text = format!("{}: its {} script", self.package, self.script.name());
        if !self.outcome.unrun.is_empty() {
            text.push_str(" was not carried out in full:");
        } else if self.outcome != ScriptOutcome::default() {
            text.push_str(&format!(" ended with status {}", self.outcome.status));
        }
        for line in self.outcome.output.lines() {
            text.push_str(&format!("\n  | {}", beginning(line)));
        }
        for unrun in self.outcome.unrun.iter().take(told) {
            text.push_str(&format!(
                "\n  line {}: {} ({})",
                unrun.line,
                beginning(&unrun.text),
                beginning(&unrun.reason)
            ));
        }
        let more = self.outcome.unrun.len().saturating_sub(told);
        if more > 0 {
            text.push_str(&format!("\n  and {more} more, which -v tells"));
        }
        if let Some(lost) = &self.lost_account {
            text.push_str(if self.outcome == ScriptOutcome::default() { " " } else { "\n  it " });
            text.push_str(&lost.describe(told));
        }
        text
    }
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
    use crate::rootfs::Unrun;

    #[test]
    fn long_and_many_lines_are_cut() {
        let unrun =
            |line| Unrun { line, text: format!("echo {}", "ü".repeat(100_000)), reason: "it is strange".to_owned() };
        let outcome = ScriptOutcome { unrun: (1..=30).map(unrun).collect(), ..ScriptOutcome::default() };
        let (package, script) = ("x-1-r0".to_owned(), Script::PostInstall);
        let note = ScriptNote { package, script, outcome, lost_account: None };
        let text = note.describe(UNRUN_TOLD);
        assert!(text.len() < 20_000 && text.lines().all(|line| line.chars().count() < 300), "{text}");
        assert!(text.contains("  line 20: echo ü") && !text.contains("line 21:"), "{text}");
        assert!(text.contains("ü… (199610 bytes more) (it is strange)\n"), "{text}");
        assert!(text.ends_with("\n  and 10 more, which -v tells"), "{text}");
        assert!(note.describe(usize::MAX).contains("  line 30: "));
    }

    #[test]
    fn a_lost_account_is_told_beside_what_else_there_is() {
        let lost = LostAccount { paths: Vec::new(), brought_later_by: None };
        let note = |status| ScriptNote {
            package: "redis-7-r0".to_owned(),
            script: Script::PreInstall,
            outcome: ScriptOutcome { status, ..ScriptOutcome::default() },
            lost_account: Some(lost.clone()),
        };
        let described = lost.describe(20);
        assert_eq!(note(0).describe(20), format!("redis-7-r0: its pre-install script {described}"));
        assert_eq!(
            note(1).describe(20),
            format!("redis-7-r0: its pre-install script ended with status 1\n  it {described}")
        );
    }
}
