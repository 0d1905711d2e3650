//! The only place where rooms are joined.

mod sources;

pub use sources::Overrides;
