//! The other direction: values become signed packages and indexes, the same bytes every time.

mod archive;
mod gzip;
mod index;
mod package;
mod pax;

pub use index::{IndexedPackage, write_index};
pub use package::{NewContent, NewEntry, PackageWriter};
pub use pax::append_pax_record;
