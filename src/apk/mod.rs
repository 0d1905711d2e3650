//! The words of Alpine's package format, version 2: names, versions, dependencies, identities, members, signatures.
//!
//! Everything here turns bytes or text into values and back, and does no I/O. The rules come from apk-package(5),
//! apk-repositories(5) and from what apk itself does.

mod dependency;
mod entry;
mod identity;
mod name;
mod package_info;
mod syntax;
mod version;

pub use dependency::{Constraint, Dependency, Operator};
pub use entry::{Entry, EntryKind};
pub use identity::Identity;
pub use name::PackageName;
pub use package_info::PackageInfo;
pub use syntax::SyntaxError;
pub use version::Version;

pub(crate) use version::is_version;
