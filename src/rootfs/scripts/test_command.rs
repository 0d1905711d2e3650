//! `test` and `[`, as busybox has them, about the tree.
//!
//! Scripts run as root, so whatever exists can be read and written. Comparing times is not understood, because times in
//! an image are not those of a machine.

use brush_parser::ast::{BinaryPredicate, ExtendedTestExpr, Word};

use super::super::glob::Pattern;
use super::super::tree::InodeKind;
use super::flow::{Flow, unknown};
use super::regex::{Regex, Syntax};
use super::shell::Shell;

/// The status for a condition that cannot be read.
const USAGE: u8 = 2;

/// Conditions inside one another.
const DEEPEST: usize = 64;

/// A condition in words, read from the left.
struct Condition<'words> {
    words: &'words [&'words str],
    depth: usize,
}

impl Shell<'_> {
    /// 0 where the condition holds, 1 where it does not, 2 where it makes no sense.
    pub(super) fn test(&self, words: &[String]) -> Flow<u8> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.spend_work(words.len())?;
        Ok(match self.decide_condition(&words, 0)? {
            Some(true) => 0,
            Some(false) => 1,
            None => USAGE,
        })
    }

    /// Up to four words are read by their number (POSIX, test); `None` where they make no sense.
    fn decide_condition(&self, words: &[&str], depth: usize) -> Flow<Option<bool>> {
        let negated = |rest: &[&str]| Ok(self.decide_condition(rest, depth + 1)?.map(|holds| !holds));
        match words {
            [] => Ok(Some(false)),
            [word] => Ok(Some(!word.is_empty())),
            [first, rest @ ..] if *first == "!" && rest.len() == 1 => negated(rest),
            [operator, operand] => self.unary(operator, operand),
            [left, operator, right] if is_binary(operator) => binary(left, operator, right),
            [first, rest @ ..] if *first == "!" && rest.len() == 2 => negated(rest),
            ["(", inner, ")"] => self.decide_condition(&[inner], depth + 1),
            [first, rest @ ..] if *first == "!" && rest.len() == 3 => negated(rest),
            ["(", inner @ .., ")"] if inner.len() == 2 => self.decide_condition(inner, depth + 1),
            words => {
                let mut condition = Condition { words, depth };
                let holds = self.any(&mut condition)?;
                Ok(holds.filter(|_| condition.words.is_empty()))
            }
        }
    }

    /// Conditions joined by `-o`. All are read, so that one that makes no sense is found.
    fn any(&self, condition: &mut Condition<'_>) -> Flow<Option<bool>> {
        let mut holds = self.all(condition)?;
        while condition.takes("-o") {
            let right = self.all(condition)?;
            holds = holds.zip(right).map(|(left, right)| left || right);
        }
        Ok(holds)
    }

    /// Conditions joined by `-a`.
    fn all(&self, condition: &mut Condition<'_>) -> Flow<Option<bool>> {
        let mut holds = self.one(condition)?;
        while condition.takes("-a") {
            let right = self.one(condition)?;
            holds = holds.zip(right).map(|(left, right)| left && right);
        }
        Ok(holds)
    }

    fn one(&self, condition: &mut Condition<'_>) -> Flow<Option<bool>> {
        self.spend(1)?;
        let words = condition.words;
        if let [left, operator, right, rest @ ..] = words
            && is_binary(operator)
            && !matches!(*operator, "-a" | "-o")
        {
            condition.words = rest;
            return binary(left, operator, right);
        }
        let is_nested = matches!(words, ["!" | "(", _, ..]);
        condition.depth += usize::from(is_nested);
        if condition.depth > DEEPEST {
            return unknown("a condition that nests beyond all reason");
        }
        let holds = match words {
            ["!", rest @ ..] if is_nested => {
                condition.words = rest;
                self.one(condition)?.map(|holds| !holds)
            }
            ["(", rest @ ..] if is_nested => {
                condition.words = rest;
                let holds = self.any(condition)?;
                holds.filter(|_| condition.takes(")"))
            }
            [operator, operand, rest @ ..] if is_unary(operator) => {
                condition.words = rest;
                self.unary(operator, operand)?
            }
            [word, rest @ ..] => {
                condition.words = rest;
                Some(!word.is_empty())
            }
            [] => None,
        };
        condition.depth -= usize::from(is_nested);
        Ok(holds)
    }

    /// `[[ … ]]`, in which nothing is split and what stands right of `=` is a pattern.
    pub(super) fn extended_test(&mut self, test: &ExtendedTestExpr) -> Flow<bool> {
        self.spend(1)?;
        Ok(match test {
            ExtendedTestExpr::And(left, right) => self.extended_test(left)? && self.extended_test(right)?,
            ExtendedTestExpr::Or(left, right) => self.extended_test(left)? || self.extended_test(right)?,
            ExtendedTestExpr::Not(test) => !self.extended_test(test)?,
            ExtendedTestExpr::Parenthesized(test) => self.extended_test(test)?,
            ExtendedTestExpr::UnaryTest(predicate, word) => {
                let operand = self.whole_word(word)?;
                match self.unary(&predicate.to_string(), &operand)? {
                    Some(holds) => holds,
                    None => return unknown(format!("`[[` with `{predicate}`")),
                }
            }
            ExtendedTestExpr::BinaryTest(predicate, left, right) => {
                let left = self.whole_word(left)?;
                let letters: Vec<char> = left.chars().collect();
                let mut work = 0;
                let holds = match predicate {
                    BinaryPredicate::StringExactlyMatchesPattern => {
                        self.pattern_word(right)?.matches_counted(&letters, &mut work)
                    }
                    BinaryPredicate::StringDoesNotExactlyMatchPattern => {
                        !self.pattern_word(right)?.matches_counted(&letters, &mut work)
                    }
                    BinaryPredicate::StringMatchesRegex => {
                        let pattern = self.expand_text(right)?;
                        match Regex::new(&pattern, Syntax::Extended, false) {
                            Ok(regex) => self.find_match(&regex, &letters, 0)?.is_some(),
                            Err(reason) => return unknown(format!("the pattern `{pattern}`: {reason}")),
                        }
                    }
                    _ => {
                        let right = self.whole_word(right)?;
                        match binary(&left, &predicate.to_string(), &right)? {
                            Some(holds) => holds,
                            None => return unknown(format!("`[[` with `{predicate}`")),
                        }
                    }
                };
                self.spend_work(work)?;
                holds
            }
        })
    }

    /// A word in `[[`, which busybox splits where bash does not: it must be one either way.
    fn whole_word(&mut self, word: &Word) -> Flow<String> {
        let text = self.expand_text(word)?;
        let is_quoted = word.value.contains(['"', '\'', '\\']);
        if !is_quoted && (text.is_empty() || text.contains(char::is_whitespace)) && word.value != text {
            return unknown("`[[` with a word that is split");
        }
        Ok(text)
    }

    /// A pattern in `[[`, of which bash takes what is quoted literally and busybox does not.
    fn pattern_word(&mut self, word: &Word) -> Flow<Pattern> {
        let text = self.whole_word(word)?;
        let pattern = Pattern::new(&text.chars().map(|letter| (letter, false)).collect::<Vec<_>>());
        if pattern.is_wild() && word.value.contains(['"', '\'', '\\']) {
            return unknown("`[[` with a pattern in quotes");
        }
        Ok(pattern)
    }

    fn unary(&self, operator: &str, operand: &str) -> Flow<Option<bool>> {
        match operator {
            "-n" => return Ok(Some(!operand.is_empty())),
            "-z" => return Ok(Some(operand.is_empty())),
            "-t" => return Ok(Some(false)),
            _ => {}
        }
        // It is there on every machine, and it is all that scripts ask of /dev.
        if operand == "/dev/null" {
            return Ok(matches!(operator, "-e" | "-c" | "-r" | "-w").then_some(true).or(Some(false)));
        }
        if matches!(operator, "-L" | "-h") {
            let inode = self.entry(operand)?.and_then(|real| self.at(&real));
            return Ok(Some(inode.is_some_and(|inode| matches!(inode.kind, InodeKind::Symlink(_)))));
        }
        let real = self.existing(operand)?;
        let inode = real.as_deref().and_then(|real| self.at(real));
        let kind = inode.map(|inode| &inode.kind);
        let has_mode = |bits: u32| inode.is_some_and(|inode| inode.metadata.mode & bits != 0);
        let is_folder = matches!(kind, Some(InodeKind::Directory(_)));
        Ok(Some(match operator {
            "-r" | "-w" | "-x" if self.state.identity.is_some() => {
                return unknown("what another account than root may do");
            }
            "-e" | "-r" | "-w" => kind.is_some(),
            "-f" => matches!(kind, Some(InodeKind::File { .. })),
            "-d" => is_folder,
            "-s" => match kind {
                Some(InodeKind::File { content, .. }) => !content.is_empty(),
                other => other.is_some(),
            },
            "-x" => is_folder || has_mode(0o111),
            "-u" => has_mode(0o4000),
            "-g" => has_mode(0o2000),
            "-k" => has_mode(0o1000),
            "-b" | "-c" | "-p" | "-S" => false,
            "-O" => inode.is_some_and(|inode| inode.metadata.uid == 0),
            "-G" => inode.is_some_and(|inode| inode.metadata.gid == 0),
            _ => return Ok(None),
        }))
    }
}

