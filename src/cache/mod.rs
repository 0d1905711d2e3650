//! What every kind of cache entry has in common: how an entry is opened, sealed and removed.

pub mod directory_seal;
pub mod entry;
pub mod removal;
pub mod trailer;
