//! How deep a JavaScript source nests, found out before it is parsed: the parser goes down a level of its stack with
//! each, and a stack that ends takes the whole program with it.
//!
//! A level is an open bracket, and whatever stands in it since the last thing that ended an expression: `a.b.c`,
//! `!!!x`, `a => b => c` and `if (1) if (2)` nest without any bracket. That is more than there really is, which costs
//! nothing: no program comes near the limit.
//!
//! Strings, comments, templates and regular expressions are passed over. Where a `/` stands that only a parser knows to
//! divide or to begin a regular expression, the source is read both ways from there, and it is as deep as the deepest
//! of its readings. Most end soon, at a bracket or a quote that does not fit: the parser, which stops for good at the
//! first error, would go no further either. Others come to the same place in the same state, and go on as one. A source
//! that still has too many readings is refused like one that is too deep.

use super::lexemes::{blank, comment, has_line_end, regular_expression, string, template, word};

/// What came before, as far as it decides what `/` or a word means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// A bracket that opens, an operator that wants something after it, or nothing.
    Operator,
    /// What may want something after it or end something: `++`, `a!`, `B<C>`, `1.`, `await`, `if (…)`.
    Either,
    /// A name, a number, a string: the end of an operand.
    Operand,
    /// `]`, or a `)` that no statement follows.
    Closed,
    /// `}`.
    Block,
}

/// Words that go on with the expression or statement before them.
const CONTINUING: [&[u8]; 8] = [b"as", b"else", b"extends", b"in", b"instanceof", b"is", b"of", b"satisfies"];
/// Words that want something after them.
const WANTING: [&[u8]; 22] = [
    b"abstract",
    b"asserts",
    b"async",
    b"await",
    b"case",
    b"class",
    b"declare",
    b"default",
    b"delete",
    b"do",
    b"function",
    b"infer",
    b"keyof",
    b"new",
    b"readonly",
    b"return",
    b"throw",
    b"try",
    b"typeof",
    b"unique",
    b"void",
    b"yield",
];
/// Words whose parentheses want a statement after them.
const HEADS: [&[u8]; 4] = [b"for", b"if", b"while", b"with"];

/// More readings than this at once are not gone through.
const MAX_READINGS: usize = 32;
/// Nor are more brackets than this copied or compared for all of them together.
const MAX_COPIED: usize = 1 << 24;

/// An open bracket.
#[derive(Clone, Copy)]
struct Bracket {
    /// What closes it; none closes the source itself.
    closing: Option<u8>,
    kind: BracketKind,
    /// How many levels it holds since its last expression ended.
    held: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BracketKind {
    Plain,
    /// The parentheses of an `if` or of a loop.
    Head,
    /// The `${` of a template.
    Template,
}

/// One way to read the source, as far as it has come.
#[derive(Clone)]
struct Reading {
    at: usize,
    /// The source itself, and the brackets that are open in it.
    open: Vec<Bracket>,
    levels: usize,
    last: Last,
    /// Whether a line ended since then.
    fresh_line: bool,
    /// Whether the last word was one of [`HEADS`], and nothing came since.
    is_head: bool,
}

/// What a step along a reading came to.
enum Step {
    On,
    /// No program reads on like this, or nothing is left.
    Ended,
    /// It may be read like this as well.
    Or(Reading),
}

/// Whether `source`, which is UTF-8, nests deeper than `limit` levels, or cannot be told.
pub(super) fn is_deeper(source: &[u8], limit: usize) -> bool {
    // The one that is furthest behind is the last.
    let mut readings = vec![Reading::of(source)];
    let mut copied = 0;
    while let Some(mut reading) = readings.pop() {
        let next = readings.last().map_or(usize::MAX, |other| other.at);
        let goes_on = loop {
            if reading.at == next {
                let mut beside = readings.iter_mut().rev().take_while(|other| other.at == next);
                copied += reading.open.len();
                if let Some(same) = beside.find(|other| other.goes_on_like(&reading)) {
                    same.take_in(&reading);
                    break false;
                }
            } else if reading.at > next {
                break true;
            }
            match reading.step(source) {
                Step::On => {}
                Step::Ended => break false,
                Step::Or(other) => {
                    copied += other.open.len();
                    readings.push(other);
                    break true;
                }
            }
            if reading.levels > limit {
                return true;
            }
        };
        if goes_on {
            readings.push(reading);
            readings.sort_by_key(|reading| std::cmp::Reverse(reading.at));
        }
        if readings.len() > MAX_READINGS || copied > MAX_COPIED {
            return true;
        }
    }
    false
}

impl Reading {
    fn of(source: &[u8]) -> Self {
        // The line that names the interpreter is no part of the program.
        let at = if source.starts_with(b"#!") { comment(source) } else { 0 };
        let whole = Bracket { closing: None, kind: BracketKind::Plain, held: 0 };
        Self { at, open: vec![whole], levels: 1, last: Last::Operator, fresh_line: true, is_head: false }
    }

    /// Whether the rest of the source means the same after both, which are at one place.
    fn goes_on_like(&self, other: &Self) -> bool {
        (self.last, self.fresh_line, self.is_head) == (other.last, other.fresh_line, other.is_head)
            && self.open.len() == other.open.len()
            && std::iter::zip(&self.open, &other.open)
                .all(|(one, other)| (one.closing, one.kind) == (other.closing, other.kind))
    }

