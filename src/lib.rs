//! apkbuild turns a short recipe into the smallest honest container image, straight from Alpine packages.
//!
//! Data moves one way, and the modules read in that order:
//!
//! ```text
//! recipe → repository → resolve → fetch → rootfs → prune → image → (sandbox | registry)
//! ```
//!
//! `apk` holds the words of Alpine's formats, `address`, `allocator`, `cache`, `challenge`, `digest`, `held`, `kept`,
//! `mapping`, `platform`, `progress`, `proxy`, `request_failure`, `retry_after`, `tar_reader` and `unfinished` are leaves
//! that any room may use, `pipeline` is the only place where rooms are joined, and `cli` the only one that prints.

pub mod address;
pub mod allocator;
pub mod apk;
pub mod cache;
mod challenge;
pub mod cli;
pub mod digest;
pub mod fetch;
pub mod held;
pub mod image;
pub mod kept;
pub mod lock;
pub mod mapping;
pub mod pipeline;
pub mod platform;
pub mod progress;
mod proxy;
pub mod prune;
pub mod recipe;
pub mod registry;
pub mod repository;
mod request_failure;
pub mod resolve;
mod retry_after;
pub mod rootfs;
pub mod sandbox;
pub mod tar_reader;
pub mod unfinished;
