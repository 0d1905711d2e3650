//! `apkbuild plan FILE`: what a build would install, why, from where and how large, and what pruning would take.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::bytes::human;
use super::{BuildOptions, Context, Error};
use crate::image::{CompressionKind, SbomFormat};
use crate::pipeline::{self, Effort, Format, Order, Place, Plan, Selection, Workshop};
use crate::resolve::{Reason, Selected};

/// Arguments of `plan`.
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is written but to the cache. Without --full no package is downloaded, and what pruning would \
                        take is told only where all of them are here already."
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
    let recipe = super::read_recipe(&arguments.file, context)?;
    let overrides = arguments.build.overrides();
    let workshop = Workshop::open(&overrides, Some(&recipe))?;
    let order = Order {
        recipe: &recipe,
        overrides: &overrides,
        // What `recipe` would write, so that the same is left out of the copies.
        place: Some(Place { path: PathBuf::from(format!("{}.tar", recipe.name)), format: Format::Archive }),
        sboms: vec![SbomFormat::Spdx],
        companions: Vec::new(),
        tag: None,
        compression: CompressionKind::Gzip,
        level: None,
        over_size_is_allowed: true,
        timestamp: super::options::source_date_epoch()?,
    };
    let effort = if arguments.full || arguments.why.is_some() { Effort::Everything } else { Effort::Indexes };
    let plans = pipeline::plan(&order, effort, &workshop, context.progress())?;
    context.progress_is_over();
    if let Some(path) = &arguments.why {
        return tell_why(path, &plans, context);
    }
    if context.json {
        let documents: Vec<Value> = plans.iter().map(document).collect();
        return context.print_json(&json!({ "recipe": arguments.file, "name": recipe.name, "platforms": documents }));
    }
    for plan in &plans {
        context.print(&text(&recipe.name, plan))?;
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

/// Sums over a selection: packages, bytes to download, bytes installed.
fn totals(selection: &Selection) -> (usize, u64, u64) {
    let packages = &selection.resolution.packages;
    let download = packages.iter().filter(|it| !it.entry.is_virtual()).map(|it| it.entry.size).sum();
    (packages.len(), download, packages.iter().map(|it| it.entry.installed_size).sum())
}

fn text(name: &str, plan: &Plan) -> String {
    let mut text = heading(&format!("{name} for {}", plan.arch), &plan.selection);
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
        }
    }
    for hint in &plan.hints {
        text.push_str(&format!("\nhint: {hint}\n"));
    }
    text
}

fn heading(what: &str, selection: &Selection) -> String {
    let (packages, download, installed) = totals(selection);
    let plural = if packages == 1 { "" } else { "s" };
    format!("{what}: {packages} package{plural}, {} to download, {} installed\n", human(download), human(installed))
}

/// Each package once: those asked for first, and below each what it was first to need.
fn tree(selection: &Selection) -> String {
    let mut below: BTreeMap<&str, Vec<&Selected>> = BTreeMap::new();
    let mut roots = Vec::new();
    for selected in &selection.resolution.packages {
        match selected.reasons.first() {
            Some(Reason::Needed { by, .. }) => below.entry(by.as_str()).or_default().push(selected),
            _ => roots.push(selected),
        }
    }
    let mut text = String::new();
    let mut stack: Vec<(usize, &Selected)> = roots.into_iter().rev().map(|root| (0, root)).collect();
    while let Some((depth, selected)) = stack.pop() {
        let entry = &selected.entry;
        let name = format!("{:indent$}{entry}", "", indent = 2 + 2 * depth);
        let reason = selected.reasons.first().map(reason_text).unwrap_or_default();
        text.push_str(&format!("{name:<42} {:>9} {:>9}  {reason}\n", human(entry.size), human(entry.installed_size)));
        let children = below.remove(entry.name.as_str()).unwrap_or_default();
        stack.extend(children.into_iter().rev().map(|child| (depth + 1, child)));
    }
    // What needs itself in a circle hangs below nothing that was asked for.
    for selected in below.into_values().flatten() {
        text.push_str(&format!("  {}\n", selected.entry));
    }
    text
}

fn reason_text(reason: &Reason) -> String {
    match reason {
        Reason::Asked { wish } => format!("asked for as {wish}"),
        Reason::Needed { by, dependency } => format!("needed by {by} ({dependency})"),
        Reason::InstallIf { conditions } => {
            let conditions: Vec<String> = conditions.iter().map(ToString::to_string).collect();
            format!("comes with {}", conditions.join(" and "))
        }
    }
}

fn document(plan: &Plan) -> Value {
    let stages = plan.stages.iter().map(|(stage, selection)| (stage.clone(), selection_document(selection)));
    json!({
        "arch": plan.arch.as_str(),
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

fn selection_document(selection: &Selection) -> Value {
    let (_, download, installed) = totals(selection);
    let packages = selection.resolution.packages.iter().map(|selected| {
        json!({
            "name": selected.entry.name.as_str(),
            "version": selected.entry.version.as_str(),
            "size": selected.entry.size,
            "installed-size": selected.entry.installed_size,
            "repositories": selection.repositories_of(selected),
            "reasons": selected.reasons.iter().map(reason_text).collect::<Vec<_>>(),
        })
    });
    json!({ "packages": packages.collect::<Vec<_>>(), "download-size": download, "installed-size": installed })
}
