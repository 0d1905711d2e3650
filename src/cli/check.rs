//! `apkbuild check FILE|IMAGE`: boots an image without any engine and holds it against its recipe's `[check]` and
//! `[size]`, or, without a recipe, against what the image says of itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::run::told;
use super::{Context, Error};
use crate::sandbox::Startable;
use crate::sandbox::check::{Booted, Expectations, Outcome, Request, STARTS};

/// How fast an image must be where no recipe says it.
const DEFAULT_STARTUP: Duration = Duration::from_secs(2);

/// Longest body that a table shows, in letters.
const LONGEST_SHOWN: usize = 48;

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 3 says that something did not hold.")]
pub struct CheckArguments {
    /// A root filesystem
    #[arg(value_name = "FILE|IMAGE")]
    target: PathBuf,
}

/// One line of the report.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Line {
    what: String,
    expected: String,
    found: String,
    held: bool,
}

/// The report as JSON.
#[derive(Debug, Serialize)]
struct Report<'report> {
    image: String,
    held: bool,
    checks: &'report [Line],
    startup_milliseconds: Vec<f64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    output: &'report str,
}

/// Boots the image and prints how it fared.
pub fn run(arguments: &CheckArguments, context: &Context) -> Result<(), Error> {
    let startable = Startable::open_folder(&arguments.target, None).map_err(|error| told(&error))?;
    let expected = of_image(&startable);
    let booted = startable.check(&expected).map_err(|error| told(&error))?;
    let mut lines = vec![account_line(&startable, None)];
    lines.extend(lines_of(&expected, &booted));
    report(&arguments.target, &lines, &booted, context)
}

/// What an image says of itself: that its ports answer.
fn of_image(startable: &Startable) -> Expectations {
    let request = |port: &u16| Request { port: *port, path: "/".to_owned(), status: None, body: None };
    Expectations { startup: DEFAULT_STARTUP, requests: startable.start.ports.iter().map(request).collect() }
}

fn report(image: &Path, lines: &[Line], booted: &Booted, context: &Context) -> Result<(), Error> {
    let held = lines.iter().all(|line| line.held);
    if context.json {
        let milliseconds = |time: &Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        context.print_json(&Report {
            image: image.display().to_string(),
            held,
            checks: lines,
            startup_milliseconds: booted.times.iter().map(milliseconds).collect(),
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
    Line { what: "account".to_owned(), expected: expected.unwrap_or("not root").to_owned(), found, held }
}

fn lines_of(expected: &Expectations, booted: &Booted) -> Vec<Line> {
    let mut lines = Vec::new();
    let limit = seconds(expected.startup);
    if expected.requests.is_empty() {
        let held = booted.ending.is_none_or(crate::sandbox::Ending::is_success);
        let found = booted.ending.map_or_else(|| "it runs".to_owned(), |ending| format!("it ended ({ending})"));
        lines.push(Line { what: "start".to_owned(), expected: "no failure".to_owned(), found, held });
        return lines;
    }
    let median = booted.median();
    let found = match median {
        Some(median) if booted.times.len() == STARTS => format!("{} (median of {STARTS})", seconds(median)),
        Some(median) => format!("{} (one start)", seconds(median)),
        None => "no answer".to_owned(),
    };
    let held = median.is_some_and(|median| median <= expected.startup);
    lines.push(Line { what: "startup".to_owned(), expected: format!("at most {limit}"), found, held });
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
