//! The shell's control flow: lists, conditions, loops, functions, pipelines, over the parsed script.
//!
//! Two things end a command early: what the shell itself does (exit, return, break, continue) and something that is not
//! understood. The latter is caught at the nearest whole statement whose outcome decides nothing else; in a condition,
//! a pipeline or a substitution it goes up to the statement around it, because everything after would be a guess.

use std::collections::BTreeMap;

use brush_parser::ast::{self, Command, SourceLocation as _};

use super::super::{ScriptCall, Tree, Unrun};

/// More steps than any install script takes; a loop that goes on longer waits for something.
const MOST_STEPS: usize = 200_000;
/// Functions, substitutions and compound commands inside one another.
const DEEPEST: usize = 64;

/// Why a command does not go on to the next.
pub(super) enum Stop {
    /// `exit`
    Exit(u8),
    /// `return`
    Return(u8),
    /// `break N`
    Break(usize),
    /// `continue N`
    Continue(usize),
    /// Something that is not understood, and what.
    Unknown(String),
    /// The script goes beyond all bounds, and is given up as a whole.
    GivenUp(String),
}

/// The outcome of a step.
pub(super) type Flow<T> = Result<T, Stop>;

/// An [`Stop::Unknown`] with its reason.
pub(super) fn unknown<T>(reason: impl Into<String>) -> Flow<T> {
    Err(Stop::Unknown(reason.into()))
}

/// A [`Stop::GivenUp`] with its reason.
pub(super) fn give_up<T>(reason: &str) -> Flow<T> {
    Err(Stop::GivenUp(reason.to_owned()))
}

/// What a command reads and what it has written so far. Standard error is not kept.
#[derive(Default)]
pub(super) struct Streams {
    pub(super) input: Vec<u8>,
    pub(super) output: Vec<u8>,
}

/// A variable's value.
#[derive(Clone)]
pub(super) enum Variable {
    /// Known.
    Known(String),
    /// Set by something that was not run.
    Unknown,
}

/// What a subshell has a copy of.
#[derive(Clone)]
pub(super) struct State {
    pub(super) variables: BTreeMap<String, Variable>,
    pub(super) arguments: Vec<String>,
    /// Where the shell is, relative to the root.
    pub(super) folder: String,
    pub(super) umask: u32,
    pub(super) exits_on_error: bool,
    pub(super) refuses_unset: bool,
}

/// One run of one script.
pub(super) struct Shell<'run> {
    pub(super) tree: &'run mut Tree,
    pub(super) call: &'run ScriptCall<'run>,
    pub(super) state: State,
    /// `$?`
    pub(super) status: u8,
    /// Variables that the functions under way made local, with what they were before.
    pub(super) locals: Vec<Vec<(String, Option<Variable>)>>,
    functions: BTreeMap<String, ast::FunctionBody>,
    lines: Vec<&'run str>,
    line: usize,
    /// How many conditions, pipelines and substitutions are under way.
    conditional: usize,
    /// How many texts other than the script itself are being run; their lines are not the script's.
    foreign: usize,
    depth: usize,
    steps: usize,
    unrun: Vec<Unrun>,
}

