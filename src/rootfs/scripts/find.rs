//! `find` by name, type and depth, and what it does with what it finds: prints, runs a command, deletes.
//!
//! Entries come in the order of their names, where a running system has them in no order at all.

use super::super::glob::Pattern;
use super::super::tree::InodeKind;
use super::access::join;
use super::flow::{Flow, unknown};
use super::shell::Shell;
use super::streams::Streams;

/// Terms of the longest expression, and how deep it may nest.
const MOST_TERMS: usize = 256;

enum Term {
    Name(Pattern, bool),
    Path(Pattern),
    Type(char),
    Print,
    /// `-exec COMMAND ;`
    Execute(Vec<String>),
    Delete,
    Not(Box<Term>),
    And(Vec<Term>),
    Or(Vec<Term>),
}

impl Term {
    /// Whether it does something, so that names are not printed as well.
    fn acts(&self) -> bool {
        match self {
            Self::Print | Self::Execute(_) | Self::Delete => true,
            Self::Not(term) => term.acts(),
            Self::And(terms) | Self::Or(terms) => terms.iter().any(Self::acts),
            Self::Name(..) | Self::Path(_) | Self::Type(_) => false,
        }
    }
}

/// An entry: its path as it is printed, its real path, and its depth.
struct Entry {
    written: String,
    real: String,
    depth: usize,
}

#[derive(Default)]
struct Parser<'words> {
    words: &'words [String],
    terms: usize,
    least: usize,
    most: Option<usize>,
    /// What a folder holds comes before the folder.
    holds_first: bool,
}

impl Shell<'_> {
    pub(super) fn find(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let mut words = arguments;
        let mut follows = false;
        while let Some((option @ ("-L" | "-P" | "-H"), rest)) =
            words.split_first().map(|(word, rest)| (word.as_str(), rest))
        {
            follows = option == "-L";
            words = rest;
        }
        let starts =
            words.iter().take_while(|word| !word.starts_with('-') && !matches!(word.as_str(), "(" | "!")).count();
        let (starts, words) = words.split_at(starts);
        let here = [".".to_owned()];
        let starts = if starts.is_empty() { &here[..] } else { starts };
        let mut parser = Parser { words, ..Parser::default() };
        let mut term = parser.any(0)?;
        if !parser.words.is_empty() {
            return unknown("`find` in this way");
        }
        if !term.acts() {
            term = Term::And(vec![term, Term::Print]);
        }
        let mut status = 0;
        for start in starts {
            let real = match self.entry(start.trim_end_matches('/'))?.filter(|real| self.at(real).is_some()) {
                Some(real) => real,
                None if self.existing(start)?.as_deref() == Some("") => String::new(),
                None => {
                    status = 1;
                    continue;
                }
            };
            let first = Entry { written: start.clone(), real, depth: 0 };
            for entry in self.entries(first, follows, &parser)? {
                if entry.depth >= parser.least && (entry.real.is_empty() || self.at(&entry.real).is_some()) {
                    self.decide(&term, &entry, follows, streams)?;
                }
            }
        }
        Ok(status)
    }

    /// `first` and all below it, as far as is asked for.
    fn entries(&self, first: Entry, follows: bool, parser: &Parser<'_>) -> Flow<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut waiting = vec![first];
        while let Some(entry) = waiting.pop() {
            self.spend(1)?;
            self.spend_work(entry.real.len())?;
            if parser.most.is_none_or(|most| entry.depth < most) {
                let target = if follows { self.existing(&format!("/{}", entry.real))? } else { None };
                let folder = target.as_ref().unwrap_or(&entry.real);
                if target.is_some() && *folder != entry.real && self.is_folder_at(folder) {
                    return unknown("`find -L` into a folder that a link leads to");
                }
                // The last that is put there comes first.
                for name in self.names_in(folder)?.iter().rev() {
                    let written = if entry.written.ends_with('/') {
                        format!("{}{name}", entry.written)
                    } else {
                        format!("{}/{name}", entry.written)
                    };
                    waiting.push(Entry { written, real: join(&entry.real, name), depth: entry.depth + 1 });
                }
            }
            entries.push(entry);
        }
        if parser.holds_first {
            entries.reverse();
        }
        Ok(entries)
    }

    fn decide(&mut self, term: &Term, entry: &Entry, follows: bool, streams: &mut Streams) -> Flow<bool> {
        self.spend(1)?;
        Ok(match term {
            Term::Name(pattern, ignores_case) => {
                let name = entry.written.trim_end_matches('/').rsplit('/').next().unwrap_or("/");
                let name = if *ignores_case { name.to_lowercase() } else { name.to_owned() };
                self.fits(pattern, &name)?
            }
            Term::Path(pattern) => self.fits(pattern, &entry.written)?,
            Term::Type(kind) => {
                let target = if follows { self.existing(&format!("/{}", entry.real))? } else { None };
                let inode = self.at(target.as_ref().unwrap_or(&entry.real));
                inode.is_some_and(|inode| match &inode.kind {
                    InodeKind::Directory(_) => *kind == 'd',
                    InodeKind::File { .. } => *kind == 'f',
                    InodeKind::Symlink(_) => *kind == 'l',
                })
            }
            Term::Print => {
                self.print_line(streams, &entry.written)?;
                true
            }
            Term::Execute(command) => {
                let words: Vec<String> = command.iter().map(|word| word.replace("{}", &entry.written)).collect();
                let Some((name, arguments)) = words.split_first() else { return Ok(false) };
                self.run_program_named(name, arguments, streams)?;
                self.known_status()? == 0
            }
            Term::Delete => {
                let is_full = !self.names_in(&entry.real)?.is_empty();
                !is_full && !entry.real.is_empty() && self.tree.remove(&entry.real)
            }
            Term::Not(term) => !self.decide(term, entry, follows, streams)?,
            Term::And(terms) => {
                for term in terms {
                    if !self.decide(term, entry, follows, streams)? {
                        return Ok(false);
                    }
                }
                true
            }
            Term::Or(terms) => {
                for term in terms {
                    if self.decide(term, entry, follows, streams)? {
                        return Ok(true);
                    }
                }
                false
            }
        })
    }

    fn fits(&self, pattern: &Pattern, text: &str) -> Flow<bool> {
        let letters: Vec<char> = text.chars().collect();
        let mut compared = 0;
        let fits = pattern.matches_counted(&letters, &mut compared);
        self.spend_work(compared)?;
        Ok(fits)
    }
}

