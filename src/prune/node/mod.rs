//! Node: what a file asks for, where packages lie, and which of their files that reaches.

mod facts;
mod follow;
mod json;
mod lexemes;
mod nesting;
mod package_json;
mod parse;
mod resolve;

pub(crate) use facts::{Dialect, NodeFacts};
pub(crate) use parse::parse;
pub(crate) use resolve::{Node, package_folder};
