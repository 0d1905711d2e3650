//! `apkbuild lock FILE`: writes the recipe's lock, or moves what it names.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::error::Error;
use super::lockfile;
use super::options::BuildOptions;
use super::output::Context;
use super::recipe_file::read_recipe;
use crate::lock::{self, Change, LockedArchitecture, Lockfile};
use crate::pipeline::{self, Session, Update};
use crate::unfinished;

/// Arguments of `lock`.
#[derive(Debug, Args)]
#[command(
    after_help = "The lock of python.toml is python.lock. What it names already stays as it is, as far as the recipe and the \
                        repositories let it; --update moves it. `apkbuild recipe` uses a lock that is there."
)]
pub struct LockArguments {
    /// The recipe
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take the newest of these packages and of those built with them; of all where none is named
    #[arg(long, value_name = "PKG", num_args = 0..)]
    update: Option<Vec<String>>,
    #[command(flatten)]
    build: BuildOptions,
}

/// Writes the lock and prints what changed.
pub fn run(arguments: &LockArguments, context: &Context) -> Result<(), Error> {
    let recipe = read_recipe(&arguments.file, context)?;
    let update = match arguments.update.as_deref() {
        None => Update::Nothing,
        Some([]) => Update::Everything,
        Some(names) => Update::Packages(names.to_vec()),
    };
    let old = match lockfile::read(&arguments.file) {
        // Nothing of it is to stay, so it need not be readable.
        Err(_) if update == Update::Everything => None,
        old => old?,
    };
    if let Update::Packages(names) = &update {
        refuse_unknown(names, old.as_ref(), arguments)?;
    }
    let overrides = arguments.build.overrides();
    let session = Session::open(&overrides, Some(&recipe))?;
    let new = pipeline::lock(&recipe, old.as_ref(), &update, &session, context.progress())?;
    context.progress_is_over();
    let path = lock::path_of(&arguments.file);
    let written = new.to_string();
    // What is read of a lock is less than what an earlier version may have written: passwords, folders of its machine.
    let unchanged = old.is_some() && fs_err::read(&path).is_ok_and(|there| there == written.as_bytes());
    if !unchanged {
        write(&path, &written)?;
    }
    let changes = lock::changes(&old.clone().unwrap_or_default(), &new);
    if context.json {
        let changes: Vec<Value> = changes.iter().map(document).collect();
        return context.print_json(&json!({ "lock": path, "unchanged": unchanged, "changes": changes }));
    }
    let mut text = format!("wrote {}{}\n", path.display(), if unchanged { " (unchanged)" } else { "" });
    for (arch, locked) in &new.architectures {
        let count = |packages: usize| format!("{packages} package{}", if packages == 1 { "" } else { "s" });
        let stages =
            locked.stages.iter().map(|(stage, packages)| format!(", stage {stage}: {}", count(packages.len())));
        text.push_str(&format!("{arch}: {}{}\n", count(locked.packages.len()), stages.collect::<String>()));
    }
    if old.is_some() {
        text.push_str(&told(&changes));
    }
    context.print(&text)
}

/// Writes the lock whole, over the one that stood there.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    unfinished::write(path, text.as_bytes()).map_err(|error| {
        Error::failed(format!("the lock `{}` cannot be written: {error}", path.display()))
            .with_help("a lock stands beside its recipe: make room and give yourself leave to write there".to_owned())
    })
}

/// The changes by architecture and part.
fn told(changes: &[Change]) -> String {
    let mut text = String::new();
    let mut whose = None;
    for change in changes {
        if whose != Some((&change.arch, &change.stage)) {
            whose = Some((&change.arch, &change.stage));
            let stage = change.stage.as_ref().map(|stage| format!(", stage {stage}")).unwrap_or_default();
            text.push_str(&format!("changed for {}{stage}:\n", change.arch));
        }
        text.push_str(&format!("  {change}\n"));
    }
    if changes.is_empty() { "no package changed\n".to_owned() } else { text }
}

fn document(change: &Change) -> Value {
    json!({
        "arch": change.arch,
        "stage": change.stage,
        "package": change.name.as_str(),
        "before": change.before,
        "after": change.after,
    })
}

/// A package that is not in the lock cannot be moved in it.
fn refuse_unknown(names: &[String], old: Option<&Lockfile>, arguments: &LockArguments) -> Result<(), Error> {
    let path = lock::path_of(&arguments.file);
    let Some(old) = old else {
        return Err(Error::usage(format!("there is no lock `{}` to update", path.display()))
            .with_help(format!("`apkbuild lock {}` writes it", arguments.file.display())));
    };
    let is_known = |name: &str| {
        let mut parts = old.architectures.values().flat_map(LockedArchitecture::parts);
        parts.any(|(_, packages)| packages.keys().any(|known| known.as_str() == name))
    };
    match names.iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => Err(Error::usage(format!("the lock `{}` names no package `{name}`", path.display()))
            .with_help(format!("`apkbuild plan {}` lists what it names", arguments.file.display()))),
    }
}
