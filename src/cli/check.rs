//! `apkbuild check FILE|IMAGE`: boots an image without any engine and holds it against its recipe's `[check]` and
//! `[size]`, or, without a recipe, against what the image says of itself. A recipe's image is built for it and not
//! kept.

mod line;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use self::line::{Line, table};
use super::error::Error;
use super::options::BuildOptions;
use super::output::Context;
use super::recipe_file::read_recipe;
use super::run::images_folder;
use super::{lockfile, notes, pruning_report};
use crate::image::{Contents, StoredImage, is_root_folder};
use crate::pipeline::{self, Bill, Order, Place, Session};
use crate::platform::Architecture;
use crate::recipe::{Check, HttpCheck, Recipe};
use crate::sandbox::Startable;
use crate::sandbox::check::{Booted, Expectations, Request};
use crate::unfinished::UnfinishedFolder;

/// How fast an image must be where no recipe says it.
const DEFAULT_STARTUP: Duration = Duration::from_secs(2);

/// The name of an image that is built to be checked.
const ARCHIVE: &str = "image.tar";

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 3 says that something did not hold.")]
pub struct CheckArguments {
    /// A recipe, whose image is built, or an image: an archive, an OCI folder or a root filesystem
    #[arg(value_name = "FILE|IMAGE")]
    target: PathBuf,
    /// An image that was built from the recipe, in place of building it
    #[arg(long, value_name = "IMAGE")]
    image: Option<PathBuf>,
    /// The recipe that an image is held against; without one, against what the image says of itself
    #[arg(long, value_name = "FILE", conflicts_with = "image")]
    recipe: Option<PathBuf>,
    /// The report that `recipe --report` wrote of an image that is there, for the cheapest cuts of one that is too
    /// large; without one it is traced
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    build: BuildOptions,
}

/// The report as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'report> {
    image: String,
    held: bool,
    checks: &'report [Line],
    startup_milliseconds: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bill: Option<Value>,
    #[serde(skip_serializing_if = "str::is_empty")]
    output: &'report str,
}

/// Boots the image and prints how it fared.
pub fn run(arguments: &CheckArguments, context: &Context) -> Result<(), Error> {
    let is_recipe = arguments.target.extension().is_some_and(|extension| extension == "toml");
    if arguments.report.is_some() && is_recipe && arguments.image.is_none() {
        return Err(Error::usage("--report tells of an image that is there, and this one is built now")
            .with_help("leave it out, or name the image with --image".to_owned()));
    }
    let recipe = if is_recipe { Some(&arguments.target) } else { arguments.recipe.as_ref() };
    let recipe = recipe.map(|path| read_recipe(path, context)).transpose()?;
    let built = match (&arguments.image, &recipe) {
        (None, Some(recipe)) if is_recipe => {
            Some(BuiltForCheck::from(&arguments.target, recipe, &arguments.build, context)?)
        }
        _ => None,
    };
    let image = match (&built, &arguments.image) {
        (Some(built), _) => built.path(),
        (None, Some(image)) => image.clone(),
        (None, None) => arguments.target.clone(),
    };
    let images = images_folder(arguments.build.cache_dir.as_deref())?;
    let startable = Startable::open(&image, None, &images)?;
    let check = recipe.as_ref().and_then(|recipe| recipe.check.as_ref());
    let expected = match (check, &recipe) {
        (Some(check), _) => of_recipe(check),
        (None, Some(_)) => Expectations { startup: DEFAULT_STARTUP, requests: Vec::new() },
        (None, None) => of_image(&startable),
    };
    let booted = startable.check(&expected)?;
    let mut lines = Vec::new();
    let user = check.and_then(|check| check.user.as_deref());
    if user.is_some() || recipe.is_none() {
        lines.push(Line::of_account(&startable, user));
    }
    lines.extend(Line::of_start(&expected, &booted));
    let mut bill = built.as_ref().and_then(|built| built.over_size.clone());
    if let Some(recipe) = &recipe {
        let sizes = Line::of_sizes(&recipe.size, &startable);
        if built.is_none() && sizes.iter().any(|line| !line.held) {
            bill = bill_of(recipe, &image, arguments.report.as_deref())?;
        }
        lines.extend(sizes);
        let file = arguments.recipe.as_ref().unwrap_or(&arguments.target);
        lines.extend(Line::of_lock(file, recipe, &startable, context)?);
    }
    let name = arguments.image.as_ref().unwrap_or(&arguments.target);
    report(name, &lines, &booted, bill.as_ref(), context)
}

