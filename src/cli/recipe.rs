//! `apkbuild recipe FILE…`: builds an image from each recipe; the main job.

use std::io::{BufWriter, IsTerminal as _};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::bytes::human;
use super::delivery::{Delivered, DeliveryOptions};
use super::error::Error;
use super::options::BuildOptions;
use super::output::Context;
use super::recipe_file::read_recipe;
use super::{lockfile, notes};
use crate::image::CompressionKind;
use crate::pipeline::{self, Built, Format, Order, Place};
use crate::recipe::Recipe;
use crate::unfinished::Unfinished;

/// What `--output` names in place of a file.
const STANDARD_OUTPUT: &str = "-";

/// Arguments of `recipe`.
#[derive(Debug, Args)]
#[command(after_help = "Load what comes out with `podman load -i NAME.tar` or `docker load -i NAME.tar`.")]
pub struct RecipeArguments {
    /// Recipes
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Where the image goes: a file, or a folder for NAME.tar (`DIR/` is made); with --format oci-dir or rootfs, what
    /// becomes the image; with several recipes, the folder for all; `-`: an archive to standard output, and what is
    /// told of it to standard error [default: NAME.tar in the current folder]
    #[arg(short, long, value_name = "PATH", env = "APKBUILD_OUTPUT")]
    output: Option<PathBuf>,
    /// Reference in place of the recipe's name and tag; `:TAG` changes the tag alone
    #[arg(long, value_name = "REF", env = "APKBUILD_TAG")]
    tag: Option<String>,
    /// In which form the image is written [default: archive]
    #[arg(long, value_name = "FORMAT", env = "APKBUILD_FORMAT")]
    format: Option<FormatChoice>,
    /// How layers are compressed, in place of what the recipe says
    #[arg(long, value_name = "KIND", env = "APKBUILD_COMPRESSION")]
    compression: Option<CompressionChoice>,
    /// How hard they are compressed: gzip 1 to 12, zstd 1 to 19
    #[arg(long, value_name = "N", env = "APKBUILD_LEVEL")]
    level: Option<u32>,
    /// What happens to an image over the recipe's [size]
    #[arg(long, value_name = "WHAT", default_value = "fail", env = "APKBUILD_OVER_SIZE")]
    over_size: OverSize,
    /// Write what was pruned, and why the rest stayed, as JSON
    #[arg(long, value_name = "FILE", env = "APKBUILD_REPORT")]
    report: Option<PathBuf>,
    /// Fail where the recipe has no lock, or one that does not fit it
    #[arg(long, env = "APKBUILD_LOCKED", value_parser = clap::builder::FalseyValueParser::new())]
    locked: bool,
    #[command(flatten)]
    delivery: DeliveryOptions,
    #[command(flatten)]
    build: BuildOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatChoice {
    /// One archive that every Docker and podman loads
    Archive,
    /// An OCI image folder
    OciDir,
    /// The files themselves
    Rootfs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CompressionChoice {
    /// Every engine reads it
    Gzip,
    /// Smaller and faster to unpack; Docker 20.10 and older do not load it
    Zstd,
}

impl CompressionChoice {
    fn kind(self) -> CompressionKind {
        match self {
            Self::Gzip => CompressionKind::Gzip,
            Self::Zstd => CompressionKind::Zstd,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OverSize {
    /// Nothing is written, and the exit code is 3
    Fail,
    /// It is written, and the bill printed
    Warn,
}

/// Builds every recipe and tells of each in turn. All are read before the first is built.
pub fn run(arguments: &RecipeArguments, context: &Context) -> Result<(), Error> {
    let recipes = arguments.files.iter().map(|file| read_recipe(file, context)).collect::<Result<Vec<_>, _>>()?;
    let overrides = arguments.build.overrides();
    let compression = arguments.compression.map(CompressionChoice::kind);
    for recipe in &recipes {
        let order = Order { compression, level: arguments.level, ..Order::new(recipe, &overrides, None) };
        order.compression().map_err(|error| Error::usage(error.to_string()).with_help(error.help()))?;
    }
    arguments.report.as_deref().map_or(Ok(()), refuse_nowhere)?;
    let is_streamed = arguments.output.as_deref() == Some(Path::new(STANDARD_OUTPUT));
    if is_streamed {
        see_that_it_can_be_streamed(arguments, context)?;
    }
    let places = places(arguments, &recipes)?;
    refuse_to_write_twice(arguments, &places)?;
    let sboms = arguments.delivery.sboms.formats()?;
    let delivery = arguments.delivery.prepare(&sboms, recipes.len())?;
    let locks = arguments.files.iter().zip(&recipes).map(|(file, recipe)| {
        if arguments.locked {
            return lockfile::required(file, recipe, &overrides).map(Some);
        }
        lockfile::of_recipe(file, recipe, &overrides, context)
    });
    let locks = locks.collect::<Result<Vec<_>, _>>()?;
    let timestamp = super::options::source_date_epoch()?;
    // What was read goes back with the process; giving it back piece by piece takes longer than some builds.
    let sessions = ManuallyDrop::new(pipeline::open_sessions(&overrides, &recipes)?);
    let orders =
        recipes.iter().zip(&locks).zip(&places).zip(sessions.iter()).map(|(((recipe, lock), place), session)| {
            let order = Order {
                place: place.clone(),
                sboms: sboms.clone(),
                tag: arguments.tag.clone(),
                compression,
                level: arguments.level,
                over_size_is_allowed: arguments.over_size == OverSize::Warn,
                timestamp,
                ..Order::new(recipe, &overrides, lock.as_ref())
            };
            (order, &**session)
        });
    let mut orders: Vec<_> = orders.collect();
    let written = orders.iter().flat_map(|(order, _)| order.written()).chain(arguments.report.clone());
    let written: Vec<PathBuf> = written.collect();
    for (order, _) in &mut orders {
        order.companions.clone_from(&written);
    }
    let mut documents = Vec::new();
    let mut files = arguments.files.iter();
    pipeline::build_all(&orders, context.progress(), |order, built| {
        let place = order.place.as_ref();
        if let Some(path) = &arguments.report {
            write_report(path, &built)?;
        }
        notes::tell(&built, context);
        let delivered = delivery.carry_out(&built, context)?;
        documents.extend(files.next().map(|file| document(file, place, &built, &delivered)));
        if is_streamed {
            context.progress_is_over();
            let out = BufWriter::with_capacity(1 << 20, context.binary_output()?);
            built.set.stream_archive(out).map_err(streaming_ended)?;
            context.print_aside(&summary(place, &built, &delivered));
            return Ok(());
        }
        if context.json { Ok(()) } else { context.print(&summary(place, &built, &delivered)) }
    })?;
    context.progress_is_over();
    if context.json {
        context.print_json(&json!({ "images": documents }))?;
    }
    Ok(())
}

/// An error where the archive cannot go to standard output.
fn see_that_it_can_be_streamed(arguments: &RecipeArguments, context: &Context) -> Result<(), Error> {
    let wrong = |what: &str, help: &str| Err(Error::usage(what).with_help(help.to_owned()));
    if context.json {
        return wrong("with `--output -` standard output is the archive, and with --json it is JSON", "leave one out");
    }
    if arguments.files.len() > 1 {
        return wrong("standard output takes one image, and there are several recipes", "name a folder with --output");
    }
    if !matches!(arguments.format, None | Some(FormatChoice::Archive)) {
        return wrong(
            "only an archive can go to standard output",
            "leave --format out, or name a folder with --output",
        );
    }
    if std::io::stdout().is_terminal() {
        return wrong("an archive is not written to a terminal", "pipe it on: apkbuild recipe FILE -o - | podman load");
    }
    Ok(())
}

/// A reader that has seen enough is no failure, as for every result.
fn streaming_ended(error: crate::image::Error) -> Error {
    match error {
        crate::image::Error::Write(error) => error.into(),
        error => error.into(),
    }
}

/// Where each image is written; nowhere if it goes elsewhere and no file was asked for.
fn places(arguments: &RecipeArguments, recipes: &[Recipe]) -> Result<Vec<Option<Place>>, Error> {
    if arguments.output.as_deref() == Some(Path::new(STANDARD_OUTPUT)) {
        return Ok(vec![None; recipes.len()]);
    }
    if arguments.delivery.leads_elsewhere() && arguments.output.is_none() && arguments.format.is_none() {
        return Ok(vec![None; recipes.len()]);
    }
    let format = match arguments.format {
        None | Some(FormatChoice::Archive) => Format::Archive,
        Some(FormatChoice::OciDir) => Format::OciFolder,
        Some(FormatChoice::Rootfs) => Format::Rootfs,
    };
    let file_name = |recipe: &Recipe| Place::usual_name(recipe, format);
    let place = |path: PathBuf| Place { path, format };
    match (&arguments.output, recipes) {
        (Some(output), [recipe]) => {
            // A slash at the end means: into, as it does in a recipe.
            let is_folder = output.as_os_str().as_encoded_bytes().ends_with(b"/");
            if format != Format::Archive || !(is_folder || output.is_dir()) {
                refuse_nowhere(output)?;
                return Ok(vec![Some(place(output.clone()))]);
            }
            fs_err::create_dir_all(output)?;
            Ok(vec![Some(place(output.join(file_name(recipe))))])
        }
        (output, recipes) => {
            let folder = output.clone().unwrap_or_default();
            if output.is_some() {
                fs_err::create_dir_all(&folder)?;
            }
            let places: Vec<Place> = recipes.iter().map(|recipe| place(folder.join(file_name(recipe)))).collect();
            for (number, one) in places.iter().enumerate() {
                if places.iter().skip(number + 1).any(|other| other.path == one.path) {
                    return Err(Error::usage(format!("two recipes would both write `{}`", one.path.display()))
                        .with_help("give them different names, or build them one by one with --output".to_owned()));
                }
            }
            Ok(places.into_iter().map(Some).collect())
        }
    }
}

/// A place without a folder around it is told before the work is done.
fn refuse_nowhere(path: &Path) -> Result<(), Error> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(Error::failed(format!("there is no folder `{}` for `{}`", folder.display(), path.display()))
                .with_help("make the folder first, or name another place".to_owned()))
        }
        _ => Ok(()),
    }
}

/// An error where the image or the report would be written over a recipe, or one over the other.
fn refuse_to_write_twice(arguments: &RecipeArguments, places: &[Option<Place>]) -> Result<(), Error> {
    // Another spelling of a path is the same file; what is not there yet has its folder only.
    let real = |path: &Path| {
        fs_err::canonicalize(path).ok().or_else(|| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Some(fs_err::canonicalize(folder).ok()?.join(path.file_name()?))
        })
    };
    let mut taken: Vec<PathBuf> = arguments.files.iter().filter_map(|file| real(file)).collect();
    let images = places.iter().flatten().map(|place| (place.path.as_path(), "--output"));
    for (path, option) in images.chain(arguments.report.iter().map(|path| (path.as_path(), "--report"))) {
        let Some(place) = real(path) else { continue };
        if taken.contains(&place) {
            return Err(Error::usage(format!(
                "`{}` would be written over what this call reads or writes",
                path.display()
            ))
            .with_help(format!("name another place with {option}")));
        }
        taken.push(place);
    }
    Ok(())
}

/// Writes what pruning did, by architecture where there are several.
fn write_report(path: &Path, built: &Built) -> Result<(), Error> {
    let document = match built.images.as_slice() {
        [image] => serde_json::to_value(&image.report),
        images => serde_json::to_value(
            images
                .iter()
                .map(|image| (image.arch.as_str(), &image.report))
                .collect::<std::collections::BTreeMap<_, _>>(),
        ),
    };
    let document = document.map_err(|error| Error::from_room(&error))?;
    let mut file = Unfinished::beside(path)?;
    serde_json::to_writer_pretty(&mut file, &document).map_err(|error| Error::from(std::io::Error::from(error)))?;
    file.finish()?;
    Ok(())
}

/// What a person wants to know of a finished build.
fn summary(place: Option<&Place>, built: &Built, delivered: &Delivered) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| text.push_str(&format!("{name:<12} {value}\n"));
    if let (Some(place), Some(written)) = (place, built.written) {
        let unchanged = if written.unchanged { ", unchanged" } else { "" };
        line("wrote", format!("{} ({}{unchanged})", place.path.display(), human(written.size)));
    }
    for sbom in &built.sboms {
        line("sbom", sbom.path.display().to_string());
    }
    for (name, value) in delivered.lines() {
        line(name, value);
    }
    line("reference", built.reference.familiar());
    let several = built.images.len() > 1;
    if several {
        line("index", built.set.digest().to_oci());
    }
    for image in &built.images {
        if several {
            line("arch", image.arch.to_string());
        }
        line("manifest", image.packed.manifest_digest().to_oci());
        line("config", image.packed.config_digest().to_oci());
        line("compressed", human(image.packed.compressed_size()));
        line("unpacked", human(image.unpacked_size));
        let count = image.packages;
        line(
            "packages",
            if count.installed == count.left {
                count.left.to_string()
            } else {
                format!("{} ({} of {} pruned whole)", count.left, count.installed - count.left, count.installed)
            },
        );
        line("pruned", human(image.report.bytes_pruned()));
    }
    line("time", format!("{:.2} s", built.seconds));
    text
}

