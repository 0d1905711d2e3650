//! `sed`: the commands `s`, `d`, `p`, `a`, `i`, `c`, `q` and groups of them, with addresses, as busybox has them.

use super::super::tree::{Content, Inode, InodeKind, Metadata};
use super::access::text_of;
use super::cursor::Cursor;
use super::flow::{Flow, unknown};
use super::options::Options;
use super::regex::{Groups, Regex, Syntax};
use super::shell::Shell;
use super::streams::{Streams, see_that_output_ends};

/// Groups of commands inside one another.
const DEEPEST: usize = 16;

/// Which lines.
#[derive(Clone, Debug)]
enum Address {
    Line(usize),
    Last,
    Pattern(Regex),
    /// So many more lines.
    More(usize),
}

#[derive(Clone, Debug)]
enum Action {
    Substitute {
        pattern: Regex,
        replacement: Vec<Part>,
        every: bool,
        from: usize,
        prints: bool,
    },
    Delete,
    Print,
    /// `a`
    After(String),
    /// `i`
    Before(String),
    /// `c`
    Change(String),
    Quit,
    Group(Vec<Command>),
}

/// A part of a replacement.
#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Group(usize),
}

#[derive(Clone, Debug)]
struct Command {
    from: Option<Address>,
    to: Option<Address>,
    negated: bool,
    action: Action,
    /// Where the range of its two addresses is.
    range: Range,
}

/// Whether a range is open, and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Range {
    Closed,
    UntilLine(usize),
    /// Until a line that the second address fits.
    UntilMatch,
}

/// What becomes of a line.
enum Fate {
    /// The next command.
    Goes,
    /// It is printed unless `-n`, and the next line comes.
    Deleted,
    /// The last line.
    Quits,
}

/// A run over some lines.
struct Run<'run> {
    quiet: bool,
    lines: Vec<&'run str>,
    ends_with_newline: bool,
    printed: String,
    number: usize,
}

