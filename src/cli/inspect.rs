//! `apkbuild inspect IMAGE`: what is in an image, and what takes the room.

mod files;
mod page;
mod retrace;
mod treemap;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use self::files::FileRow;
use super::bytes::human;
use super::delivery::TransportOptions;
use super::error::Error;
use super::options::architecture;
use super::output::Context;
use super::printable::listing;
use super::pruning_report;
use super::source::Source;
use crate::image::{Amount, Contents};
use crate::platform::Architecture;
use crate::rootfs::InodeKind;
use crate::unfinished;

/// How many folders are shown.
const FOLDERS: usize = 12;

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArguments {
    /// The image: an archive, an OCI folder, a root filesystem, or a reference that names its registry
    #[arg(value_name = "IMAGE")]
    image: PathBuf,
    /// Tell of this path whose it is and why it is there, or is not
    #[arg(long, value_name = "PATH")]
    why: Option<String>,
    /// With --why: the report that `recipe --report` wrote of this image; without one the image is traced
    #[arg(long, value_name = "FILE", requires = "why")]
    report: Option<PathBuf>,
    /// List every file too: mode, owner, size, layer, package
    #[arg(long)]
    files: bool,
    /// Draw the image as a page of HTML, each file as large as its bytes
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Of an image for several architectures, the one to look at: Alpine's name, or amd64, arm64
    #[arg(long, value_name = "ARCH", value_parser = architecture())]
    arch: Option<Architecture>,
    #[command(flatten)]
    transport: TransportOptions,
}

/// The result as JSON.
#[derive(Debug, Serialize)]
struct Inspection<'image> {
    image: String,
    reference: Option<&'image str>,
    platform: String,
    platforms: Vec<String>,
    manifest: Option<String>,
    config: Option<String>,
    created: Option<&'image str>,
    settings: serde_json::Value,
    #[serde(skip)]
    summary: Vec<(&'static str, String)>,
    archive: Option<u64>,
    compressed: Option<u64>,
    unpacked: u64,
    files: u64,
    layers: Vec<LayerRow<'image>>,
    packages: Vec<PackageRow<'image>>,
    others: Row,
    folders: Vec<FolderRow>,
    #[serde(rename = "paths", skip_serializing_if = "Option::is_none")]
    listed: Option<Vec<FileRow<'image>>>,
}

#[derive(Debug, Serialize)]
struct Row {
    files: u64,
    unpacked: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct LayerRow<'image> {
    digest: String,
    created_by: Option<&'image str>,
    compressed: u64,
    tar: u64,
    #[serde(flatten)]
    amount: Row,
}

#[derive(Debug, Serialize)]
struct PackageRow<'image> {
    name: &'image str,
    version: &'image str,
    origin: &'image str,
    license: &'image str,
    #[serde(flatten)]
    amount: Row,
}

#[derive(Debug, Serialize)]
struct FolderRow {
    path: String,
    #[serde(flatten)]
    amount: Row,
}

impl From<Amount> for Row {
    fn from(amount: Amount) -> Self {
        Self { files: amount.files, unpacked: amount.bytes }
    }
}

/// Prints what is in the image.
pub fn run(arguments: &InspectArguments, context: &Context) -> Result<(), Error> {
    let source = Source::of(&arguments.image, arguments.arch, arguments.transport, context)?;
    let (contents, platforms) = source.read()?;
    if let Some(path) = &arguments.html {
        let name = contents.image.reference.clone().unwrap_or_else(|| arguments.image.display().to_string());
        unfinished::write(path, page::page(&contents, &name).as_bytes())?;
        context.say(&format!("drew {} to {}", name, path.display()));
        if arguments.why.is_none() && !context.json {
            return Ok(());
        }
    }
    if let Some(path) = &arguments.why {
        return why(arguments, context, &contents, path.trim_matches('/'));
    }
    let inspection = Inspection::of(arguments, &contents, platforms);
    if context.json { context.print_json(&inspection) } else { context.print(&inspection.text()) }
}

/// Tells of one path: what it is, whose, from which layer, and why, from a report or by tracing the image.
fn why(arguments: &InspectArguments, context: &Context, contents: &Contents, path: &str) -> Result<(), Error> {
    let mut lines = Vec::new();
    let report = arguments.report.as_ref().map(|file| pruning_report::read(file, &contents.image)).transpose()?;
    let real = contents.tree.resolve_parent(path).unwrap_or_else(|| path.to_owned());
    if let Some(inode) = contents.tree.get(&real) {
        let what = match &inode.kind {
            InodeKind::Directory(_) => {
                let amount = contents.by_folder().get(&real).copied().unwrap_or_default();
                format!("a folder of {} files, {} bytes", amount.files, amount.bytes)
            }
            InodeKind::File { content, .. } => format!("a file of {} bytes", content.len()),
            InodeKind::Symlink(target) => format!("a link to {target}"),
        };
        lines.push(format!("/{real} is {what}"));
        if let Some(package) = contents.package_of(&real) {
            lines.push(format!("its package is {}-{}", package.name, package.version));
        } else if !matches!(inode.kind, InodeKind::Directory(_)) {
            lines.push("no package has it".to_owned());
        }
        if let Some(place) = contents.layer_of(&real)
            && let Some(layer) = contents.layers.get(place)
        {
            let made = layer.created_by.as_ref().map(|made| format!(" ({made})")).unwrap_or_default();
            lines.push(format!("layer {} of {} brought it{made}", place + 1, contents.layers.len()));
        }
    } else {
        lines.push(format!("/{path} is not in the image"));
    }
    match report.map(|report| report.why(path).or_else(|| report.why(&real))) {
        Some(Some(reasons)) => lines.extend(reasons),
        Some(None) => lines.push("the report does not name it".to_owned()),
        None if contents.tree.get(&real).is_some() => lines.extend(retrace::why(contents, &real)),
        None => {}
    }
    if context.json {
        return context.print_json(&serde_json::json!({ "path": path, "reasons": lines }));
    }
    context.print(&listing(&lines))
}

