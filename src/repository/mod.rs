//! Repositories and their indexes: text in, values out. Whoever fetches the text has verified its signature.

mod entry;
mod error;
mod index;
mod location;
mod names;
mod reader;
mod release;

pub use entry::{Defect, IndexEntry};
pub use error::Error;
pub use index::{ApkIndex, IndexRecord};
pub use location::{Location, Repository};
pub use release::{AlpineRelease, Branch};