impl Shell<'_> {
    pub(super) fn sed(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        // `-i` may have the ending of a copy attached, and takes no other value.
        let is_in_place = arguments.iter().any(|word| word == "-i");
        let Some(options) = Options::parse(arguments, "nErsi", "e") else { return unknown("an option of `sed`") };
        let in_place = options.has('i');
        if in_place && !is_in_place {
            return unknown("`sed -i` that keeps a copy");
        }
        let mut operands = options.operands.as_slice();
        let mut script = options.values('e').collect::<Vec<_>>().join("\n");
        if !options.has('e') {
            let Some((first, rest)) = operands.split_first() else { return Ok(1) };
            script = (*first).to_owned();
            operands = rest;
        }
        let syntax = if options.has('E') || options.has('r') { Syntax::Extended } else { Syntax::Basic };
        self.spend_work(script.len())?;
        let mut parser = Parser { cursor: Cursor::new(&script), syntax };
        let commands = match parser.commands(0) {
            Ok(commands) => commands,
            Err(reason) => return unknown(format!("`sed`: {reason}")),
        };
        let quiet = options.has('n');
        if !in_place {
            let (mut bytes, mut status) = (Vec::new(), 0);
            if operands.is_empty() {
                bytes = streams.input.rest()?;
            }
            for path in operands {
                if !bytes.is_empty() && !bytes.ends_with(b"\n") {
                    bytes.push(b'\n');
                }
                match if *path == "-" { Some(streams.input.rest()?) } else { self.read_file(path)? } {
                    Some(more) => bytes.extend_from_slice(&more),
                    None => status = 1,
                }
            }
            let text = self.edit(&text_of(bytes)?, commands, quiet)?;
            self.print(streams, text)?;
            return Ok(status);
        }
        if operands.is_empty() {
            return unknown("`sed -i` without a file");
        }
        let mut status = 0;
        for path in operands {
            let real = self.entry(path)?;
            let Some(before) = self.read_file(path)? else {
                status = 1;
                continue;
            };
            let text = self.edit(&text_of(before)?, commands.clone(), quiet)?;
            // A file that is written anew takes the place of the old one, or of the link to it.
            let there = self.existing(path)?.and_then(|real| self.at(&real).map(|inode| inode.metadata.clone()));
            if let (Some(real), Some(there)) = (real, there) {
                let metadata = Metadata { mode: there.mode, uid: there.uid, gid: there.gid, ..self.own(0) };
                let kind = InodeKind::File { content: Content::from(text.into_bytes()), checksum: None };
                if self.tree.insert(&real, Inode { kind, metadata }).is_err() {
                    status = 1;
                }
            }
        }
        Ok(status)
    }

    /// What `commands` make of `text`.
    fn edit(&self, text: &str, mut commands: Vec<Command>, quiet: bool) -> Flow<String> {
        let ends_with_newline = text.ends_with('\n');
        let lines: Vec<&str> =
            text.strip_suffix('\n').unwrap_or(text).split('\n').filter(|_| !text.is_empty()).collect();
        let mut run = Run { quiet, lines, ends_with_newline, printed: String::new(), number: 0 };
        while run.number < run.lines.len() {
            let mut line = run.lines.get(run.number).map_or(String::new(), |line| (*line).to_owned());
            run.number += 1;
            self.spend_work(line.len() + commands.len())?;
            let mut after = Vec::new();
            let fate = self.edit_line(&mut line, &mut commands, &mut run, &mut after)?;
            if !run.quiet && !matches!(fate, Fate::Deleted) {
                run.print_read(&line);
            }
            for text in after {
                run.print(&text);
            }
            see_that_output_ends(run.printed.len())?;
            if matches!(fate, Fate::Quits) {
                break;
            }
        }
        Ok(run.printed)
    }

    fn edit_line(
        &self,
        line: &mut String,
        commands: &mut [Command],
        run: &mut Run<'_>,
        after: &mut Vec<String>,
    ) -> Flow<Fate> {
        for command in commands {
            self.spend(1)?;
            if self.is_selected(command, line, run)? == command.negated {
                continue;
            }
            let ends_range = command.to.is_none() || command.negated || command.range == Range::Closed;
            match &mut command.action {
                Action::Substitute { pattern, replacement, every, from, prints } => {
                    let replaced = self.substitute_in(line, pattern, replacement, *every, *from)?;
                    if let Some(replaced) = replaced {
                        *line = replaced;
                        if *prints {
                            run.print(line);
                        }
                    }
                }
                Action::Delete => return Ok(Fate::Deleted),
                Action::Print => run.print(line),
                Action::After(text) => after.push(text.clone()),
                Action::Before(text) => run.print(text),
                Action::Change(text) => {
                    if ends_range {
                        run.print(text);
                    }
                    return Ok(Fate::Deleted);
                }
                Action::Quit => return Ok(Fate::Quits),
                Action::Group(commands) => match self.edit_line(line, commands, run, after)? {
                    Fate::Goes => {}
                    fate => return Ok(fate),
                },
            }
        }
        Ok(Fate::Goes)
    }

    /// Whether the addresses of `command` select the present line.
    fn is_selected(&self, command: &mut Command, line: &str, run: &Run<'_>) -> Flow<bool> {
        let Some(from) = &command.from else { return Ok(true) };
        let Some(to) = &command.to else { return self.is_at(from, line, run) };
        let (ends, covers) = match command.range {
            // One whose last line has gone by covers nothing more.
            Range::UntilLine(end) => (run.number >= end, run.number <= end || self.is_at(from, line, run)?),
            Range::UntilMatch => (self.is_at(to, line, run)?, true),
            Range::Closed => {
                let begins = self.is_at(from, line, run)?;
                if begins {
                    command.range = match to {
                        Address::Line(end) if *end > run.number => Range::UntilLine(*end),
                        Address::More(count) if *count > 0 => Range::UntilLine(run.number.saturating_add(*count)),
                        Address::Last if run.number < run.lines.len() => Range::UntilLine(run.lines.len()),
                        Address::Line(_) | Address::More(_) | Address::Last => Range::Closed,
                        Address::Pattern(_) => Range::UntilMatch,
                    };
                }
                return Ok(begins);
            }
        };
        if ends {
            command.range = Range::Closed;
        }
        Ok(covers)
    }

    fn is_at(&self, address: &Address, line: &str, run: &Run<'_>) -> Flow<bool> {
        Ok(match address {
            Address::Line(number) => *number == run.number,
            Address::Last => run.number == run.lines.len(),
            Address::Pattern(regex) => {
                let letters: Vec<char> = line.chars().collect();
                self.find_match(regex, &letters, 0)?.is_some()
            }
            Address::More(_) => false,
        })
    }

    /// `line` with what `pattern` matches replaced, from the match number `from` on; `None` where nothing matches.
    fn substitute_in(
        &self,
        line: &str,
        pattern: &Regex,
        replacement: &[Part],
        every: bool,
        from: usize,
    ) -> Flow<Option<String>> {
        let letters: Vec<char> = line.chars().collect();
        let (mut text, mut at, mut count, mut is_changed) = (String::new(), 0, 0, false);
        // Where the last match ended; nothing is not matched there once more.
        let mut last_end = None;
        while at <= letters.len() {
            let Some(groups) = self.find_match(pattern, &letters, at)? else { break };
            let Some((begin, end)) = whole(&groups) else { break };
            text.extend(letters.get(at..begin).into_iter().flatten());
            if begin == end && last_end == Some(begin) {
                text.extend(letters.get(begin));
                at = begin + 1;
                last_end = None;
                continue;
            }
            count += 1;
            if count >= from {
                is_changed = true;
                for part in replacement {
                    see_that_output_ends(text.len())?;
                    match part {
                        Part::Text(part) => text.push_str(part),
                        Part::Group(number) => {
                            if let Some(&[Some(begin), Some(end)]) = groups.get(2 * number..2 * number + 2) {
                                text.extend(letters.get(begin..end).into_iter().flatten());
                            }
                        }
                    }
                }
            } else {
                text.extend(letters.get(begin..end).into_iter().flatten());
            }
            see_that_output_ends(text.len())?;
            last_end = Some(end);
            at = end;
            if begin == end {
                text.extend(letters.get(end));
                at = end + 1;
                last_end = None;
            }
            if is_changed && !every {
                break;
            }
        }
        self.spend_work(text.len())?;
        text.extend(letters.get(at..).into_iter().flatten());
        Ok(is_changed.then_some(text))
    }
}

