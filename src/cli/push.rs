//! `apkbuild push IMAGE REF`: an image to a registry, with the credentials that docker and podman keep.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::bytes::human;
use super::inspect::told;
use super::{Context, Error};
use crate::image::{Blob, Publication, Reference, Sbom, SbomFormat, StoredImage, Subject};
use crate::progress::Progress as _;
use crate::registry::{Attachment, Client, CredentialFiles, Transport, push};

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
    /// Bill of materials that goes along as the image's referrer; repeatable
    #[arg(long, value_enum, default_value = "spdx", env = "APKBUILD_SBOM", value_delimiter = ' ')]
    sbom: Vec<SbomChoice>,
    /// Repository of the same registry that may have some of the layers already; repeatable
    #[arg(long, value_name = "NAME")]
    mount_from: Vec<String>,
    /// Speak to the registry without TLS
    #[arg(long, env = "APKBUILD_PLAIN_HTTP", value_parser = clap::builder::FalseyValueParser::new())]
    plain_http: bool,
}

/// Which bill of materials there should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SbomChoice {
    /// SPDX 2.3
    Spdx,
    /// CycloneDX 1.6
    #[value(name = "cyclonedx")]
    CycloneDx,
    /// None
    None,
}

impl SbomChoice {
    /// The format; `None` for none.
    pub fn format(self) -> Option<SbomFormat> {
        match self {
            Self::Spdx => Some(SbomFormat::Spdx),
            Self::CycloneDx => Some(SbomFormat::CycloneDx),
            Self::None => None,
        }
    }
}

/// The result as JSON.
#[derive(Debug, Serialize)]
struct PushResult {
    reference: String,
    digest: String,
    sent: u64,
    sent_bytes: u64,
    present: u64,
    mounted: u64,
    attached: u64,
}

/// Sends the image and prints what its digest is there.
pub fn run(arguments: &PushArguments, context: &Context) -> Result<(), Error> {
    let reference = Reference::parse(&arguments.reference)
        .map_err(|error| Error::usage(error.to_string()).with_help(error.help()))?;
    let publication = Publication::open(&arguments.image).map_err(|error| told(&error))?;
    let attachments = attachments(arguments, &reference)?;
    let transport = if arguments.plain_http { Transport::Plain } else { Transport::Usual };
    let failed = |error: crate::registry::Error| Error::from_room(&error).with_help(error.help());
    let client = Client::new(&reference, transport, &CredentialFiles::of_environment()).map_err(failed)?;
    context.progress().stage("pushing");
    let sources: Vec<&str> = arguments.mount_from.iter().map(String::as_str).collect();
    let pushed =
        push(&client, &publication, &attachments, reference.tag(), &sources, context.progress()).map_err(failed)?;
    let digest = publication.root.blob.digest.to_oci();
    if context.json {
        return context.print_json(&PushResult {
            reference: reference.to_string(),
            digest,
            sent: pushed.sent.0,
            sent_bytes: pushed.sent.1,
            present: pushed.present,
            mounted: pushed.mounted,
            attached: pushed.attached,
        });
    }
    let (count, bytes) = pushed.sent;
    context.print(&format!(
        "{reference}\n  digest    {digest}\n  sent      {count} blobs, {}\n  there     {} blobs were, {} were mounted\n  attached  \
         {} bills of materials",
        human(bytes),
        pushed.present,
        pushed.mounted,
        pushed.attached
    ))
}

/// The bills of materials of every image in the archive.
fn attachments(arguments: &PushArguments, reference: &Reference) -> Result<Vec<Attachment>, Error> {
    let formats: Vec<SbomFormat> = arguments.sbom.iter().filter_map(|choice| choice.format()).collect();
    if formats.is_empty() {
        return Ok(Vec::new());
    }
    let mut attachments = Vec::new();
    for image in StoredImage::open_all(&arguments.image).map_err(|error| told(&error))? {
        // An image in Docker's older form gets its manifest on the way; there is nothing yet to refer to.
        let Some((_, digest)) = image.manifest else { continue };
        let created = image.config.created().as_deref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let subject = Subject {
            reference: reference.to_string(),
            digest,
            created: created.map_or(0, jiff::Timestamp::as_second),
        };
        let sbom = Sbom::of(&image.tree().map_err(|error| told(&error))?);
        for format in &formats {
            let bytes = sbom.encode(*format, &subject).map_err(|error| told(&error))?;
            let media_type = format.media_type().to_owned();
            attachments.push(Attachment { subject: digest, media_type, blob: Blob::from(bytes) });
        }
    }
    Ok(attachments)
}
