//! Where an image goes beside a file: into an engine of this machine, to a registry; and which bills of materials go
//! along.
//!
//! `recipe` and `push` share this. Whatever can be seen to be wrong with the target is said before anything is built.

use std::ffi::OsString;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::bytes::human;
use super::error::Error;
use super::output::Context;
use crate::digest::Sha256Digest;
use crate::image::{Engine, Loaded, Reference, SbomFormat};
use crate::pipeline::{Built, PublishableImage, PushOptions};
use crate::progress::Progress as _;
use crate::registry::{Pushed, Transport};

/// Which bills of materials there are.
#[derive(Clone, Debug, Args)]
pub struct SbomOptions {
    /// Bill of materials: beside the archive, and as the image's referrer where it is pushed; repeatable
    #[arg(long, value_name = "FORMAT", default_value = "spdx", env = "APKBUILD_SBOM", value_delimiter = ' ')]
    sbom: Vec<SbomChoice>,
}

/// Which bill of materials there should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SbomChoice {
    /// SPDX 2.3
    Spdx,
    /// CycloneDX 1.6
    #[value(name = "cyclonedx")]
    CycloneDx,
    /// None
    None,
}

impl SbomOptions {
    /// The formats, each once.
    pub fn formats(&self) -> Result<Vec<SbomFormat>, Error> {
        let mut formats: Vec<SbomFormat> = self
            .sbom
            .iter()
            .filter_map(|choice| match choice {
                SbomChoice::Spdx => Some(SbomFormat::Spdx),
                SbomChoice::CycloneDx => Some(SbomFormat::CycloneDx),
                SbomChoice::None => None,
            })
            .collect();
        if self.sbom.contains(&SbomChoice::None) && !formats.is_empty() {
            return Err(Error::usage("--sbom asks for a bill of materials and for none")
                .with_help("give the formats that you want, or `--sbom none` alone".to_owned()));
        }
        formats.sort_unstable();
        formats.dedup();
        Ok(formats)
    }
}

/// How a registry is spoken to.
#[derive(Clone, Debug, Args)]
pub struct RegistryOptions {
    /// Repository of the same registry that may have some of the layers already; repeatable
    #[arg(long, value_name = "NAME", env = "APKBUILD_MOUNT_FROM", value_delimiter = ' ')]
    mount_from: Vec<String>,
    #[command(flatten)]
    transport: TransportOptions,
}

impl RegistryOptions {
    /// The same for the pipeline.
    pub fn options<'call>(&'call self, sboms: &'call [SbomFormat]) -> PushOptions<'call> {
        PushOptions { sboms, sources: &self.mount_from, transport: self.transport.transport() }
    }
}

/// Whether a registry is spoken to with TLS.
#[derive(Clone, Copy, Debug, Args)]
pub struct TransportOptions {
    /// Speak to the registry without TLS; one on this machine itself is spoken to so by default
    #[arg(long, env = "APKBUILD_PLAIN_HTTP", value_parser = clap::builder::FalseyValueParser::new())]
    plain_http: bool,
}

impl TransportOptions {
    /// The same for the registry's client.
    pub fn transport(self) -> Transport {
        if self.plain_http { Transport::Plain } else { Transport::Usual }
    }
}

/// Where `recipe` brings what it built.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Delivery")]
pub struct DeliveryOptions {
    #[command(flatten)]
    pub sboms: SbomOptions,
    /// Stream the image into an engine on this machine; no archive is written then unless --output or --format asks for
    /// one. The program is `docker` or `podman`, or what APKBUILD_DOCKER or APKBUILD_PODMAN says
    #[arg(long, value_name = "ENGINE", env = "APKBUILD_LOAD")]
    load: Option<EngineChoice>,
    /// Send the image to a registry, HOST/NAME:TAG; no archive is written then unless --output or --format asks for one
    #[arg(long, value_name = "REF", env = "APKBUILD_PUSH")]
    push: Option<String>,
    #[command(flatten)]
    registry: RegistryOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineChoice {
    Docker,
    Podman,
}

/// What is to be done with an image once it is built, looked at beforehand.
#[derive(Debug)]
pub struct Delivery<'call> {
    engine: Option<Engine>,
    target: Option<Reference>,
    options: PushOptions<'call>,
}

/// What was done.
#[derive(Debug)]
pub struct Delivered {
    loaded: Option<(&'static str, Loaded)>,
    pushed: Option<(Reference, Sha256Digest, Pushed)>,
}

impl DeliveryOptions {
    /// Whether the image goes elsewhere than into a file.
    pub fn leads_elsewhere(&self) -> bool {
        self.load.is_some() || self.push.is_some()
    }