/// Where a match is.
fn whole(groups: &Groups) -> Option<(usize, usize)> {
    match groups.as_slice() {
        [Some(begin), Some(end), ..] => Some((*begin, *end)),
        _ => None,
    }
}

impl Run<'_> {
    /// Prints a line.
    fn print(&mut self, line: &str) {
        // What ends without a line end is only the last line of the input, and nothing comes after that.
        if !self.printed.is_empty() && !self.printed.ends_with('\n') {
            self.printed.push('\n');
        }
        self.printed.push_str(line);
        self.printed.push('\n');
    }

    /// Prints the line that was read, which ends as it did in the input.
    fn print_read(&mut self, line: &str) {
        self.print(line);
        if self.number == self.lines.len() && !self.ends_with_newline {
            self.printed.pop();
        }
    }
}

struct Parser {
    cursor: Cursor,
    syntax: Syntax,
}

impl Parser {
    fn commands(&mut self, depth: usize) -> Result<Vec<Command>, String> {
        if depth > DEEPEST {
            return Err("it nests beyond all reason".to_owned());
        }
        let mut commands = Vec::new();
        loop {
            self.cursor.skip(&[' ', '\t', '\n', ';']);
            match self.cursor.peek() {
                None if depth == 0 => return Ok(commands),
                None => return Err("a brace that nothing closes".to_owned()),
                Some('}') if depth > 0 => {
                    self.cursor.advance(1);
                    return Ok(commands);
                }
                Some('#') => while self.cursor.next().is_some_and(|letter| letter != '\n') {},
                Some(_) => commands.push(self.command(depth)?),
            }
        }
    }

    fn command(&mut self, depth: usize) -> Result<Command, String> {
        let from = self.address()?;
        let mut to = None;
        if from.is_some() && self.cursor.peek() == Some(',') {
            self.cursor.advance(1);
            self.cursor.skip(&[' ', '\t']);
            to = match self.cursor.peek() {
                Some('+') => {
                    self.cursor.advance(1);
                    Some(Address::More(self.cursor.number().ok_or("an address")?))
                }
                _ => Some(self.address()?.ok_or("an address")?),
            };
        }
        self.cursor.skip(&[' ', '\t']);
        let negated = self.cursor.peek() == Some('!');
        if negated {
            self.cursor.skip(&['!', ' ', '\t']);
        }
        let action = match self.cursor.next() {
            Some('s') => self.substitution()?,
            Some('d') => Action::Delete,
            Some('p') => Action::Print,
            Some('q') => Action::Quit,
            Some('a') => Action::After(self.text()?),
            Some('i') => Action::Before(self.text()?),
            Some('c') => Action::Change(self.text()?),
            Some('{') => Action::Group(self.commands(depth + 1)?),
            Some(letter) => return Err(format!("the command `{letter}`")),
            None => return Err("an address without a command".to_owned()),
        };
        self.cursor.skip(&[' ', '\t']);
        match self.cursor.peek() {
            None | Some(';' | '\n' | '}' | '#') => Ok(Command { from, to, negated, action, range: Range::Closed }),
            Some(_) => Err("what follows a command".to_owned()),
        }
    }

    fn address(&mut self) -> Result<Option<Address>, String> {
        Ok(Some(match self.cursor.peek() {
            Some('0'..='9') => match (self.cursor.number(), self.cursor.peek()) {
                (None | Some(0), _) | (_, Some('~')) => return Err("an address".to_owned()),
                (Some(number), _) => Address::Line(number),
            },
            Some('$') => {
                self.cursor.advance(1);
                Address::Last
            }
            Some(first @ ('/' | '\\')) => {
                self.cursor.advance(1);
                let delimiter = if first == '/' { Some('/') } else { self.cursor.next() };
                let pattern = self.until(delimiter.ok_or("an address")?)?;
                Address::Pattern(self.regex(&pattern, false)?)
            }
            _ => return Ok(None),
        }))
    }

