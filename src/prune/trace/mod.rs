//! Reachability: from what the recipe asks for along every edge, to a fixpoint.

mod command;
mod engine;
mod facts;
mod graph;
mod library;
mod names;
mod native;

pub(crate) use engine::Engine;
pub use facts::{Facts, News};
pub(crate) use facts::{Language, bracket_depth, parallel, require_threads};
pub(crate) use graph::{Edge, How, Reasons, Source, step};
pub(crate) use names::Names;
pub(crate) use native::NativeFacts;
