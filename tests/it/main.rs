//! The integration tests: one binary, a file a verb or noun, over small signed repositories that `support` makes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod again;
mod anywhere;
mod architecture;
mod build;
mod cache;
mod check;
mod copy;
mod delivery;
mod emulation;
mod fetch;
mod forbidden;
mod hostile;
mod image;
mod init;
mod inspect;
mod install;
mod interrupt;
mod lock;
mod machines;
mod packages;
mod plan;
mod prune;
mod recipe;
mod registry;
mod resolve;
mod rootfs;
mod sandbox;
mod sbom;
mod scripts;
mod shared_cache;
mod stage;
mod stages;
mod support;
mod terminal;
mod vendor;
