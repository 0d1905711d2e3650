//! `apkbuild check FILE|IMAGE`: boots an image without any engine and holds it against its recipe's `[check]` and
//! `[size]`, or, without a recipe, against what the image says of itself. A recipe's image is built for it and not kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::run::images_folder;
use super::{BuildOptions, Context, Error, lockfile};
use crate::image::{Contents, DatabasePackage, StoredImage};
use crate::pipeline::{self, Bill, Order, Overrides, Place, Workshop};
use crate::recipe::{Architecture, Check, HttpCheck, Recipe, SizeLimits};
use crate::sandbox::Startable;
use crate::sandbox::check::{Booted, Expectations, Outcome, Request, STARTS};
use crate::unfinished::UnfinishedFolder;

/// How fast an image must be where no recipe says it.
const DEFAULT_STARTUP: Duration = Duration::from_secs(2);

/// The name of an image that is built to be checked.
const ARCHIVE: &str = "image.tar";

/// Longest body that a table shows, in letters.
const LONGEST_SHOWN: usize = 48;

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
    #[command(flatten)]
    build: BuildOptions,
}

/// One line of the report.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Line {
    what: String,
    expected: String,
    found: String,
    held: bool,
    #[serde(skip)]
    is_size: bool,
}

/// The report as JSON.
#[derive(Debug, Serialize)]
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
    let recipe = if is_recipe { Some(&arguments.target) } else { arguments.recipe.as_ref() };
    let recipe = recipe.map(|path| super::read_recipe(path, context)).transpose()?;
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
        lines.push(account_line(&startable, user));
    }
    lines.extend(lines_of(&expected, &booted));
    if let Some(recipe) = &recipe {
        lines.extend(size_lines(&recipe.size, &startable));
        let file = arguments.recipe.as_ref().unwrap_or(&arguments.target);
        lines.extend(lock_line(file, recipe, &startable, context)?);
    }
    let bill = match (built, &recipe) {
        (Some(built), _) => built.over_size,
        (None, Some(recipe)) if lines.iter().any(|line| line.is_size && !line.held) => bill_of(&recipe.size, &image)?,
        _ => None,
    };
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
        if overrides.archs.is_empty() && recipe.archs.contains(&Architecture::host()) {
            overrides.archs = vec![Architecture::host()];
        }
        let folder = UnfinishedFolder::temporary()?;
        let place = Place { path: folder.path().join(ARCHIVE), format: pipeline::Format::Archive };
        let lock = lockfile::of_recipe(file, recipe, &overrides, context)?;
        let timestamp = super::options::source_date_epoch()?;
        let order = Order { place: Some(place), timestamp, ..Order::new(recipe, &overrides, lock.as_ref()) };
        let workshop = Workshop::open(&overrides, Some(recipe))?;
        let built = pipeline::build(&order, &workshop, context.progress())?;
        super::recipe::tell_script_notes(&built, context);
        context.progress_is_over();
        Ok(Self { folder, over_size: built.over_size })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(ARCHIVE)
    }
}

