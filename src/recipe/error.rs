//! Why a recipe cannot be used, and how that is shown: the line, the marked span, what would be right.

use std::fmt;
use std::io;
use std::ops::Range;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode, ThemeCharacters,
    ThemeStyles,
};

use crate::address::{blotted, without_secrets};

use super::problem::Problem;

/// The most bytes that a recipe may have: far more than anybody writes, and little to hold.
pub(super) const LARGEST: u64 = 256 * 1024;

/// How many faults a report shows: what is no recipe at all has no end of them.
const SHOWN: usize = 20;

/// Why there is no [`super::Recipe`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read; the message of the cause names it.
    #[error("no recipe: {source}")]
    Read {
        /// Why not.
        source: io::Error,
    },
    /// The file is larger than any recipe, or has no end, as a device may have none.
    #[error("no recipe: `{path}` has more than {} KiB", LARGEST / 1024)]
    TooLarge {
        /// The file.
        path: String,
    },
    /// The file is not UTF-8.
    #[error("no recipe: `{path}` is not text")]
    NotText {
        /// The file.
        path: String,
    },
    /// The text is there, and wrong.
    #[error(transparent)]
    Wrong(Box<Wrong>),
}

/// A recipe's text with everything that is wrong in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Wrong {
    /// The file, as messages name it.
    pub file_name: String,
    /// All of it.
    pub text: String,
    /// What is wrong, never empty, in the order of the text.
    pub faults: Vec<Fault>,
}

/// Something wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub problem: Problem,
    /// The bytes of the text that are meant.
    pub span: Range<usize>,
}

impl Error {
    /// The way out, where there is one that the report does not show beside each fault.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Read { source } if source.kind() == io::ErrorKind::NotFound => {
                Some("`apkbuild init` writes a recipe for the application in a folder".to_owned())
            }
            Self::Read { source } if source.kind() == io::ErrorKind::IsADirectory => {
                Some("name the recipe in it, as in `apkbuild recipe FOLDER/apkbuild.toml`".to_owned())
            }
            Self::NotText { .. } | Self::TooLarge { .. } => {
                Some("a recipe is TOML, in UTF-8, of some lines".to_owned())
            }
            Self::Read { .. } | Self::Wrong(_) => None,
        }
    }

    /// The error as a person reads it: for each fault the line with the span marked, and what would be right. A password
    /// in the line is blotted out. Without colours it holds no control sequences.
    pub fn report(&self, color: bool) -> String {
        let Self::Wrong(wrong) = self else { return self.to_string() };
        let styles = if color { ThemeStyles::ansi() } else { ThemeStyles::none() };
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme { characters: characters(), styles })
            .with_width(120)
            .with_links(false);
        // As long as what was written, so that spans fit.
        let source = blotted(&wrong.text);
        let mut text = format!("the recipe `{}` cannot be used", wrong.file_name);
        for fault in wrong.faults.iter().take(SHOWN) {
            text.push_str("\n\n");
            let shown = Shown { fault, source: NamedSource::new(&wrong.file_name, source.clone().into_owned()) };
            // Writing to a string fails only where a span lies outside the text; the plain message remains then.
            if handler.render_report(&mut text, &shown).is_err() {
                text.push_str(&format!("  {}", fault.message()));
            }
            text.truncate(text.trim_end().len());
        }
        if let Some(more @ 1..) = wrong.faults.len().checked_sub(SHOWN) {
            text.push_str(&format!("\n\n  and {more} more"));
        }
        text
    }
}

/// Round corners and lines, without the symbol that would repeat `error:`.
fn characters() -> ThemeCharacters {
    ThemeCharacters { error: "×".to_owned(), ..ThemeCharacters::unicode() }
}

impl Fault {
    /// What is wrong, without the passwords of URLs in it.
    fn message(&self) -> String {
        without_secrets(&self.problem.to_string()).into_owned()
    }
}

impl Wrong {
    /// Line and column of `offset`, counted from 1, the column in characters.
    fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }
}

impl fmt::Display for Wrong {
    /// One line a fault: `FILE:LINE:COLUMN: message`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.faults.iter().enumerate() {
            let (line, column) = self.position(fault.span.start);
            let break_before = if number > 0 { "\n" } else { "" };
            write!(formatter, "{break_before}{}:{line}:{column}: {}", self.file_name, fault.message())?;
        }
        Ok(())
    }
}

/// A fault as miette wants it.
#[derive(Debug)]
struct Shown<'a> {
    fault: &'a Fault,
    source: NamedSource<String>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.message().fmt(formatter)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        Some(Box::new(without_secrets(&self.fault.problem.help()?).into_owned()))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(None, self.fault.span.clone());
        Some(Box::new(std::iter::once(label)))
    }
}
