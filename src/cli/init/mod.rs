//! `apkbuild init`: writes a recipe for the application that stands in a folder.
//!
//! What the application is gets guessed from the files that such applications have; every guess stands in the recipe,
//! where it can be read and changed. The recipe is read back by the program's own parser before it is written. Refused:
//! to write over a recipe that is there, and to choose between Python and Node where both are.

mod application;
mod node;
mod python;
mod scan;
mod text;

use std::path::{Path, PathBuf};

use clap::Args;

use super::error::Error;
use super::output::Context;
use crate::recipe::Recipe;
use crate::unfinished;
use application::{Application, Language};
use scan::Scan;

/// The file that is written.
const FILE: &str = "apkbuild.toml";

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = "Look through what was written, then: apkbuild recipe apkbuild.toml")]
pub struct InitArguments {
    /// What the application is written in; found out where not given
    #[arg(value_name = "python|node")]
    language: Option<PathBuf>,
    /// Where the application is and the recipe goes
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Write over a recipe that is there
    #[arg(short, long)]
    force: bool,
}

/// Writes DIR/apkbuild.toml, and prints where it is and what was found.
pub fn run(arguments: &InitArguments, context: &Context) -> Result<(), Error> {
    let (language, folder) = places(arguments)?;
    let path = if folder == Path::new(".") { PathBuf::from(FILE) } else { folder.join(FILE) };
    if !arguments.force && path.symlink_metadata().is_ok() {
        return Err(Error::usage(format!("`{}` is there already", path.display()))
            .with_help("--force writes over it".to_owned()));
    }
    let scan = Scan::of(&folder)?;
    let application = find(&scan, language, &folder)?;
    let text = text::recipe(&application);
    Recipe::parse(&text, FILE).map_err(|error| Error::from_recipe(&error, context.color_messages()))?;
    unfinished::write(&path, text.as_bytes())?;
    for note in &application.notes {
        context.say(&format!("note: {note}"));
    }
    if context.json {
        return context.print_json(&serde_json::json!({
            "recipe": path,
            "language": application.language.name(),
            "framework": application.framework,
            "command": application.command,
            "port": application.port,
            "notes": application.notes,
        }));
    }
    context.print(&path.display().to_string())?;
    context.say(&format!("{}; next: apkbuild recipe {}", application.summary(), path.display()));
    Ok(())
}

/// The language that was asked for, and the folder. A first word that is no language is the folder.
fn places(arguments: &InitArguments) -> Result<(Option<Language>, PathBuf), Error> {
    let (language, folder) = match (&arguments.language, &arguments.folder) {
        (None, _) => (None, PathBuf::from(".")),
        (Some(word), folder) => match (word.to_str().and_then(Language::from_name), folder) {
            (Some(language), folder) => (Some(language), folder.clone().unwrap_or_else(|| PathBuf::from("."))),
            (None, None) => (None, word.clone()),
            (None, Some(_)) => {
                return Err(Error::usage(format!("`{}` is neither python nor node", word.display()))
                    .with_help("apkbuild init [python|node] [DIR]".to_owned()));
            }
        },
    };
    if !folder.is_dir() {
        return Err(Error::usage(format!("there is no folder `{}`", folder.display()))
            .with_help("name the folder that the application is in".to_owned()));
    }
    Ok((language, folder))
}

fn find(scan: &Scan, language: Option<Language>, folder: &Path) -> Result<Application, Error> {
    let language = match language.map_or_else(|| Language::of(scan), |language| Ok(Some(language))) {
        Ok(Some(language)) => language,
        Ok(None) => {
            return Err(Error::usage(format!("no Python or Node application was found in `{}`", folder.display()))
                .with_help(format!("say which it is to be: {}", either(folder))));
        }
        Err(both) => {
            return Err(Error::usage(format!("there is both: {both}"))
                .with_help(format!("say which it is: {}", either(folder))));
        }
    };
    Ok(match language {
        Language::Python => python::application(scan),
        Language::Node => node::application(scan),
    })
}

/// The two calls that leave no question open.
fn either(folder: &Path) -> String {
    let folder = if folder == Path::new(".") { String::new() } else { format!(" {}", folder.display()) };
    format!("apkbuild init python{folder}, or apkbuild init node{folder}")
}
