//! Install scripts without running them: `scripts = "emulate"`.
//!
//! A script is parsed as shell and interpreted against the tree, so no privilege is needed and nothing of it touches
//! the machine. What occurs in Alpine's scripts is understood: accounts and groups with busybox's own defaults and
//! numbers, owners, modes, folders, links, texts that are searched and changed, busybox's applet links, the CA bundle,
//! and the shell around them: variables, tests, conditions, loops, functions, substitutions, redirections
//! (`docs/install-scripts.md` names the commands). A command exists only if the image has it at that moment, as in a
//! chroot. A statement with anything else in it is left out and reported with its line; what it would have set is
//! unknown from there on, and so is every statement that uses it.
//!
//! A script may take a bounded number of steps. Whatever costs more than a command does (long texts, patterns, deep
//! folders, large ones) counts as more steps.

mod access;
mod account_commands;
mod applets;
mod awk;
mod builtins;
mod certificates;
mod commands;
mod compound;
mod cursor;
mod expansion;
mod file_commands;
mod find;
mod flow;
mod grep;
mod here_documents;
mod identity;
mod machine;
mod nesting;
mod options;
mod parameters;
mod parse;
mod permissions;
mod print;
mod printf;
mod redirection;
mod regex;
mod sed;
mod shell;
mod shells;
mod streams;
mod su;
mod subject_hash;
mod table;
mod test_command;
mod text_commands;

#[cfg(test)]
mod account_tests;
#[cfg(test)]
mod tests;

use super::error::Error;
use super::run_script::{RunScript, ScriptCall, ScriptOutcome, Unrun};
use super::tree::{InodeKind, Tree};
use parse::parse;
use shell::Shell;

/// The exit status of a script that could not be started, as apk reports it.
const NOT_STARTED: u8 = 127;

/// Bytes of a script in which the kernel looks for the interpreter (binfmts.h, `BINPRM_BUF_SIZE`).
const FIRST_BYTES: usize = 256;

/// More steps than any install script takes; a loop that goes on longer waits for something. A step is about as much
/// work as a command: some microseconds.
const MOST_STEPS: usize = 200_000;

/// Interprets install scripts instead of running them.
#[derive(Clone, Copy, Debug)]
pub struct Emulation {
    /// How many steps a script may take.
    most_steps: usize,
}

impl Default for Emulation {
    fn default() -> Self {
        Self { most_steps: MOST_STEPS }
    }
}

impl RunScript for Emulation {
    fn run(&mut self, tree: &mut Tree, call: &ScriptCall<'_>) -> Result<ScriptOutcome, Error> {
        let first = call.text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let first = String::from_utf8_lossy(first).into_owned();
        let left_out = |reason: String| {
            let unrun = vec![Unrun { line: 1, text: first.clone(), reason }];
            Ok(ScriptOutcome { status: 0, unrun, output: String::new() })
        };
        let options = match interpreter(tree, call.text) {
            Ok(options) => options,
            Err(Interpreter::NotStarted(reason)) => {
                return Ok(ScriptOutcome { status: NOT_STARTED, unrun: Vec::new(), output: reason });
            }
            Err(Interpreter::Other(reason)) => return left_out(reason),
        };
        let Ok(text) = std::str::from_utf8(call.text) else { return left_out("it is not text in UTF-8".to_owned()) };
        let mut documents = Vec::new();
        let program = match parse(text, &mut documents) {
            Ok(program) => program,
            Err(reason) => return left_out(format!("it is not shell as it is understood here: {reason}")),
        };
        let mut shell = Shell::new(tree, call, text, self.most_steps);
        shell.here_documents = documents;
        for option in options.chars() {
            match option {
                'e' => shell.state.exits_on_error = true,
                'u' => shell.state.refuses_unset = true,
                'x' | 'v' => {}
                _ => return left_out(format!("the shell's option `-{option}`")),
            }
        }
        let status = shell.run_program(&program);
        if let Some(error) = shell.failure.take() {
            return Err(error);
        }
        let (unrun, printed) = shell.into_outcome();
        Ok(ScriptOutcome { status, unrun, output: if status == 0 { String::new() } else { last_lines(&printed) } })
    }
}

/// Why a script cannot be interpreted.
enum Interpreter {
    /// The kernel does not start it, and why.
    NotStarted(String),
    /// It is no shell.
    Other(String),
}

/// The letters of the options with which the script's first line starts a shell that the image has.
///
/// apk 3 hands a script to the kernel (execve(2)), which starts the file after `#!` with the rest of the line as one
/// argument. What has no such line is not started at all: no shell is tried in its place.
fn interpreter(tree: &Tree, script: &[u8]) -> Result<String, Interpreter> {
    let not_started = |reason: &str| Err(Interpreter::NotStarted(reason.to_owned()));
    let Some(line) = script.strip_prefix(b"#!") else {
        return if script.starts_with(b"\x7fELF") {
            Err(Interpreter::Other("it is a program, not a script".to_owned()))
        } else {
            not_started("it has no `#!` line, so the kernel does not start it (exec format error)")
        };
    };
    let line = line.get(..FIRST_BYTES - 2).unwrap_or(line);
    let line = String::from_utf8_lossy(line.split(|byte| *byte == b'\n').next().unwrap_or_default()).into_owned();
    let is_blank = |letter: char| matches!(letter, ' ' | '\t');
    let line = line.trim_matches(is_blank);
    let (path, rest) = line.split_once(is_blank).unwrap_or((line, ""));
    if path.is_empty() {
        return not_started("its `#!` line names no interpreter (exec format error)");
    }
    let Some(real) = tree.resolve(path) else {
        return not_started(&format!("the image has no `{}` at this point", path.escape_debug()));
    };
    let runs = tree
        .get(&real)
        .is_some_and(|inode| matches!(inode.kind, InodeKind::File { .. }) && inode.metadata.mode & 0o111 != 0);
    if !runs {
        return not_started(&format!("`{path}` cannot be executed (permission denied)"));
    }
    let mut name = path.rsplit('/').next().unwrap_or_default();
    let mut argument = rest.trim_matches(is_blank);
    if matches!(name, "busybox" | "env") {
        (name, argument) = argument.split_once(is_blank).unwrap_or((argument, ""));
        // All of it is one argument, which names no command then.
        if !argument.is_empty() {
            return Err(Interpreter::Other(format!("it is run by `{line}`")));
        }
    }
    if !matches!(name, "sh" | "ash" | "dash" | "bash") {
        return Err(Interpreter::Other(format!("it is run by `{line}`")));
    }
    match argument.strip_prefix('-') {
        None if argument.is_empty() => Ok(String::new()),
        Some(letters) if letters.chars().all(|letter| letter.is_ascii_alphabetic()) => Ok(letters.to_owned()),
        _ => Err(Interpreter::Other(format!("it is run by `{line}`"))),
    }
}

/// Lines of a failing script's output that are kept.
const TAIL_LINES: usize = 15;

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default().join("\n")
}
