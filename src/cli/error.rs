//! What went wrong, as the user is told: one message, a way out, an exit code.
//!
//! The kinds of failure are decided here and nowhere else. A broken pipe is success: whoever read us has seen enough.

use std::io;
use std::process::ExitCode;

use crate::address::without_secrets;
use crate::{fetch, image, pipeline, recipe, registry, sandbox};

/// A failure of a verb.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    help: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Failed,
    /// The work failed because nobody answers: a program may try elsewhere.
    Unreachable,
    Usage,
    NotHeld,
    Interrupted,
    BrokenPipe,
    /// A program that was run ended with this code, which is passed on; it has said itself what was wrong.
    Status(u8),
}

impl Error {
    /// The work failed: exit code 1.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// The call or the recipe is wrong: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// A check or a size did not hold: exit code 3.
    pub fn not_held(message: impl Into<String>) -> Self {
        Self::new(Kind::NotHeld, message)
    }

    /// The user interrupted: exit code 130.
    pub fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }

    /// A program that was run ended with `code`, which becomes this program's own; nothing is printed.
    pub fn status(code: u8) -> Self {
        Self::new(Kind::Status(code), String::new())
    }

    /// The failure `error` of a room, with all its causes in one line.
    pub fn from_room(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            // Many errors repeat their cause in their own text.
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = inner.source();
        }
        Self::failed(message)
    }

    /// The same, which is that nobody answers if `unreachable`.
    fn from_network(error: &dyn std::error::Error, unreachable: bool) -> Self {
        let failed = Self::from_room(error);
        if unreachable { Self { kind: Kind::Unreachable, ..failed } } else { failed }
    }

    /// A recipe that cannot be used: exit code 2. `color` says whether the report may be coloured.
    pub fn from_recipe(error: &recipe::Error, color: bool) -> Self {
        Self::usage(error.report(color)).with_help(error.help())
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        // What a program that failed printed, or a library says, may hold the address of a proxy or an index.
        Self { kind, message: without_secrets(&message.into()).into_owned(), help: None }
    }

    /// The same with a way out.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }

    /// What is printed after `error: `.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The way out, printed after `help: `.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Whether there is something to print at all.
    pub fn is_silent(&self) -> bool {
        matches!(self.kind, Kind::BrokenPipe | Kind::Status(_))
    }

    /// What a program is told of it in one word, which stays the same from version to version.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Failed | Kind::BrokenPipe | Kind::Status(_) => "failed",
            Kind::Unreachable => "unreachable",
            Kind::Usage => "usage",
            Kind::NotHeld => "not-held",
            Kind::Interrupted => "interrupted",
        }
    }

    /// The program's exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Failed | Kind::Unreachable => 1,
            Kind::Usage => 2,
            Kind::NotHeld => 3,
            Kind::Interrupted => 130,
            Kind::BrokenPipe => 0,
            Kind::Status(code) => code,
        })
    }
}

impl From<pipeline::Error> for Error {
    fn from(error: pipeline::Error) -> Self {
        let help = error.help();
        match error {
            pipeline::Error::OverSize(bill) => Self::not_held(bill.to_string()),
            pipeline::Error::Image(error @ image::Error::Reference { .. }) => Self::usage(error.to_string()),
            error => Self::from_network(&error, error.is_unreachable()),
        }
        .with_help(help)
    }
}

impl From<fetch::Error> for Error {
    fn from(error: fetch::Error) -> Self {
        Self::from_network(&error, error.is_unreachable()).with_help(error.help())
    }
}

impl From<image::Error> for Error {
    fn from(error: image::Error) -> Self {
        Self::from_room(&error).with_help(error.help())
    }
}

impl From<registry::Error> for Error {
    fn from(error: registry::Error) -> Self {
        Self::from_network(&error, error.is_unreachable()).with_help(error.help())
    }
}

impl From<sandbox::Error> for Error {
    fn from(error: sandbox::Error) -> Self {
        Self::from_room(&error).with_help(error.help())
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Kind::BrokenPipe, "broken pipe"),
            io::ErrorKind::StorageFull => Self::failed(error.to_string())
                .with_help("free some space, or name another place with --output or --cache-dir".to_owned()),
            _ => Self::from_room(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn what_a_program_printed_shows_no_password() {
        let error = Error::failed("`pip install` failed: cannot reach https://ci:topsecret@index.example/simple");
        assert_eq!(error.message(), "`pip install` failed: cannot reach https://***@index.example/simple");
    }
}