impl Condition<'_> {
    fn takes(&mut self, word: &str) -> bool {
        match self.words {
            [first, rest @ ..] if *first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }
}

fn is_unary(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next() == Some('-')
        && letters.next().is_some_and(|letter| "bcdefghknprstuwxzGLOS".contains(letter))
        && letters.next().is_none()
}

fn is_binary(word: &str) -> bool {
    matches!(
        word,
        "=" | "=="
            | "!="
            | "-eq"
            | "-ne"
            | "-lt"
            | "-le"
            | "-gt"
            | "-ge"
            | "-a"
            | "-o"
            | "-nt"
            | "-ot"
            | "-ef"
            | "<"
            | ">"
            | "=~"
    )
}

fn binary(left: &str, operator: &str, right: &str) -> Flow<Option<bool>> {
    let compare = |holds: fn(i64, i64) -> bool| {
        let numbers = left.trim().parse().ok().zip(right.trim().parse().ok());
        Ok(numbers.map(|(left, right)| holds(left, right)))
    };
    match operator {
        "=" | "==" => Ok(Some(left == right)),
        "!=" => Ok(Some(left != right)),
        "-eq" => compare(|left, right| left == right),
        "-ne" => compare(|left, right| left != right),
        "-lt" => compare(|left, right| left < right),
        "-le" => compare(|left, right| left <= right),
        "-gt" => compare(|left, right| left > right),
        "-ge" => compare(|left, right| left >= right),
        "-a" => Ok(Some(!left.is_empty() && !right.is_empty())),
        "-o" => Ok(Some(!left.is_empty() || !right.is_empty())),
        "-nt" | "-ot" | "-ef" | "<" | ">" | "=~" => unknown(format!("`test` with `{operator}`")),
        _ => Ok(None),
    }
}