/// A recipe's image, in a folder that goes away with this value.
struct BuiltForCheck {
    folder: UnfinishedFolder,
    over_size: Option<Bill>,
}

impl BuiltForCheck {
    /// Builds it for this machine's architecture where the recipe has it, whatever its size.
    fn from(file: &Path, recipe: &Recipe, options: &BuildOptions, context: &Context) -> Result<Self, Error> {
        let mut overrides = options.overrides();
        if overrides.archs.is_empty()
            && let Some(host) = Architecture::host().filter(|host| recipe.archs.contains(host))
        {
            overrides.archs = vec![host];
        }
        let folder = UnfinishedFolder::temporary()?;
        let place = Place { path: folder.path().join(ARCHIVE), format: pipeline::Format::Archive };
        let lock = lockfile::of_recipe(file, recipe, &overrides, context)?;
        let timestamp = super::options::source_date_epoch()?;
        let order = Order { place: Some(place), timestamp, ..Order::new(recipe, &overrides, lock.as_ref()) };
        let session = Session::open(&overrides, Some(recipe))?;
        let built = pipeline::build(&order, &session, context.progress())?;
        notes::tell_of_release(&built, context);
        notes::tell_of_scripts(&built, context);
        context.progress_is_over();
        Ok(Self { folder, over_size: built.over_size })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(ARCHIVE)
    }
}

/// The bill of an image on disk, with what the `report` of its build knows.
fn bill_of(recipe: &Recipe, image: &Path, report: Option<&Path>) -> Result<Option<Bill>, Error> {
    let contents = if is_root_folder(image) {
        Contents::of_root_folder(image)?
    } else {
        Contents::of(StoredImage::open_for_host(image)?)?
    };
    let report = report.map(|report| pruning_report::read(report, &contents.image)).transpose()?;
    Ok(Bill::of_stored(recipe, &contents, report.as_ref()))
}

/// What an image says of itself: that its ports answer.
fn of_image(startable: &Startable) -> Expectations {
    let request = |port: &u16| Request { port: *port, path: "/".to_owned(), status: None, body: None };
    Expectations { startup: DEFAULT_STARTUP, requests: startable.start.ports.iter().map(request).collect() }
}

fn of_recipe(check: &Check) -> Expectations {
    let request = |http: &HttpCheck| Request {
        port: http.port,
        path: http.path.clone(),
        status: Some(http.status),
        body: http.body.clone(),
    };
    Expectations { startup: check.startup, requests: check.http.iter().map(request).collect() }
}

fn report(image: &Path, lines: &[Line], booted: &Booted, bill: Option<&Bill>, context: &Context) -> Result<(), Error> {
    let held = lines.iter().all(|line| line.held);
    if context.json {
        let milliseconds = |time: &Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        context.print_json(&Report {
            image: image.display().to_string(),
            held,
            checks: lines,
            startup_milliseconds: booted.times.iter().map(milliseconds).collect(),
            bill: bill.map(Bill::to_json),
            output: &booted.output,
        })?;
    } else {
        context.print(&table(lines, context.color))?;
    }
    if held {
        return Ok(());
    }
    if !booted.output.is_empty() && !context.json {
        context.say(&format!("the last lines of the program's output:\n{}", indented(&booted.output)));
    }
    if let Some(bill) = bill.filter(|_| !context.json) {
        context.say(&bill.to_string());
    }
    let missed: Vec<&str> = lines.iter().filter(|line| !line.held).map(|line| line.what.as_str()).collect();
    Err(Error::not_held(format!("`{}` does not hold: {}", image.display(), missed.join(", "))))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
