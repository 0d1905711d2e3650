//! Python: what a file imports and mentions, where modules lie, and which of it can run.

mod along;
mod blocks;
mod calls;
mod condition;
mod facts;
mod failure;
mod follow;
mod imports;
mod known;
mod mentions;
mod modules;
mod parse;
mod rules;
mod start;
mod state;
mod texts;
mod words;

pub(crate) use facts::{PythonFacts, PythonVersion};
pub(crate) use parse::parse;
pub(crate) use state::{Python, is_code};
pub(crate) use words::is_identifier;