/// The same for a program.
fn document(file: &Path, place: Option<&Place>, built: &Built, delivered: &Delivered) -> Value {
    let images = built.images.iter().map(|image| {
        json!({
            "arch": image.arch.as_str(),
            "release": image.release,
            "manifest-digest": image.packed.manifest_digest().to_oci(),
            "config-digest": image.packed.config_digest().to_oci(),
            "compressed-size": image.packed.compressed_size(),
            "unpacked-size": image.unpacked_size,
            "tar-size": image.packed.tar_size(),
            "packages": image.packages.left,
            "packages-installed": image.packages.installed,
            "pruned-bytes": image.report.bytes_pruned(),
            "unfollowed": image.report.unfollowed,
            "uncompiled": image.report.uncompiled,
            "layers": image.packed.layers.iter().map(|layer| json!({
                "title": layer.title,
                "digest": layer.blob.digest.to_oci(),
                "diff-id": layer.diff_id.to_oci(),
                "size": layer.blob.size,
            })).collect::<Vec<_>>(),
            "script-notes": image.script_notes.iter().map(|note| note.describe(usize::MAX)).collect::<Vec<_>>(),
        })
    });
    let (loaded, pushed) = delivered.documents();
    json!({
        "recipe": file,
        "output": place.map(|place| &place.path),
        "reference": built.reference.familiar(),
        "full-reference": built.reference.to_string(),
        "digest": built.set.digest().to_oci(),
        "archive-size": built.written.map(|written| written.size),
        "unchanged": built.written.is_some_and(|written| written.unchanged),
        "sboms": built.sboms.iter().map(|sbom| json!({
            "arch": sbom.arch.as_str(),
            "format": sbom.format.name(),
            "path": sbom.path,
        })).collect::<Vec<_>>(),
        "loaded": loaded,
        "pushed": pushed,
        "seconds": built.seconds,
        "platforms": images.collect::<Vec<_>>(),
    })
}
