//! `grep` as busybox has it.

use super::access::text_of;
use super::flow::{Flow, unknown};
use super::options::Options;
use super::regex::{Regex, Syntax, is_of_word};
use super::shell::Shell;
use super::streams::Streams;

/// One file's answer.
#[derive(Default)]
struct Answer {
    matches: usize,
    lines: Vec<String>,
}

impl Shell<'_> {
    pub(super) fn grep(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(options) = Options::parse(arguments, "qsvxFEiwclLnhHo", "em") else {
            return unknown("an option of `grep`");
        };
        let mut operands = options.operands.as_slice();
        let mut patterns: Vec<&str> = options.values('e').flat_map(|pattern| pattern.split('\n')).collect();
        if !options.has('e') {
            let Some((pattern, rest)) = operands.split_first() else { return Ok(2) };
            patterns.extend(pattern.split('\n'));
            operands = rest;
        }
        let syntax = match (options.has('F'), options.has('E')) {
            (true, _) => Syntax::Fixed,
            (false, true) => Syntax::Extended,
            (false, false) => Syntax::Basic,
        };
        let mut regexes = Vec::new();
        for pattern in patterns {
            self.spend_work(pattern.len())?;
            match Regex::new(pattern, syntax, options.has('i')) {
                Ok(regex) => regexes.push(regex),
                Err(reason) => return unknown(format!("`grep` for the pattern `{pattern}`: {reason}")),
            }
        }
        let most = match options.value('m').map(str::parse::<usize>) {
            Some(Ok(most)) => most,
            Some(Err(_)) => return unknown("an option of `grep`"),
            None => usize::MAX,
        };
        if most == 0 {
            return unknown("`grep` in this way");
        }
        let names = if operands.is_empty() { vec!["-"] } else { operands.to_vec() };
        let is_named = !options.has('h') && (options.has('H') || names.len() > 1);
        let (mut found, mut missing, mut is_listed) = (false, false, false);
        for name in names {
            let bytes = if name == "-" { Some(streams.input.rest()?) } else { self.read_file(name)? };
            let Some(bytes) = bytes else {
                missing = true;
                continue;
            };
            let text = text_of(bytes)?;
            let shown = if name == "-" { "(standard input)" } else { name };
            let prefix = if is_named { format!("{shown}:") } else { String::new() };
            let answer = self.grep_text(&text, &regexes, &options, most, &prefix)?;
            found |= answer.matches > 0;
            if options.has('q') {
                if found {
                    return Ok(0);
                }
            } else if options.has('l') || options.has('L') {
                if (answer.matches > 0) == options.has('l') {
                    is_listed = true;
                    self.print_line(streams, shown)?;
                }
            } else if options.has('c') {
                self.print_line(streams, &format!("{prefix}{}", answer.matches))?;
            } else {
                self.print(streams, answer.lines.concat())?;
            }
        }
        Ok(if missing { 2 } else { u8::from(!if options.has('L') { is_listed } else { found }) })
    }

    fn grep_text(
        &mut self,
        text: &str,
        regexes: &[Regex],
        options: &Options<'_>,
        most: usize,
        prefix: &str,
    ) -> Flow<Answer> {
        let mut answer = Answer::default();
        for (number, line) in text.split_terminator('\n').enumerate() {
            if answer.matches >= most {
                break;
            }
            let letters: Vec<char> = line.chars().collect();
            self.spend_work(letters.len())?;
            let prefix = if options.has('n') { format!("{prefix}{}:", number + 1) } else { prefix.to_owned() };
            let mut start = 0;
            let mut is_found = false;
            while let Some((begin, end)) = self.grep_line(&letters, start, regexes, options)? {
                is_found = true;
                if !options.has('o') || options.has('v') {
                    break;
                }
                if end > begin {
                    let part: String = letters.get(begin..end).into_iter().flatten().collect();
                    answer.lines.push(format!("{prefix}{part}\n"));
                }
                start = end.max(begin + 1);
                // Behind the first word of a line busybox no longer looks at what stands before a match.
                for regex in regexes.iter().filter(|_| options.has('w')) {
                    if self.find_match(regex, &letters, start)?.is_some() {
                        return unknown("`grep -o -w` of several in a line");
                    }
                }
            }
            if is_found != options.has('v') {
                answer.matches += 1;
                if !options.has('o') {
                    answer.lines.push(format!("{prefix}{line}\n"));
                }
            }
        }
        Ok(answer)
    }

    /// The first place at or after `start` where one of the patterns matches as asked for.
    fn grep_line(
        &mut self,
        letters: &[char],
        start: usize,
        regexes: &[Regex],
        options: &Options<'_>,
    ) -> Flow<Option<(usize, usize)>> {
        let mut best: Option<(usize, usize)> = None;
        for regex in regexes {
            let mut from = start;
            while from <= letters.len() {
                let found = self.find_match(regex, letters, from)?;
                let Some(&[Some(begin), Some(end), ..]) = found.as_deref() else { break };
                let is_whole = begin == 0 && end == letters.len();
                let is_word = |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(|it| is_of_word(*it));
                let fits = (!options.has('x') || is_whole)
                    && (!options.has('w') || !is_word(begin.checked_sub(1)) && !is_word(Some(end)));
                if fits {
                    // The earlier wins, and of two that begin together the longer.
                    let is_better = best.is_none_or(|(other, to)| begin < other || begin == other && end > to);
                    best = if is_better { Some((begin, end)) } else { best };
                    break;
                }
                from = begin + 1;
            }
        }
        Ok(best)
    }
}
