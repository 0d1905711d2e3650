//! The lock beside a recipe, as the verbs that build from it read it.

use std::path::Path;

use super::{Context, Error};
use crate::lock::{self, Lockfile};
use crate::pipeline::{Overrides, lock_misfits};
use crate::progress::Progress as _;
use crate::recipe::Recipe;

/// The lock of the recipe at `file`, if one is there and fits. One that does not fit any more is passed over with a
/// warning; if it `must` be there and fit, that fails.
pub(super) fn of_recipe(
    file: &Path,
    recipe: &Recipe,
    overrides: &Overrides,
    must: bool,
    context: &Context,
) -> Result<Option<Lockfile>, Error> {
    let path = lock::path_of(file);
    let Some(lock) = read(file)? else {
        if must {
            let help = format!("`apkbuild lock {}` writes it", file.display());
            return Err(Error::failed(format!("there is no lock `{}`", path.display())).with_help(help));
        }
        return Ok(None);
    };
    let misfits = lock_misfits(&lock, recipe, overrides);
    if misfits.is_empty() {
        return Ok(Some(lock));
    }
    let lines = misfits.join("\n  ");
    let message = format!("the lock `{}` does not fit the recipe any more:\n  {lines}", path.display());
    let archs: String = overrides.archs.iter().map(|arch| format!(" --arch {arch}")).collect();
    let help = format!("`apkbuild lock {}{archs}` brings it up to date", file.display());
    if must {
        return Err(Error::failed(message).with_help(help));
    }
    context.progress().warning(&format!("{message}\nso packages are selected from the repositories instead; {help}"));
    Ok(None)
}

/// The lock beside the recipe at `file`, whether it fits or not; `None` where there is none.
pub(super) fn read(file: &Path) -> Result<Option<Lockfile>, Error> {
    let path = lock::path_of(file);
    let bytes = match fs_err::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes?,
    };
    let wrong = |reason: &dyn std::fmt::Display| Error::failed(format!("the lock `{}`: {reason}", path.display()));
    let text = String::from_utf8(bytes).map_err(|_| {
        wrong(&"it is not UTF-8 text").with_help("write it anew with `apkbuild lock FILE --update`".to_owned())
    })?;
    Lockfile::parse(&text).map(Some).map_err(|error| wrong(&error).with_help(error.help()))
}
