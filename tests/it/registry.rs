//! Pushing and fetching: against a registry in this process that fails when told to, and against the real one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod answers;
mod credentials;
pub mod fake;
mod hardship;
mod pull;
mod push;
mod real;
mod referrers;

use apkbuild::image::{Blob, ImageSet, LayerOptions, Publication, Sbom, SbomFormat, Subject};
use apkbuild::progress::Silent;
use apkbuild::registry::{Attachment, Client, Pushed, push};

use super::image::{image_set, small_rootfs};
use super::support::Program;

/// A small image.
fn small_set() -> ImageSet {
    image_set(&small_rootfs(b"print(1)"), &LayerOptions::default())
}

/// The same as `app.tar` in the working folder of `program`.
fn write_archive(program: &Program) -> ImageSet {
    let set = small_set();
    set.write_archive(&program.folder().join("app.tar")).unwrap();
    set
}

fn send(client: &Client, set: &ImageSet) -> Result<Pushed, apkbuild::registry::Error> {
    push(client, &Publication::of(set).unwrap(), &[], "1.0", &[], &Silent)
}

/// A bill of materials that refers to it.
fn sbom_of(set: &ImageSet) -> Attachment {
    let subject = Subject { name: "app".to_owned(), architecture: None, digest: set.digest(), created: 0 };
    let bytes = Sbom::of(&small_rootfs(b"print(1)").tree).encode(SbomFormat::Spdx, &subject).unwrap();
    Attachment {
        subject: set.digest(),
        media_type: SbomFormat::Spdx.media_type().to_owned(),
        file_name: "app.spdx.json".to_owned(),
        created: 0,
        blob: Blob::from(bytes),
    }
}
