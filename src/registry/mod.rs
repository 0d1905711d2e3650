//! Registries: images sent to them and fetched from them (distribution-spec), with the credentials that docker and podman
//! keep.
//!
//! The client is this program's own and small, because a push must survive what registries do: 429 with a time to wait, a
//! 500 half-way, a connection that drops inside a blob. oci-client, the library for this, begins every upload anew after a
//! failure and keeps its sessions to itself (0.18: `push_chunk` and what is around it are private, nothing asks a registry
//! how much it has), never reads `Retry-After`, does not try again, and takes a mount that was not granted for a failure
//! rather than for an upload that has begun. What is kept of the field's libraries are its documents, oci-spec.
//!
//! An upload goes on where the registry says it stopped. A tag is written last, when all that it needs is there.

mod blob;
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
