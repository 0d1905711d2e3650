//! The words of Alpine's package format, version 2: names, versions, dependencies, identities, members, signatures.
//!
//! Everything here turns bytes or text into values and back, and does no I/O. The rules come from apk-package(5),
//! apk-repositories(5) and from what apk itself does.

mod entry;
mod identity;
mod package_info;

pub use entry::{Entry, EntryKind};
pub use identity::Identity;
pub use package_info::PackageInfo;
