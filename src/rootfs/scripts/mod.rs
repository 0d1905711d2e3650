//! Install scripts without running them: `scripts = "emulate"`.
//!
//! A script is parsed as shell and interpreted against the tree, so no privilege is needed and nothing of it touches
//! the machine. What occurs in Alpine's scripts is understood: accounts and groups with busybox's own defaults and
//! numbers, owners, modes, folders, links, busybox's applet links, the CA bundle, and the shell around them: variables,
//! tests, conditions, loops, functions, substitutions, redirections. A command exists only if the image has it at that
//! moment, as in a chroot. A statement with anything else in it is left out and reported with its line; what it would
//! have set is unknown from there on, and so is every statement that uses it.

mod access;
mod account_commands;
mod builtins;
mod certificates;
mod commands;
mod compound;
mod expansion;
mod file_commands;
mod nesting;
mod parameters;
mod permissions;
mod redirection;
mod shell;
mod shells;
mod test_command;
mod text_commands;

#[cfg(test)]
mod account_tests;
#[cfg(test)]
mod tests;

use brush_parser::{Parser, ParserOptions, ast};

use super::{Error, RunScript, ScriptCall, ScriptOutcome, Tree, Unrun};
use shell::Shell;

/// The exit status of a script whose interpreter is missing, as apk reports it.
const NOT_FOUND: u8 = 127;

/// Interprets install scripts instead of running them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Emulation;

impl RunScript for Emulation {
    fn run(&mut self, tree: &mut Tree, call: &ScriptCall<'_>) -> Result<ScriptOutcome, Error> {
        let left_out = |status, line: usize, text: &str, reason: String| {
            let unrun = vec![Unrun { line, text: text.to_owned(), reason }];
            Ok(ScriptOutcome { status, unrun, output: String::new() })
        };
        let Ok(text) = std::str::from_utf8(call.text) else {
            return left_out(0, 1, "", "it is a program, not a script".to_owned());
        };
        let first = text.lines().next().unwrap_or_default();
        let exits_on_error = match interpreter(tree, first) {
            Ok(exits_on_error) => exits_on_error,
            Err(Interpreter::Missing(path)) => {
                return left_out(NOT_FOUND, 1, first, format!("the image has no `{path}` at this point"));
            }
            Err(Interpreter::Other(reason)) => return left_out(0, 1, first, reason),
        };
        let program = match parse(text) {
            Ok(program) => program,
            Err(reason) => return left_out(0, 1, first, format!("it is not shell as it is understood here: {reason}")),
        };
        let mut shell = Shell::new(tree, call, text);
        shell.state.exits_on_error = exits_on_error;
        let status = shell.run_program(&program);
        Ok(ScriptOutcome { status, unrun: shell.into_unrun(), output: String::new() })
    }
}

/// Why a script cannot be interpreted.
enum Interpreter {
    Missing(String),
    Other(String),
}

/// Whether the script's first line names a shell that the image has, and if it does, whether with `-e`.
fn interpreter(tree: &Tree, first_line: &str) -> Result<bool, Interpreter> {
    let Some(line) = first_line.strip_prefix("#!") else {
        return Err(Interpreter::Other("it names no interpreter in its first line".to_owned()));
    };
    let mut words = line.split_whitespace();
    let path = words.next().unwrap_or_default();
    let mut rest = words.peekable();
    if tree.resolve(path).is_none() {
        return Err(Interpreter::Missing(path.to_owned()));
    }
    let mut name = path.rsplit('/').next().unwrap_or_default();
    if matches!(name, "busybox" | "env") {
        name = rest.next().unwrap_or_default();
    }
    if !matches!(name, "sh" | "ash" | "dash" | "bash") {
        return Err(Interpreter::Other(format!("it is run by `{}`", line.trim())));
    }
    Ok(rest.any(|word| word.starts_with('-') && word.contains('e')))
}

fn options() -> ParserOptions {
    ParserOptions { enable_extended_globbing: false, posix_mode: true, sh_mode: true, ..ParserOptions::default() }
}

fn parse(text: &str) -> Result<ast::Program, String> {
    if nesting::is_too_deep(text) {
        return Err("it nests beyond all reason".to_owned());
    }
    Parser::new(text.as_bytes(), &options()).parse_program().map_err(|error| error.to_string())
}
