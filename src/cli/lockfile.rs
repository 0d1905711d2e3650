//! The lock beside a recipe, as the verbs that build from it read it.

use std::io::Read as _;
use std::path::Path;

use super::error::Error;
use super::output::Context;
use crate::lock::{self, Lockfile};
use crate::pipeline::{Overrides, lock_misfits};
use crate::progress::Progress as _;
use crate::recipe::Recipe;

/// The lock of the recipe at `file`, if one is there and fits. One that does not fit any more is passed over with a
/// warning.
pub(super) fn of_recipe(
    file: &Path,
    recipe: &Recipe,
    overrides: &Overrides,
    context: &Context,
) -> Result<Option<Lockfile>, Error> {
    let Some(lock) = read(file)? else { return Ok(None) };
    let Some(Misfit { message, help }) = Misfit::of(&lock, file, recipe, overrides) else { return Ok(Some(lock)) };
    context.progress().warning(&format!("{message}\nso packages are selected from the repositories instead; {help}"));
    Ok(None)
}

/// The lock of the recipe at `file`, which must be there and fit.
pub(super) fn required(file: &Path, recipe: &Recipe, overrides: &Overrides) -> Result<Lockfile, Error> {
    let lock = read(file)?.ok_or_else(|| {
        Error::failed(format!("there is no lock `{}`", lock::path_of(file).display()))
            .with_help(format!("`apkbuild lock {}` writes it", file.display()))
    })?;
    match Misfit::of(&lock, file, recipe, overrides) {
        None => Ok(lock),
        Some(Misfit { message, help }) => Err(Error::failed(message).with_help(help)),
    }
}

/// That a lock does not fit its recipe any more.
struct Misfit {
    message: String,
    help: String,
}

impl Misfit {
    /// What there is to say where `lock` does not fit the recipe at `file`.
    fn of(lock: &Lockfile, file: &Path, recipe: &Recipe, overrides: &Overrides) -> Option<Self> {
        let misfits = lock_misfits(lock, recipe, overrides);
        let archs: String = overrides.archs.iter().map(|arch| format!(" --arch {arch}")).collect();
        (!misfits.is_empty()).then(|| Self {
            message: format!(
                "the lock `{}` does not fit the recipe any more:\n  {}",
                lock::path_of(file).display(),
                misfits.join("\n  ")
            ),
            help: format!("`apkbuild lock {}{archs}` brings it up to date", file.display()),
        })
    }
}

/// The most bytes that a lock may have: some fifty thousand packages, and what can be held without a thought.
const LARGEST: u64 = 16 << 20;

/// The lock beside the recipe at `file`, whether it fits or not; `None` where there is none.
pub(super) fn read(file: &Path) -> Result<Option<Lockfile>, Error> {
    let path = lock::path_of(file);
    let metadata = match fs_err::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata?,
    };
    let wrong = |reason: &dyn std::fmt::Display| Error::failed(format!("the lock `{}`: {reason}", path.display()));
    let no_lock = |what: &str| {
        wrong(&what).with_help("take it away, or write it anew with `apkbuild lock FILE --update`".to_owned())
    };
    if !metadata.is_file() {
        return Err(wrong(&"it is no file").with_help("take it away".to_owned()));
    }
    let mut bytes = Vec::new();
    fs_err::File::open(&path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(no_lock(&format!("it has more than {LARGEST} bytes, which no lock has")));
    }
    let text = String::from_utf8(bytes).map_err(|_| no_lock("it is not UTF-8 text"))?;
    Lockfile::parse(&text).map(Some).map_err(|error| wrong(&error).with_help(error.help()))
}
