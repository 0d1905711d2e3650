//! The shell's own commands.

use super::super::tree::InodeKind;
use super::access::text_of;
use super::flow::{Flow, Stop, unknown};
use super::shell::{Shell, Variable};
use super::streams::Streams;
use super::table::{self, Run};

/// What a shell's command is run by.
pub(super) const BUILTINS: &[(&str, Run)] = &[
    (":", |_, _, _| Ok(0)),
    ("true", |_, _, _| Ok(0)),
    ("false", |_, _, _| Ok(1)),
    ("exit", |shell, arguments, _| Err(Stop::Exit(shell.status_of(arguments)))),
    ("return", |shell, arguments, _| Err(Stop::Return(shell.status_of(arguments)))),
    ("break", |shell, arguments, _| shell.leave_loops(arguments, Stop::Break)),
    ("continue", |shell, arguments, _| shell.leave_loops(arguments, Stop::Continue)),
    ("echo", |shell, arguments, streams| shell.echo(arguments, streams)),
    ("printf", |shell, arguments, streams| shell.printf(arguments, streams)),
    ("test", |shell, arguments, _| shell.test(arguments)),
    ("[", |shell, arguments, _| match arguments.split_last() {
        Some((last, condition)) if last == "]" => shell.test(condition),
        _ => Ok(2),
    }),
    ("set", |shell, arguments, _| shell.set(arguments)),
    ("shift", |shell, arguments, _| shell.shift(arguments)),
    ("export", |shell, arguments, _| shell.declare(arguments, false)),
    ("local", |shell, arguments, _| shell.declare(arguments, true)),
    ("cd", |shell, arguments, _| shell.change_folder(arguments)),
    ("umask", |shell, arguments, _| shell.umask(arguments)),
    ("command", |shell, arguments, streams| shell.command(arguments, streams)),
    ("exec", |shell, arguments, streams| shell.exec(arguments, streams)),
    (".", |shell, arguments, streams| shell.source(arguments, streams)),
    ("source", |shell, arguments, streams| shell.source(arguments, streams)),
    ("read", |shell, arguments, streams| shell.read(arguments, streams)),
];

/// What the shell has beside these, and what is not understood.
const NOT_UNDERSTOOD: [&str; 18] = [
    "eval", "trap", "wait", "alias", "unalias", "kill", "getopts", "ulimit", "times", "jobs", "bg", "fg", "let",
    "type", "hash", "readonly", "unset", "pwd",
];