/// How the image is run, in words.
fn summary(settings: &oci_spec::image::Config) -> Vec<(&'static str, String)> {
    let command = [settings.entrypoint(), settings.cmd()].into_iter().flatten().flatten();
    let command: Vec<&str> = command.map(String::as_str).collect();
    let mut ports = settings.exposed_ports().clone().unwrap_or_default();
    ports.sort();
    vec![
        ("runs", command.join(" ")),
        ("as", settings.user().clone().unwrap_or_default()),
        ("in", settings.working_dir().clone().unwrap_or_default()),
        ("listens on", ports.join(" ")),
    ]
}

impl<'image> Inspection<'image> {
    fn of(arguments: &InspectArguments, contents: &'image Contents, platforms: Vec<String>) -> Self {
        let image = &contents.image;
        let total = contents.total();
        let (by_package, others) = contents.by_package();
        let mut packages: Vec<PackageRow<'_>> = contents
            .packages
            .iter()
            .zip(by_package)
            .map(|(package, amount)| PackageRow {
                name: &package.name,
                version: &package.version,
                origin: &package.origin,
                license: &package.license,
                amount: amount.into(),
            })
            .collect();
        packages.sort_by(|one, other| {
            other.amount.unpacked.cmp(&one.amount.unpacked).then_with(|| one.name.cmp(other.name))
        });
        let layers = contents.layers.iter().zip(contents.by_layer());
        Self {
            image: arguments.image.display().to_string(),
            reference: image.reference.as_deref(),
            platform: image.platform(),
            platforms,
            manifest: image.manifest.as_ref().map(|(_, digest)| digest.to_oci()),
            // A folder need not have one.
            config: (!image.config_bytes.is_empty()).then(|| image.config_digest.to_oci()),
            created: image.config.created().as_deref(),
            // A value rather than the type itself, whose maps have no order.
            settings: serde_json::to_value(image.config.config()).unwrap_or_default(),
            summary: image.config.config().as_ref().map(summary).unwrap_or_default(),
            archive: fs_err::metadata(&arguments.image)
                .ok()
                .and_then(|metadata| metadata.is_file().then_some(metadata.len())),
            compressed: contents.compressed_size(),
            unpacked: total.bytes,
            files: total.files,
            layers: layers
                .map(|(layer, amount)| LayerRow {
                    digest: layer.digest.to_oci(),
                    created_by: layer.created_by.as_deref(),
                    compressed: layer.compressed,
                    tar: layer.tar,
                    amount: amount.into(),
                })
                .collect(),
            packages,
            others: others.into(),
            folders: contents
                .largest_folders(FOLDERS)
                .into_iter()
                .map(|(path, amount)| FolderRow { path, amount: amount.into() })
                .collect(),
            listed: arguments.files.then(|| files::rows(contents)),
        }
    }

    fn text(&self) -> String {
        let mut lines = Vec::new();
        lines.push(format!(
            "{}: {}, {}",
            self.image,
            self.reference.unwrap_or("no name"),
            self.platforms.join(" and ")
        ));
        if self.platforms.len() > 1 {
            lines.push(format!("  this is      {}", self.platform));
        }
        if let Some(manifest) = &self.manifest {
            lines.push(format!("  manifest     {manifest}"));
        }
        lines.extend(self.config.as_ref().map(|config| format!("  config       {config}")));
        lines.extend(self.created.map(|created| format!("  created      {created}")));
        let summary = self.summary.iter().filter(|(_, value)| !value.is_empty());
        lines.extend(summary.map(|(key, value)| format!("  {key:<12} {value}")));
        lines.extend(self.archive.map(|bytes| format!("  archive      {}", human(bytes))));
        let layers = self.layers.len();
        lines.extend(self.compressed.map(|bytes| format!("  compressed   {} in {layers} layers", human(bytes))));
        lines.push(format!("  unpacked     {} in {} files and links", human(self.unpacked), self.files));
        if !self.layers.is_empty() {
            lines.extend(["", "layers, the lowest first", "  compressed   unpacked   files"].map(str::to_owned));
        }
        for layer in &self.layers {
            lines.push(format!(
                "  {:>10} {:>10} {:>7}  {}  {}",
                human(layer.compressed),
                human(layer.amount.unpacked),
                layer.amount.files,
                layer.digest.get(..19).unwrap_or(&layer.digest),
                layer.created_by.unwrap_or_default(),
            ));
        }
        lines.push(String::new());
        lines.push(format!("{} packages, the largest first", self.packages.len()));
        lines.push("    unpacked   files".to_owned());
        for package in &self.packages {
            let PackageRow { name, version, license, amount, .. } = package;
            lines.push(format!("  {:>10} {:>7}  {name}-{version}  {license}", human(amount.unpacked), amount.files));
        }
        lines.push(format!("  {:>10} {:>7}  of no package", human(self.others.unpacked), self.others.files));
        lines.extend(["", "largest folders", "    unpacked   files"].map(str::to_owned));
        for folder in &self.folders {
            lines.push(format!("  {:>10} {:>7}  /{}", human(folder.amount.unpacked), folder.amount.files, folder.path));
        }
        let listed = self.listed.as_deref().map(|rows| format!("\n{}", files::text(rows))).unwrap_or_default();
        listing(&lines) + &listed
    }
}
