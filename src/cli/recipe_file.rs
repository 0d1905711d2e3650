//! The recipe that a verb works on.

use std::path::Path;

use super::error::Error;
use super::output::Context;
use crate::recipe::Recipe;

/// Reads the recipe in the file `path`.
///
/// # Errors
/// All that is wrong with it, as a report with the lines in question.
pub(super) fn read_recipe(path: &Path, context: &Context) -> Result<Recipe, Error> {
    Recipe::load(path).map_err(|error| Error::from_recipe(&error, context.color_messages()))
}
