//! The shell's control flow: lists, conditions, loops, functions, pipelines, over the parsed script.
//!
//! Two things end a command early: what the shell itself does (exit, return, break, continue) and something that is not
//! understood. The latter is caught at the nearest whole statement whose outcome decides nothing else; in a condition,
//! a pipeline or a substitution it goes up to the statement around it, because everything after would be a guess.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use brush_parser::ast::{self, Command, SourceLocation as _};

use super::super::error::Error;
use super::super::run_script::{HOST_NAME, ScriptCall, Unrun};
use super::super::tree::Tree;
use super::flow::{Flow, Stop, give_up, unknown};
use super::here_documents::HereDocument;
use super::identity::Identity;
use super::parse::{parse, parse_part};
use super::regex::{Groups, Regex};
use super::streams::{Input, Sink, Streams};

/// Bytes that are copied in a step.
const BYTES_A_STEP: usize = 4096;
/// Letters that are compared or expanded, parts of paths that are walked, entries that are looked at in a step.
const UNITS_A_STEP: usize = 128;
/// Functions, substitutions and compound commands inside one another.
const DEEPEST: usize = 64;
/// Statements that are told as left out; of more, the first.
const MOST_UNRUN: usize = 1000;

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
    /// Where the shell is, relative to the root; `None` where that is not known.
    pub(super) folder: Option<String>,
    pub(super) umask: u32,
    pub(super) exits_on_error: bool,
    pub(super) refuses_unset: bool,
    /// Who runs the commands, where that is not root.
    pub(super) identity: Option<Identity>,
}

/// One run of one script.
pub(super) struct Shell<'run> {
    pub(super) tree: &'run mut Tree,
    pub(super) call: &'run ScriptCall<'run>,
    pub(super) state: State,
    /// `$?`
    pub(super) status: u8,
    /// Why `$?` is not known, where it is not: the command was about the running machine.
    pub(super) unknown_status: Option<String>,
    /// Where the messages of the command under way go.
    pub(super) errors: Sink,
    /// Variables that the functions under way made local, with what they were before.
    pub(super) locals: Vec<Vec<(String, Option<Variable>)>>,
    /// The status of the last substitution in the command under way.
    pub(super) substituted: Option<u8>,
    /// How many loops are under way.
    pub(super) loops: usize,
    /// How many commands with an input of their own are under way.
    pub(super) feeding: usize,
    /// The here-documents of all that was parsed.
    pub(super) here_documents: Vec<HereDocument>,
    /// Whether what is expanded stands in double quotes or in a here-document.
    pub(super) in_double_quotes: bool,
    functions: BTreeMap<String, Rc<ast::FunctionBody>>,
    lines: Vec<&'run str>,
    line: usize,
    /// How many conditions, pipelines and substitutions are under way: what is not understood in one of them decides
    /// what comes after.
    conditional: usize,
    /// How many conditions are under way: in them no failure ends the script.
    tested: usize,
    /// How many texts other than the script itself are being run; their lines are not the script's.
    foreign: usize,
    depth: usize,
    /// How many steps it has taken, and how many it may take.
    steps: Cell<usize>,
    most_steps: usize,
    unrun: Vec<Unrun>,
    /// The script's own output.
    printed: Sink,
    /// Why the build cannot go on, where a command found that.
    pub(super) failure: Option<Error>,
}

