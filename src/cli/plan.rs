//! `apkbuild plan FILE`: what a build would install, why, from where and how large, and what pruning would take.

mod packages;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use self::packages::{heading, selection_document, sizes, tree};
use super::bytes::human;
use super::error::Error;
use super::lockfile;
use super::options::BuildOptions;
use super::output::Context;
use super::recipe_file::read_recipe;
use crate::pipeline::{self, Effort, Order, Plan, Session};
use crate::prune::Report;
use crate::recipe::{Recipe, SizeLimits};

/// Arguments of `plan`.
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is written but to the cache. Without --full no package is downloaded, and what pruning would \
                        take is told only where all of them are here already. A recipe's lock is kept to, and what it \
                        names is downloaded, because only packages say what they need."
)]
pub struct PlanArguments {
    /// The recipe
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Say why PATH would be in the image, or why not
    #[arg(long, value_name = "PATH")]
    why: Option<String>,
    /// Download the packages and build the stages, as a build would, to tell what pruning would take
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    build: BuildOptions,
}

/// Prints the plan.
pub fn run(arguments: &PlanArguments, context: &Context) -> Result<(), Error> {
    let recipe = read_recipe(&arguments.file, context)?;
    let overrides = arguments.build.overrides();
    let session = Session::open(&overrides, Some(&recipe))?;
    let lock = lockfile::of_recipe(&arguments.file, &recipe, &overrides, context)?;
    let timestamp = super::options::source_date_epoch()?;
    let order = Order { timestamp, ..Order::new(&recipe, &overrides, lock.as_ref()) };
    let effort = if arguments.full || arguments.why.is_some() { Effort::Everything } else { Effort::Indexes };
    let plans = pipeline::plan(&order, effort, &session, context.progress())?;
    context.progress_is_over();
    if let Some(path) = &arguments.why {
        return tell_why(path, &plans, context);
    }
    if context.json {
        let documents: Vec<Value> = plans.iter().map(document).collect();
        return context.print_json(&json!({ "recipe": arguments.file, "name": recipe.name, "platforms": documents }));
    }
    for plan in &plans {
        context.print(&text(&recipe, plan))?;
    }
    Ok(())
}

/// Prints why `path` stays or goes, on each architecture.
fn tell_why(path: &str, plans: &[Plan], context: &Context) -> Result<(), Error> {
    let mut answers = BTreeMap::new();
    for plan in plans {
        if let Some(lines) = plan.report().and_then(|report| report.why(path)) {
            answers.insert(plan.arch.to_string(), lines);
        }
    }
    if answers.is_empty() {
        return Err(Error::failed(format!("`{path}` is neither in the image nor among what was pruned"))
            .with_help("`apkbuild plan FILE --full --json` lists every path".to_owned()));
    }
    if context.json {
        return context.print_json(&answers);
    }
    for (arch, lines) in &answers {
        if answers.len() > 1 {
            context.print(&format!("# {arch}"))?;
        }
        context.print(&lines.join("\n  "))?;
    }
    Ok(())
}

fn text(recipe: &Recipe, plan: &Plan) -> String {
    let mut text = heading(&format!("{} for {}", recipe.name, plan.arch), &plan.selection);
    text.push_str(&tree(&plan.selection));
    for (stage, selection) in &plan.stages {
        text.push_str(&format!("\n{}", heading(&format!("stage {stage}"), selection)));
        text.push_str(&tree(selection));
    }
    match &plan.image {
        None => text.push_str("\nwhat pruning would take is not known yet: --full downloads what that needs\n"),
        Some(image) => {
            let report = &image.report;
            text.push_str(&format!(
                "\nimage: {} compressed, {} unpacked, {} pruned\n",
                human(image.packed.compressed_size()),
                human(image.unpacked_size),
                human(report.bytes_pruned())
            ));
            let mut rules: Vec<_> = report.rules.iter().collect();
            rules.sort_by(|one, other| other.1.bytes.cmp(&one.1.bytes).then_with(|| one.0.cmp(other.0)));
            for (rule, total) in rules {
                text.push_str(&format!("  {:>9}  {:>5} paths  {rule}\n", human(total.bytes), total.paths));
            }
            text.push_str(&trace(report));
        }
    }
    text.push_str(&budget(&recipe.size, plan));
    for hint in &plan.hints {
        text.push_str(&format!("\nhint: {hint}\n"));
    }
    text
}

/// What the recipe's `[size]` allows, beside what there is: the image where it is known, else its packages.
fn budget(limits: &SizeLimits, plan: &Plan) -> String {
    let (download, installed) = sizes(&plan.selection);
    let (compressed, unpacked, what) = match &plan.image {
        Some(image) => (image.packed.compressed_size(), image.unpacked_size, "the image"),
        None => (download, installed, "the packages, before pruning"),
    };
    let mut text = String::new();
    if *limits != SizeLimits::default() {
        text.push('\n');
    }
    for (limit, found, which) in
        [(limits.compressed, compressed, "compressed"), (limits.unpacked, unpacked, "unpacked")]
    {
        if let Some(limit) = limit {
            let verdict = if found <= limit { "within" } else { "over" };
            let (found, limit) = (human(found), human(limit));
            text.push_str(&format!("size: {found} {which} for {what}, {verdict} the {limit} that [size] allows\n"));
        }
    }
    text
}

/// What a trace found: what more could be dropped, and what could not be followed.
fn trace(report: &Report) -> String {
    let mut text = String::new();
    if !report.cuts.is_empty() {
        text.push_str(
            "\nthe cheapest cuts: every importer of these is prepared to do without, so `drop` may name them\n",
        );
    }
    for cut in &report.cuts {
        let more = cut.importers.len().saturating_sub(1);
        let others = if more > 0 { format!(" and {more} more") } else { String::new() };
        let by = cut.importers.first().map(String::as_str).unwrap_or_default();
        let module = &cut.module;
        text.push_str(&format!(
            "  {:>9}  {:>5} files  {module}, imported by {by}{others}\n",
            human(cut.bytes),
            cut.files
        ));
    }
    if !report.unfollowed.is_empty() {
        text.push_str("\nwhat cannot be followed; `keep` names what it may need beyond what was found\n");
    }
    for unfollowed in &report.unfollowed {
        text.push_str(&format!("  {unfollowed}\n"));
    }
    text
}

fn document(plan: &Plan) -> Value {
    let stages = plan.stages.iter().map(|(stage, selection)| (stage.clone(), selection_document(selection)));
    json!({
        "arch": plan.arch.as_str(),
        "release": plan.selection.release.as_ref().map(|release| release.branch.to_string()),
        "image": selection_document(&plan.selection),
        "stages": stages.collect::<serde_json::Map<_, _>>(),
        "sizes": plan.image.as_ref().map(|image| json!({
            "compressed": image.packed.compressed_size(),
            "unpacked": image.unpacked_size,
            "pruned": image.report.bytes_pruned(),
        })),
        "report": plan.report(),
        "hints": plan.hints,
    })
}
