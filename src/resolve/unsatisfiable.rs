//! Why a world has no selection, in apk's terms: what is missing, what conflicts, what is masked, who requires it, who
//! provides it.
//!
//! ```text
//! no packages can be selected for `nodejs`:
//!   /bin/sh (provided, but by no package that is taken by itself):
//!     provided by: busybox
//!     required by: icu-data-en-71.1-r2[/bin/sh]
//! ```

use std::fmt;

/// The explanation of why nothing was selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsatisfiable {
    /// What was asked for, as the world writes it.
    pub world: String,
    /// What stands in the way, never empty.
    pub problems: Vec<Problem>,
}

/// One thing that stands in the way of a selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The name or the package that it is about.
    pub subject: String,
    /// What is wrong, in a few words; empty where the facts say it.
    pub note: String,
    /// The circumstances, in the order in which they are told.
    pub facts: Vec<Fact>,
    /// What the user can do.
    pub help: Vec<String>,
}

/// Circumstances of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Their kind.
    pub kind: FactKind,
    /// Packages, as `name-version` or with a dependency behind them, as `name-version[dependency]`; the world is
    /// `world[wish]`.
    pub values: Vec<String>,
}

/// What a fact tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FactKind {
    /// Packages that provide the name.
    ProvidedBy,
    /// Who needs the name.
    RequiredBy,
    /// The tags of the repositories that have the package and may not serve it here.
    MaskedIn,
    /// Other packages of the selection that stand for the same name.
    Conflicts,
    /// Dependencies that do not hold because of the package.
    Breaks,
    /// Dependencies that the package meets.
    Satisfies,
    /// Dependencies of the package that cannot be met.
    CannotHave,
}

impl FactKind {
    /// The words before the values.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProvidedBy => "provided by",
            Self::RequiredBy => "required by",
            Self::MaskedIn => "masked in",
            Self::Conflicts => "conflicts",
            Self::Breaks => "breaks",
            Self::Satisfies => "satisfies",
            Self::CannotHave => "cannot have",
        }
    }
}

impl Problem {
    pub(super) fn new(subject: impl Into<String>, note: impl Into<String>) -> Self {
        Self { subject: subject.into(), note: note.into(), facts: Vec::new(), help: Vec::new() }
    }

    /// Adds a fact, unless there is nothing to tell.
    #[must_use]
    pub(super) fn with(mut self, kind: FactKind, mut values: Vec<String>) -> Self {
        values.dedup();
        if !values.is_empty() {
            self.facts.push(Fact { kind, values });
        }
        self
    }

    /// Adds something that the user can do.
    #[must_use]
    pub(super) fn with_help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help.extend(help.into());
        self
    }
}

impl Unsatisfiable {
    /// What the user can do about it, a way a line.
    pub fn help(&self) -> Option<String> {
        let mut lines: Vec<&str> = Vec::new();
        for help in self.problems.iter().flat_map(|problem| &problem.help) {
            if !lines.contains(&help.as_str()) {
                lines.push(help);
            }
        }
        if lines.is_empty() { None } else { Some(lines.join("\n")) }
    }
}

/// How many values of a fact are printed; the others are counted.
const SHOWN: usize = 12;

impl fmt::Display for Unsatisfiable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "no packages can be selected for `{}`:", self.world)?;
        for problem in &self.problems {
            write!(formatter, "\n{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "  {}", self.subject)?;
        if !self.note.is_empty() {
            write!(formatter, " ({})", self.note)?;
        }
        if !self.facts.is_empty() {
            formatter.write_str(":")?;
        }
        for fact in &self.facts {
            write!(formatter, "\n    {}: ", fact.kind.as_str())?;
            for (number, value) in fact.values.iter().take(SHOWN).enumerate() {
                write!(formatter, "{}{value}", if number == 0 { "" } else { ", " })?;
            }
            if let Some(more) = fact.values.len().checked_sub(SHOWN).filter(|more| *more > 0) {
                write!(formatter, " and {more} more")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Unsatisfiable {}