    fn regex(&self, pattern: &str, ignores_case: bool) -> Result<Regex, String> {
        if pattern.is_empty() {
            return Err("the last pattern once more".to_owned());
        }
        Regex::new(pattern, self.syntax, ignores_case)
    }

    /// The text up to `delimiter`, which stands for itself after a backslash.
    fn until(&mut self, delimiter: char) -> Result<String, String> {
        let mut text = String::new();
        let mut in_class = false;
        loop {
            match self.cursor.next().ok_or("a pattern that nothing ends")? {
                letter if letter == delimiter && !in_class => return Ok(text),
                '\\' if !in_class => {
                    let letter = self.cursor.next().ok_or("a pattern that nothing ends")?;
                    if letter != delimiter {
                        text.push('\\');
                    }
                    text.push(letter);
                }
                letter => {
                    match letter {
                        '[' if !in_class => {
                            in_class = true;
                            text.push('[');
                            // A bracket that comes first is one of the class.
                            for first in ['^', ']'] {
                                if self.cursor.peek() == Some(first) {
                                    self.cursor.advance(1);
                                    text.push(first);
                                }
                            }
                            continue;
                        }
                        '[' if matches!(self.cursor.peek(), Some(':' | '.' | '=')) => {
                            let kind = self.cursor.next().ok_or("a class")?;
                            text.extend(['[', kind]);
                            loop {
                                let letter = self.cursor.next().ok_or("a class")?;
                                text.push(letter);
                                if letter == kind && self.cursor.peek() == Some(']') {
                                    break;
                                }
                            }
                            text.extend(self.cursor.next());
                            continue;
                        }
                        ']' => in_class = false,
                        _ => {}
                    }
                    text.push(letter);
                }
            }
        }
    }

    fn substitution(&mut self) -> Result<Action, String> {
        let delimiter = self.cursor.next().filter(|letter| !matches!(letter, '\n' | '\\')).ok_or("a substitution")?;
        let pattern = self.until(delimiter)?;
        let mut replacement = Vec::new();
        let mut text = String::new();
        loop {
            match self.cursor.next().ok_or("a substitution that nothing ends")? {
                letter if letter == delimiter => break,
                '&' => {
                    replacement.push(Part::Text(std::mem::take(&mut text)));
                    replacement.push(Part::Group(0));
                }
                '\\' => match self.cursor.next().ok_or("a substitution that nothing ends")? {
                    digit @ '0'..='9' => {
                        replacement.push(Part::Text(std::mem::take(&mut text)));
                        replacement.push(Part::Group(digit as usize - '0' as usize));
                    }
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    letter if letter.is_ascii_alphanumeric() && letter != delimiter => {
                        return Err(format!("`\\{letter}` in a replacement"));
                    }
                    letter => text.push(letter),
                },
                letter => text.push(letter),
            }
        }
        replacement.push(Part::Text(text));
        let start = self.cursor.position();
        let (mut every, mut from, mut prints, mut ignores_case) = (false, 1, false, false);
        loop {
            match self.cursor.peek() {
                Some('g') => every = true,
                Some('p') => prints = true,
                Some('i' | 'I') => ignores_case = true,
                Some('1'..='9') => {
                    from = self.cursor.number().ok_or("a number of a match")?;
                    continue;
                }
                Some('w' | 'e' | 'm' | 'M') => return Err("a flag of a substitution".to_owned()),
                _ => break,
            }
            self.cursor.advance(1);
        }
        if every && self.cursor.since(start).iter().any(char::is_ascii_digit) {
            return Err("every match from a number on".to_owned());
        }
        Ok(Action::Substitute { pattern: self.regex(&pattern, ignores_case)?, replacement, every, from, prints })
    }

    /// The text of `a`, `i` and `c`: to the end of its line, and further where a backslash ends that.
    fn text(&mut self) -> Result<String, String> {
        self.cursor.skip(&[' ', '\t']);
        if self.cursor.peek() == Some('\\') {
            // What comes after a backslash is taken as it is, save the end of the line.
            self.cursor.advance(1);
            let here = self.cursor.position();
            self.cursor.skip(&[' ', '\t']);
            if self.cursor.peek() == Some('\n') {
                self.cursor.advance(1);
            } else {
                self.cursor.go_back(here);
            }
        }
        let mut text = String::new();
        while let Some(letter) = self.cursor.next() {
            match letter {
                '\n' => break,
                '\\' => match self.cursor.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some(letter) if letter.is_ascii_alphanumeric() => return Err(format!("`\\{letter}` in a text")),
                    letter => text.extend(letter),
                },
                letter => text.push(letter),
            }
        }
        Ok(text)
    }
}
