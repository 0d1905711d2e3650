//! Registries: images sent to them and fetched from them (distribution-spec), with the credentials that docker and
//! podman keep.
//!
//! The client is this program's own and small, because a push must survive what registries do: 429 with a time to wait,
//! a 500 half-way, a connection that drops inside a blob. oci-client, the library for this, gives a blob up at the
//! first failure (0.18: it never tries again nor reads `Retry-After`, keeps its upload sessions to itself, and asks no
//! registry how much it has). It takes a mount that was not granted for a failure rather than for an upload that has
//! begun, asks for a token of one repository only, so that nothing can be mounted from another that is guarded, and
//! knows no identity tokens. It reads a manifest of any length into memory, and does not give on which part of a blob
//! came, or whether a registry has put a referrer on its list. What is kept of the field's libraries are its documents,
//! oci-spec.
//!
//! An upload goes on where the registry says it stopped. A tag is written last, when all that it needs is there.

mod answer;
mod blob;
mod client;
mod credentials;
mod error;
mod pull;
mod push;
mod referrer;
mod transport;
mod upload;

pub use client::Client;
pub use credentials::{CredentialFiles, Credentials};
pub use error::Error;
pub use pull::pull;
pub use push::{Pushed, push};
pub use referrer::Attachment;
pub use transport::Transport;