impl Parser<'_> {
    fn next(&mut self) -> Option<String> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first.clone())
    }

    fn sees(&self, words: &[&str]) -> bool {
        self.words.first().is_some_and(|word| words.contains(&word.as_str()))
    }

    fn any(&mut self, depth: usize) -> Flow<Term> {
        let mut terms = vec![self.all(depth)?];
        while self.sees(&["-o", "-or"]) {
            self.next();
            terms.push(self.all(depth)?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Term::Or(terms) })
    }

    fn all(&mut self, depth: usize) -> Flow<Term> {
        let mut terms = Vec::new();
        while !self.words.is_empty() && !self.sees(&["-o", "-or", ")"]) {
            if self.sees(&["-a", "-and"]) {
                self.next();
            } else {
                terms.extend(self.one(depth)?);
            }
        }
        Ok(Term::And(terms))
    }

    /// One term; nothing where the word says only how far to go.
    fn one(&mut self, depth: usize) -> Flow<Option<Term>> {
        self.terms += 1;
        let Some(word) = self.next().filter(|_| self.terms <= MOST_TERMS && depth <= 16) else {
            return unknown("`find` in this way");
        };
        let pattern = |text: &str| Pattern::new(&text.chars().map(|letter| (letter, false)).collect::<Vec<_>>());
        let value = || format!("`find {word}`");
        Ok(Some(match word.as_str() {
            "-name" | "-iname" | "-path" | "-type" | "-maxdepth" | "-mindepth" => {
                let Some(value) = self.next() else { return unknown(value()) };
                match (word.as_str(), value.as_str()) {
                    ("-name", _) => Term::Name(pattern(&value), false),
                    ("-iname", _) => Term::Name(pattern(&value.to_lowercase()), true),
                    ("-path", _) => Term::Path(pattern(&value)),
                    ("-type", "f" | "d" | "l") => Term::Type(value.chars().next().unwrap_or('f')),
                    ("-maxdepth" | "-mindepth", _) => {
                        let Ok(depth) = value.parse() else { return unknown(format!("`find {word}`")) };
                        if word == "-maxdepth" {
                            self.most = Some(depth);
                        } else {
                            self.least = depth;
                        }
                        return Ok(None);
                    }
                    _ => return unknown(format!("`find {word} {value}`")),
                }
            }
            "-print" => Term::Print,
            "-depth" => {
                self.holds_first = true;
                return Ok(None);
            }
            "-delete" => {
                self.holds_first = true;
                Term::Delete
            }
            "-exec" => {
                let mut command = Vec::new();
                loop {
                    match self.next() {
                        Some(word) if word == ";" => break Term::Execute(command),
                        Some(word) if word != "+" => command.push(word),
                        _ => return unknown("`find -exec` in this way"),
                    }
                }
            }
            "!" | "-not" => match self.one(depth + 1)? {
                Some(term) => Term::Not(Box::new(term)),
                None => return unknown("`find` in this way"),
            },
            "(" => {
                let term = self.any(depth + 1)?;
                match self.next() {
                    Some(word) if word == ")" => term,
                    _ => return unknown("`find` in this way"),
                }
            }
            _ => return unknown(format!("`find {word}`")),
        }))
    }
}
