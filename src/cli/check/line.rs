//! The lines of a check's report: what was looked at, what was expected, what was found, and whether that holds.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::super::error::Error;
use super::super::output::Context;
use crate::cli::lockfile;
use crate::image::DatabasePackage;
use crate::pipeline::Overrides;
use crate::platform::Architecture;
use crate::recipe::{Recipe, SizeLimits};
use crate::sandbox::check::{Booted, Expectations, Outcome, STARTS};
use crate::sandbox::{Ending, Startable};

/// Longest body that a table shows, in letters.
const LONGEST_SHOWN: usize = 48;

/// One line of the report.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) what: String,
    expected: String,
    found: String,
    pub(super) held: bool,
}

impl Line {
    /// Whom the image runs as; without an expectation, any account but root will do.
    pub(super) fn of_account(startable: &Startable, expected: Option<&str>) -> Self {
        let user = &startable.user;
        let numbers = format!("{}:{}", user.account.uid, user.account.gid);
        let found = user.name.as_ref().map_or_else(|| numbers.clone(), |name| format!("{name} ({numbers})"));
        let held = match expected {
            Some(name) => user.name.as_deref() == Some(name) || user.account.uid.to_string() == name,
            None => user.account.uid != 0,
        };
        Self { what: "account".to_owned(), expected: expected.unwrap_or("not root").to_owned(), found, held }
    }

    /// How the image started, and what it answered to each request.
    pub(super) fn of_start(expected: &Expectations, booted: &Booted) -> Vec<Self> {
        if expected.requests.is_empty() {
            let held = booted.ending.is_none_or(Ending::is_success);
            let found = booted.ending.map_or_else(|| "it runs".to_owned(), |ending| format!("it ended ({ending})"));
            return vec![Self { what: "start".to_owned(), expected: "no failure".to_owned(), found, held }];
        }
        let median = booted.median();
        let found = match median {
            Some(median) if booted.times.len() == STARTS => format!("{} (median of {STARTS})", seconds(median)),
            Some(median) => format!("{} (one start)", seconds(median)),
            None => "no answer".to_owned(),
        };
        let mut lines = vec![Self {
            what: "startup".to_owned(),
            expected: format!("at most {}", seconds(expected.startup)),
            found,
            held: median.is_some_and(|median| median <= expected.startup),
        }];
        for (request, outcome) in expected.requests.iter().zip(&booted.requests) {
            let wanted = request.status.map_or_else(|| "an answer".to_owned(), |status| status.to_string());
            let (found, held) = match outcome {
                Outcome::Answered(answer) => {
                    (with_body(&answer.status.to_string(), Some(&answer.body)), request.is_met_by(answer))
                }
                Outcome::Silent(reason) => (reason.to_string(), false),
            };
            lines.push(Self {
                what: format!("http :{}{}", request.port, request.path),
                expected: with_body(&wanted, request.body.as_deref()),
                found,
                held,
            });
        }
        lines
    }

    /// The sizes that the recipe limits.
    pub(super) fn of_sizes(limits: &SizeLimits, startable: &Startable) -> Vec<Self> {
        let sizes = [
            ("unpacked", limits.unpacked, startable.unpacked_size()),
            ("compressed", limits.compressed, startable.compressed_size),
        ];
        let line = |(what, limit, size): (&str, Option<u64>, Option<u64>)| {
            let (limit, size) = (limit?, size?);
            let show = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
            let expected = format!("at most {}", show(limit));
            Some(Self { what: what.to_owned(), expected, found: show(size), held: size <= limit })
        };
        sizes.into_iter().filter_map(line).collect()
    }

    /// Whether the packages in the image are those of the recipe's lock, where it has one that fits. Packages that were
    /// pruned whole are not missed.
    pub(super) fn of_lock(
        file: &Path,
        recipe: &Recipe,
        startable: &Startable,
        context: &Context,
    ) -> Result<Option<Self>, Error> {
        let archs = Architecture::parse(startable.text_of("etc/apk/arch").trim()).into_iter().collect();
        let overrides = Overrides { archs, ..Overrides::default() };
        let Some(lock) = lockfile::of_recipe(file, recipe, &overrides, context)? else { return Ok(None) };
        let arch = overrides.archs(recipe).first();
        let Some(locked) = arch.and_then(|arch| lock.architectures.get(arch.as_str())) else { return Ok(None) };
        let database = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];
        let database = database.map(|path| startable.text_of(path)).concat();
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
        Ok(Some(Self { what, expected: "its packages".to_owned(), found, held: others.is_empty() }))
    }
}

/// The lines in columns.
pub(super) fn table(lines: &[Line], color: bool) -> String {
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