impl<'run> Shell<'run> {
    /// A shell in the root folder, about to run `text`.
    pub(super) fn new(tree: &'run mut Tree, call: &'run ScriptCall<'run>, text: &'run str) -> Self {
        let known = |value: &str| Variable::Known(value.to_owned());
        // The environment that apk gives its scripts.
        let variables = [("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("PWD", "/"), ("SHLVL", "1")];
        let state = State {
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), known(value))).collect(),
            arguments: call.arguments.to_vec(),
            folder: String::new(),
            umask: 0o022,
            exits_on_error: false,
            refuses_unset: false,
        };
        Self {
            tree,
            call,
            state,
            status: 0,
            locals: Vec::new(),
            functions: BTreeMap::new(),
            lines: text.lines().collect(),
            line: 1,
            conditional: 0,
            foreign: 0,
            depth: 0,
            steps: 0,
            unrun: Vec::new(),
        }
    }

    /// What was left out, in the order of the script.
    pub(super) fn into_unrun(self) -> Vec<Unrun> {
        self.unrun
    }

    /// Runs the whole script and gives its exit status.
    pub(super) fn run_program(&mut self, program: &ast::Program) -> u8 {
        let mut streams = Streams::default();
        for list in &program.complete_commands {
            match self.run_list(list, &mut streams) {
                Ok(()) | Err(Stop::Break(_) | Stop::Continue(_)) => {}
                Err(Stop::Exit(status) | Stop::Return(status)) => return status,
                Err(Stop::Unknown(reason)) => self.leave_out(reason),
                Err(Stop::GivenUp(reason)) => {
                    self.leave_out(reason);
                    return 0;
                }
            }
        }
        self.status
    }

    fn leave_out(&mut self, reason: String) {
        let text = self.lines.get(self.line.saturating_sub(1)).map_or("", |line| line.trim());
        self.unrun.push(Unrun { line: self.line, text: text.to_owned(), reason });
        self.status = 0;
    }

    pub(super) fn run_list(&mut self, list: &ast::CompoundList, streams: &mut Streams) -> Flow<()> {
        for ast::CompoundListItem(and_or, separator) in &list.0 {
            let result = match separator {
                ast::SeparatorOperator::Async => unknown("it goes on in the background"),
                ast::SeparatorOperator::Sequence => self.run_and_or(and_or, streams),
            };
            match result {
                Err(Stop::Unknown(reason)) if self.conditional == 0 => {
                    self.leave_out(reason);
                    self.forget(&and_or.to_string());
                }
                result => result?,
            }
        }
        Ok(())
    }

    /// Whatever `statement` may have assigned is unknown now.
    fn forget(&mut self, statement: &str) {
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        for (at, _) in statement.match_indices('=') {
            let name = statement.get(..at).and_then(|before| before.rsplit(|letter| !is_name(letter)).next());
            if let Some(name) =
                name.filter(|name| name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_'))
            {
                self.state.variables.insert(name.to_owned(), Variable::Unknown);
            }
        }
    }

    fn run_and_or(&mut self, and_or: &ast::AndOrList, streams: &mut Streams) -> Flow<()> {
        let mut decided_last = and_or.additional.is_empty() && !and_or.first.bang;
        self.run_deciding(!and_or.additional.is_empty(), |shell| shell.run_pipeline(&and_or.first, streams))?;
        for (number, next) in and_or.additional.iter().enumerate() {
            let (pipeline, wanted) = match next {
                ast::AndOr::And(pipeline) => (pipeline, self.status == 0),
                ast::AndOr::Or(pipeline) => (pipeline, self.status != 0),
            };
            let is_last = number + 1 == and_or.additional.len();
            decided_last = wanted && is_last && !pipeline.bang;
            if wanted {
                self.run_deciding(!is_last, |shell| shell.run_pipeline(pipeline, streams))?;
            }
        }
        if decided_last && self.status != 0 && self.state.exits_on_error && self.conditional == 0 {
            return Err(Stop::Exit(self.status));
        }
        Ok(())
    }

    /// Runs `step`, whose outcome decides what comes after where `decides` says so.
    fn run_deciding<T>(&mut self, decides: bool, step: impl FnOnce(&mut Self) -> Flow<T>) -> Flow<T> {
        self.conditional += usize::from(decides);
        let result = step(self);
        self.conditional -= usize::from(decides);
        result
    }

    /// Runs `list` as a condition; whether it succeeded.
    pub(super) fn holds(&mut self, list: &ast::CompoundList, streams: &mut Streams) -> Flow<bool> {
        self.run_deciding(true, |shell| shell.run_list(list, streams))?;
        Ok(self.status == 0)
    }

    fn run_pipeline(&mut self, pipeline: &ast::Pipeline, streams: &mut Streams) -> Flow<()> {
        match pipeline.seq.as_slice() {
            [command] => self.run_deciding(pipeline.bang, |shell| shell.run_command(command, streams))?,
            commands => {
                let mut input = std::mem::take(&mut streams.input);
                for command in commands {
                    let mut own = Streams { input, output: Vec::new() };
                    self.run_deciding(true, |shell| shell.run_apart(|shell| shell.run_command(command, &mut own)))?;
                    input = own.output;
                }
                streams.output.extend_from_slice(&input);
            }
        }
        if pipeline.bang {
            self.status = u8::from(self.status == 0);
        }
        Ok(())
    }

    /// Runs `step` in a subshell: its variables, folder and exit are its own; what it does to the tree stays.
    pub(super) fn run_apart(&mut self, step: impl FnOnce(&mut Self) -> Flow<()>) -> Flow<()> {
        let outside = self.state.clone();
        let result = step(self);
        self.state = outside;
        match result {
            Err(Stop::Exit(status) | Stop::Return(status)) => {
                self.status = status;
                Ok(())
            }
            Err(Stop::Break(_) | Stop::Continue(_)) => Ok(()),
            result => result,
        }
    }

    /// The output of `text`, run in a subshell, without the line ends at its end.
    pub(super) fn substitute(&mut self, text: &str) -> Flow<String> {
        let Ok(program) = super::parse(text) else { return unknown(format!("`{text}` is not understood")) };
        let mut streams = Streams::default();
        self.deeper(|shell| {
            shell.foreign += 1;
            let result = shell.run_deciding(true, |shell| {
                shell.run_apart(|shell| {
                    shell.status = 0;
                    program.complete_commands.iter().try_for_each(|list| shell.run_list(list, &mut streams))
                })
            });
            shell.foreign -= 1;
            result
        })?;
        let output = String::from_utf8_lossy(&streams.output).into_owned();
        Ok(output.trim_end_matches('\n').to_owned())
    }

    /// Counts so much work against what a script may take.
    pub(super) fn spend(&mut self, steps: usize) -> Flow<()> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MOST_STEPS { give_up("it goes on without end") } else { Ok(()) }
    }

    pub(super) fn deeper<T>(&mut self, step: impl FnOnce(&mut Self) -> Flow<T>) -> Flow<T> {
        if self.depth >= DEEPEST {
            return give_up("it goes deeper and deeper");
        }
        self.depth += 1;
        let result = step(self);
        self.depth -= 1;
        result
    }

    fn run_command(&mut self, command: &Command, streams: &mut Streams) -> Flow<()> {
        self.spend(1)?;
        if let (0, Some(line)) = (self.foreign, line_of(command)) {
            self.line = line;
        }
        match command {
            Command::Simple(simple) => self.run_simple(simple, streams),
            Command::Compound(compound, redirects) => {
                let redirects = redirects.as_ref().map_or(&[][..], |list| list.0.as_slice());
                self.redirected(redirects, streams, |shell, streams| shell.run_compound(compound, streams))
            }
            Command::Function(definition) => {
                self.functions.insert(definition.fname.value.clone(), definition.body.clone());
                self.status = 0;
                Ok(())
            }
            Command::ExtendedTest(..) => unknown("`[[` is not POSIX shell"),
        }
    }

    /// Calls the function `name`, if there is one of that name.
    pub(super) fn call_function(
        &mut self,
        name: &str,
        arguments: &[String],
        streams: &mut Streams,
    ) -> Option<Flow<()>> {
        let ast::FunctionBody(body, redirects) = self.functions.get(name)?.clone();
        let outside = std::mem::replace(&mut self.state.arguments, arguments.to_vec());
        self.locals.push(Vec::new());
        let redirects = redirects.map_or_else(Vec::new, |list| list.0);
        let result = self
            .deeper(|shell| shell.redirected(&redirects, streams, |shell, streams| shell.run_compound(&body, streams)));
        self.state.arguments = outside;
        for (name, before) in self.locals.pop().unwrap_or_default().into_iter().rev() {
            match before {
                Some(value) => self.state.variables.insert(name, value),
                None => self.state.variables.remove(&name),
            };
        }
        Some(match result {
            Err(Stop::Return(status)) => {
                self.status = status;
                Ok(())
            }
            result => result,
        })
    }
}

/// The line on which a command begins.
fn line_of(command: &Command) -> Option<usize> {
    let span = match command {
        Command::Simple(simple) => simple.word_or_name.as_ref().and_then(|word| word.loc.clone()).or_else(|| {
            simple.prefix.as_ref()?.0.iter().find_map(|item| match item {
                ast::CommandPrefixOrSuffixItem::AssignmentWord(assignment, _) => Some(assignment.loc.clone()),
                _ => None,
            })
        }),
        other => other.location(),
    };
    span.map(|span| span.start.line)
}
