//! `apkbuild resolve PKG…`: the packages that a world selects, in install order.

use clap::Args;
use serde_json::json;

use super::error::Error;
use super::options::BuildOptions;
use super::output::Context;
use crate::pipeline;
use crate::recipe::Release;
use crate::resolve::World;

/// Arguments of `resolve`.
#[derive(Debug, Args)]
#[command(after_help = "One `name-version` a line, in the order in which apk would install them.")]
pub struct ResolveArguments {
    /// What is asked for: name, name=1.2-r0, name~3.12, name>1, name@tag, !name
    #[arg(value_name = "PKG", required = true)]
    packages: Vec<String>,
    /// Branch of Alpine below the mirror: vX.Y, edge or latest-stable
    #[arg(long, value_name = "RELEASE", default_value = "latest-stable", env = "APKBUILD_RELEASE", value_parser = release)]
    release: Release,
    #[command(flatten)]
    build: BuildOptions,
}

fn release(text: &str) -> Result<Release, String> {
    Release::parse(text).map_err(|_| "a release is vX.Y, edge or latest-stable".to_owned())
}

/// Prints the selection of each architecture asked for.
pub fn run(arguments: &ResolveArguments, context: &Context) -> Result<(), Error> {
    let world = World::parse(&arguments.packages).map_err(|error| {
        Error::usage(error.to_string())
            .with_help("write name, name=1.2-r0, name~3.12, name>1, name@tag or !name".to_owned())
    })?;
    let overrides = arguments.build.overrides();
    let selections = pipeline::resolve(&world, arguments.release, &overrides, context.progress())?;
    if context.json {
        let documents = selections.iter().map(|selection| {
            let packages = selection.resolution.packages.iter().map(|selected| {
                json!({
                    "name": selected.entry.name.as_str(),
                    "version": selected.entry.version.as_str(),
                    "identity": selected.entry.identity.to_string(),
                    "size": selected.entry.size,
                    "installed-size": selected.entry.installed_size,
                    "repositories": selection.repositories_of(selected),
                })
            });
            json!({ "arch": selection.arch.as_str(), "packages": packages.collect::<Vec<_>>() })
        });
        return context.print_json(&json!({ "resolutions": documents.collect::<Vec<_>>() }));
    }
    let several = selections.len() > 1;
    let mut text = String::new();
    for selection in &selections {
        if several {
            text.push_str(&format!("# {}\n", selection.arch));
        }
        for selected in &selection.resolution.packages {
            text.push_str(&format!("{}\n", selected.entry));
        }
    }
    context.print(&text)
}
