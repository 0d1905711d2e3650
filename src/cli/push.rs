//! `apkbuild push IMAGE REF`: an image to a registry, with the credentials that docker and podman keep.

use std::path::PathBuf;

use clap::Args;

use super::delivery::{RegistryOptions, SbomOptions, pushed_document, pushed_lines, target};
use super::error::Error;
use super::output::Context;
use crate::pipeline::PublishableImage;
use crate::progress::Progress as _;

/// Arguments of `push`.
#[derive(Debug, Args)]
#[command(after_help = "For example: apkbuild push hello-python.tar ghcr.io/me/hello-python:1.0")]
pub struct PushArguments {
    /// The image: an archive or an OCI folder
    #[arg(value_name = "IMAGE")]
    image: PathBuf,
    /// Where it goes: HOST/NAME:TAG
    #[arg(value_name = "REF")]
    reference: String,
    #[command(flatten)]
    sboms: SbomOptions,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// Sends the image and prints what its digest is there.
pub fn run(arguments: &PushArguments, context: &Context) -> Result<(), Error> {
    let reference = target(&arguments.reference)?;
    let sboms = arguments.sboms.formats()?;
    let image = PublishableImage::open(&arguments.image, &sboms)?;
    context.progress().stage(&format!("pushing {reference}"));
    let pushed = image.push(&reference, arguments.registry.options(&sboms), context.progress())?;
    context.progress_is_over();
    if context.json {
        return context.print_json(&pushed_document(&reference, image.digest(), &pushed));
    }
    context.print(&pushed_lines(&reference, image.digest(), &pushed))
}
