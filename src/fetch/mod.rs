//! From a mirror to verified packages: client, mirrors, retries and the content-addressed cache.

mod unpack;
mod verified;

pub use verified::{Script, VerifiedApk};