/// The bill of an image on disk; none of a root filesystem, which has no layers to look into.
fn bill_of(limits: &SizeLimits, image: &Path) -> Result<Option<Bill>, Error> {
    if image.is_dir() && !image.join("index.json").is_file() {
        return Ok(None);
    }
    let images = StoredImage::open_all(image)?;
    let Some(image) = images.into_iter().next() else { return Ok(None) };
    Ok(Bill::of_stored(limits, &Contents::of(image)?))
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

/// The sizes that the recipe limits.
fn size_lines(limits: &SizeLimits, startable: &Startable) -> Vec<Line> {
    let sizes = [
        ("unpacked", limits.unpacked, startable.unpacked_size()),
        ("compressed", limits.compressed, startable.compressed_size),
    ];
    let line = |(what, limit, size): (&str, Option<u64>, Option<u64>)| {
        let (limit, size) = (limit?, size?);
        let show = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
        Some(Line {
            what: what.to_owned(),
            expected: format!("at most {}", show(limit)),
            found: show(size),
            held: size <= limit,
            is_size: true,
        })
    };
    sizes.into_iter().filter_map(line).collect()
}

/// Whether the packages in the image are those of the recipe's lock, where it has one that fits. Packages that were
/// pruned whole are not missed.
fn lock_line(file: &Path, recipe: &Recipe, startable: &Startable, context: &Context) -> Result<Option<Line>, Error> {
    let archs = Architecture::from_name(startable.text_of("etc/apk/arch").trim()).into_iter().collect();
    let overrides = Overrides { archs, ..Overrides::default() };
    let Some(lock) = lockfile::of_recipe(file, recipe, &overrides, context)? else { return Ok(None) };
    let Some(locked) = overrides.archs(recipe).first().and_then(|arch| lock.architectures.get(arch.as_str())) else {
        return Ok(None);
    };
    let database = ["lib/apk/db/installed", "usr/lib/apk/db/installed"].map(|path| startable.text_of(path)).concat();
    let whole = database.rfind("\n\n").and_then(|end| database.get(..end)).unwrap_or(&database);
    let installed = DatabasePackage::parse_all(whole);
    let is_locked = |package: &&DatabasePackage| {
        let mut packages = locked.packages.iter().filter(|(name, _)| name.as_str() == package.name);
        packages.any(|(_, locked)| locked.version.as_str() == package.version)
    };
    let others: Vec<&DatabasePackage> = installed.iter().filter(|package| !is_locked(package)).collect();
    let found = match others.first() {
        None => format!("{} as locked", installed.len()),
        Some(first) => format!("{} otherwise, such as {}-{}", others.len(), first.name, first.version),
    };
    let what = crate::lock::path_of(file).file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Some(Line { what, expected: "its packages".to_owned(), found, held: others.is_empty(), is_size: false }))
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

/// The account line; without an expectation, any account but root will do.
fn account_line(startable: &Startable, expected: Option<&str>) -> Line {
    let user = &startable.user;
    let numbers = format!("{}:{}", user.account.uid, user.account.gid);
    let found = user.name.as_ref().map_or_else(|| numbers.clone(), |name| format!("{name} ({numbers})"));
    let held = match expected {
        Some(name) => user.name.as_deref() == Some(name) || user.account.uid.to_string() == name,
        None => user.account.uid != 0,
    };
    Line {
        what: "account".to_owned(),
        expected: expected.unwrap_or("not root").to_owned(),
        found,
        held,
        is_size: false,
    }
}

fn lines_of(expected: &Expectations, booted: &Booted) -> Vec<Line> {
    let mut lines = Vec::new();
    let limit = seconds(expected.startup);
    if expected.requests.is_empty() {
        let held = booted.ending.is_none_or(crate::sandbox::Ending::is_success);
        let found = booted.ending.map_or_else(|| "it runs".to_owned(), |ending| format!("it ended ({ending})"));
        lines.push(Line { what: "start".to_owned(), expected: "no failure".to_owned(), found, held, is_size: false });
        return lines;
    }
    let median = booted.median();
    let found = match median {
        Some(median) if booted.times.len() == STARTS => format!("{} (median of {STARTS})", seconds(median)),
        Some(median) => format!("{} (one start)", seconds(median)),
        None => "no answer".to_owned(),
    };
    let held = median.is_some_and(|median| median <= expected.startup);
    lines.push(Line { what: "startup".to_owned(), expected: format!("at most {limit}"), found, held, is_size: false });
    for (request, outcome) in expected.requests.iter().zip(&booted.requests) {
        let wanted = request.status.map_or_else(|| "an answer".to_owned(), |status| status.to_string());
        let (found, held) = match outcome {
            Outcome::Answered(answer) => {
                (with_body(&answer.status.to_string(), Some(&answer.body)), request.is_met_by(answer))
            }
            Outcome::Silent(reason) => (reason.to_string(), false),
        };
        lines.push(Line {
            what: format!("http :{}{}", request.port, request.path),
            expected: with_body(&wanted, request.body.as_deref()),
            found,
            held,
            is_size: false,
        });
    }
    lines
}

fn with_body(status: &str, body: Option<&str>) -> String {
    let Some(body) = body else { return status.to_owned() };
    let body = body.trim_end();
    let short: String = body.chars().take(LONGEST_SHOWN).collect();
    let dots = if short.len() < body.len() { "…" } else { "" };
    format!("{status} {short:?}{dots}")
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

fn table(lines: &[Line], color: bool) -> String {
    let width = |column: fn(&Line) -> &str| lines.iter().map(|line| column(line).chars().count()).max().unwrap_or(0);
    let (what, expected, found) = (width(|line| &line.what), width(|line| &line.expected), width(|line| &line.found));
    let mut text = String::new();
    for line in lines {
        let (green, red, reset) = if color { ("\x1b[32m", "\x1b[1;31m", "\x1b[0m") } else { ("", "", "") };
        let verdict = if line.held { format!("{green}holds{reset}") } else { format!("{red}does not hold{reset}") };
        text.push_str(&format!("{:what$}  {:expected$}  {:found$}  {verdict}\n", line.what, line.expected, line.found));
    }
    text
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
