//! From a mirror to verified packages: client, mirrors, retries and the content-addressed cache.
//!
//! The chain of trust is checked whole before one byte is used: the index's signature, the identity that the index
//! gives, the control member, its `datahash`, the data, every file's checksum.

mod attempts;
mod cache;
mod cleaning;
mod client;
mod data_file;
mod download;
mod error;
mod fetcher;
mod index;
mod keys;
mod logins;
mod netrc;
mod unpack;
mod verified;
mod wanted;

pub use cache::{Cache, Section};
pub use cleaning::{Cleaned, Damaged};
pub use error::{Error, FilePlace};
pub use fetcher::{FetchOptions, Fetcher};
pub use index::FetchedIndex;
pub use keys::{add_key_file, keyring_of_folder};
pub use logins::{LoginSource, Logins};
pub use verified::{Script, VerifiedApk};
pub use wanted::Wanted;
