//! From a mirror to verified packages: client, mirrors, retries and the content-addressed cache.

mod verified;

pub use verified::{Script, VerifiedApk};
