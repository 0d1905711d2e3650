//! The bill of materials: every component that ships, from what the image itself records.
//!
//! Components are Alpine's packages (from the installed database, so that what was pruned away whole is not claimed),
//! Python distributions (`*.dist-info`, `*.egg-info`) and Node packages (`node_modules/*/package.json`), the latter two
//! wherever they lie, with the Alpine package or the image that holds them. Nothing is asked of the network, and the
//! same image gives the same bytes.

mod component;
mod components;
mod cyclonedx;
mod document;
mod ecosystem;
mod license;
mod purl;
mod spdx_document;
mod subject;

pub use component::{Component, Ecosystem};
pub use components::Sbom;
pub use document::SbomFormat;
pub use license::License;
pub use subject::Subject;