    /// Becomes as deep as the deeper of both.
    fn take_in(&mut self, other: &Self) {
        for (one, other) in std::iter::zip(&mut self.open, &other.open) {
            one.held = one.held.max(other.held);
        }
        self.levels = self.open.len() + self.open.iter().map(|bracket| bracket.held).sum::<usize>();
    }

    /// Takes the next thing of the source.
    fn step(&mut self, source: &[u8]) -> Step {
        let rest = source.get(self.at..).unwrap_or_default();
        let Some(&byte) = rest.first() else { return Step::Ended };
        if let Some((length, ends_line)) = blank(rest) {
            self.at += length;
            self.fresh_line |= ends_line;
            return Step::On;
        }
        if rest.starts_with(b"//") || rest.starts_with(b"/*") {
            let length = comment(rest);
            self.at += length;
            self.fresh_line |= rest.get(..length).is_some_and(has_line_end);
            return Step::On;
        }
        match byte {
            b'/' => return self.slash(rest),
            // A comment in a script, and operators in a module.
            b'<' | b'-' if rest.starts_with(b"<!--") || (self.fresh_line && rest.starts_with(b"-->")) => {
                let mut other = self.clone();
                other.at += comment(rest);
                self.take(1, Last::Either, false);
                return Step::Or(other);
            }
            b'\'' | b'"' => match string(rest) {
                Some(length) => self.take(length, Last::Operand, false),
                None => return Step::Ended,
            },
            b'`' => self.template(rest),
            b'(' | b'[' | b'{' => {
                let kind = if byte == b'(' && self.is_head { BracketKind::Head } else { BracketKind::Plain };
                self.push(if byte == b'(' { b')' } else { byte + 2 }, kind);
                self.take(1, Last::Operator, false);
            }
            b')' | b']' | b'}' => {
                let Some(bracket) = self.open.pop_if(|bracket| bracket.closing == Some(byte)) else {
                    return Step::Ended;
                };
                self.levels -= bracket.held + 1;
                match (bracket.kind, byte) {
                    (BracketKind::Template, _) => self.template(rest),
                    (BracketKind::Head, _) => self.take(1, Last::Either, false),
                    (BracketKind::Plain, b'}') => self.take(1, Last::Block, false),
                    (BracketKind::Plain, _) => self.take(1, Last::Closed, false),
                }
            }
            b',' | b';' => self.take(1, Last::Operator, true),
            b'+' | b'-' if rest.get(1) == Some(&byte) => self.take(2, Last::Either, false),
            b'=' if rest.starts_with(b"=>") => self.take(2, Last::Operator, false),
            b'!' if self.last == Last::Operator => self.take(1, Last::Operator, false),
            b'.' | b'>' | b'!' | b'\\' => self.take(1, Last::Either, false),
            _ => match word(rest) {
                0 => self.take(1, Last::Operator, false),
                length => self.word(source, length),
            },
        }
        Step::On
    }

    /// Goes on by `length` bytes over something that may end the expression before it.
    fn take(&mut self, length: usize, last: Last, ends: bool) {
        if let Some(bracket) = self.open.last_mut() {
            if ends {
                self.levels -= std::mem::take(&mut bracket.held);
            }
            bracket.held += 1;
            self.levels += 1;
        }
        self.at += length;
        (self.last, self.fresh_line, self.is_head) = (last, false, false);
    }

    fn push(&mut self, closing: u8, kind: BracketKind) {
        self.open.push(Bracket { closing: Some(closing), kind, held: 0 });
        self.levels += 1;
    }

    /// A `/` that begins no comment.
    fn slash(&mut self, rest: &[u8]) -> Step {
        let (divides, begins) = match self.last {
            Last::Operator => (false, true),
            // Where a line ended, so may have a statement.
            Last::Operand | Last::Closed => (true, self.fresh_line),
            Last::Either | Last::Block => (true, true),
        };
        let mut other = None;
        if let Some(length) = regular_expression(rest).filter(|_| begins) {
            let mut reading = self.clone();
            reading.take(length, Last::Operand, false);
            other = Some(reading);
        }
        if divides {
            self.take(1, Last::Operator, false);
            return other.map_or(Step::On, Step::Or);
        }
        let Some(other) = other else { return Step::Ended };
        *self = other;
        Step::On
    }

    /// The text of a template after the backquote or the `}` that `rest` begins with.
    fn template(&mut self, rest: &[u8]) {
        let length = 1 + template(rest.get(1..).unwrap_or_default());
        if rest.get(..length).is_some_and(|text| text.ends_with(b"${")) {
            self.push(b'}', BracketKind::Template);
            self.take(length, Last::Operator, false);
        } else {
            self.take(length, Last::Operand, false);
        }
    }

    fn word(&mut self, source: &[u8], length: usize) {
        let word = source.get(self.at..self.at + length).unwrap_or_default();
        let continues = CONTINUING.contains(&word);
        // What is written with an escape may be any word.
        let escapes = self.at.checked_sub(1).and_then(|before| source.get(before)) == Some(&b'\\');
        // Two operands side by side are two statements; after `)` only where a new line says so.
        let follows =
            matches!(self.last, Last::Operand | Last::Block) || (self.last == Last::Closed && self.fresh_line);
        // After the `await` of a loop its parentheses are still to come.
        let is_head = escapes || HEADS.contains(&word) || (self.is_head && word == b"await");
        let wants = continues || is_head || WANTING.contains(&word);
        self.take(length, if wants { Last::Either } else { Last::Operand }, follows && !continues);
        self.is_head = is_head;
    }
}

#[cfg(test)]
mod tests;
