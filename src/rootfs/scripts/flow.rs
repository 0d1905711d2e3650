//! What ends a command of a script early: what the shell itself does (exit, return, break, continue), something that is
//! not understood, and a script that goes beyond all bounds.

/// Why a command does not go on to the next.
pub(super) enum Stop {
    /// `exit`
    Exit(u8),
    /// `return`
    Return(u8),
    /// `break N`
    Break(usize),
    /// `continue N`
    Continue(usize),
    /// Something that is not understood, and what.
    Unknown(String),
    /// The script goes beyond all bounds, and is given up as a whole.
    GivenUp(String),
}

/// The outcome of a step.
pub(super) type Flow<T> = Result<T, Stop>;

/// An [`Stop::Unknown`] with its reason.
pub(super) fn unknown<T>(reason: impl Into<String>) -> Flow<T> {
    Err(Stop::Unknown(reason.into()))
}

/// A [`Stop::GivenUp`] with its reason.
pub(super) fn give_up<T>(reason: &str) -> Flow<T> {
    Err(Stop::GivenUp(reason.to_owned()))
}