impl<'run> Shell<'run> {
    /// A shell in the root folder, about to run `text`.
    pub(super) fn new(tree: &'run mut Tree, call: &'run ScriptCall<'run>, text: &'run str, most_steps: usize) -> Self {
        let known = |value: &str| Variable::Known(value.to_owned());
        // The environment that apk gives its scripts.
        let variables = [
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            ("APK_PACKAGE", call.name),
            ("APK_SCRIPT", call.script.name()),
            ("PWD", "/"),
            ("SHLVL", "1"),
            ("HOSTNAME", HOST_NAME),
        ];
        let state = State {
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), known(value))).collect(),
            arguments: call.arguments.to_vec(),
            folder: Some(String::new()),
            umask: 0o022,
            exits_on_error: false,
            refuses_unset: false,
            identity: None,
        };
        let printed = Sink::printed();
        Self {
            tree,
            call,
            state,
            status: 0,
            unknown_status: None,
            locals: Vec::new(),
            substituted: None,
            loops: 0,
            feeding: 0,
            here_documents: Vec::new(),
            in_double_quotes: false,
            functions: BTreeMap::new(),
            lines: text.lines().collect(),
            line: 1,
            conditional: 0,
            tested: 0,
            foreign: 0,
            depth: 0,
            steps: Cell::new(0),
            most_steps,
            unrun: Vec::new(),
            errors: printed.clone(),
            printed,
            failure: None,
        }
    }

    /// What was left out, in the order of the script, and the end of what it printed.
    pub(super) fn into_outcome(self) -> (Vec<Unrun>, String) {
        (self.unrun, self.printed.end())
    }

    /// Runs the whole script and gives its exit status.
    pub(super) fn run_program(&mut self, program: &ast::Program) -> u8 {
        let mut streams = Streams::new(Input::default(), self.printed.clone(), self.printed.clone());
        for list in &program.complete_commands {
            match self.run_list(list, &mut streams) {
                Ok(()) | Err(Stop::Break(_) | Stop::Continue(_)) => {}
                Err(Stop::Exit(status) | Stop::Return(status)) => {
                    self.status = status;
                    break;
                }
                Err(Stop::Unknown(reason)) => self.leave_out(reason),
                Err(Stop::GivenUp(reason)) => {
                    self.leave_out(reason);
                    return 0;
                }
            }
        }
        if let Some(reason) = self.unknown_status.take() {
            self.leave_out(reason);
        }
        self.status
    }

    /// Notes that the statement at the present line was not carried out; once, however often that happens.
    pub(super) fn leave_out(&mut self, reason: String) {
        let text = self.lines.get(self.line.saturating_sub(1)).map_or("", |line| line.trim());
        let unrun = Unrun { line: self.line, text: text.to_owned(), reason };
        if self.unrun.len() < MOST_UNRUN && !self.unrun.contains(&unrun) {
            self.unrun.push(unrun);
        }
        self.status = 0;
        self.unknown_status = None;
    }

    /// `$?`, where it is known.
    pub(super) fn known_status(&self) -> Flow<u8> {
        match &self.unknown_status {
            Some(reason) => unknown(reason),
            None => Ok(self.status),
        }
    }

    pub(super) fn run_list(&mut self, list: &ast::CompoundList, streams: &mut Streams) -> Flow<()> {
        for ast::CompoundListItem(and_or, separator) in &list.0 {
            let result = match separator {
                ast::SeparatorOperator::Async => unknown("it goes on in the background"),
                ast::SeparatorOperator::Sequence => self.run_and_or(and_or, streams),
            };
            match result {
                Err(Stop::Unknown(reason)) => {
                    self.forget(&and_or.to_string())?;
                    if self.conditional > 0 {
                        return Err(Stop::Unknown(reason));
                    }
                    self.leave_out(reason);
                }
                result => result?,
            }
        }
        Ok(())
    }

    /// Whatever `statement` may have assigned is unknown now, and where it may have gone.
    fn forget(&mut self, statement: &str) -> Flow<()> {
        self.spend_work(statement.len())?;
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let mut names: Vec<&str> = Vec::new();
        for (at, _) in statement.match_indices('=') {
            names.extend(statement.get(..at).and_then(|before| before.rsplit(|letter| !is_name(letter)).next()));
        }
        let mut words = statement.split(|letter: char| !is_name(letter)).filter(|word| !word.is_empty()).peekable();
        while let Some(word) = words.next() {
            match word {
                "for" => names.extend(words.peek()),
                // All that follows may be names.
                "read" => names.extend(words.clone()),
                "cd" => self.state.folder = None,
                _ => {}
            }
        }
        for name in names {
            if name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
                self.state.variables.insert(name.to_owned(), Variable::Unknown);
            }
        }
        Ok(())
    }

    fn run_and_or(&mut self, and_or: &ast::AndOrList, streams: &mut Streams) -> Flow<()> {
        let mut decided_last = and_or.additional.is_empty() && !and_or.first.bang;
        self.run_deciding(!and_or.additional.is_empty(), |shell| shell.run_pipeline(&and_or.first, streams))?;
        for (number, next) in and_or.additional.iter().enumerate() {
            let is_last = number + 1 == and_or.additional.len();
            let (pipeline, wanted) = match next {
                ast::AndOr::And(pipeline) => (pipeline, self.known_status()? == 0),
                // The status does not matter.
                ast::AndOr::Or(pipeline) if is_last && matches!(pipeline.to_string().trim(), "true" | ":") => {
                    (pipeline, true)
                }
                ast::AndOr::Or(pipeline) => (pipeline, self.known_status()? != 0),
            };
            decided_last = wanted && is_last && !pipeline.bang;
            if wanted {
                self.run_deciding(!is_last, |shell| shell.run_pipeline(pipeline, streams))?;
            }
        }
        if decided_last && self.state.exits_on_error && self.tested == 0 && self.known_status()? != 0 {
            return Err(Stop::Exit(self.status));
        }
        Ok(())
    }

    /// Runs `step`, whose success decides what comes after where `decides` says so.
    fn run_deciding<T>(&mut self, decides: bool, step: impl FnOnce(&mut Self) -> Flow<T>) -> Flow<T> {
        self.conditional += usize::from(decides);
        self.tested += usize::from(decides);
        let result = step(self);
        self.conditional -= usize::from(decides);
        self.tested -= usize::from(decides);
        result
    }

    /// Runs `step`, of which all must be understood.
    fn run_whole<T>(&mut self, step: impl FnOnce(&mut Self) -> Flow<T>) -> Flow<T> {
        self.conditional += 1;
        let result = step(self);
        self.conditional -= 1;
        result
    }

    /// Runs `list` as a condition; whether it succeeded.
    pub(super) fn holds(&mut self, list: &ast::CompoundList, streams: &mut Streams) -> Flow<bool> {
        self.run_deciding(true, |shell| shell.run_list(list, streams))?;
        Ok(self.known_status()? == 0)
    }

    fn run_pipeline(&mut self, pipeline: &ast::Pipeline, streams: &mut Streams) -> Flow<()> {
        match pipeline.seq.as_slice() {
            [command] => self.run_deciding(pipeline.bang, |shell| shell.run_command(command, streams))?,
            commands => {
                let mut own = streams.clone();
                for (number, command) in commands.iter().enumerate() {
                    let is_last = number + 1 == commands.len();
                    let pipe = if is_last { streams.sink(1) } else { Sink::buffer() };
                    own.sinks.insert(1, pipe.clone());
                    self.feeding += usize::from(number > 0);
                    let result = self.run_whole(|shell| shell.run_apart(|shell| shell.run_command(command, &mut own)));
                    self.feeding -= usize::from(number > 0);
                    result?;
                    if number == 0 {
                        streams.input = own.input.clone();
                    }
                    if !is_last {
                        own.input = Input::new(pipe.take()?);
                    }
                }
            }
        }
        if pipeline.bang {
            self.status = u8::from(self.status == 0);
        }
        Ok(())
    }

    /// Runs `step` in a subshell: its variables, folder and exit are its own; what it does to the tree stays.
    pub(super) fn run_apart(&mut self, step: impl FnOnce(&mut Self) -> Flow<()>) -> Flow<()> {
        self.spend_copy()?;
        let outside = self.state.clone();
        let functions = self.functions.clone();
        let result = step(self);
        self.state = outside;
        self.functions = functions;
        match result {
            Err(Stop::Exit(status) | Stop::Return(status)) => {
                self.status = status;
                Ok(())
            }
            Err(Stop::Break(_) | Stop::Continue(_)) => Ok(()),
            result => result,
        }
    }

    /// What copying the state takes.
    fn spend_copy(&self) -> Flow<()> {
        let State { variables, arguments, .. } = &self.state;
        let length = |variable: &Variable| if let Variable::Known(value) = variable { value.len() } else { 0 };
        self.spend_bytes(
            variables.values().map(length).sum::<usize>() + arguments.iter().map(String::len).sum::<usize>(),
        )?;
        self.spend_work(variables.len() + arguments.len() + self.functions.len())
    }

    /// The output of `text`, run in a subshell, without the line ends at its end.
    pub(super) fn substitute(&mut self, text: &str) -> Flow<String> {
        self.spend_work(text.len())?;
        let Ok(program) = parse_part(text, &mut self.here_documents) else {
            return unknown(format!("`{text}` is not understood"));
        };
        let input = if self.feeding > 0 { Input::shared() } else { Input::default() };
        let output = Sink::buffer();
        let mut streams = Streams::new(input, output.clone(), self.errors.clone());
        // Whatever the shell's options are, a failure in it does not end it.
        let tested = std::mem::take(&mut self.tested);
        let in_double_quotes = std::mem::take(&mut self.in_double_quotes);
        let before = self.status;
        let result = self.deeper(|shell| {
            shell.run_whole(|shell| {
                shell.run_apart(|shell| {
                    shell.state.exits_on_error = false;
                    shell.run_foreign(&program, &mut streams)
                })
            })
        });
        self.tested = tested;
        self.in_double_quotes = in_double_quotes;
        result?;
        let status = self.known_status()?;
        self.substituted = Some(if program.complete_commands.is_empty() { 0 } else { status });
        self.status = before;
        let output = String::from_utf8_lossy(&output.take()?).into_owned();
        Ok(output.trim_end_matches('\n').to_owned())
    }

    /// Parses a text that is no part of the script itself.
    pub(super) fn parse(&mut self, text: &str) -> Result<ast::Program, String> {
        parse(text, &mut self.here_documents)
    }

    /// Runs what is no part of the script itself.
    pub(super) fn run_foreign(&mut self, program: &ast::Program, streams: &mut Streams) -> Flow<()> {
        self.foreign += 1;
        let result = program.complete_commands.iter().try_for_each(|list| self.run_list(list, streams));
        self.foreign -= 1;
        result
    }

    /// Runs `command -v`-like questions about functions.
    pub(super) fn is_function(&self, name: &str) -> bool {
        self.functions.contains_key(name)
    }

    /// Counts so much work against what a script may take.
    pub(super) fn spend(&self, steps: usize) -> Flow<()> {
        self.steps.set(self.steps.get().saturating_add(steps));
        if self.steps.get() > self.most_steps { give_up("it goes on without end") } else { Ok(()) }
    }

    /// Counts that so many bytes are copied.
    pub(super) fn spend_bytes(&self, bytes: usize) -> Flow<()> {
        self.spend(bytes / BYTES_A_STEP)
    }

    /// Counts that so many letters, parts of paths or entries are looked at.
    pub(super) fn spend_work(&self, units: usize) -> Flow<()> {
        self.spend(units / UNITS_A_STEP)
    }

    /// The leftmost longest match of `regex` in `text` that begins at `start` or later.
    pub(super) fn find_match(&self, regex: &Regex, text: &[char], start: usize) -> Flow<Option<Groups>> {
        regex.find(text, start, |work| self.spend_work(work))
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
                self.spend_work(definition.body.to_string().len())?;
                self.functions.insert(definition.fname.value.clone(), Rc::new(definition.body.clone()));
                self.status = 0;
                Ok(())
            }
            Command::ExtendedTest(test, redirects) => {
                let redirects = redirects.as_ref().map_or(&[][..], |list| list.0.as_slice());
                self.redirected(redirects, streams, |shell, _| {
                    shell.status = u8::from(!shell.extended_test(&test.expr)?);
                    Ok(())
                })
            }
        }
    }

    /// Calls the function `name`, if there is one of that name.
    pub(super) fn call_function(
        &mut self,
        name: &str,
        arguments: &[String],
        streams: &mut Streams,
    ) -> Option<Flow<()>> {
        let definition = Rc::clone(self.functions.get(name)?);
        let ast::FunctionBody(body, redirects) = &*definition;
        let outside = std::mem::replace(&mut self.state.arguments, arguments.to_vec());
        self.locals.push(Vec::new());
        let redirects = redirects.as_ref().map_or(&[][..], |list| list.0.as_slice());
        let result = self
            .deeper(|shell| shell.redirected(redirects, streams, |shell, streams| shell.run_compound(body, streams)));
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
