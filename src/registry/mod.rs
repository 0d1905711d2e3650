//! Registries: images sent to them and fetched from them (distribution-spec), with the credentials that docker and podman
//! keep.
//!
//! The client is this program's own and small, because a push must survive what registries do: 429 with a time to wait, a
//! 500 half-way, a connection that drops inside a blob. An upload goes on where the registry says it stopped. A tag is
//! written last, when all that it needs is there.

mod challenge;
mod client;
mod credentials;
mod error;
mod pull;
mod push;
mod upload;

pub use client::{Client, Transport};
pub use credentials::{CredentialFiles, Credentials};
pub use error::Error;
pub use pull::pull;
pub use push::{Attachment, Pushed, push};