impl Shell<'_> {
    /// Runs `name` if it is one of the shell's own commands; its status.
    pub(super) fn run_builtin(&mut self, name: &str, arguments: &[String], streams: &mut Streams) -> Option<Flow<u8>> {
        if let Some(run) = table::find(BUILTINS, name) {
            return Some(run(self, arguments, streams));
        }
        NOT_UNDERSTOOD.contains(&name).then(|| unknown(format!("the shell's `{name}`")))
    }

    /// `break` and `continue`, which succeed, and outside of loops do nothing.
    fn leave_loops(&mut self, arguments: &[String], stop: fn(usize) -> Stop) -> Flow<u8> {
        let levels = match arguments {
            [] => 1,
            [levels] => match levels.parse() {
                Ok(levels) if levels > 0 => levels,
                _ => return unknown("how many loops it leaves"),
            },
            _ => return unknown("how many loops it leaves"),
        };
        self.status = 0;
        if self.loops == 0 { Ok(0) } else { Err(stop(levels.min(self.loops))) }
    }

    fn umask(&mut self, arguments: &[String]) -> Flow<u8> {
        let [mask] = arguments else { return unknown("`umask` that prints") };
        match u32::from_str_radix(mask, 8) {
            Ok(mask) => {
                self.state.umask = mask & 0o777;
                Ok(0)
            }
            Err(_) => unknown("`umask` by letters"),
        }
    }

    fn exec(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some((program, rest)) = arguments.split_first() else { return Ok(0) };
        self.run_words(program, rest, streams)?;
        let status = self.known_status()?;
        Err(Stop::Exit(status))
    }

    /// `. FILE`: a file of the image, as if it stood here.
    fn source(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some((path, rest)) = arguments.split_first() else { return Ok(2) };
        let found = if path.contains('/') { Some(path.clone()) } else { self.search_file(path)? };
        let text = match found {
            Some(path) => self.read_text(&path)?,
            None => None,
        };
        // A script ends where it cannot read a file that it is made of.
        let Some(text) = text else { return Err(Stop::Exit(2)) };
        self.spend_work(text.len())?;
        let Ok(program) = self.parse(&text) else { return unknown(format!("`{path}` is not understood")) };
        let outside = (!rest.is_empty()).then(|| std::mem::replace(&mut self.state.arguments, rest.to_vec()));
        self.status = 0;
        let result = self.deeper(|shell| shell.run_foreign(&program, streams));
        if let Some(outside) = outside {
            self.state.arguments = outside;
        }
        match result {
            Ok(()) => Ok(self.status),
            Err(Stop::Return(status)) => Ok(status),
            Err(stop) => Err(stop),
        }
    }

    /// `read`: a line of the input, by white space into variables, the last of which gets the rest.
    fn read(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let (is_raw, names) = match arguments {
            [option, names @ ..] if option == "-r" => (true, names),
            names => (false, names),
        };
        let is_name = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if names.is_empty() || !names.iter().all(is_name) {
            return unknown("`read` in this way");
        }
        let separators = match self.state.variables.get("IFS") {
            None => " \t\n".to_owned(),
            Some(Variable::Known(separators)) if separators.chars().all(char::is_whitespace) => separators.clone(),
            Some(_) => return unknown("it changes how words are split"),
        };
        let Some(line) = streams.input.line()? else {
            for name in names {
                self.assign(name, String::new());
            }
            return Ok(1);
        };
        self.spend_work(line.len())?;
        let is_whole = line.ends_with(b"\n");
        let text = text_of(line)?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        if !is_raw && text.contains('\\') {
            return unknown("`read` of a backslash");
        }
        let is_separator = |letter: char| separators.contains(letter);
        let mut rest = text.trim_matches(is_separator);
        for (number, name) in names.iter().enumerate() {
            let is_last = number + 1 == names.len();
            let (field, after) = match rest.split_once(is_separator) {
                Some((field, after)) if !is_last => (field, after.trim_start_matches(is_separator)),
                _ => (rest, ""),
            };
            self.assign(name, field.to_owned());
            rest = after;
        }
        Ok(u8::from(!is_whole))
    }

    fn status_of(&mut self, arguments: &[String]) -> u8 {
        match arguments {
            [] => {
                if let Some(reason) = self.unknown_status.take() {
                    self.leave_out(reason);
                }
                self.status
            }
            // Of a larger number its lowest byte counts.
            [status, ..] => {
                self.unknown_status = None;
                status.parse::<i64>().map_or(2, |status| status.to_le_bytes()[0])
            }
        }
    }

    fn set(&mut self, arguments: &[String]) -> Flow<u8> {
        let mut rest = arguments;
        while let Some((option, after)) = rest.split_first() {
            let on = match option.chars().next() {
                Some('-') if option == "--" => {
                    self.state.arguments = after.to_vec();
                    return Ok(0);
                }
                Some('-') => true,
                Some('+') => false,
                _ => {
                    self.state.arguments = rest.to_vec();
                    return Ok(0);
                }
            };
            for letter in option.chars().skip(1) {
                match letter {
                    'e' => self.state.exits_on_error = on,
                    'u' => self.state.refuses_unset = on,
                    // Tracing and the like print, and nobody reads it.
                    'x' | 'v' => {}
                    _ => return unknown(format!("`set {option}`")),
                }
            }
            rest = after;
        }
        Ok(0)
    }

    fn shift(&mut self, arguments: &[String]) -> Flow<u8> {
        let count = match arguments {
            [] => 1,
            [count, ..] => count.parse().unwrap_or(usize::MAX),
        };
        if count > self.state.arguments.len() {
            return Ok(1);
        }
        self.spend_work(self.state.arguments.len())?;
        self.state.arguments.drain(..count);
        Ok(0)
    }

    fn declare(&mut self, arguments: &[String], local: bool) -> Flow<u8> {
        for argument in arguments {
            if argument.starts_with('-') {
                return unknown(format!("`{argument}` in a declaration"));
            }
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (argument.as_str(), None),
            };
            if local {
                let before = self.state.variables.get(name).cloned();
                match self.locals.last_mut() {
                    Some(locals) => locals.push((name.to_owned(), before)),
                    None => return Ok(2),
                }
            }
            match value {
                Some(value) => self.assign(name, value.to_owned()),
                None if local => {
                    self.state.variables.insert(name.to_owned(), Variable::Known(String::new()));
                }
                None => {}
            }
        }
        Ok(0)
    }

    fn change_folder(&mut self, arguments: &[String]) -> Flow<u8> {
        let [path] = arguments else { return unknown("`cd` without one folder") };
        if path == "-" {
            return unknown("`cd -`");
        }
        match self.existing(path)?.filter(|real| self.is_folder_at(real)) {
            Some(real) => {
                self.assign("PWD", format!("/{real}"));
                self.state.folder = Some(real);
                Ok(0)
            }
            None => Ok(1),
        }
    }

    /// `command -v NAME`, and `command NAME …`, which passes functions by.
    fn command(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        match arguments {
            [option, name] if option == "-v" => {
                if name.contains('/') {
                    let found = self
                        .existing(name)?
                        .and_then(|real| self.at(&real).map(|inode| matches!(inode.kind, InodeKind::File { .. })));
                    return Ok(u8::from(found != Some(true)));
                }
                let own = self.is_function(name) || table::find(BUILTINS, name).is_some();
                let found = if own { Some(name.clone()) } else { self.search(name)? };
                match found {
                    Some(path) => {
                        self.print_line(streams, &path)?;
                        Ok(0)
                    }
                    None => Ok(127),
                }
            }
            [name, rest @ ..] if !name.starts_with('-') => {
                self.run_program_or_builtin(name, rest, streams)?;
                Ok(self.status)
            }
            _ => unknown("`command` with other options"),
        }
    }
}