    /// Looks for the engine and reads the reference. `images` is how many are built.
    pub fn prepare<'call>(&'call self, sboms: &'call [SbomFormat], images: usize) -> Result<Delivery<'call>, Error> {
        if self.push.is_some() && images > 1 {
            return Err(Error::usage(format!("--push names one image, and {images} are built"))
                .with_help("build them one by one".to_owned()));
        }
        let engine = self.load.map(|engine| {
            let (name, variable) = match engine {
                EngineChoice::Docker => ("docker", "APKBUILD_DOCKER"),
                EngineChoice::Podman => ("podman", "APKBUILD_PODMAN"),
            };
            let command = std::env::var(variable).unwrap_or_default();
            let command: Vec<OsString> = command.split_whitespace().map(OsString::from).collect();
            let path = std::env::var_os("PATH").unwrap_or_default();
            Engine::find(name, &command, &path)
        });
        Ok(Delivery {
            engine: engine.transpose()?,
            target: self.push.as_deref().map(target).transpose()?,
            options: self.registry.options(sboms),
        })
    }
}

impl Delivery<'_> {
    /// Brings `built` to where it is wanted.
    pub fn carry_out(&self, built: &Built, context: &Context) -> Result<Delivered, Error> {
        let mut delivered = Delivered { loaded: None, pushed: None };
        if let Some(engine) = &self.engine {
            context.progress().stage(&format!("loading into {}", engine.name()));
            delivered.loaded = Some((engine.name(), engine.load(&built.set, context.progress())?));
        }
        if let Some(target) = &self.target {
            context.progress().stage(&format!("pushing {target}"));
            let image = PublishableImage::of(built)?;
            let pushed = image.push(target, self.options, context.progress())?;
            delivered.pushed = Some((target.clone(), image.digest(), pushed));
        }
        Ok(delivered)
    }
}

impl Delivered {
    /// Lines of the summary: a name and what there is to say under it.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let loaded = self.loaded.iter().map(|(engine, loaded)| {
            let names = if loaded.names.is_empty() { String::new() } else { format!(", {}", loaded.names.join(", ")) };
            ("loaded", format!("into {engine}{names}"))
        });
        let pushed = self.pushed.iter().flat_map(|(target, digest, pushed)| {
            let mut lines = vec![("pushed", format!("{target}@{}", digest.to_oci()))];
            lines.push(("sent", sent(pushed)));
            lines
        });
        loaded.chain(pushed).collect()
    }

    /// The same for a program: `loaded` and `pushed`, null where that was not asked for.
    pub fn documents(&self) -> (Value, Value) {
        let loaded = self.loaded.as_ref().map(|(engine, loaded)| json!({ "engine": engine, "names": loaded.names }));
        let pushed = self.pushed.as_ref().map(|(target, digest, pushed)| pushed_document(target, *digest, pushed));
        (json!(loaded), json!(pushed))
    }
}

/// The reference that something is pushed to, or why it is none: exit code 2.
pub fn target(text: &str) -> Result<Reference, Error> {
    Reference::parse(text).map_err(|error| Error::usage(error.to_string()).with_help(error.help()))
}

/// What a push did, for a person.
pub fn pushed_lines(reference: &Reference, digest: Sha256Digest, pushed: &Pushed) -> String {
    format!("{reference}\n  digest    {}\n  sent      {}", digest.to_oci(), sent(pushed))
}

fn sent(pushed: &Pushed) -> String {
    let (count, bytes) = pushed.sent;
    let counted = |count: u64, one: &str, several: &str| format!("{count} {}", if count == 1 { one } else { several });
    let mut parts = vec![format!("{}, {}", counted(count, "blob", "blobs"), human(bytes))];
    if pushed.present > 0 {
        parts.push(format!("{} there already", pushed.present));
    }
    if pushed.mounted > 0 {
        parts.push(format!("{} mounted", pushed.mounted));
    }
    if pushed.attached > 0 {
        parts.push(counted(pushed.attached, "bill of materials attached", "bills of materials attached"));
    }
    parts.join("; ")
}

/// What a push did, for a program.
pub fn pushed_document(reference: &Reference, digest: Sha256Digest, pushed: &Pushed) -> Value {
    json!({
        "reference": reference.to_string(),
        "digest": digest.to_oci(),
        "sent": pushed.sent.0,
        "sent-bytes": pushed.sent.1,
        "present": pushed.present,
        "mounted": pushed.mounted,
        "attached": pushed.attached,
    })
}
