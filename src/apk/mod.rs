//! The words of Alpine's package format, version 2: names, versions, dependencies, identities, members, signatures.
//!
//! Everything here turns bytes or text into values and back, and does no I/O. The rules come from apk-package(5),
//! apk-repositories(5) and from what apk itself does.

mod data;
mod dependency;
mod entry;
mod error;
mod identity;
mod keyring;
mod member;
mod name;
mod package_info;
mod pem;
mod signature;
mod signed_index;
mod signing_key;
mod syntax;
mod version;
pub mod writer;

pub use data::{read_entries, read_entries_hashing};
pub use dependency::{Constraint, Dependency, Operator};
pub use entry::{Entry, EntryKind};
pub use error::Error;
pub use identity::Identity;
pub use keyring::Keyring;
pub use member::Head;
pub use name::PackageName;
pub use package_info::{NOARCH, PackageInfo};
pub use signature::{Signature, SignatureKind};
pub use signed_index::{IndexText, SignedIndex};
pub use signing_key::SigningKey;
pub use syntax::SyntaxError;
pub use version::Version;

pub(crate) use dependency::{Requirement, Split, split, split_of_index};
pub(crate) use version::compare;
