//! The shell's own commands.

use super::super::InodeKind;
use super::commands::stop;
use super::shell::{Flow, Shell, Stop, Streams, Variable, unknown};

impl Shell<'_> {
    /// Runs `name` if it is one of the shell's own commands; its status.
    pub(super) fn run_builtin(&mut self, name: &str, arguments: &[String], streams: &mut Streams) -> Option<Flow<u8>> {
        Some(match name {
            ":" | "true" => Ok(0),
            "false" => Ok(1),
            "exit" => stop(Stop::Exit(self.status_of(arguments))),
            "return" => stop(Stop::Return(self.status_of(arguments))),
            "break" => levels(arguments).and_then(|levels| stop(Stop::Break(levels))),
            "continue" => levels(arguments).and_then(|levels| stop(Stop::Continue(levels))),
            "echo" => echo(arguments, streams),
            "printf" => printf(arguments, streams),
            "test" => self.test(arguments),
            "[" => match arguments.split_last() {
                Some((last, condition)) if last == "]" => self.test(condition),
                _ => Ok(2),
            },
            "set" => self.set(arguments),
            "shift" => Ok(self.shift(arguments)),
            "unset" => {
                for name in arguments.iter().filter(|argument| *argument != "-v") {
                    self.state.variables.remove(name);
                }
                Ok(0)
            }
            "export" | "readonly" => self.declare(arguments, false),
            "local" => self.declare(arguments, true),
            "cd" => self.change_folder(arguments),
            "pwd" => {
                streams.output.extend_from_slice(format!("/{}\n", self.state.folder).as_bytes());
                Ok(0)
            }
            "umask" => match arguments {
                [mask] => match u32::from_str_radix(mask, 8) {
                    Ok(mask) => {
                        self.state.umask = mask & 0o777;
                        Ok(0)
                    }
                    Err(_) => unknown("`umask` by letters"),
                },
                _ => unknown("`umask` that prints"),
            },
            "command" => return Some(self.command(arguments, streams)),
            "type" | "hash" => match arguments {
                [name] => self.is_command(name).map(|found| u8::from(!found)),
                _ => unknown(format!("`{name}` of several")),
            },
            "exec" => match arguments.split_first() {
                None => Ok(0),
                Some((program, rest)) => match self.run_words(program, rest, streams) {
                    Ok(()) => stop(Stop::Exit(self.status)),
                    Err(other) => Err(other),
                },
            },
            "read" | "eval" | "." | "source" | "trap" | "wait" | "alias" | "kill" | "getopts" | "ulimit" | "times" => {
                unknown(format!("the shell's `{name}`"))
            }
            _ => return None,
        })
    }

    fn status_of(&self, arguments: &[String]) -> u8 {
        match arguments {
            [] => self.status,
            // Of a larger number its lowest byte counts.
            [status, ..] => status.parse::<i64>().map_or(2, |status| status.to_le_bytes()[0]),
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

    fn shift(&mut self, arguments: &[String]) -> u8 {
        let count = match arguments {
            [] => 1,
            [count, ..] => count.parse().unwrap_or(usize::MAX),
        };
        if count > self.state.arguments.len() {
            return 1;
        }
        self.state.arguments.drain(..count);
        0
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
                self.state.folder = real;
                Ok(0)
            }
            None => Ok(1),
        }
    }

    fn is_command(&mut self, name: &str) -> Flow<bool> {
        let mut nothing = Streams::default();
        if matches!(name, "exit" | "return" | "break" | "continue" | "cd" | "exec" | "set" | "shift") {
            return Ok(true);
        }
        // Asking must not run anything; only commands without an effect are tried.
        let is_own = matches!(name, ":" | "true" | "false" | "echo" | "printf" | "test" | "[" | "pwd")
            && self.run_builtin(name, &[], &mut nothing).is_some();
        Ok(is_own || self.search(name)?.is_some())
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
                match self.search(name)? {
                    Some(path) => {
                        streams.output.extend_from_slice(format!("{path}\n").as_bytes());
                        Ok(0)
                    }
                    None => Ok(127),
                }
            }
            [name, rest @ ..] if !name.starts_with('-') => {
                self.run_words(name, rest, streams)?;
                Ok(self.status)
            }
            _ => unknown("`command` with other options"),
        }
    }
}

fn levels(arguments: &[String]) -> Flow<usize> {
    match arguments {
        [] => Ok(1),
        [levels] => match levels.parse() {
            Ok(levels) if levels > 0 => Ok(levels),
            _ => unknown("how many loops it leaves"),
        },
        _ => unknown("how many loops it leaves"),
    }
}

fn echo(arguments: &[String], streams: &mut Streams) -> Flow<u8> {
    let mut words = arguments;
    let (mut ends, mut escapes) = (true, false);
    while let Some((option, rest)) = words.split_first() {
        let Some(letters) = option.strip_prefix('-').filter(|letters| !letters.is_empty()) else { break };
        if !letters.chars().all(|letter| matches!(letter, 'n' | 'e' | 'E')) {
            break;
        }
        ends &= !letters.contains('n');
        escapes |= letters.contains('e');
        words = rest;
    }
    let text = words.join(" ");
    if escapes && text.contains('\\') {
        match unescape(&text) {
            Some(text) => streams.output.extend_from_slice(text.as_bytes()),
            None => return unknown("an escape of `echo -e`"),
        }
    } else {
        streams.output.extend_from_slice(text.as_bytes());
    }
    if ends {
        streams.output.push(b'\n');
    }
    Ok(0)
}

/// `printf` with `%s`, `%d` and `%%`; the format is used again while there are arguments.
fn printf(arguments: &[String], streams: &mut Streams) -> Flow<u8> {
    let Some((format, rest)) = arguments.split_first() else { return Ok(1) };
    let Some(format) = unescape(format) else { return unknown("an escape of `printf`") };
    let mut values = rest.iter();
    loop {
        let mut letters = format.chars();
        let mut used = false;
        while let Some(letter) = letters.next() {
            if letter != '%' {
                streams.output.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            match letters.next() {
                Some('%') => streams.output.push(b'%'),
                Some('s' | 'd') => {
                    used = true;
                    streams.output.extend_from_slice(values.next().map_or(&[][..], |value| value.as_bytes()));
                }
                _ => return unknown("a format of `printf`"),
            }
        }
        if !used || values.len() == 0 {
            return Ok(0);
        }
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        plain.push(match letters.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            '\\' => '\\',
            '"' => '"',
            _ => return None,
        });
    }
    Some(plain)
}
